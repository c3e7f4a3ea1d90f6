/**
 * The micro-kernel for processors that multiply and add pairs of int16 in one instruction (x86): C tiles of 2 rows
 * and 16 columns, as in gemm-kernel.ts, and like there with an exit between two steps so that older V8 does not
 * spill. One step is a pair of k.
 */
import { MR, PANEL_ROW } from './gemm-kernel';

// @ts-ignore: decorator
@inline
function madd(acc: v128, x: v128, y: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(x, y));
}

/** C(m, 16) = or += A(m, 2 pairs) B(2 pairs, 16) of quantised operands, packed as in int12-pack.ts; pairs >= 1. */
export function dotTiles(
  c: usize, ldc: usize, a: usize, rowScales: usize, m: i32, b: usize, scales: usize, pairs: i32, add: i32,
): void {
  const end = b + <usize>pairs * PANEL_ROW;
  const middle = pairs & 1 ? end - PANEL_ROW : 0;
  const nextQuad = (<usize>((pairs + 3) & -4) << 4) - 8;
  const zero = i32x4.splat(0);
  for (let i = 0; i < m; i += MR) {
    let x0 = a;
    let p = b;
    let c00 = zero, c01 = zero, c02 = zero, c03 = zero, c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    while (true) {
      let x = v128.load32_splat(x0);
      let y = v128.load32_splat(x0, 4);
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
      x = v128.load32_splat(x0, 16);
      y = v128.load32_splat(x0, 20);
      z = v128.load(p, 64);
      c00 = madd(c00, x, z);
      c10 = madd(c10, y, z);
      z = v128.load(p, 80);
      c01 = madd(c01, x, z);
      c11 = madd(c11, y, z);
      z = v128.load(p, 96);
      c02 = madd(c02, x, z);
      c12 = madd(c12, y, z);
      z = v128.load(p, 112);
      c03 = madd(c03, x, z);
      c13 = madd(c13, y, z);
      x0 += 32;
      p += 128;
      if (p == end) break;
    }
    putScaled(c, c00, c01, c02, c03, v128.load32_splat(rowScales), scales, add);
    // A row that does not exist is not stored.
    if (i + 1 < m) putScaled(c + ldc, c10, c11, c12, c13, v128.load32_splat(rowScales, 4), scales, add);
    a += i & MR ? nextQuad : 8;
    rowScales += 8;
    c += ldc * MR;
  }
}

/** Sixteen sums of a row go to C, times the scales of their columns and then times that of the row. */
// @ts-ignore: decorator
@inline
export function putScaled(
  c: usize, s0: v128, s1: v128, s2: v128, s3: v128, rowScale: v128, scales: usize, add: i32,
): void {
  let v0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(s0), v128.load(scales)), rowScale);
  let v1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(s1), v128.load(scales, 16)), rowScale);
  let v2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(s2), v128.load(scales, 32)), rowScale);
  let v3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(s3), v128.load(scales, 48)), rowScale);
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

/** The instructions of this micro-kernel alone, for `int12Trial`: four sums, whose factors change with every round. */
export function dotTrial(rounds: i32): v128 {
  const step = i32x4.splat(rounds);
  let x = step, y = i32x4.shl(step, 1);
  let s0 = x, s1 = x, s2 = x, s3 = x;
  for (let i = 0; i < rounds; i++) {
    s0 = madd(s0, x, x);
    s1 = madd(s1, x, y);
    s2 = madd(s2, y, y);
    x = i32x4.add(x, step);
    s3 = madd(s3, y, x);
    s0 = madd(s0, x, x);
    s1 = madd(s1, x, step);
    y = i32x4.add(y, x);
    s2 = madd(s2, y, y);
    s3 = madd(s3, y, step);
  }
  return v128.xor(v128.xor(s0, s1), v128.xor(s2, s3));
}
