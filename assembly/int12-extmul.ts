/**
 * The micro-kernel for processors that add widened products of int16 to sums in one instruction (ARM64): the same
 * tiles, operands and bits as int12-dot.ts. The two values of a pair have sums of their own until the end, which needs
 * twice as many vector registers; those processors have them. Left out where the compiler has no extmul.
 */
import { MR, PANEL_ROW } from './gemm-kernel';
import { putScaled } from './int12-dot';

// @ts-ignore: decorator
@inline
function low(acc: v128, x: v128, y: v128): v128 {
  return i32x4.add(acc, i32x4.extmul_low_i16x8_s(x, y));
}

// @ts-ignore: decorator
@inline
function high(acc: v128, x: v128, y: v128): v128 {
  return i32x4.add(acc, i32x4.extmul_high_i16x8_s(x, y));
}

/** Sums of neighbours: what the dot product gives at once. */
// @ts-ignore: decorator
@inline
function together(l: v128, h: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(l, h, 0, 2, 4, 6), v128.shuffle<i32>(l, h, 1, 3, 5, 7));
}

/** `dotTiles` with other instructions. */
export function extmulTiles(
  c: usize, ldc: usize, a: usize, rowScales: usize, m: i32, b: usize, scales: usize, pairs: i32, add: i32,
): void {
  const end = b + <usize>pairs * PANEL_ROW;
  const nextQuad = (<usize>((pairs + 3) & -4) << 4) - 8;
  const zero = i32x4.splat(0);
  for (let i = 0; i < m; i += MR) {
    let x0 = a;
    let l00 = zero, l01 = zero, l02 = zero, l03 = zero, l10 = zero, l11 = zero, l12 = zero, l13 = zero;
    let h00 = zero, h01 = zero, h02 = zero, h03 = zero, h10 = zero, h11 = zero, h12 = zero, h13 = zero;
    for (let p = b; p < end; p += PANEL_ROW) {
      const x = v128.load32_splat(x0);
      const y = v128.load32_splat(x0, 4);
      let z = v128.load(p);
      l00 = low(l00, x, z);
      h00 = high(h00, x, z);
      l10 = low(l10, y, z);
      h10 = high(h10, y, z);
      z = v128.load(p, 16);
      l01 = low(l01, x, z);
      h01 = high(h01, x, z);
      l11 = low(l11, y, z);
      h11 = high(h11, y, z);
      z = v128.load(p, 32);
      l02 = low(l02, x, z);
      h02 = high(h02, x, z);
      l12 = low(l12, y, z);
      h12 = high(h12, y, z);
      z = v128.load(p, 48);
      l03 = low(l03, x, z);
      h03 = high(h03, x, z);
      l13 = low(l13, y, z);
      h13 = high(h13, y, z);
      x0 += 16;
    }
    const x = v128.load32_splat(rowScales);
    putScaled(c, together(l00, h00), together(l01, h01), together(l02, h02), together(l03, h03), x, scales, add);
    if (i + 1 < m) {
      const y = v128.load32_splat(rowScales, 4);
      const to = c + ldc;
      putScaled(to, together(l10, h10), together(l11, h11), together(l12, h12), together(l13, h13), y, scales, add);
    }
    a += i & MR ? nextQuad : 8;
    rowScales += 8;
    c += ldc * MR;
  }
}

/** As many multiply-adds as in `dotTrial`. */
export function extmulTrial(rounds: i32): v128 {
  const step = i32x4.splat(rounds);
  let x = step, y = i32x4.shl(step, 1);
  let l0 = x, l1 = x, l2 = x, l3 = x, h0 = x, h1 = x, h2 = x, h3 = x;
  for (let i = 0; i < rounds; i++) {
    l0 = low(l0, x, x);
    h0 = high(h0, x, x);
    l1 = low(l1, x, y);
    h1 = high(h1, x, y);
    l2 = low(l2, y, y);
    h2 = high(h2, y, y);
    x = i32x4.add(x, step);
    l3 = low(l3, y, x);
    h3 = high(h3, y, x);
    l0 = low(l0, x, x);
    h0 = high(h0, x, x);
    l1 = low(l1, x, step);
    h1 = high(h1, x, step);
    y = i32x4.add(y, x);
    l2 = low(l2, y, y);
    h2 = high(h2, y, y);
    l3 = low(l3, y, step);
    h3 = high(h3, y, step);
  }
  return v128.xor(together(v128.xor(l0, l1), v128.xor(h0, h1)), together(v128.xor(l2, l3), v128.xor(h2, h3)));
}
