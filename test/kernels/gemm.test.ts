import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadBuilds, numbers } from './harness.js';

const test = suite('kernels/gemm');
const builds = await loadBuilds();
const FORMS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;

/** Around lane, tile (2 x 16), block (128 rows, 256 deep, 512 columns), primes; few rows and more; m, n, k. */
const SHAPES = [
  [0, 5, 3],
  [5, 0, 3],
  [1, 1, 1],
  [1, 8, 4],
  [3, 7, 5],
  [4, 8, 1],
  [5, 9, 3],
  [4, 8, 8],
  [11, 19, 13],
  [16, 16, 16],
  [31, 33, 32],
  [17, 65, 66],
  [2, 40, 257],
  [23, 70, 259],
  [129, 24, 255],
  [13, 1033, 7],
  [8, 530, 40],
  [33, 513, 9],
  [131, 67, 513],
] as const;

/** Shapes whose operands span enough to be packed in every form. */
const LARGE = [
  [195, 130, 300],
  [40, 1100, 70],
] as const;

/** Of one row to four: around eight rows of B, four, and one block or two. */
const ROW_SHAPES = [
  [8, 4],
  [9, 8],
  [16, 12],
  [23, 36],
  [24, 252],
  [40, 256],
  [12, 260],
  [17, 508],
  [8, 512],
  [28, 512],
  [16, 516],
  [24, 768],
  [9, 1028],
] as const;

interface Case {
  m: number;
  n: number;
  k: number;
  transA: number;
  transB: number;
  accumulate: number;
  /** Added to each natural row stride. */
  pad: number;
}

/** The pinned order in plain f32 arithmetic: the oracle of the bits. */
function canonical(c: Float32Array, a: Float32Array, b: Float32Array, shape: Case): Float32Array {
  const { m, n, k, transA, transB, accumulate } = shape;
  const [lda, ldb, ldc] = strides(shape);
  const out = c.slice();
  const row = new Float32Array(n);
  for (let i = 0; i < m; i++) {
    for (let start = 0; start < Math.max(k, 1); start += 256) {
      row.fill(0);
      for (let p = start; p < Math.min(k, start + 256); p++) {
        const x = a[transA ? p * lda + i : i * lda + p];
        for (let j = 0; j < n; j++) row[j] += Math.fround(x * b[transB ? j * ldb + p : p * ldb + j]);
      }
      for (let j = 0; j < n; j++) {
        const at = i * ldc + j;
        if (start > 0 || accumulate) {
          if (k > 0) out[at] += row[j];
        } else out[at] = row[j];
      }
    }
  }
  return out;
}

function strides({ m, n, k, transA, transB, pad }: Case): [number, number, number] {
  return [(transA ? m : k) + pad, (transB ? k : n) + pad, n + pad];
}

const count = (rows: number, cols: number, ld: number): number =>
  rows > 0 && cols > 0 ? (rows - 1) * ld + cols : 0;

