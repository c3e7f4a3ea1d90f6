import { suite } from 'uvu';
import { type Call, integers, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/embedding');
const VOCAB = 6;

for (const [build, h] of await loadBuilds()) {
  test(`${build}: rows are looked up and their gradients added, ids below 0 skipped, repeated ids summed`, () => {
    for (const rows of [0, 1, 5, 23]) {
      for (const cols of [1, 3, 4, 5, 19]) {
        h.reset();
        const scale = Math.fround(1.3);
        const weight = h.input('weight', numbers(VOCAB * cols, 1));
        const ids = h.ints('ids', integers(rows, 2, -1, VOCAB));
        const out = h.output('out', rows * cols);
        h.run('embeddingForward', [out, weight, ids, rows, cols, scale], { rtol: 1e-7 });
        const dout = h.input('dout', numbers(rows * cols, 3));
        const dweight = h.input('dweight', numbers(VOCAB * cols, 4));
        const tolerance = { rtol: 1e-6, atol: 2e-6 };
        h.run('embeddingBackward', [dweight, dout, ids, rows, cols, cols, scale], tolerance);
        // Some of the columns alone.
        const from = Math.floor(cols / 2);
        const part: Call<'embeddingBackward'> = [
          dweight + from * 4,
          dout + from * 4,
          ids,
          rows,
          cols - from,
          cols,
          scale,
        ];
        h.run('embeddingBackward', part, tolerance);
      }
    }
  });
}

test.run();
