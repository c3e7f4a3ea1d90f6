import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { judge, makeRow, missingRow, reachesStretch } from '../../src/bench/row.js';
import { formatNumber, formatTable, markdownTable, summarize } from '../../src/bench/table.js';
import { quartiles } from '../../src/bench/timing.js';

const test = suite('bench: rows and tables');

test('quartiles', () => {
  assert.equal(quartiles([5]), { median: 5, iqr: 0 });
  assert.equal(quartiles([4, 1, 3, 2]), { median: 2.5, iqr: 1.5 });
  assert.equal(quartiles([9, 1, 5, 3, 7]), { median: 5, iqr: 4 });
});

const gemm = makeRow({
  name: 'gemm strict NN 256x256x256',
  unit: 'GFLOP/s',
  samples: [30, 32, 31],
  reference: 'peak strict',
  shares: [0.7, 0.8, 0.9],
  better: 'higher',
  target: { on: 'share', atLeast: 0.75, stretch: 0.85 },
  conditions: { load: 1.5, steal: 0.01 },
});

test('a row has the documented fields', () => {
  assert.equal(gemm, {
    name: 'gemm strict NN 256x256x256',
    value: 31,
    unit: 'GFLOP/s',
    iqr: 1,
    reference: 'peak strict',
    share: 0.8,
    shareIqr: 0.10000000000000009,
    interval: (1.57 * 0.10000000000000009) / Math.sqrt(3) / 0.8,
    tooNoisy: true,
    better: 'higher',
    target: { on: 'share', atLeast: 0.75, stretch: 0.85 },
    met: true,
    rounds: 3,
    load: 1.5,
    steal: 0.01,
  });
  assert.is(reachesStretch(gemm), false);
});

test('targets bind from above or from below, on the share or the value; a stretch alone binds nothing', () => {
  const row = (
    value: number | null,
    share: number | null,
    target: Parameters<typeof judge>[0]['target'],
  ) => ({
    value,
    share,
    target,
  });
  assert.is(judge(row(1, 0.5, { on: 'share', atLeast: 0.5 })), true);
  assert.is(judge(row(1, 0.49, { on: 'share', atLeast: 0.5 })), false);
  assert.is(judge(row(1.3, null, { on: 'value', atMost: 1.3 })), true);
  assert.is(judge(row(1.31, null, { on: 'value', atMost: 1.3 })), false);
  assert.is(judge(row(1, 0.5, null)), null);
  assert.is(judge(row(1, 0.5, { on: 'share', stretch: 1 })), null);
  assert.is(judge(row(null, null, { on: 'share', atLeast: 0.5 })), false);
  assert.is(reachesStretch(row(0.9, null, { on: 'value', atMost: 1.3, stretch: 1 })), true);
  assert.is(reachesStretch(row(1.1, null, { on: 'value', atMost: 1.3, stretch: 1 })), false);
});

test('what was not measured misses its target and says why', () => {
  const threads = missingRow({
    name: 'step small, two threads',
    unit: 'ms',
    better: 'higher',
    target: { on: 'share', atLeast: 1.7, stretch: 1.9 },
    note: 'not available: one core',
  });
  assert.is(threads.met, false);
  assert.is(threads.value, null);
  assert.is(missingRow({ name: 'x', unit: 'ms', better: 'lower', note: 'y' }).met, null);
  assert.match(
    formatTable([threads]),
    /not measured .*>= 1\.70x +MISSED\n\nstep small, two threads: not available/,
  );
});

test('tables', () => {
  const softmax = makeRow({
    name: 'softmax',
    unit: 'ns/element',
    samples: [0.9],
    better: 'lower',
    target: { on: 'value', atMost: 1.3, stretch: 1 },
  });
  assert.is(
    formatTable([gemm, softmax]).replace(/ {2,}/g, ' | '),
    `what | median ± IQR/2 | share | target
gemm strict NN 256x256x256 | 31 ± 0.500 GFLOP/s | 80 % of peak strict | >= 75 % | met, too noisy
softmax | 0.900 ± 0 ns/element | <= 1.30 ns/element | met, stretch too
`,
  );
});

test('a row is too noisy beyond 3 %, or when it says so itself; nothing else of it changes', () => {
  const row = (samples: number[], tooNoisy?: boolean) =>
    makeRow({
      name: 'x',
      unit: 'ms',
      samples,
      better: 'lower',
      ...(tooNoisy === undefined ? {} : { tooNoisy }),
    });
  assert.is(row([100, 100, 101]).tooNoisy, false);
  assert.is(row([100, 110, 120]).tooNoisy, true);
  assert.is(row([100, 100, 101], true).tooNoisy, true);
  assert.match(formatTable([row([100, 110, 120])]), 'too noisy');
});

test('columns are aligned', () => {
  const lines = formatTable([gemm, { ...gemm, name: 'a', value: 1234.5 }])
    .trimEnd()
    .split('\n');
  assert.is(new Set(lines.map((line) => line.indexOf(line.includes('IQR') ? 'share' : '80 %'))).size, 1);
});

test('the Markdown table has one line a row, with notes', () => {
  const lines = markdownTable([{ ...gemm, note: 'a | b' }]).split('\n');
  assert.is(lines.length, 3);
  assert.is(
    lines[2],
    '| gemm strict NN 256x256x256 | 31 ± 0.500 GFLOP/s | 80 % of peak strict | >= 75 % | met, too noisy | a \\| b |',
  );
});

test('numbers and the summary', () => {
  assert.equal([0.01234, 4.567, 78.91, 789.4, 12345.6, 2].map(formatNumber), [
    '0.012',
    '4.57',
    '78.9',
    '789',
    '12346',
    '2',
  ]);
  assert.is(summarize([gemm, { ...gemm, met: false }, { ...gemm, met: null }]), '1 of 2 targets met');
});

test.run();
