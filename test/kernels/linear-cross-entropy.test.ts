import { suite } from 'uvu';
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
}

test.run();
