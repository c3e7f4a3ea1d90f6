/** @file The products in exact integers: bit for bit what the integers of the reference give, with both micro-kernels. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Call, type KernelHarness, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/int12');
const builds = await loadBuilds();
const FORMS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;
const MICRO_KERNELS = [0, 1] as const;

/** Around pair, vector, tile (2 x 16), group (4 and 16), blocks (128 rows, 256 deep, 1024 columns), few rows; m, n, k. */
const SHAPES = [
  [0, 5, 3],
  [5, 0, 3],
  [1, 1, 1],
  [1, 8, 4],
  [3, 7, 5],
  [4, 8, 1],
  [5, 9, 2],
  [4, 8, 8],
  [11, 19, 13],
  [16, 16, 16],
  [33, 33, 32],
  [17, 65, 66],
  [6, 18, 255],
  [7, 17, 256],
  [2, 40, 257],
  [23, 50, 259],
  [129, 24, 31],
  [35, 1033, 7],
  [9, 35, 513],
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
  extmul: number;
}

const count = (rows: number, cols: number, ld: number): number =>
  rows > 0 && cols > 0 ? (rows - 1) * ld + cols : 0;

/** Numbers of very different sizes, some of them 0. */
function uneven(length: number, seed: number): Float32Array {
  const mantissas = numbers(length, seed);
  return numbers(length, seed + 50, -20, 8).map((e, i) =>
    e > 7.5 ? 0 : Math.fround(mantissas[i] * 2 ** Math.floor(e)),
  );
}

/** Every buffer as the reference has it, to the bit; a NaN is a NaN. */
function equalBits(h: KernelHarness, ptr: number, length: number, message: string): void {
  const expected = new Int32Array(Float32Array.from(h.doubles(ptr, length)).buffer);
  const actual = h.bits(ptr, length);
  const isNaNAt = (bits: number): boolean => (bits & 0x7fffffff) > 0x7f800000;
  const at = actual.findIndex((bits, i) => bits !== expected[i] && !(isNaNAt(bits) && isNaNAt(expected[i])));
  assert.is(at, -1, `${message}: bits differ at ${at}`);
}

