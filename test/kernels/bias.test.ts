import { suite } from 'uvu';
import { loadBuilds, numbers } from './harness.js';

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
}

test.run();
