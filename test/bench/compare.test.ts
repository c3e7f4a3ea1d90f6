import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareResults, compareRows } from '../../src/bench/compare.js';
import { type BenchResults, checkResults } from '../../src/bench/results.js';
import { makeRow, missingRow, type Row } from '../../src/bench/row.js';
import { formatComparison } from '../../src/bench/table.js';
import { FormatError } from '../../src/errors.js';

const test = suite('bench: comparison of two runs');

const row = (value: number, iqr: number, better: 'higher' | 'lower' = 'lower', name = 'startup'): Row => ({
  ...makeRow({ name, unit: 'ms', samples: [value], better }),
  iqr,
});
const withShare = (share: number, shareIqr: number, value: number): Row => ({
  ...row(value, 0, 'higher', 'gemm'),
  reference: 'peak strict',
  share,
  shareIqr,
});
const verdict = (a: Row, b: Row) => compareRows(a, b).verdict;

test('faster and slower follow the row, beyond the interval only', () => {
  assert.is(verdict(row(10, 0.1), row(12, 0.1)), 'slower');
  assert.is(verdict(row(12, 0.1), row(10, 0.1)), 'faster');
  assert.is(verdict(row(10, 0.1, 'higher'), row(12, 0.1, 'higher')), 'faster');
  assert.is(verdict(row(10, 0.1), row(10.4, 0.1)), 'same');
  assert.is(verdict(row(10, 2), row(12, 0.1)), 'same');
  assert.is(verdict(row(10, 0), row(10, 0)), 'same');
});

test('a row that was too noisy in either run says nothing of a small change', () => {
  const noisy = { ...row(10, 0.1), tooNoisy: true };
  assert.is(verdict(noisy, row(10.1, 0.1)), 'too noisy');
  assert.is(verdict(row(10.1, 0.1), noisy), 'too noisy');
  assert.is(verdict(noisy, row(15, 0.1)), 'slower');
});

test('the interval joins the spread of both runs and is never below 5 %', () => {
  assert.is(compareRows(row(10, 0), row(10, 0)).interval, 0.05);
  const { interval } = compareRows(row(10, 3), row(20, 8));
  assert.ok(Math.abs((interval as number) - 0.5) < 1e-12);
});

test('a wide interval without a change beyond it is too noisy; a larger change still counts', () => {
  assert.is(verdict(row(10, 3), row(11, 1)), 'too noisy');
  assert.is(verdict(row(10, 3), row(20, 1)), 'slower');
});

test('shares are compared where both rows have one of the same reference', () => {
  const [before, after] = [withShare(0.8, 0.01, 40), withShare(0.81, 0.01, 20)];
  assert.is(compareRows(before, after).basis, 'share');
  assert.is(verdict(before, after), 'same');
  assert.is(compareRows({ ...before, reference: 'peak relaxed' }, after).basis, 'value');
  assert.is(verdict({ ...before, reference: 'peak relaxed' }, after), 'slower');
});

const results = (rows: Row[]): BenchResults => ({
  kind: 'prenorm-bench',
  version: 1,
  quick: false,
  simd: 'strict',
  machine: { cpu: 'x', cores: 1, system: 'y' },
  versions: { prenorm: '0', node: 'v20', v8: '11', kernels: { strict: 'a', relaxed: 'b' }, rivals: {} },
  locks: {},
  load: { before: [0, 0, 0], after: [0, 0, 0] },
  seconds: 1,
  rows,
});

test('every row of either run appears once', () => {
  const missing = missingRow({ name: 'relaxed', unit: 'ms', better: 'lower', note: 'no' });
  const compared = compareResults(
    results([row(1, 0, 'lower', 'old'), row(1, 0, 'lower', 'both'), missing]),
    results([row(1, 0, 'lower', 'both'), row(1, 0, 'lower', 'new'), missing]),
  );
  assert.equal(
    compared.map(({ name, verdict }) => [name, verdict]),
    [
      ['both', 'same'],
      ['new', 'only in one'],
      ['relaxed', 'same'],
      ['old', 'only in one'],
    ],
  );
  assert.match(formatComparison(compared), /\n\n2 same, 2 only in one\n$/);
  assert.match(
    formatComparison(compareResults(results([row(10, 0)]), results([row(20, 0)]))),
    /\+100\.0 % +± 5\.0 % {2}slower/,
  );
});

test('a file that holds something else is refused, naming what is wrong', () => {
  const good = results([row(1, 0)]);
  assert.is(checkResults(JSON.parse(JSON.stringify(good)), 'a.json').rows.length, 1);
  const cases: [unknown, RegExp][] = [
    [null, /a\.json: not the results of a benchmark/],
    [{ rows: [] }, /not the results of a benchmark/],
    [{ ...good, version: 2 }, /results of version 2, 1 is expected/],
    [{ ...good, rows: undefined }, /rows is missing/],
    [{ ...good, rows: [{}] }, /rows\[0\] has no name/],
    [{ ...good, rows: [{ ...row(1, 0), value: 'x' }] }, /rows\[0\]\.value is not a number or null/],
    [{ ...good, rows: [{ ...row(1, 0), better: 'more' }] }, /rows\[0\]\.better/],
    [{ ...good, rows: [row(1, 0), row(1, 0)] }, /rows\[1\] is the second row "startup"/],
  ];
  for (const [value, pattern] of cases) {
    assert.throws(
      () => checkResults(value, 'a.json'),
      (error: Error) => error instanceof FormatError && pattern.test(error.message),
    );
  }
});

test.run();
