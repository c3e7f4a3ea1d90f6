import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Call, integers, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/cross-entropy');
const SMOOTHING = [0, Math.fround(0.1), 1];
const TOLERANCE = { rtol: 2e-6, atol: 1e-6 };

for (const [build, h] of await loadBuilds()) {
  /** One call over fresh buffers, compared with the reference; where everything lies. */
  const run = (
    values: ArrayLike<number>,
    labels: ArrayLike<number>,
    { smoothing = 0, gradient = true, inPlace = false, factor = 1, tolerance = TOLERANCE } = {},
  ) => {
    h.reset();
    const rows = labels.length;
    const cols = values.length / rows;
    const logits = h.input('logits', values);
    const targets = h.ints('targets', labels);
    const [loss, nll] = [h.output('loss', rows), h.output('nll', rows)];
    const dlogits = !gradient ? 0 : inPlace ? logits : h.output('dlogits', rows * cols);
    const scale = gradient ? h.input('scale', [factor]) : 0;
    const call: Call<'crossEntropyRows'> = [
      loss,
      nll,
      dlogits,
      logits,
      targets,
      scale,
      rows,
      cols,
      smoothing,
    ];
    h.run('crossEntropyRows', call, tolerance);
    return {
      loss: h.floats(loss, rows),
      nll: h.floats(nll, rows),
      dlogits: [...h.floats(dlogits, gradient ? rows * cols : 0)],
      reference: [...h.doubles(dlogits, gradient ? rows * cols : 0)],
    };
  };

  test(`${build}: loss, nll and gradient agree with the reference at all sizes, and with each other's absence`, () => {
    for (const smoothing of SMOOTHING) {
      for (const cols of [1, 3, 4, 5, 9, 16, 19, 33, 101, 1025, 2051]) {
        const values = numbers(4 * cols, 1, -8, 8);
        const labels = [-1, cols - 1, 0, ...integers(1, 2, 0, cols)];
        const apart = run(values, labels, { smoothing, factor: 0.25 });
        const inPlace = run(values, labels, { smoothing, factor: 0.25, inPlace: true });
        assert.equal(inPlace, apart);
        const { loss, nll } = run(values, labels, { smoothing, gradient: false });
        assert.equal([loss, nll], [apart.loss, apart.nll]);
      }
    }
  });

  test(`${build}: the loss of 32,000 classes is right to 1e-6 relative`, () => {
    run(numbers(32000, 3, -6, 6), [31999], {
      smoothing: Math.fround(0.1),
      gradient: false,
      tolerance: { rtol: 1e-6, atol: 0 },
    });
  });

  test(`${build}: a common offset changes no bit of loss and gradient`, () => {
    for (const smoothing of SMOOTHING) {
      for (const cols of [2, 19, 1030]) {
        const at = (offset: number) =>
          run(
            Float32Array.from({ length: 2 * cols }, (_, j) => offset + ((j * 7) % 11) / 4),
            [1, cols - 1],
            { smoothing },
          );
        for (const offset of [2 ** 16, -(2 ** 16), 2 ** 20]) assert.equal(at(offset), at(0));
      }
    }
  });

  test(`${build}: the gradient of equal logits is exact, however large they are`, () => {
    for (const o of [0, 1, 1e4, -1e4, 1e7, -1e7, 3e38]) {
      const plain = run([o, o], [0]);
      assert.equal(plain.dlogits, [-0.5, 0.5]);
      assert.equal(plain.reference, [-0.5, 0.5]);
      assert.equal([...plain.nll], [Math.fround(Math.log(2))]);
      for (const smoothing of [0.125, Math.fround(0.1)]) {
        // p - q with p = 1/2 and q = smoothing / 2 for the other class.
        const half = Math.fround(0.5 - smoothing / 2);
        assert.equal(run([o, o], [1], { smoothing }).dlogits, [half, -half]);
      }
      const quarters = run(new Float32Array(12).fill(o), [3, -1, 0], { factor: 0.5 });
      assert.equal(quarters.dlogits, [0.125, 0.125, 0.125, -0.375, 0, 0, 0, 0, -0.375, 0.125, 0.125, 0.125]);
    }
  });

  test(`${build}: one class, and a class far above the others, leave no gradient`, () => {
    for (const o of [0, 1e4, -3e38]) {
      for (const smoothing of [0, Math.fround(0.1)]) assert.equal(run([o], [0], { smoothing }).dlogits, [0]);
    }
    // Differences beyond the largest float too.
    for (const [low, high] of [
      [-1000, 0],
      [1e7, 1e7 + 1000],
      [-3e38, 3e38],
    ]) {
      const { dlogits, nll } = run([low, high, low, high, low, low], [1, 0]);
      assert.equal(dlogits, [0, 0, 0, 0, 0, 0]);
      assert.equal([...nll], [0, 0]);
      assert.equal(run([high, low], [1]).dlogits, [1, -1]);
    }
  });

  test(`${build}: an ignored row gives zero loss and a zero gradient even when its logits are NaN`, () => {
    const { loss, dlogits } = run(new Float32Array(5).fill(Number.NaN), [-1], { smoothing: 0.5 });
    assert.equal([...loss], [0]);
    assert.equal(dlogits, [0, 0, 0, 0, 0]);
  });
}

test.run();
