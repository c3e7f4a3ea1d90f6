import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Call, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/bias');
const ROWS = [0, 1, 3];
const COLS = [1, 3, 4, 5, 11, 37];

for (const [build, h] of await loadBuilds()) {
  test(`${build}: bias and activations agree with the reference, also in place`, () => {
    for (const rows of ROWS) {
      for (const cols of COLS) {
        const n = rows * cols;
        const sum = { rtol: 1e-7, atol: 2e-7 };
        const active = { rtol: 3e-7, atol: 3e-7, buffers: { pre: sum, x: sum } };
        const values = numbers(n, 1, -3, 3);
        h.reset();
        const bias = h.input('bias', numbers(cols, 2));
        const x = h.input('x', values);
        const out = h.output('out', n);
        h.run('biasForward', [out, x, bias, rows, cols], sum);
        h.run('biasReluForward', [out, x, bias, rows, cols], sum);
        h.run('biasGeluForward', [out, h.output('pre', n), x, bias, rows, cols], active);
        h.run('biasGeluForward', [out, x, x, bias, rows, cols], active);
        const y = h.input('y', values);
        h.run('biasGeluForward', [y, h.output('pre', n), y, bias, rows, cols], active);
        h.reset();
        const inPlace = h.input('x', values);
        const b = h.input('bias', numbers(cols, 2));
        h.run('biasForward', [inPlace, inPlace, b, rows, cols], sum);
        h.run('biasReluForward', [inPlace, inPlace, b, rows, cols], { rtol: 1e-7, atol: 5e-7 });
      }
    }
  });

  test(`${build}: gradient of the activation with the bias's sums by chunks of 32 rows, whole and in parts`, () => {
    for (const kernel of ['biasReluBackward', 'biasGeluBackward'] as const) {
      for (const rows of [0, 1, 31, 32, 33, 71]) {
        for (const cols of [1, 3, 4, 8, 13, 37]) {
          const n = rows * cols;
          const chunks = Math.ceil(rows / 32);
          h.reset();
          const saved = h.input('saved', numbers(n, 1, -3, 3));
          const values = numbers(n, 2);
          const dout = h.input('dout', values);
          const [dx, sums] = [h.output('dx', n), h.output('sums', chunks * cols)];
          const tolerance = { rtol: 1e-6, atol: 1e-6, buffers: { sums: { rtol: 2e-6, atol: 1e-5 } } };
          h.run(kernel, [dx, sums, dout, saved, rows, cols], tolerance);
          const [dx2, sums2] = [h.input('inPlace', values), h.output('sums2', chunks * cols)];
          for (let start = 0; start < rows; start += 32) {
            const at = start * cols * 4;
            const part = [dx2 + at, sums2 + (start / 32) * cols * 4, dx2 + at, saved + at];
            h.runWasm(kernel, [...part, Math.min(32, rows - start), cols] as Call<typeof kernel>);
          }
          assert.equal(h.bits(dx2, n), h.bits(dx, n));
          assert.equal(h.bits(sums2, chunks * cols), h.bits(sums, chunks * cols));
        }
      }
    }
  });
}

test.run();
