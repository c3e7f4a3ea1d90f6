/** Tables and lines within 120, 80, 60 and 40 columns: nothing wider, no word broken, nothing lost. */
import stringWidth from 'string-width';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Comparison } from '../../src/bench/compare.js';
import type { Row as BenchRow } from '../../src/bench/row.js';
import { formatComparison, formatTable } from '../../src/bench/table.js';
import { type Row as GradientRow, gradientTables } from '../../src/cli/gradients.js';
import { normPlacements } from '../../src/nn/placement-names.js';
import { renderClaims, renderRuns } from '../../src/report/terminal.js';
import { columnsOf, forOutput } from '../../src/terminal/output.js';
import { table } from '../../src/terminal/table.js';
import { clean, pad, shorten, wrap } from '../../src/terminal/wrap.js';
import { largeResults } from '../report/large-results.js';
import { mockResults } from '../report/mock-results.js';

const test = suite('terminal: tables');
const WIDTHS = [120, 80, 60, 40];

/** Words without the signs around them, which change places when a row becomes a block. */
const words = (text: string) =>
  new Set(text.split(/\s+/).map((word) => word.replace(/^[(=!]+|[;:,.)]+$/g, '')));

function narrowEnough(text: string, columns: number): void {
  for (const line of text.split('\n')) {
    assert.ok(stringWidth(line) <= columns, `${columns}: ${stringWidth(line)}: ${line}`);
  }
}

/** No line is too wide, every word is one of `from` or a label that stands in blocks only, and none is missing. */
function wellWrapped(text: string, columns: number, from: Set<string>, whole = true): void {
  narrowEnough(text, columns);
  const here = words(text);
  // A block has no title for its first line.
  from.delete('what');
  const labels = new Set(['measured', 'what', 'bar', 'verdict', 'reason', 'expected', '']);
  const isRule = (word: string) => /^-+$/.test(word);
  for (const word of here) {
    assert.ok(from.has(word) || labels.has(word) || isRule(word), `${columns}: "${word}" in\n${text}`);
  }
  if (!whole) return;
  for (const word of from) assert.ok(here.has(word) || isRule(word), `${columns}: no "${word}" in\n${text}`);
}

test('the claims and runs of reproduce', () => {
  for (const results of [mockResults(), largeResults()]) {
    const claims = words(renderClaims(results, { color: false, width: 100 }));
    for (const word of 'Claim Measured Bar Verdict Expected'.split(' ')) claims.add(word);
    const runs = words(renderRuns(results, { color: false, width: 100 }));
    for (const width of WIDTHS) {
      wellWrapped(renderClaims(results, { color: false, width }), width, claims, false);
      wellWrapped(renderRuns(results, { color: false, width }), width, runs, false);
    }
  }
});

const benchRow = (over: Partial<BenchRow>): BenchRow =>
  ({
    part: 'gemm',
    name: 'product 512 x 512 x 512, strict, beside the peak loop',
    value: 12.3,
    iqr: 0.4,
    unit: 'GFLOP/s',
    share: 0.81,
    reference: 'the peak of this machine',
    target: { on: 'share', atLeast: 0.8, stretch: 0.9 },
    met: true,
    note: null,
    ...over,
  }) as unknown as BenchRow;

test('bench, and the comparison of two of its results', () => {
  const rows = [
    benchRow({}),
    benchRow({ name: 'layerNorm', met: false, share: 0.5 }),
    benchRow({
      name: 'softmax',
      value: null,
      share: null,
      note: 'not available on a machine with one core',
      met: null,
    }),
  ];
  const comparisons = rows.map(
    ({ name, unit }) =>
      ({
        name,
        unit,
        basis: 'value',
        before: 12.3,
        after: 14.1,
        change: 0.146,
        interval: 0.02,
        verdict: 'faster',
      }) as Comparison,
  );
  for (const render of [
    (columns?: number) => formatTable(rows, columns),
    (columns?: number) => formatComparison(comparisons, columns),
  ]) {
    const all = words(render());
    for (const columns of WIDTHS) wellWrapped(render(columns), columns, all);
  }
});