for (const [build, h] of builds) {
  const check = (shape: Case) => {
    const { m, n, k, transA, transB, accumulate } = shape;
    const [lda, ldb, ldc] = strides(shape);
    h.reset();
    const aValues = numbers(transA ? count(k, m, lda) : count(m, k, lda), 1);
    const bValues = numbers(transB ? count(n, k, ldb) : count(k, n, ldb), 2);
    const cValues = numbers(count(m, n, ldc), 3);
    const c = h.input('c', cValues);
    const a = h.input('a', aValues);
    const b = h.input('b', bValues);
    const work = h.workspace(h.kernels.gemmWorkspaceBytes());
    h.run('sgemm', [c, a, b, m, n, k, lda, ldb, ldc, transA, transB, accumulate, work], {
      atol: 3e-6 * Math.max(4, k),
    });
    const expected = canonical(cValues, aValues, bValues, shape);
    const bits = new Int32Array(expected.buffer);
    const actual = h.bits(c, cValues.length);
    const at = actual.findIndex((value, i) => value !== bits[i]);
    assert.is(at, -1, `${JSON.stringify(shape)}: bits differ at ${at}`);
  };

  test(`${build}: sgemm agrees with the reference and bit for bit with the canonical order`, () => {
    for (const [m, n, k] of build === 'debug' ? SHAPES : [...SHAPES, ...LARGE]) {
      for (const [transA, transB] of FORMS) {
        check({ m, n, k, transA, transB, accumulate: 0, pad: 0 });
        check({ m, n, k, transA, transB, accumulate: 1, pad: 3 });
      }
    }
  });

  test(`${build}: one row to four, and five, against rows where they lie`, () => {
    for (const [n, k] of ROW_SHAPES) {
      for (const m of [1, 2, 3, 4, 5]) {
        check({ m, n, k, transA: 0, transB: 1, accumulate: 0, pad: 0 });
        check({ m, n, k, transA: 0, transB: 1, accumulate: 1, pad: 4 });
      }
    }
    // Deeper than the room there is for four rows.
    check({ m: 3, n: 9, k: 8200, transA: 0, transB: 1, accumulate: 0, pad: 0 });
  });

  test(`${build}: the last row may be where memory ends: what is asked for ahead lies in the matrix`, () => {
    for (const [n, k] of ROW_SHAPES) {
      for (const m of [1, 3]) {
        for (const format of [0, 1, 2]) {
          h.reset();
          const c = h.output('c', m * n);
          const a = h.input('a', numbers(m * k, 1));
          // Of any bits: halves of them are numbers, too.
          const inside = h.input('b', numbers(n * k, 2));
          const work = h.workspace(h.kernels.gemmWorkspaceBytes());
          const bytes = n * k * (format ? 2 : 4);
          const atEnd = h.memory.buffer.byteLength - bytes;
          new Uint8Array(h.memory.buffer).copyWithin(atEnd, inside, inside + bytes);
          const product = (b: number): Int32Array => {
            const shape = [m, n, k, k, k, n] as const;
            if (format) h.kernels.sgemmHalf(c, a, b, ...shape, 1, 0, work, format);
            else h.kernels.sgemm(c, a, b, ...shape, 0, 1, 0, work);
            return h.bits(c, m * n);
          };
          assert.equal(product(atEnd), product(inside), `${m} x ${n} x ${k}, format ${format}`);
        }
      }
    }
  });

  test(`${build}: small sizes all around the tile agree bit for bit`, () => {
    for (let m = 1; m <= 9; m += 2) {
      for (let n = 1; n <= 17; n++) {
        for (const [transA, transB] of FORMS) {
          check({ m, n, k: (m * n) % 9, transA, transB, accumulate: n & 1, pad: 1 });
        }
      }
    }
  });

  test(`${build}: k = 0 clears C, or leaves it when accumulating`, () => {
    check({ m: 5, n: 7, k: 0, transA: 0, transB: 0, accumulate: 0, pad: 2 });
    check({ m: 5, n: 7, k: 0, transA: 0, transB: 1, accumulate: 1, pad: 2 });
  });

  test(`${build}: long rows of a large matrix are packed without a change of bits`, () => {
    // Strides far beyond the cache: the transposed and the plain forms take their packed paths.
    check({ m: 20, n: 24, k: 40, transA: 1, transB: 0, accumulate: 0, pad: 500 });
    check({ m: 7, n: 12, k: 40, transA: 1, transB: 0, accumulate: 1, pad: 500 });
  });

  test(`${build}: a batch equals its members`, () => {
    for (const [transA, transB] of FORMS) {
      const [batch, m, n, k] = [3, 9, 10, 11];
      h.reset();
      const c = h.output('c', batch * (m * n + 2));
      const a = h.input('a', numbers(batch * (m * k + 5), 1));
      const b = h.input('b', numbers(n * k, 2));
      const one = h.output('one', m * n);
      const work = h.workspace(h.kernels.gemmWorkspaceBytes());
      const [lda, ldb] = [transA ? m : k, transB ? k : n];
      const shape = [m, n, k, lda, ldb, n, transA, transB, 0, work] as const;
      // Stride 0: one B for all.
      h.run('sgemmBatched', [c, a, b, batch, m * n + 2, m * k + 5, 0, ...shape], { atol: 1e-5 });
      for (let z = 0; z < batch; z++) {
        h.runWasm('sgemm', [one, a + z * (m * k + 5) * 4, b, ...shape]);
        assert.equal(h.bits(c + z * (m * n + 2) * 4, m * n), h.bits(one, m * n));
      }
    }
  });

  test(`${build}: a part of the rows or of the columns has the bits of the whole`, () => {
    const [m, n, k] = [37, 53, 270];
    for (const [transA, transB] of FORMS) {
      h.reset();
      const [lda, ldb] = [transA ? m : k, transB ? k : n];
      const a = h.input('a', numbers(m * k, 1));
      const b = h.input('b', numbers(n * k, 2));
      const whole = h.input('whole', numbers(m * n, 3));
      const parts = h.input('parts', numbers(m * n, 3));
      const work = h.workspace(h.kernels.gemmWorkspaceBytes());
      h.runWasm('sgemm', [whole, a, b, m, n, k, lda, ldb, n, transA, transB, 1, work]);
      for (const [row, rows] of [
        [0, 4],
        [4, 33],
      ]) {
        for (const [col, cols] of [
          [0, 32],
          [32, 21],
        ]) {
          const c = parts + (row * n + col) * 4;
          const aPart = a + row * (transA ? 1 : k) * 4;
          const bPart = b + col * (transB ? k : 1) * 4;
          h.runWasm('sgemm', [c, aPart, bPart, rows, cols, k, lda, ldb, n, transA, transB, 1, work]);
        }
      }
      assert.equal(h.bits(parts, m * n), h.bits(whole, m * n));
    }
  });

  test(`${build}: NaN and infinity reach exactly their row`, () => {
    h.reset();
    const values = numbers(6 * 10, 1);
    values[2 * 10 + 3] = Number.NaN;
    values[4 * 10 + 9] = Number.POSITIVE_INFINITY;
    const c = h.output('c', 6 * 9);
    const a = h.input('a', values);
    const b = h.input('b', numbers(10 * 9, 2, 0.5, 1));
    const work = h.workspace(h.kernels.gemmWorkspaceBytes());
    h.run('sgemm', [c, a, b, 6, 9, 10, 10, 9, 9, 0, 0, 0, work], { atol: 1e-5 });
  });
}

test.run();
