/**
 * Micro-kernels: one C tile of 4 rows and 8 columns, kept in eight vector accumulators. More tiles would spill:
 * V8 leaves 15 vector registers, and strict arithmetic needs one for the product. Stores stay out of the loop.
 *
 * C(4, 8) = or += A(4, k) B(k, 8): acc = +0, then acc + a b for ascending k, each step rounded, so both kernels
 * give the same bits. Strides are in bytes. C must not overlap A or B.
 */
import { LANES, loadUpTo, storeUpTo } from './simd';

/** Rows and columns of a tile. */
export const MR: i32 = 4;
export const NR: i32 = 8;

/** Bytes of the scratch tile that `storePart` reads. */
export const TILE_BYTES: i32 = 128;

/** acc + a b: two roundings in the strict build, one or two in the relaxed one. */
// @ts-ignore: decorator
@inline
export function madd(acc: v128, a: v128, b: v128): v128 {
  if (isDefined(RELAXED)) return f32x4.relaxed_madd(a, b, acc);
  return f32x4.add(acc, f32x4.mul(a, b));
}

/** Tile with A in rows: a[i * lda + 4 p]. Only `rows` of them exist; the others repeat the last one. */
export function tileRows(
  c: usize, ldc: usize, a: usize, lda: usize, rows: i32, b: usize, ldb: usize, k: i32, add: i32,
): void {
  let a1 = rows > 1 ? a + lda : a;
  let a2 = rows > 2 ? a1 + lda : a1;
  let a3 = rows > 3 ? a2 + lda : a2;
  const end = a + (<usize>k << 2);
  const zero = f32x4.splat(0);
  let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
  while (a != end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    b += ldb;
    let x = v128.load32_splat(a);
    a += 4;
    c00 = madd(c00, x, b0);
    c01 = madd(c01, x, b1);
    x = v128.load32_splat(a1);
    a1 += 4;
    c10 = madd(c10, x, b0);
    c11 = madd(c11, x, b1);
    x = v128.load32_splat(a2);
    a2 += 4;
    c20 = madd(c20, x, b0);
    c21 = madd(c21, x, b1);
    x = v128.load32_splat(a3);
    a3 += 4;
    c30 = madd(c30, x, b0);
    c31 = madd(c31, x, b1);
  }
  putRow(c, c00, c01, add);
  putRow(c + ldc, c10, c11, add);
  putRow(c + ldc * 2, c20, c21, add);
  putRow(c + ldc * 3, c30, c31, add);
}

/** Tile with A in columns: a[p * lda + 4 i], as in a packed strip or a transposed A. All four rows are read. */
export function tileColumns(
  c: usize, ldc: usize, a: usize, lda: usize, b: usize, ldb: usize, k: i32, add: i32,
): void {
  const end = b + ldb * <usize>k;
  const zero = f32x4.splat(0);
  let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
  while (b != end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    b += ldb;
    let x = v128.load32_splat(a);
    c00 = madd(c00, x, b0);
    c01 = madd(c01, x, b1);
    x = v128.load32_splat(a, 4);
    c10 = madd(c10, x, b0);
    c11 = madd(c11, x, b1);
    x = v128.load32_splat(a, 8);
    c20 = madd(c20, x, b0);
    c21 = madd(c21, x, b1);
    x = v128.load32_splat(a, 12);
    a += lda;
    c30 = madd(c30, x, b0);
    c31 = madd(c31, x, b1);
  }
  putRow(c, c00, c01, add);
  putRow(c + ldc, c10, c11, add);
  putRow(c + ldc * 2, c20, c21, add);
  putRow(c + ldc * 3, c30, c31, add);
}

/** The part (rows, cols) of a contiguous scratch tile goes to C, replacing it or added to it. */
export function storePart(c: usize, ldc: usize, tile: usize, rows: i32, cols: i32, add: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j += LANES) {
      const rest = cols - j;
      const offset = <usize>j << 2;
      const value = v128.load(tile + offset);
      storeUpTo(c + offset, add != 0 ? f32x4.add(loadUpTo(c + offset, rest), value) : value, rest);
    }
    c += ldc;
    tile += NR << 2;
  }
}

// @ts-ignore: decorator
@inline
function putRow(c: usize, v0: v128, v1: v128, add: i32): void {
  if (add) {
    v0 = f32x4.add(v128.load(c), v0);
    v1 = f32x4.add(v128.load(c, 16), v1);
  }
  v128.store(c, v0);
  v128.store(c, v1, 16);
}
