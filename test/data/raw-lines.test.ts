/** Lines of files nobody vouches for: encodings, columns, repeats and what two parts share. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  columnExamples,
  DropReport,
  findLeak,
  type RawExample,
  rawLines,
  withoutRepeats,
} from '../../src/data/index.js';

const test = suite('data: raw lines');
const example = (where: string, ...columns: string[]): RawExample => ({ columns, where });

test('lines are the same in UTF-8 and in UTF-16 with a mark; only a bad line of UTF-8 is lost alone', () => {
  const text = 'eins\r\n\nzwölf 🙂\n\n';
  const lines = ['eins', '', 'zwölf 🙂'];
  const swapped = Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
  const all = [
    Buffer.from(text),
    Buffer.from(`\ufeff${text}`),
    Buffer.from(`\ufeff${text}`, 'utf16le'),
    swapped,
  ];
  for (const bytes of all) assert.equal(rawLines(new Uint8Array(bytes), 'f'), lines);
  assert.equal(rawLines(Uint8Array.of(0x61, 10, 0xe4, 10, 0x62, 10), 'f'), ['a', null, 'b']);
  assert.equal(rawLines(new Uint8Array(), 'f'), []);
  assert.throws(
    () => rawLines(new Uint8Array(Buffer.from(text, 'utf16le')), 'f'),
    /f: the text looks like UTF-16LE/,
  );
});

test('columns: a narrow line is left out always, a wide one only where all columns are meant', () => {
  const file = { path: 'f', lines: ['h1\th2\th3', 'a', 'a\tb', 'a\tb\tc', null] };
  const take = (columns: number[], exact: boolean) => {
    const report = new DropReport();
    const examples = columnExamples(file, { columns, exact, header: true }, report);
    return { texts: examples.map((one) => one.columns.join()), dropped: report.describe() };
  };
  assert.equal(take([1, 2], false), {
    texts: ['a,b', 'a,b'],
    dropped: 'fewer than 2 columns: 1 (f:2); not UTF-8: 1 (f:5)',
  });
  assert.equal(take([1, 2], true), {
    texts: ['a,b'],
    dropped: 'fewer than 2 columns: 1 (f:2); more than 2 columns: 1 (f:4); not UTF-8: 1 (f:5)',
  });
  assert.equal(take([3, 1], false).texts, ['c,a']);
});

test('a repeated example is kept once, the first; what stands in another part is not kept', () => {
  const report = new DropReport();
  const kept = withoutRepeats(
    [
      example('1', 'a', 'b'),
      example('2', 'a', 'c'),
      example('3', 'a', 'b'),
      example('4', 'x', 'y'),
      example('5', 'a', 'b'),
      example('6', 'x', 'y'),
    ],
    { valid: [example('v', 'x', 'y')], test: [] },
    report,
  );
  assert.equal(
    kept.map(({ where }) => where),
    ['1', '2'],
  );
  assert.equal(report.list(), [
    { reason: 'repeated', count: 2, first: ['3', '5'] },
    { reason: 'also in valid', count: 2, first: ['4', '6'] },
  ]);
});

test('a leak counts what is measured on, pairs apart from sources, and leaves labels aside', () => {
  const train = [example('1', 'a', 'b', 'yes'), example('2', 'c', 'd', 'no')];
  const valid = [
    example('v1', 'a', 'other', 'yes'),
    example('v2', 'a', 'b', 'no'),
    example('v3', 'a', 'b', 'yes'),
    example('v4', 'b', 'a', 'yes'),
  ];
  assert.equal(findLeak(['valid', valid], ['train', train]), {
    part: 'valid',
    seenIn: 'train',
    same: 2,
    sameSource: 1,
    first: ['v2', 'v3', 'v1'],
  });
  assert.is(findLeak(['valid', []], ['train', train]).same, 0);
});

test.run();