for (const [build, h] of builds) {
  const check = (shape: Case, make: (length: number, seed: number) => Float32Array = numbers): void => {
    const { m, n, k, transA, transB, accumulate, pad, extmul } = shape;
    const [lda, ldb, ldc] = [(transA ? m : k) + pad, (transB ? k : n) + pad, n + pad];
    h.reset();
    const length = count(m, n, ldc);
    const c = h.input('c', numbers(length, 3));
    const a = h.input('a', make(transA ? count(k, m, lda) : count(m, k, lda), 1));
    const b = h.input('b', make(transB ? count(n, k, ldb) : count(k, n, ldb), 2));
    const work = h.workspace(h.kernels.gemmWorkspaceBytes());
    h.run('int12Gemm', [c, a, b, m, n, k, lda, ldb, ldc, transA, transB, accumulate, work, extmul]);
    equalBits(h, c, length, `${build} ${JSON.stringify(shape)}`);
  };

  test(`${build}: products have the bits of the integers, around tiles and blocks`, () => {
    for (const [m, n, k] of SHAPES) {
      for (const [transA, transB] of FORMS) {
        for (const extmul of MICRO_KERNELS) {
          check({ m, n, k, transA, transB, accumulate: 0, pad: 0, extmul });
          check({ m, n, k, transA, transB, accumulate: 1, pad: 3, extmul }, uneven);
        }
      }
    }
  });

  test(`${build}: small sizes all around the tile`, () => {
    for (let m = 1; m <= 9; m += 2) {
      for (let n = 1; n <= 17; n++) {
        for (const [transA, transB] of FORMS) {
          check({ m, n, k: 1 + ((m * n) % 10), transA, transB, accumulate: n & 1, pad: 1, extmul: m & 1 });
        }
      }
    }
  });

  test(`${build}: k = 0 clears C, or leaves it when accumulating`, () => {
    check({ m: 5, n: 7, k: 0, transA: 0, transB: 0, accumulate: 0, pad: 2, extmul: 0 });
    check({ m: 5, n: 7, k: 0, transA: 0, transB: 1, accumulate: 1, pad: 2, extmul: 1 });
  });

  test(`${build}: the largest integers do not overflow, halves go to the even neighbour`, () => {
    const largest = (length: number): Float32Array =>
      new Float32Array(length).fill(1.9999999).map((x, i) => (i % 5 === 4 ? -x : x));
    const same = (length: number): Float32Array => new Float32Array(length).fill(-1.9999999);
    // Beside a maximum of 1024 units these are halves of a unit, of both signs.
    const halves = (length: number, seed: number): Float32Array =>
      Float32Array.from({ length }, (_, i) => (i % 7 === 0 ? 1024 : (((i * seed) % 41) - 20) / 2));
    for (const make of [largest, same, halves]) {
      for (const [transA, transB] of FORMS) {
        for (const extmul of MICRO_KERNELS) {
          check({ m: 6, n: 19, k: 512, transA, transB, accumulate: 0, pad: 0, extmul }, make);
        }
      }
    }
  });

  test(`${build}: denormals, the smallest and the largest numbers`, () => {
    const sizes = [
      2 ** -149,
      2 ** -140,
      2 ** -127,
      2 ** -126,
      2 ** -117,
      2 ** -116,
      2 ** -115,
      2 ** 20,
      2 ** 127,
    ];
    for (const size of sizes) {
      for (const other of [2 ** -149, 1, 2 ** 100]) {
        const make = (length: number, seed: number): Float32Array =>
          numbers(length, seed).map((x) => Math.fround(x * (seed === 1 ? size : other) * 0.9));
        for (const [transA, transB] of FORMS) {
          check({ m: 5, n: 18, k: 11, transA, transB, accumulate: 0, pad: 0, extmul: 0 }, make);
        }
      }
    }
  });

  test(`${build}: NaN and infinity spoil their row or column, and no other number`, () => {
    const [m, n, k] = [6, 20, 270];
    for (const [transA, transB] of FORMS) {
      for (const extmul of MICRO_KERNELS) {
        h.reset();
        const aValues = numbers(m * k, 1);
        const bValues = numbers(n * k, 2);
        const at = (i: number, p: number, lines: number, along: boolean): number =>
          along ? i * k + p : p * lines + i;
        aValues[at(2, 3, m, !transA)] = Number.NaN;
        aValues[at(4, 269, m, !transA)] = Number.NEGATIVE_INFINITY;
        bValues[at(17, 9, n, Boolean(transB))] = Number.POSITIVE_INFINITY;
        const c = h.output('c', m * n);
        const a = h.input('a', aValues);
        const b = h.input('b', bValues);
        const work = h.workspace(h.kernels.gemmWorkspaceBytes());
        const [lda, ldb] = [transA ? m : k, transB ? k : n];
        h.run('int12Gemm', [c, a, b, m, n, k, lda, ldb, n, transA, transB, 0, work, extmul]);
        h.floats(c, m * n).forEach((value, i) => {
          const spoilt = [2, 4].includes(Math.floor(i / n)) || i % n === 17;
          assert.is(Number.isNaN(value), spoilt, `row ${Math.floor(i / n)}, column ${i % n}: ${value}`);
        });
        equalBits(h, c, m * n, 'with NaNs');
      }
    }
  });

  test(`${build}: in a gradient of weights, what meets only zeros does not count, whatever it is`, () => {
    // A (k, m) has rows of zeros, as gradients of padding are; B (k, n) holds anything there.
    const [m, n, k] = [21, 37, 300];
    const padding = (p: number): boolean => p % 7 > 3 || p > 290;
    const results: string[] = [];
    for (const content of [0, 1e-9, 1e30, Number.POSITIVE_INFINITY, Number.NaN]) {
      for (const extmul of MICRO_KERNELS) {
        h.reset();
        // Zeros of both signs, and rows that are zero but for their last element.
        const aValues = numbers(m * k, 1).map((x, i) => {
          const p = Math.floor(i / m);
          if (padding(p)) return i % 2 ? 0 : -0;
          return p % 7 === 3 && i % m < m - 1 ? 0 : x;
        });
        const a = h.input('a', aValues);
        const b = h.input(
          'b',
          numbers(n * k, 2).map((x, i) => (padding(Math.floor(i / n)) ? x * content : x)),
        );
        const c = h.output('c', m * n);
        const work = h.workspace(h.kernels.gemmWorkspaceBytes());
        h.run('int12Gemm', [c, a, b, m, n, k, m, n, n, 1, 0, 0, work, extmul]);
        equalBits(h, c, m * n, `padding of ${content}`);
        results.push(h.bits(c, m * n).join());
      }
    }
    assert.is(new Set(results).size, 1, 'padding changed a bit');
  });

  test(`${build}: the error of a product stays within what the format gives`, () => {
    const [m, n, k] = [19, 21, 300];
    h.reset();
    const [aValues, bValues] = [uneven(m * k, 1), uneven(n * k, 2)];
    const a = h.input('a', aValues);
    const b = h.input('b', bValues);
    const c = h.output('c', m * n);
    const work = h.workspace(h.kernels.gemmWorkspaceBytes());
    h.runWasm('int12Gemm', [c, a, b, m, n, k, k, k, n, 0, 1, 0, work, 0]);
    const values = h.floats(c, m * n);
    let worst = 0;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let exact = 0;
        let allowed = 0;
        for (let first = 0; first < k; first += 256) {
          const row = aValues.subarray(i * k + first, i * k + Math.min(k, first + 256));
          const column = bValues.subarray(j * k + first, j * k + Math.min(k, first + 256));
          // Half a unit each, and a unit is at most 2^-10 of the largest magnitude.
          const unit = (line: Float32Array): number =>
            line.reduce((t, x) => Math.max(t, Math.abs(x)), 0) * 2 ** -11;
          const [u, v] = [unit(row), unit(column)];
          row.forEach((x, p) => {
            exact += x * column[p];
            allowed += Math.abs(x) * v + Math.abs(column[p]) * u + u * v;
          });
        }
        const error = Math.abs(values[i * n + j] - exact);
        worst = Math.max(worst, error / allowed);
      }
    }
    assert.ok(worst <= 1, `${worst} of what is allowed`);
    assert.ok(worst > 0.01, `only ${worst} of what is allowed: were the operands quantised at all?`);
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
      const shape = [m, n, k, lda, ldb, n, transA, transB, 0, work, 0] as const;
      // Stride 0: one B for all.
      h.run('int12GemmBatched', [c, a, b, batch, m * n + 2, m * k + 5, 0, ...shape]);
      for (let z = 0; z < batch; z++) {
        h.runWasm('int12Gemm', [one, a + z * (m * k + 5) * 4, b, ...shape]);
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
      h.runWasm('int12Gemm', [whole, a, b, m, n, k, lda, ldb, n, transA, transB, 1, work, 0]);
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
          h.runWasm('int12Gemm', [c, aPart, bPart, rows, cols, k, lda, ldb, n, transA, transB, 1, work, 1]);
        }
      }
      assert.equal(h.bits(parts, m * n), h.bits(whole, m * n));
    }
  });

  test(`${build}: products stop at the count in memory`, () => {
    const [rows, n, k] = [11, 9, 6];
    for (const valid of [0, 3, 8, 11, 20]) {
      for (const first of [0, 4]) {
        h.reset();
        const work = h.workspace(h.kernels.gemmWorkspaceBytes());
        const at = h.ints('count', [valid]);
        const [a, b] = [h.input('a', numbers(rows * k, 1)), h.input('b', numbers(n * k, 2))];
        const c = h.input('c', numbers(rows * n, 3));
        h.run('int12GemmValidRows', [c, a, b, at, first, rows, n, k, k, k, n, 0, 1, 0, work, 0]);
        const d = h.input('d', numbers(n * k, 4));
        for (const accumulate of [1, 0]) {
          const shape = [n, k, rows, n, k, k, 1, 0, accumulate, work, 0] as const;
          const call: Call<'int12GemmValidDepth'> = [d, c, a, at, first, ...shape];
          h.run('int12GemmValidDepth', call);
        }
      }
    }
  });
}

test.run();
