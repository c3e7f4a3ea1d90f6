import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePairs } from '../../src/data/pairs.js';
import { DataError } from '../../src/errors.js';
import { decodeUtf8Strict } from '../../src/utf8.js';

function dataError(run: () => unknown): DataError {
  try {
    run();
  } catch (error) {
    assert.instance(error, DataError);
    assert.not.match((error as DataError).message, '\n');
    return error as DataError;
  }
  throw new Error('nothing was thrown');
}

test('pairs are split at the tab; CRLF, a byte order mark and a missing last newline do not matter', () => {
  const expected = [
    ['Guten Tag', 'Good day'],
    ['„{0}“ öffnen', 'Open {0}'],
  ];
  assert.equal(parsePairs('Guten Tag\tGood day\n„{0}“ öffnen\tOpen {0}\n', 'a.tsv'), expected);
  assert.equal(parsePairs('\uFEFFGuten Tag\tGood day\r\n„{0}“ öffnen\tOpen {0}\r\n\r\n', 'a.tsv'), expected);
  assert.equal(parsePairs('Guten Tag\tGood day\n„{0}“ öffnen\tOpen {0}', 'a.tsv'), expected);
});

test('a line without a tab is an error that names file and line', () => {
  const error = dataError(() => parsePairs('a\tb\nno tab here\n', 'data/train.tsv'));
  assert.is(error.path, 'data/train.tsv:2');
  assert.match(error.message, 'data/train.tsv:2: line without a tab');
  assert.is(dataError(() => parsePairs('a\tb\n\nc\td\n', 'x.tsv')).path, 'x.tsv:2');
});

test('a third column, an empty side and an empty text are errors', () => {
  const columns = dataError(() => parsePairs('a\tb\tCC-BY\n', 'x.tsv'));
  assert.is(columns.path, 'x.tsv:1');
  assert.is(columns.actual, 3);
  assert.match(dataError(() => parsePairs('a\tb\n\tb\n', 'x.tsv')).message, 'x.tsv:2: empty source side');
  assert.match(dataError(() => parsePairs('a\t  \n', 'x.tsv')).message, 'x.tsv:1: empty target side');
  for (const empty of ['', '\n', '\r\n\n', '\uFEFF']) {
    assert.match(dataError(() => parsePairs(empty, 'x.tsv')).message, 'x.tsv: no sentence pairs');
  }
});

test('decodeUtf8Strict gives the text, also from shared memory, and drops a byte order mark', () => {
  const bytes = new TextEncoder().encode('\uFEFFGrüße 🙂\n');
  assert.is(decodeUtf8Strict(bytes, 'x.txt'), 'Grüße 🙂\n');
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  assert.is(decodeUtf8Strict(shared, 'x.txt'), 'Grüße 🙂\n');
  assert.is(decodeUtf8Strict(new Uint8Array(0), 'x.txt'), '');
});

test('invalid UTF-8 is an error that names the line, wherever the sequence breaks', () => {
  const cases: [number[], number][] = [
    [[0xff], 1],
    [[97, 10, 98, 10, 0xfc, 98, 101, 114, 10], 3], // Latin-1 "über"
    [[97, 10, 0xc3], 2], // cut at the end of the file
    [[97, 10, 0xc3, 10, 0xbc, 10], 2], // cut by a newline
    [[0xed, 0xa0, 0x80], 1], // a surrogate
    [[0xc0, 0xaf], 1], // overlong
  ];
  for (const [bytes, line] of cases) {
    const error = dataError(() => decodeUtf8Strict(Uint8Array.from(bytes), 'x.txt'));
    assert.is(error.path, `x.txt:${line}`);
    assert.match(error.message, 'invalid UTF-8');
  }
});

test.run();
