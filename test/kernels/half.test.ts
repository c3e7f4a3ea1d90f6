/** Matrices in 16 bits: every value widens exactly, and a product has the bits of the product with the same values as f32. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromHalf, type HalfType, toHalf } from '../../src/half.js';
import { FORMAT_BF16, FORMAT_F16 } from '../../src/runtime/generated/shared.js';
import { integers, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/half');
const TYPES: [HalfType, number][] = [
  ['f16', FORMAT_F16],
  ['bf16', FORMAT_BF16],
];
const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** Two numbers to a word. */
function packed(halves: Uint16Array): Int32Array {
  const even = new Uint16Array(Math.ceil(halves.length / 2) * 2);
  even.set(halves);
  return new Int32Array(even.buffer);
}

const bitsOf = (x: number): number => new Uint32Array(Float32Array.of(x).buffer)[0];
const floatOf = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0];
const isNaNHalf = (type: HalfType, half: number): boolean =>
  (half & 0x7fff) > (type === 'f16' ? 0x7c00 : 0x7f80);

/** Slow and obvious: sign, exponent and fraction by the definitions of IEEE 754 and of bfloat16. */
function defined(type: HalfType, half: number): number {
  const [exponentBits, fractionBits] = type === 'f16' ? [5, 10] : [8, 7];
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> fractionBits) & (2 ** exponentBits - 1);
  const fraction = (half & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

test('all 65536 values of both kinds are what their definitions say, and go to 16 bits and back unchanged', () => {
  for (const [type] of TYPES) {
    for (const half of ALL) {
      const value = fromHalf(type, half);
      assert.ok(Object.is(value, defined(type, half)), `${type} ${half}: ${value}`);
      if (isNaNHalf(type, half)) assert.ok(isNaNHalf(type, toHalf(type, value)));
      else if (toHalf(type, value) !== half) assert.unreachable(`${type} ${half}`);
    }
  }
});

test('what lies between two values goes to the nearer, halves to the even one', () => {
  for (const [type] of TYPES) {
    const top = type === 'f16' ? 0x7c00 : 0x7f80;
    for (let low = 0; low < top; low++) {
      // Beyond the largest finite value the next would be a power of two, which is an infinity instead.
      const [a, b] = [
        defined(type, low),
        low + 1 === top ? 2 ** (type === 'f16' ? 16 : 128) : defined(type, low + 1),
      ];
      const middle = (a + b) / 2;
      const even = low % 2 === 0 ? low : low + 1;
      for (const sign of [1, -1]) {
        const mark = sign < 0 ? 0x8000 : 0;
        assert.is(toHalf(type, sign * middle), even | mark, `${type} ${low}`);
        const bits = bitsOf(middle);
        assert.is(toHalf(type, sign * floatOf(bits - 1)), low | mark, `${type} below ${low}`);
        assert.is(toHalf(type, sign * floatOf(bits + 1)), (low + 1) | mark, `${type} above ${low}`);
      }
    }
    assert.ok(isNaNHalf(type, toHalf(type, NaN)));
    for (const value of [Infinity, 3.4028234e38]) assert.is(toHalf(type, value), top);
    assert.is(toHalf(type, -0), 0x8000);
    assert.is(toHalf(type, floatOf(1)), 0, 'the smallest float32');
  }
});

/** Around lane, tile (2 x 16), blocks (256 deep, 512 columns), few rows and more; m, n, k. */
const SHAPES = [
  [0, 5, 3],
  [5, 0, 3],
  [5, 7, 0],
  [1, 1, 1],
  [1, 33, 70],
  [1, 24, 256],
  [1, 9, 768],
  [1, 12, 512],
  [2, 17, 36],
  [4, 12, 516],
  [3, 7, 5],
  [11, 19, 13],
  [16, 16, 16],
  [2, 40, 257],
  [33, 70, 259],
  [40, 24, 255],
  [131, 17, 513],
  [35, 530, 9],
] as const;

for (const [build, h] of await loadBuilds()) {
  test(`${build}: rows of a table widen to the bits of their values`, () => {
    for (const [type, format] of TYPES) {
      h.reset();
      const weight = h.ints('weight', packed(ALL));
      const ids = h.ints('ids', [0]);
      const out = h.output('out', ALL.length);
      h.run('embeddingForwardHalf', [out, weight, ids, 1, ALL.length, 1, format]);
      const bits = h.bits(out, ALL.length);
      for (const half of ALL) {
        const expected = defined(type, half);
        const value = floatOf(bits[half]);
        if (!Object.is(value, expected)) assert.unreachable(`${type} ${half}: ${value}`);
      }
      for (const cols of [1, 3, 4, 5, 19]) {
        for (const rows of [0, 1, 23]) {
          h.reset();
          const table = h.ints(
            'weight',
            packed(Uint16Array.from(numbers(6 * cols, 1), (x) => toHalf(type, x))),
          );
          const some = h.ints('ids', integers(rows, 2, -1, 6));
          const part = h.output('out', rows * cols);
          h.run('embeddingForwardHalf', [part, table, some, rows, cols, Math.fround(1.3), format], {
            rtol: 1e-7,
          });
        }
      }
    }
  });

  test(`${build}: a product has the bits of the one with the same values as f32, in floats and in int12`, () => {
    // The largest take seconds in the debug build.
    for (const [m, n, k] of build === 'debug' ? SHAPES.slice(0, 14) : SHAPES) {
      for (const [type, format] of TYPES) {
        for (const transB of [0, 1]) {
          for (const [accumulate, pad] of [
            [0, 0],
            [1, 3],
          ]) {
            const [lda, ldb, ldc] = [k + pad, (transB ? k : n) + pad, n + pad];
            const [rowsB, colsB] = transB ? [n, k] : [k, n];
            const length = rowsB > 0 && colsB > 0 ? (rowsB - 1) * ldb + colsB : 0;
            const halves = Uint16Array.from(numbers(length, 2), (x) => toHalf(type, x));
            const values = Float32Array.from(halves, (half) => fromHalf(type, half));
            h.reset();
            const start = numbers(m > 0 && n > 0 ? (m - 1) * ldc + n : 0, 3);
            const a = h.input('a', numbers(m > 0 && k > 0 ? (m - 1) * lda + k : 0, 1));
            const [wide, b] = [h.input('wide', values), h.ints('b', packed(halves))];
            const [c, d, e, f] = ['c', 'd', 'e', 'f'].map((name) => h.input(name, start));
            const work = h.workspace(h.kernels.gemmWorkspaceBytes());
            const shape = [m, n, k, lda, ldb, ldc] as const;
            // Every buffer is compared after every call.
            const tolerance = { atol: 3e-6 * Math.max(4, k) };
            h.run('sgemm', [c, a, wide, ...shape, 0, transB, accumulate, work], tolerance);
            h.run('sgemmHalf', [d, a, b, ...shape, transB, accumulate, work, format], tolerance);
            h.run('int12Gemm', [e, a, wide, ...shape, 0, transB, accumulate, work, 0], tolerance);
            h.run('int12GemmHalf', [f, a, b, ...shape, transB, accumulate, work, format, m & 1], tolerance);
            const about = `${type} ${m} ${n} ${k}, transB ${transB}`;
            assert.equal(h.bits(d, start.length), h.bits(c, start.length), about);
            assert.equal(h.bits(f, start.length), h.bits(e, start.length), `int12 ${about}`);
          }
        }
      }
    }
  });

  test(`${build}: products stop at the count in memory`, () => {
    const [rows, n, k] = [11, 9, 6];
    for (const [type, format] of TYPES) {
      for (const count of [0, 3, 11, 20]) {
        for (const first of [0, 4]) {
          h.reset();
          const work = h.workspace(h.kernels.gemmWorkspaceBytes());
          const valid = h.ints('count', [count]);
          const a = h.input('a', numbers(rows * k, 1));
          const b = h.ints('b', packed(Uint16Array.from(numbers(n * k, 2), (x) => toHalf(type, x))));
          const [c, d] = [h.input('c', numbers(rows * n, 3)), h.input('d', numbers(rows * n, 3))];
          const shape = [first, rows, n, k, k, k, n, 1, 0] as const;
          h.run('sgemmValidRowsHalf', [c, a, b, valid, ...shape, work, format], { atol: 1e-5 });
          h.run('int12GemmValidRowsHalf', [d, a, b, valid, ...shape, work, format, 0], { atol: 1e-5 });
        }
      }
    }
  });
}

test.run();
