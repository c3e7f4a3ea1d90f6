import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { integers, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/reduce');
const SIZES = [0, 1, 3, 4, 5, 63, 64, 65, 131, 255, 256, 257, 515];

for (const [build, h] of await loadBuilds()) {
  test(`${build}: sums agree with the reference at all sizes`, () => {
    for (const n of SIZES) {
      for (const inner of [1, 3, 4, 15, 16, 21, 35]) {
        h.reset();
        const x = h.input('x', numbers(2 * n * inner, 1));
        const tolerance = { rtol: 1e-6, atol: 1e-5 };
        h.run('sumForward', [h.output('out', 2 * inner), x, 2, n, inner], tolerance);
        const bias = h.input('bias', numbers(inner, 2));
        h.run('sumRows', [bias, x, n, inner, inner, 1], tolerance);
        h.run('sumRows', [bias, x, n, inner, inner, 0], tolerance);
      }
    }
  });

  test(`${build}: the sum of 100,000 rows is right to 5e-7 relative`, () => {
    const rows = 100000;
    h.reset();
    const x = h.input('x', numbers(rows * 5, 3, 0.5, 1.5));
    h.run('sumRows', [h.output('out', 5), x, rows, 5, 5, 0], { rtol: 5e-7 });
    h.run('sumForward', [h.output('all', 1), x, 1, rows * 5, 1], { rtol: 5e-7 });
  });

  test(`${build}: the bits of a column sum do not depend on how many columns there are`, () => {
    const column = numbers(515, 4);
    const bits = [1, 3, 18, 40].map((cols) => {
      h.reset();
      const values = new Float32Array(515 * cols);
      for (let r = 0; r < 515; r++) values[r * cols + cols - 1] = column[r];
      const out = h.output('out', cols);
      h.runWasm('sumRows', [out, h.input('x', values), 515, cols, cols, 0]);
      return h.bits(out, cols)[cols - 1];
    });
    assert.equal(bits, new Array(4).fill(bits[0]));
  });

  test(`${build}: columns summed alone, by their stride, have the bits of the whole`, () => {
    const [rows, cols] = [131, 45];
    h.reset();
    const x = h.input('x', numbers(rows * cols, 7));
    const [whole, parts] = [h.output('whole', cols), h.output('parts', cols)];
    h.run('sumRows', [whole, x, rows, cols, cols, 0], { rtol: 1e-6, atol: 1e-5 });
    for (const [from, to] of [
      [0, 20],
      [20, 24],
      [24, cols],
    ]) {
      h.runWasm('sumRows', [parts + from * 4, x + from * 4, rows, to - from, cols, 0]);
    }
    assert.equal(h.bits(parts, cols), h.bits(whole, cols));
  });

  test(`${build}: infinite and NaN terms come through a sum`, () => {
    for (const special of [Infinity, -Infinity, Number.NaN]) {
      h.reset();
      const values = numbers(300, 5);
      values[7] = special;
      const x = h.input('x', values);
      h.run('sumForward', [h.output('out', 1), x, 1, 300, 1]);
      h.run('sumForward', [h.output('columns', 3), x, 1, 100, 3], { atol: 1e-5 });
    }
  });

  test(`${build}: maximum and its smallest index agree with the reference, NaN first`, () => {
    for (const n of [1, 3, 4, 5, 9, 19, 131]) {
      for (const inner of [1, 3, 4, 5]) {
        h.reset();
        const values = Float32Array.from(integers(3 * n * inner, 6, -3, 4));
        // The second slab holds NaNs, the third nothing but -Infinity.
        if (n > 2) for (const k of [1, n - 1]) values.fill(Number.NaN, (n + k) * inner, (n + k + 1) * inner);
        values.fill(-Infinity, 2 * n * inner);
        const x = h.input('x', values);
        h.run('maxForward', [h.output('out', 3 * inner), h.intOutput('argmax', 3 * inner), x, 3, n, inner]);
      }
    }
    h.reset();
    h.run('maxForward', [h.output('out', 1), h.intOutput('argmax', 1), h.input('x', []), 1, 0, 1]);
  });

  test(`${build}: the gradient of a maximum goes to the element that was it, all others get 0`, () => {
    for (const n of [0, 1, 3, 4, 5, 19]) {
      for (const inner of [1, 3, 4, 5]) {
        for (const outer of [0, 1, 3]) {
          h.reset();
          const argmax = h.ints('argmax', integers(outer * inner, 10, 0, Math.max(n, 1)));
          const dout = h.input('dout', numbers(outer * inner, 11));
          h.run('maxBackward', [h.output('dx', outer * n * inner), dout, argmax, outer, n, inner]);
        }
      }
    }
  });

  test(`${build}: sums of squares and products are right to f32 rounding over several tree leaves`, () => {
    for (const n of [...SIZES, 4095, 4097, 12289, 20011]) {
      h.reset();
      const a = h.input('a', numbers(n, 7));
      const b = h.input('b', numbers(n, 8));
      h.run('sumSquares', [h.output('ss', 1), a, n], { rtol: 6e-8 });
      h.run('dot', [h.output('dot', 1), a, b, n], {
        rtol: 6e-8,
        atol: 1e-10,
        buffers: { ss: { rtol: 6e-8 } },
      });
    }
  });

  test(`${build}: NaN and infinities are counted`, () => {
    for (const n of [0, 1, 3, 4, 5, 19, 101]) {
      h.reset();
      const values = numbers(n, 9, -3e38, 3e38);
      for (let i = 0; i < n; i += 3) values[i] = [Number.NaN, Infinity, -Infinity][(i / 3) % 3];
      h.run('countNonFinite', [h.intOutput('count', 1), h.input('x', values), n]);
    }
  });
}

test.run();