test('gradients', () => {
  const rows = normPlacements.flatMap((placement) =>
    [6, 12].map((numLayers): GradientRow => {
      const layers = Array.from({ length: numLayers }, (_, l) => 0.1 + l / 10);
      return {
        placement,
        numLayers,
        lastW2: 1.25,
        predictedLastW2: 1.3,
        w2: layers,
        hidden: layers,
        predictedProfile: layers,
      };
    }),
  );
  const all = words(gradientTables(rows, 'theory setting, d 64, mean of 5 seeds', Number.POSITIVE_INFINITY));
  for (const columns of WIDTHS) {
    wellWrapped(gradientTables(rows, 'theory setting, d 64, mean of 5 seeds', columns), columns, all);
  }
});

test('columns shrink to their longest words, and then rows become blocks', () => {
  const columns = [{ title: 'name' }, { title: 'value', right: true }, { title: '' }];
  const rows = [['a long name of several words', '12.5 ms', 'met, and more']];
  assert.equal(table(columns, rows, { columns: Number.POSITIVE_INFINITY }), [
    'name                            value',
    'a long name of several words  12.5 ms  met, and more',
  ]);
  assert.equal(table(columns, rows, { columns: 30 }), [
    'name           value',
    'a long name  12.5 ms  met, and',
    'of several            more',
    'words',
  ]);
  assert.equal(table(columns, rows, { columns: 14 }), [
    'a long name of',
    'several words',
    '  value: 12.5',
    '    ms',
    '  met, and',
    '    more',
  ]);
});

test('wide characters take two columns, combining marks none', () => {
  const columns = [{ title: '言語' }, { title: 'n', right: true }];
  const rows = [
    ['日本語', '1'],
    ['e\u0301te\u0301', '22'],
  ];
  const lines = table(columns, rows, { columns: 40 });
  assert.equal(
    lines.map((line) => stringWidth(line)),
    [10, 10, 10],
  );
  assert.equal(lines, ['言語     n', '日本語   1', 'e\u0301te\u0301     22']);
});

test('paint colours the text and not the spaces, and changes no line', () => {
  const paint = (text: string) => `\u001b[31m${text}\u001b[39m`;
  const columns = [{ title: 'a' }, { title: 'b', right: true }];
  const painted = table(
    columns,
    [
      [
        { text: 'one two', paint },
        { text: '7', paint },
      ],
    ],
    { columns: 80, strong: paint },
  );
  assert.is(painted[1], '\u001b[31mone two\u001b[39m  \u001b[31m7\u001b[39m');
  const bare = table(columns, [['one two', '7']], { columns: 80 });
  assert.equal(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
    painted.map((line) => line.replace(/\u001b\[\d+m/g, '')),
    bare,
  );
});

test('a word longer than the line begins one of its own and is broken where that ends', () => {
  assert.equal(wrap('hash: 0123456789abcdef end', 10), ['hash:', '0123456789', 'abcdef end']);
  assert.equal(wrap('  indented words here', 12), ['  indented', '  words here']);
  assert.equal(wrap('same   name   0123456789', 12, 2), ['same   name', '  0123456789']);
  assert.equal(wrap('日本語日本語', 5), ['日本', '語日', '本語']);
  assert.equal(wrap('a\n\nb', 5), ['a', '', 'b']);
  for (let columns = 1; columns < 30; columns++)
    narrowEnough(wrap('words 日本語 and more, 0123456789', columns, 4).join('\n'), Math.max(2, columns));
  assert.equal(
    [shorten('abcdef', 4), shorten('日本語', 4), shorten('abc', 3), shorten('abc', 0)],
    ['abc…', '日…', 'abc', ''],
  );
  assert.equal([pad('日', 4), pad('1', 3, true)], ['日  ', '  1']);
  assert.is(clean('a\u001b[31mb\nc\u200e'), 'a [31mb\nc ');
});

test('what goes to a file or a pipe is not wrapped', () => {
  const long = 'word '.repeat(60).trim();
  assert.is(forOutput(long, {}), long);
  assert.is(forOutput(long, { columns: 80 }), long);
  narrowEnough(forOutput(long, { isTTY: true, columns: 40 }), 40);
  assert.is(columnsOf({ isTTY: true }), 80);
});

test.run();
