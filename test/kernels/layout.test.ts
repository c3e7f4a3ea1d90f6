import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadBuilds, numbers } from './harness.js';

const test = suite('kernels/layout');

type Four = [number, number, number, number];
/** [what, dims of the strided side, strides, elements of the strided side] */
const CASES: [string, Four, Four, number][] = [
  ['empty', [1, 1, 0, 4], [0, 0, 4, 1], 0],
  ['empty inner', [1, 1, 4, 0], [0, 0, 0, 1], 0],
  ['copy', [1, 2, 3, 5], [30, 15, 5, 1], 30],
  ['heads: (b, t, h, e) to (b, h, t, e)', [2, 3, 5, 7], [105, 7, 21, 1], 210],
  ['transpose 4x4', [1, 1, 4, 4], [0, 0, 1, 4], 16],
  ['transpose 3x3', [1, 1, 3, 3], [0, 0, 1, 3], 9],
  ['transpose 11x5 twice', [1, 2, 11, 5], [0, 55, 1, 11], 110],
  ['transpose 5x11', [1, 1, 5, 11], [0, 0, 1, 5], 55],
  ['reversal of all axes', [3, 4, 5, 2], [1, 3, 12, 60], 120],
  ['broadcast of rows', [1, 2, 3, 9], [0, 0, 0, 1], 9],
  ['broadcast of columns', [1, 1, 9, 9], [0, 0, 1, 0], 9],
  ['broadcast of a scalar', [2, 2, 2, 7], [0, 0, 0, 0], 1],
  ['slice with a row stride', [1, 3, 4, 6], [0, 52, 13, 1], 156],
  ['every other element', [1, 1, 3, 5], [0, 0, 11, 2], 33],
];

for (const [build, h] of await loadBuilds()) {
  test(`${build}: gather agrees with the reference exactly`, () => {
    for (const [what, dims, strides, size] of CASES) {
      h.reset();
      const n = dims.reduce((a, b) => a * b);
      const x = h.input(what, numbers(size, 1));
      h.run('stridedGather', [h.output('out', n), x, ...dims, ...strides]);
    }
  });

  test(`${build}: scatter-add agrees with the reference`, () => {
    for (const [what, dims, strides, size] of CASES) {
      h.reset();
      const n = dims.reduce((a, b) => a * b);
      const x = h.input('x', numbers(n, 1));
      const out = h.input(what, numbers(size, 2));
      h.run('stridedScatterAdd', [out, x, ...dims, ...strides], { rtol: 1e-6, atol: 4e-6 });
    }
  });

  test(`${build}: scatter-add is the adjoint of gather`, () => {
    const dims: Four = [2, 3, 5, 7];
    const strides: Four = [105, 7, 21, 1];
    h.reset();
    const x = h.input('x', numbers(210, 3));
    const out = h.output('out', 210);
    h.runWasm('stridedGather', [out, x, ...dims, ...strides]);
    const back = h.input('back', new Float32Array(210));
    h.runWasm('stridedScatterAdd', [back, out, ...dims, ...strides]);
    assert.equal([...h.floats(back, 210)], [...h.floats(x, 210)]);
  });
}

test.run();
