/**
 * The micro-kernel: C tiles of 2 rows and 16 columns, kept in eight vector accumulators, for all rows of A against
 * one panel of B. V8 leaves 15 vector registers, and strict arithmetic needs one for the product.
 *
 * Two k steps per round, between them the exit for odd k. The exit has a second use: older V8 (Node 20, 22) moves
 * every load of a basic block before its arithmetic, so two steps in one block would spill.
 */
import { LANES, loadUpTo, storeUpTo } from './simd';

/** Rows of a tile, and its columns: the width of a panel of B. */
export const MR: i32 = 2;
export const NR: i32 = 16;

/** Row stride of a packed panel. */
export const PANEL_ROW: usize = 64;

/** acc + a b: two roundings in the strict build, one or two in the relaxed one. */
// @ts-ignore: decorator
@inline
export function madd(acc: v128, a: v128, b: v128): v128 {
  if (isDefined(RELAXED)) return f32x4.relaxed_madd(a, b, acc);
  return f32x4.add(acc, f32x4.mul(a, b));
}

/**
 * C(m, 16) = or += A(m, k) B(k, 16): acc = +0, then acc + a b for ascending k, each step rounded. k >= 1. Row
 * strides are in bytes, PANEL_ROW for a packed panel. C must not overlap A or B.
 */
export function rowsTimesPanel(
  c: usize, ldc: usize, a: usize, lda: usize, m: i32, b: usize, ldb: usize, k: i32, add: i32,
): void {
  const end = b + <usize>k * ldb;
  const middle = k & 1 ? end - ldb : 0;
  const zero = f32x4.splat(0);
  for (let i = 0; i < m; i += MR) {
    // A row that does not exist repeats its neighbour and is not stored.
    const pair = i + 1 < m;
    let a0 = a;
    const second = pair ? lda : 0;
    let p = b;
    let c00 = zero, c01 = zero, c02 = zero, c03 = zero, c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    while (true) {
      const a1 = a0 + second;
      let x = v128.load32_splat(a0);
      let y = v128.load32_splat(a1);
      let z = v128.load(p);
      c00 = madd(c00, x, z);
      c10 = madd(c10, y, z);
      z = v128.load(p, 16);
      c01 = madd(c01, x, z);
      c11 = madd(c11, y, z);
      z = v128.load(p, 32);
      c02 = madd(c02, x, z);
      c12 = madd(c12, y, z);
      z = v128.load(p, 48);
      c03 = madd(c03, x, z);
      c13 = madd(c13, y, z);
      if (p == middle) break;
      const next = p + ldb;
      x = v128.load32_splat(a0, 4);
      y = v128.load32_splat(a1, 4);
      z = v128.load(next);
      c00 = madd(c00, x, z);
      c10 = madd(c10, y, z);
      z = v128.load(next, 16);
      c01 = madd(c01, x, z);
      c11 = madd(c11, y, z);
      z = v128.load(next, 32);
      c02 = madd(c02, x, z);
      c12 = madd(c12, y, z);
      z = v128.load(next, 48);
      c03 = madd(c03, x, z);
      c13 = madd(c13, y, z);
      a0 += 8;
      p = next + ldb;
      if (p == end) break;
    }
    putRow(c, c00, c01, c02, c03, add);
    if (pair) putRow(c + ldc, c10, c11, c12, c13, add);
    a += lda * MR;
    c += ldc * MR;
  }
}

/** Rows of A that lie side by side for each k in a packed group, and the bytes of one k. */
export const GROUP: i32 = 8;
export const GROUP_ROW: usize = 32;

/** The same product with A in packed groups of 8 rows: a[group][k][8]. */
export function groupsTimesPanel(
  c: usize, ldc: usize, a: usize, m: i32, b: usize, ldb: usize, k: i32, add: i32,
): void {
  const end = b + <usize>k * ldb;
  const middle = k & 1 ? end - ldb : 0;
  const nextGroup = <usize>k * GROUP_ROW - (<usize>(GROUP - MR) << 2);
  const zero = f32x4.splat(0);
  for (let i = 0; i < m; i += MR) {
    let x0 = a;
    let p = b;
    let c00 = zero, c01 = zero, c02 = zero, c03 = zero, c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    while (true) {
      const y0 = x0 + 4;
      let x = v128.load32_splat(x0);
      let y = v128.load32_splat(y0);
      let z = v128.load(p);
      c00 = madd(c00, x, z);
      c10 = madd(c10, y, z);
      z = v128.load(p, 16);
      c01 = madd(c01, x, z);
      c11 = madd(c11, y, z);
      z = v128.load(p, 32);
      c02 = madd(c02, x, z);
      c12 = madd(c12, y, z);
      z = v128.load(p, 48);
      c03 = madd(c03, x, z);
      c13 = madd(c13, y, z);
      if (p == middle) break;
      const next = p + ldb;
      x = v128.load32_splat(x0, 32);
      y = v128.load32_splat(y0, 32);
      z = v128.load(next);
      c00 = madd(c00, x, z);
      c10 = madd(c10, y, z);
      z = v128.load(next, 16);
      c01 = madd(c01, x, z);
      c11 = madd(c11, y, z);
      z = v128.load(next, 32);
      c02 = madd(c02, x, z);
      c12 = madd(c12, y, z);
      z = v128.load(next, 48);
      c03 = madd(c03, x, z);
      c13 = madd(c13, y, z);
      x0 += GROUP_ROW * 2;
      p = next + ldb;
      if (p == end) break;
    }
    putRow(c, c00, c01, c02, c03, add);
    // A row that does not exist is zero and not stored.
    if (i + 1 < m) putRow(c + ldc, c10, c11, c12, c13, add);
    a += (i & (GROUP - MR)) == GROUP - MR ? nextGroup : <usize>(MR << 2);
    c += ldc * MR;
  }
}

/** The first `cols` columns of a contiguous (rows, 16) go to C, replacing it or added to it. */
export function storePart(c: usize, ldc: usize, tile: usize, rows: i32, cols: i32, add: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j += LANES) {
      const rest = cols - j;
      const offset = <usize>j << 2;
      const value = v128.load(tile + offset);
      storeUpTo(c + offset, add != 0 ? f32x4.add(loadUpTo(c + offset, rest), value) : value, rest);
    }
    c += ldc;
    tile += PANEL_ROW;
  }
}

// @ts-ignore: decorator
@inline
function putRow(c: usize, v0: v128, v1: v128, v2: v128, v3: v128, add: i32): void {
  if (add) {
    v0 = f32x4.add(v128.load(c), v0);
    v1 = f32x4.add(v128.load(c, 16), v1);
    v2 = f32x4.add(v128.load(c, 32), v2);
    v3 = f32x4.add(v128.load(c, 48), v3);
  }
  v128.store(c, v0);
  v128.store(c, v1, 16);
  v128.store(c, v2, 32);
  v128.store(c, v3, 48);
}
