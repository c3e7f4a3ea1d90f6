import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { integers, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/cross-entropy');
const SMOOTHING = [0, Math.fround(0.1), 1];

for (const [build, h] of await loadBuilds()) {
  test(`${build}: loss, nll, lse and gradient agree with the reference at all sizes`, () => {
    for (const smoothing of SMOOTHING) {
      for (const cols of [1, 3, 4, 5, 9, 19, 101, 2051]) {
        const rows = 4;
        h.reset();
        const logits = h.input('logits', numbers(rows * cols, 1, -8, 8));
        const targets = h.ints('targets', [-1, cols - 1, 0, ...integers(1, 2, 0, cols)]);
        const lse = h.output('lse', rows);
        h.run(
          'crossEntropyForward',
          [h.output('loss', rows), h.output('nll', rows), lse, logits, targets, rows, cols, smoothing],
          { rtol: 1e-6, atol: 1e-6 },
        );
        const scale = h.input('scale', [0.25]);
        const tolerance = { rtol: 2e-6, atol: 1e-6 };
        h.run(
          'crossEntropyBackward',
          [h.output('dlogits', rows * cols), logits, lse, targets, scale, rows, cols, smoothing],
          tolerance,
        );
        h.run(
          'crossEntropyBackward',
          [logits, logits, lse, targets, scale, rows, cols, smoothing],
          tolerance,
        );
      }
    }
  });

  test(`${build}: the loss of 32,000 classes is right to 1e-6 relative`, () => {
    const cols = 32000;
    h.reset();
    const logits = h.input('logits', numbers(cols, 3, -6, 6));
    const targets = h.ints('targets', [31999]);
    h.run(
      'crossEntropyForward',
      [
        h.output('loss', 1),
        h.output('nll', 1),
        h.output('lse', 1),
        logits,
        targets,
        1,
        cols,
        Math.fround(0.1),
      ],
      { rtol: 1e-6 },
    );
  });

  test(`${build}: a huge offset does not change the loss`, () => {
    const losses = [0, 2 ** 16].map((offset) => {
      h.reset();
      const values = Float32Array.from({ length: 19 }, (_, j) => offset + ((j * 7) % 11) / 4);
      const loss = h.output('loss', 1);
      h.run(
        'crossEntropyForward',
        [
          loss,
          h.output('nll', 1),
          h.output('lse', 1),
          h.input('logits', values),
          h.ints('targets', [3]),
          1,
          19,
          0.125,
        ],
        { rtol: 1e-6 },
      );
      return h.floats(loss, 1)[0];
    });
    assert.is(losses[0], losses[1]);
  });

  test(`${build}: an ignored row gives zero loss and a zero gradient even when its logits are NaN`, () => {
    h.reset();
    const logits = h.input('logits', new Float32Array(5).fill(Number.NaN));
    const targets = h.ints('targets', [-1]);
    const lse = h.output('lse', 1);
    h.run('crossEntropyForward', [h.output('loss', 1), h.output('nll', 1), lse, logits, targets, 1, 5, 0.5]);
    const scale = h.input('scale', [1]);
    h.run('crossEntropyBackward', [h.output('dlogits', 5), logits, lse, targets, scale, 1, 5, 0.5]);
  });
}

test.run();
