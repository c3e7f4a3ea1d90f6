import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadBuilds, numbers } from './harness.js';

const test = suite('kernels/rmsnorm');
const builds = await loadBuilds();
const EPS = 1e-5;
const COLS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 67, 512];
const ROWS = [0, 1, 3, 4, 5, 9];

for (const [build, h] of builds) {
  test(`${build}: forward agrees with the reference, with and without residual`, () => {
    for (const cols of COLS) {
      for (const rows of ROWS) {
        for (const fused of [false, true]) {
          h.reset();
          const n = rows * cols;
          const out = h.output('out', n);
          const sum = fused ? h.output('sum', n) : 0;
          const rstd = h.output('rstd', rows);
          const x = h.input('x', numbers(n, 1));
          const residual = fused ? h.input('residual', numbers(n, 2)) : 0;
          const weight = h.input('weight', numbers(cols, 3));
          h.run('rmsNormForward', [out, sum, rstd, x, residual, weight, rows, cols, EPS], {
            atol: 1e-6,
            rtol: 1e-6,
          });
        }
      }
    }
  });

  test(`${build}: zero rows stay zero, large ones keep their shape`, () => {
    for (const value of [0, 1e-20, 1e4, 1e15]) {
      h.reset();
      const x = h.input('x', numbers(21, 1, value / 2, value));
      const weight = h.input('weight', numbers(21, 3));
      const out = h.output('out', 21);
      const rstd = h.output('rstd', 1);
      h.run('rmsNormForward', [out, 0, rstd, x, 0, weight, 1, 21, EPS], {
        atol: 1e-6,
        buffers: { rstd: { rtol: 1e-6 } },
      });
    }
  });

  test(`${build}: backward agrees with the reference; the weight accumulates or is skipped`, () => {
    for (const cols of COLS) {
      for (const rows of [...ROWS, 32, 33, 70]) {
        for (const mode of [0, 1, 2]) {
          h.reset();
          const n = rows * cols;
          const x = h.input('x', numbers(n, 1));
          const weight = h.input('weight', numbers(cols, 3));
          const rstd = h.output('rstd', rows);
          const tolerance = { atol: 2e-5, rtol: 2e-5 };
          const scratch = h.output('scratch', n);
          h.run('rmsNormForward', [scratch, 0, rstd, x, 0, weight, rows, cols, 0.01], tolerance);
          const dout = h.input('dout', numbers(n, 5));
          const dsum = mode === 1 ? h.input('dsum', numbers(n, 6)) : 0;
          const dweight = mode === 2 ? 0 : h.output('dweights', Math.ceil(rows / 32) * cols);
          const dx = mode === 0 ? h.output('dx', n) : mode === 1 ? dsum : dout;
          h.run('rmsNormBackward', [dx, dweight, dout, dsum, x, rstd, weight, rows, cols], tolerance);
        }
      }
    }
  });

  test(`${build}: a row's bits do not depend on its neighbours`, () => {
    const [rows, cols] = [5, 19];
    h.reset();
    const values = numbers(rows * cols, 1);
    const x = h.input('x', values);
    const weight = h.input('weight', numbers(cols, 3));
    const all = h.output('all', rows * cols);
    const alone = h.output('alone', cols);
    const rstd = h.output('rstd', rows);
    h.runWasm('rmsNormForward', [all, 0, rstd, x, 0, weight, rows, cols, EPS]);
    for (let r = 0; r < rows; r++) {
      const one = h.input('one', values.subarray(r * cols, (r + 1) * cols));
      h.runWasm('rmsNormForward', [alone, 0, rstd, one, 0, weight, 1, cols, EPS]);
      assert.equal(h.bits(alone, cols), h.bits(all + r * cols * 4, cols));
    }
  });
}

test.run();
