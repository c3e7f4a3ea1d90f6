import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { integers, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/softmax');
const COLS = [1, 3, 4, 5, 7, 8, 9, 19, 101, 2051];
/** The argument x - max has an error of half an ulp already, 1e-6 relative in exp at a distance of 16. */
const CLOSE = { rtol: 1.2e-6 };

for (const [build, h] of await loadBuilds()) {
  test(`${build}: softmax agrees with the reference at all sizes, also in place`, () => {
    for (const cols of COLS) {
      for (const rows of [0, 1, 3]) {
        h.reset();
        const x = h.input('x', numbers(rows * cols, 1, -8, 8));
        h.run('softmaxForward', [h.output('out', rows * cols), x, 0, rows, cols, 1], CLOSE);
        h.run('softmaxForward', [x, x, 0, rows, cols, 1], CLOSE);
      }
    }
  });

  test(`${build}: elements beyond a row's length are zero; length 0 gives a row of zeros`, () => {
    for (const cols of [1, 5, 19, 33]) {
      h.reset();
      const rows = 12;
      const lengths = h.ints('lengths', [0, cols, ...integers(4, 2, 0, cols + 1)]);
      const x = h.input('x', numbers(rows * cols, 3, -5, 5));
      h.run('softmaxForward', [h.output('out', rows * cols), x, lengths, rows, cols, 2], CLOSE);
    }
  });

  test(`${build}: the bits of a row do not depend on padding, on cols or on other rows`, () => {
    const valid = numbers(13, 4, -5, 5);
    const bits = [13, 16, 29].map((cols) => {
      h.reset();
      const rows = new Float32Array(3 * cols).fill(Number.NaN);
      rows.set(valid, cols);
      const x = h.input('x', rows);
      const out = h.output('out', 3 * cols);
      h.runWasm('softmaxForward', [out, x, h.ints('lengths', [cols, 13, cols]), 3, cols, 1]);
      return [...h.bits(out + 4 * cols, 13)];
    });
    assert.equal(bits[0], bits[1]);
    assert.equal(bits[0], bits[2]);
  });

  test(`${build}: constant rows, huge offsets, infinities and NaN come out as in the reference`, () => {
    const cols = 9;
    const rows = [
      new Array(cols).fill(3),
      Array.from({ length: cols }, (_, j) => 1e6 + j),
      Array.from({ length: cols }, (_, j) => -1e6 - j),
      [-Infinity, 1, 2, -Infinity, 3, 0, 0, 0, -Infinity],
      [0, 1, Infinity, 2, 0, 0, 0, 0, 0],
      [0, 1, 2, 3, 4, Number.NaN, 0, 0, 0],
      [0, 100, 0, 0, 0, 0, 0, 0, 0],
    ];
    h.reset();
    const x = h.input('x', rows.flat());
    h.run('softmaxForward', [h.output('out', rows.length * cols), x, 0, rows.length, cols, 1], {
      rtol: 5e-7,
      // exp is exactly 0 below -87.3
      atol: 2e-38,
    });
    h.run('logSoftmaxForward', [h.output('log', rows.length * cols), x, rows.length, cols], {
      rtol: 5e-7,
      atol: 5e-7,
      buffers: { out: { rtol: 5e-7, atol: 2e-38 } },
    });
  });

  test(`${build}: log-softmax and both backwards agree with the reference, also in place`, () => {
    for (const cols of COLS) {
      const rows = 3;
      const n = rows * cols;
      const tolerance = { rtol: 1e-6, atol: 2e-6 };
      h.reset();
      const x = h.input('x', numbers(n, 5, -4, 4));
      const y = h.output('y', n);
      h.run('logSoftmaxForward', [y, x, rows, cols], tolerance);
      const dout = h.input('dout', numbers(n, 6));
      h.run('logSoftmaxBackward', [h.output('dx', n), dout, y, rows, cols], { rtol: 3e-6, atol: 1e-5 });
      const p = h.output('p', n);
      h.run('softmaxForward', [p, x, 0, rows, cols, 1], { rtol: 3e-6, atol: 1e-5 });
      h.run('softmaxBackward', [dout, dout, p, rows, cols], { rtol: 3e-6, atol: 1e-5 });
    }
  });
}

test.run();
