import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Call, integers, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/linear-cross-entropy');

for (const [build, h] of await loadBuilds()) {
  test(`${build}: valid rows are listed in order, and each row knows its place`, () => {
    for (const rows of [1, 2, 5, 33]) {
      for (const low of [-3, 0]) {
        h.reset();
        const targets = h.ints('targets', [...integers(rows - 1, rows, low, 4), 2]);
        const [index, place, labels] = ['index', 'place', 'labels'].map((name) => h.intOutput(name, rows));
        const count = h.intOutput('count', 1);
        h.run('compactRows', [index, place, labels, count, targets, rows]);
      }
    }
  });

  test(`${build}: loss and gradient of rows agree with the reference; ignored rows stay untouched`, () => {
    for (const smoothing of [0, Math.fround(0.1), 1]) {
      for (const cols of [1, 3, 4, 5, 16, 19, 33, 101, 1025, 2051]) {
        for (const gradient of [0, 1]) {
          h.reset();
          const rows = 4;
          const logits = h.input('logits', numbers(rows * cols, 1, -8, 8));
          const labels = h.ints('labels', [cols - 1, 0, ...integers(1, 2, 0, cols), -1]);
          const scale = h.input('scale', [0.25]);
          const [loss, nll] = [h.output('loss', rows), h.output('nll', rows)];
          const call: Call<'crossEntropyRows'> = [
            loss,
            nll,
            logits,
            labels,
            scale,
            rows,
            cols,
            smoothing,
            gradient,
          ];
          h.run('crossEntropyRows', call, { rtol: 2e-6, atol: 1e-6 });
        }
      }
    }
  });

  test(`${build}: products stop at the count in memory`, () => {
    const [rows, n, k] = [11, 9, 6];
    for (const count of [0, 3, 8, 11, 20]) {
      for (const first of [0, 4]) {
        h.reset();
        const work = h.workspace(h.kernels.gemmWorkspaceBytes());
        const valid = h.ints('count', [count]);
        const [a, b] = [h.input('a', numbers(rows * k, 1)), h.input('b', numbers(n * k, 2))];
        const c = h.input('c', numbers(rows * n, 3));
        const tolerance = { rtol: 1e-5, atol: 1e-5 };
        h.run('sgemmValidRows', [c, a, b, valid, first, rows, n, k, k, k, n, 0, 1, 0, work], tolerance);
        const d = h.input('d', numbers(n * k, 4));
        for (const accumulate of [1, 0]) {
          const call: Call<'sgemmValidDepth'> = [
            d,
            c,
            a,
            valid,
            first,
            n,
            k,
            rows,
            n,
            k,
            k,
            1,
            0,
            accumulate,
            work,
          ];
          h.run('sgemmValidDepth', call, tolerance);
        }
      }
    }
  });

  test(`${build}: with every row valid, the bits of the loss are those of crossEntropyForward`, () => {
    const [rows, cols] = [3, 1900];
    h.reset();
    const logits = h.input('logits', numbers(rows * cols, 1, -8, 8));
    const labels = h.ints('labels', [4, 0, cols - 1]);
    const outputs = ['loss', 'nll', 'lse', 'loss2', 'nll2'].map((name) => h.output(name, rows));
    h.runWasm('crossEntropyForward', [
      ...outputs.slice(0, 3),
      logits,
      labels,
      rows,
      cols,
      0.1,
    ] as Call<'crossEntropyForward'>);
    const scale = h.input('scale', [1]);
    h.runWasm('crossEntropyRows', [
      ...outputs.slice(3),
      logits,
      labels,
      scale,
      rows,
      cols,
      0.1,
      1,
    ] as Call<'crossEntropyRows'>);
    assert.equal(h.bits(outputs[3], rows), h.bits(outputs[0], rows));
    assert.equal(h.bits(outputs[4], rows), h.bits(outputs[1], rows));
  });
}

test.run();
