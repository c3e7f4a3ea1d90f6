import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Call, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/layernorm');
const builds = await loadBuilds();
const EPS = 1e-5;
const COLS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 67, 512];
const ROWS = [0, 1, 3, 4, 5, 9];

for (const [build, h] of builds) {
  test(`${build}: forward agrees with the reference, with and without residual and bias`, () => {
    for (const cols of COLS) {
      for (const rows of ROWS) {
        for (const fused of [false, true]) {
          h.reset();
          const n = rows * cols;
          const out = h.output('out', n);
          const sum = fused ? h.output('sum', n) : 0;
          const mean = h.output('mean', rows);
          const rstd = h.output('rstd', rows);
          const x = h.input('x', numbers(n, 1));
          const residual = fused ? h.input('residual', numbers(n, 2)) : 0;
          const weight = h.input('weight', numbers(cols, 3));
          const bias = fused ? 0 : h.input('bias', numbers(cols, 4));
          h.run('layerNormForward', [out, sum, mean, rstd, x, residual, weight, bias, rows, cols, EPS], {
            atol: 2e-6,
            rtol: 2e-6,
            // A row of two nearly equal numbers has a large rstd, and the rounding of h shows in it.
            buffers: { rstd: { rtol: cols < 4 ? 1e-4 : 1e-6 }, out: { atol: cols < 4 ? 1e-4 : 3e-6 } },
          });
        }
      }
    }
  });

  test(`${build}: sum may replace x, and out may replace the residual`, () => {
    const [rows, cols] = [5, 19];
    const run = (alias: boolean) => {
      h.reset();
      const x = h.input('x', numbers(rows * cols, 1));
      const residual = h.input('residual', numbers(rows * cols, 2));
      const weight = h.input('weight', numbers(cols, 3));
      const out = alias ? residual : h.output('out', rows * cols);
      const sum = alias ? x : h.output('sum', rows * cols);
      const mean = h.output('mean', rows);
      const rstd = h.output('rstd', rows);
      h.runWasm('layerNormForward', [out, sum, mean, rstd, x, residual, weight, weight, rows, cols, EPS]);
      return [h.bits(out, rows * cols), h.bits(sum, rows * cols)];
    };
    assert.equal(run(true), run(false));
  });

  test(`${build}: a row of mean 1e4 and deviation 1 stays within 1e-5, forward and backward`, () => {
    for (const cols of [64, 101, 512, 2048]) {
      for (const offset of [1e4, -1e4, 3e4]) {
        h.reset();
        const rows = 5;
        const x = h.input('x', numbers(rows * cols, 5, offset - 1.732, offset + 1.732));
        const weight = h.input('weight', new Float32Array(cols).fill(1));
        const dout = h.input('dout', numbers(rows * cols, 6));
        const out = h.output('out', rows * cols);
        const mean = h.output('mean', rows);
        const rstd = h.output('rstd', rows);
        const tolerance = { atol: 1e-5, buffers: { mean: { rtol: 6e-8 } } };
        h.run('layerNormForward', [out, 0, mean, rstd, x, 0, weight, 0, rows, cols, EPS], tolerance);
        const dx = h.output('dx', rows * cols);
        const dweight = h.input('dweight', new Float32Array(cols));
        h.run('layerNormBackward', [dx, dweight, 0, dout, 0, x, mean, rstd, weight, rows, cols], tolerance);
      }
    }
  });

  test(`${build}: a constant row gives the bias`, () => {
    for (const value of [0, 0.1, -7.3, 1e4, 1e-20, 3e7]) {
      for (const cols of [1, 5, 16, 100, 513]) {
        h.reset();
        const x = h.input('x', new Float32Array(cols).fill(value));
        const weight = h.input('weight', numbers(cols, 3));
        const bias = h.input('bias', numbers(cols, 4));
        const stats = h.output('stats', 2);
        const out = h.output('out', cols);
        h.run('layerNormForward', [out, 0, stats, stats + 4, x, 0, weight, bias, 1, cols, EPS], {
          atol: 1e-6,
          buffers: { stats: { rtol: 1e-6 } },
        });
      }
    }
  });

  test(`${build}: a NaN stays in its row`, () => {
    h.reset();
    const [rows, cols] = [6, 13];
    const values = numbers(rows * cols, 1);
    values[2 * cols + 5] = Number.NaN;
    values[4 * cols] = Number.POSITIVE_INFINITY;
    const x = h.input('x', values);
    const weight = h.input('weight', numbers(cols, 3));
    const mean = h.output('mean', rows);
    const rstd = h.output('rstd', rows);
    const out = h.output('out', rows * cols);
    h.runWasm('layerNormForward', [out, 0, mean, rstd, x, 0, weight, 0, rows, cols, EPS]);
    const spoilt = [...h.floats(out, rows * cols)].map((v, i) =>
      Number.isNaN(v) ? Math.floor(i / cols) : -1,
    );
    assert.equal([...new Set(spoilt)].sort(), [-1, 2, 4]);
  });

  test(`${build}: backward agrees with the reference; parameters are summed by chunks, or skipped`, () => {
    for (const cols of COLS.filter((c) => c > 2)) {
      for (const rows of [...ROWS, 32, 33, 70]) {
        for (const mode of [0, 1, 2, 3]) {
          h.reset();
          const n = rows * cols;
          const x = h.input('x', numbers(n, 1));
          const weight = h.input('weight', numbers(cols, 3));
          const mean = h.output('mean', rows);
          const rstd = h.output('rstd', rows);
          const tolerance = { atol: 2e-5, rtol: cols < 4 ? 2e-3 : 2e-5 };
          const scratch = h.output('scratch', n);
          h.run('layerNormForward', [scratch, 0, mean, rstd, x, 0, weight, 0, rows, cols, 0.01], tolerance);
          const dout = h.input('dout', numbers(n, 5));
          const dsum = mode & 1 ? h.input('dsum', numbers(n, 6)) : 0;
          const dweights = mode === 2 ? 0 : h.output('dweights', Math.ceil(rows / 32) * cols);
          const dbiases = mode === 3 ? 0 : h.output('dbiases', Math.ceil(rows / 32) * cols);
          const dx = mode === 0 ? h.output('dx', n) : mode === 1 ? dsum : dout;
          h.run(
            'layerNormBackward',
            [dx, dweights, dbiases, dout, dsum, x, mean, rstd, weight, rows, cols],
            tolerance,
          );
        }
      }
    }
  });

  test(`${build}: chunks of rows computed alone have the bits of the whole`, () => {
    const [rows, cols] = [75, 21];
    h.reset();
    const x = h.input('x', numbers(rows * cols, 1));
    const weight = h.input('weight', numbers(cols, 3));
    const [mean, rstd] = [h.output('mean', rows), h.output('rstd', rows)];
    h.runWasm('layerNormForward', [
      h.output('y', rows * cols),
      0,
      mean,
      rstd,
      x,
      0,
      weight,
      0,
      rows,
      cols,
      EPS,
    ]);
    const dout = h.input('dout', numbers(rows * cols, 5));
    const run = (parts: number[][]) => {
      const dx = h.output(`dx${parts.length}`, rows * cols);
      const [dweights, dbiases] = [`dw${parts.length}`, `db${parts.length}`].map((name) =>
        h.output(name, 3 * cols),
      );
      for (const [from, to] of parts) {
        const [at, chunk] = [from * cols * 4, (from / 32) * cols * 4];
        const outputs = [dx + at, dweights + chunk, dbiases + chunk];
        const inputs = [dout + at, 0, x + at, mean + from * 4, rstd + from * 4, weight];
        h.runWasm('layerNormBackward', [...outputs, ...inputs, to - from, cols] as Call<'layerNormBackward'>);
      }
      return [h.bits(dx, rows * cols), h.bits(dweights, 3 * cols), h.bits(dbiases, 3 * cols)];
    };
    const whole = run([[0, rows]]);
    assert.equal(
      run([
        [32, rows],
        [0, 32],
      ]),
      whole,
    );
  });
}

test.run();
