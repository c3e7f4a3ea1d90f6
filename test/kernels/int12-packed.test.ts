/** @file A matrix that was quantised once multiplies to the bits of one that is quantised every time. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type KernelHarness, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/int12 packed');

/** Around pairs, vectors, quads and panels (4, 16), blocks (256 deep) and the rows that share a panel (32); m, n, k. */
const SHAPES = [
  [0, 5, 3],
  [3, 5, 0],
  [1, 1, 1],
  [1, 16, 8],
  [1, 17, 9],
  [1, 40, 257],
  [1, 33, 600],
  [2, 15, 7],
  [4, 16, 255],
  [5, 31, 256],
  [31, 18, 258],
  [32, 16, 40],
  [33, 35, 513],
  [70, 48, 20],
] as const;

function operands(h: KernelHarness, m: number, n: number, k: number, pad: number) {
  const a = h.input('a', numbers(Math.max(0, (m - 1) * (k + pad) + k), 1));
  const b = h.input('b', numbers(n * k, 2, -0.1, 0.1));
  const workspace = h.workspace(h.kernels.gemmWorkspaceBytes());
  const packed = h.workspace(h.kernels.int12PackedBytes(n, k));
  const c = h.output('c', Math.max(0, (m - 1) * (n + pad) + n));
  return { a, b, workspace, packed, c };
}

for (const [build, h] of await loadBuilds()) {
  test(`${build}: the integers of the reference, around panels and blocks`, () => {
    for (const [m, n, k] of SHAPES) {
      for (const pad of [0, 3]) {
        h.reset();
        const { a, b, workspace, packed, c } = operands(h, m, n, k, pad);
        assert.is(h.kernels.int12PackedBytes(n, k), h.reference.int12PackedBytes(n, k));
        h.run('int12Pack', [packed, b, n, k, k, workspace]);
        h.run('int12GemmPacked', [c, a, packed, m, n, k, k + pad, n + pad, workspace]);
      }
    }
  });

  test(`${build}: the bits of int12Gemm, whole and in parts`, () => {
    for (const [m, n, k] of SHAPES) {
      h.reset();
      const { a, b, workspace, packed, c } = operands(h, m, n, k, 0);
      const whole = h.output('whole', m * n);
      h.runWasm('int12Gemm', [whole, a, b, m, n, k, k, k, n, 0, 1, 0, workspace, 0]);
      h.runWasm('int12Pack', [packed, b, n, k, k, workspace]);
      h.runWasm('int12GemmPacked', [c, a, packed, m, n, k, k, n, workspace]);
      assert.equal(h.bits(c, m * n), h.bits(whole, m * n), `${m} ${n} ${k}`);
      // The columns from 16 on alone, and every row alone.
      if (n <= 16 || k === 0) continue;
      new Int32Array(h.memory.buffer, c, m * n).fill(7);
      const panel = h.kernels.int12PackedBytes(16, k);
      for (let i = 0; i < m; i++) {
        const [to, from] = [c + i * n * 4, a + i * k * 4];
        h.runWasm('int12GemmPacked', [to, from, packed, 1, 16, k, k, n, workspace]);
        h.runWasm('int12GemmPacked', [to + 64, from, packed + panel, 1, n - 16, k, k, n, workspace]);
      }
      assert.equal(h.bits(c, m * n), h.bits(whole, m * n), `${m} ${n} ${k} in parts`);
    }
  });

  test(`${build}: a NaN spoils its row or column alone`, () => {
    h.reset();
    const [m, n, k] = [2, 20, 300];
    const a = numbers(m * k, 1);
    const b = numbers(n * k, 2);
    a[k + 5] = Number.NaN;
    b[3 * k + 280] = Number.POSITIVE_INFINITY;
    const o = { a: h.input('a', a), b: h.input('b', b), c: h.output('c', m * n) };
    const workspace = h.workspace(h.kernels.gemmWorkspaceBytes());
    const packed = h.workspace(h.kernels.int12PackedBytes(n, k));
    h.runWasm('int12Pack', [packed, o.b, n, k, k, workspace]);
    h.runWasm('int12GemmPacked', [o.c, o.a, packed, m, n, k, k, n, workspace]);
    const c = h.floats(o.c, m * n);
    assert.equal(
      [...c.keys()].filter((i) => Number.isNaN(c[i])),
      [3, ...Array.from({ length: n }, (_, j) => n + j)],
    );
  });
}

test.run();
