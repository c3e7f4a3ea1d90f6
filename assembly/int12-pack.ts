/**
 * Quantising while packing. Four lines (rows of op(A) or columns of op(B)) lie side by side for each pair of k, two
 * int16 each: one vector of a quad. What is missing of lines or of a pair is zero. Nothing beyond the matrices is
 * read. Strides are in bytes.
 */
import { NR, PANEL_ROW } from './gemm-kernel';
import { opaque } from './math';
import { loadUpTo } from './simd';

/** Depth of a block of k, which shares scales: part of the bits, never change it. */
export const KC: i32 = 256;
/** Lines of a quad. */
export const QUAD: i32 = 4;

/** Adding 1.5 * 2^23 rounds to an integer, to nearest, ties to even, and leaves it in the low bits. */
const ROUND: f32 = 12582912;
/** The smallest exponent field of a line's maximum for which the scale, 2^-10 of it, is a normal number. */
const LOWEST: i32 = 11;

/**
 * Scales of four lines from their largest magnitudes, given as bits without the sign, shifted left by one: 2^10 to
 * 2^11 units lie below the maximum, and rounding may reach 2^11. A line with a NaN or an infinity has scale NaN.
 */
// @ts-ignore: decorator
@inline
function exponents(top: v128): v128 {
  return i32x4.max_u(i32x4.shr_u(top, 24), i32x4.splat(LOWEST));
}

// @ts-ignore: decorator
@inline
function scaleOf(exponent: v128): v128 {
  const scale = i32x4.shl(i32x4.sub(exponent, i32x4.splat(10)), 23);
  return v128.or(scale, i32x4.eq(exponent, i32x4.splat(255)));
}

/** 1 / scale, exactly. */
// @ts-ignore: decorator
@inline
function inverseOf(exponent: v128): v128 {
  return i32x4.shl(i32x4.sub(i32x4.splat(264), exponent), 23);
}

/** Eight values of a line as int16. */
// @ts-ignore: decorator
@inline
function eight(low: v128, high: v128, inverse: v128, round: v128): v128 {
  const first = f32x4.add(f32x4.mul(low, inverse), round);
  const second = f32x4.add(f32x4.mul(high, inverse), round);
  return i16x8.narrow_i32x4_s(i32x4.sub(first, round), i32x4.sub(second, round));
}

// @ts-ignore: decorator
@inline
function larger(top: v128, x: v128): v128 {
  return i32x4.max_u(top, i32x4.shl(x, 1));
}

// @ts-ignore: decorator
@inline
function largest(top: v128, x: v128, y: v128): v128 {
  return i32x4.max_u(top, i32x4.max_u(i32x4.shl(x, 1), i32x4.shl(y, 1)));
}

/** Bytes of the last values of four lines, eight each. */
export const TAIL_BYTES: usize = 128;
const TAIL_LINE: usize = 32;

/**
 * `to[pair * step] = quad` for four lines that are contiguous along k, `ld` apart; `lines` of them exist. `tail` is scratch
 * of TAIL_BYTES.
 */
export function packAlong(
  to: usize, step: usize, scales: usize, x: usize, ld: usize, lines: i32, k: i32, tail: usize,
): void {
  if (lines <= 0) {
    v128.store(scales, f32x4.splat(0));
    for (let p = 0; p < k; p += 2) {
      v128.store(to, f32x4.splat(0));
      to += step;
    }
    return;
  }
  // Missing lines repeat the last one, and what they give is not used.
  let x0 = x;
  let x1 = lines > 1 ? x + ld : x;
  let x2 = lines > 2 ? x1 + ld : x1;
  let x3 = lines > 3 ? x2 + ld : x2;
  const whole = <usize>(k & -8) << 2;
  const rest = <usize>(k & 7) << 2;
  let m0 = f32x4.splat(0), m1 = m0, m2 = m0, m3 = m0;
  for (let p: usize = 0; p < whole; p += 32) {
    m0 = largest(m0, v128.load(x0 + p), v128.load(x0 + p, 16));
    m1 = largest(m1, v128.load(x1 + p), v128.load(x1 + p, 16));
    m2 = largest(m2, v128.load(x2 + p), v128.load(x2 + p, 16));
    m3 = largest(m3, v128.load(x3 + p), v128.load(x3 + p, 16));
  }
  let end = whole;
  if (rest) {
    end += TAIL_LINE;
    const none = f32x4.splat(0);
    for (let q: usize = 0; q < TAIL_BYTES; q += 16) v128.store(tail + q, none);
    for (let q: usize = 0; q < rest; q += 4) {
      store<f32>(tail + q, load<f32>(x0 + whole + q));
      store<f32>(tail + q, load<f32>(x1 + whole + q), 32);
      store<f32>(tail + q, load<f32>(x2 + whole + q), 64);
      store<f32>(tail + q, load<f32>(x3 + whole + q), 96);
    }
    m0 = largest(m0, v128.load(tail), v128.load(tail, 16));
    m1 = largest(m1, v128.load(tail, 32), v128.load(tail, 48));
    m2 = largest(m2, v128.load(tail, 64), v128.load(tail, 80));
    m3 = largest(m3, v128.load(tail, 96), v128.load(tail, 112));
  }
  // Lane j of `top` becomes the maximum of line j.
  const t0 = i32x4.max_u(v128.shuffle<i32>(m0, m1, 0, 4, 1, 5), v128.shuffle<i32>(m0, m1, 2, 6, 3, 7));
  const t1 = i32x4.max_u(v128.shuffle<i32>(m2, m3, 0, 4, 1, 5), v128.shuffle<i32>(m2, m3, 2, 6, 3, 7));
  const top = i32x4.max_u(v128.shuffle<i64>(t0, t1, 0, 2), v128.shuffle<i64>(t0, t1, 1, 3));
  const exponent = exponents(top);
  v128.store(scales, scaleOf(exponent));
  const inverse = inverseOf(exponent);
  const i0 = v128.shuffle<i32>(inverse, inverse, 0, 0, 0, 0);
  const i1 = v128.shuffle<i32>(inverse, inverse, 1, 1, 1, 1);
  const i2 = v128.shuffle<i32>(inverse, inverse, 2, 2, 2, 2);
  const i3 = v128.shuffle<i32>(inverse, inverse, 3, 3, 3, 3);
  const round = opaque(ROUND, k >>> 31);
  for (let p: usize = 0; p < end; p += 32) {
    if (p == whole) {
      x0 = tail - p;
      x1 = x0 + 32;
      x2 = x0 + 64;
      x3 = x0 + 96;
    }
    const q0 = eight(v128.load(x0 + p), v128.load(x0 + p, 16), i0, round);
    const q1 = eight(v128.load(x1 + p), v128.load(x1 + p, 16), i1, round);
    const q2 = eight(v128.load(x2 + p), v128.load(x2 + p, 16), i2, round);
    const q3 = eight(v128.load(x3 + p), v128.load(x3 + p, 16), i3, round);
    const s0 = v128.shuffle<i32>(q0, q1, 0, 4, 1, 5);
    const s1 = v128.shuffle<i32>(q2, q3, 0, 4, 1, 5);
    const s2 = v128.shuffle<i32>(q0, q1, 2, 6, 3, 7);
    const s3 = v128.shuffle<i32>(q2, q3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(s0, s1, 0, 2));
    to += step;
    v128.store(to, v128.shuffle<i64>(s0, s1, 1, 3));
    to += step;
    v128.store(to, v128.shuffle<i64>(s2, s3, 0, 2));
    to += step;
    v128.store(to, v128.shuffle<i64>(s2, s3, 1, 3));
    to += step;
  }
}

/** Two values each of four lines as int16: value 0 in the low half of each lane. */
// @ts-ignore: decorator
@inline
function pair(first: v128, next: v128, inverse: v128, round: v128): v128 {
  const low = f32x4.add(f32x4.mul(first, inverse), round);
  const high = f32x4.add(f32x4.mul(next, inverse), round);
  return v128.shuffle<i16>(low, i32x4.shl(high, 16), 0, 9, 2, 11, 4, 13, 6, 15);
}

/**
 * Sixteen lines that lie side by side for each k, rows of k `ld` apart; `lines` of them exist. Quad j goes to
 * `to + j * nextQuad`, its pairs `step` apart. A k whose mask (the next is `nextMask` further) is 0 does not count for
 * the scales, and what becomes of its values is meant for products with zero.
 */
export function packAcross(
  to: usize, step: usize, nextQuad: usize, scales: usize, x: usize, ld: usize, lines: i32, k: i32,
  mask: usize, nextMask: usize,
): void {
  if (lines < 16) {
    for (let j = 0; j < 16; j += QUAD) {
      packPart(to, step, scales, x, ld, lines - j, k, mask, nextMask);
      to += nextQuad;
      scales += 16;
      x += 16;
    }
    return;
  }
  let m0 = f32x4.splat(0), m1 = m0, m2 = m0, m3 = m0;
  let from = x;
  for (let p = 0; p < k; p++) {
    const counts = v128.load32_splat(mask);
    m0 = larger(m0, v128.and(v128.load(from), counts));
    m1 = larger(m1, v128.and(v128.load(from, 16), counts));
    m2 = larger(m2, v128.and(v128.load(from, 32), counts));
    m3 = larger(m3, v128.and(v128.load(from, 48), counts));
    mask += nextMask;
    from += ld;
  }
  const e0 = exponents(m0), e1 = exponents(m1), e2 = exponents(m2), e3 = exponents(m3);
  v128.store(scales, scaleOf(e0));
  v128.store(scales, scaleOf(e1), 16);
  v128.store(scales, scaleOf(e2), 32);
  v128.store(scales, scaleOf(e3), 48);
  const i0 = inverseOf(e0), i1 = inverseOf(e1), i2 = inverseOf(e2), i3 = inverseOf(e3);
  const round = opaque(ROUND, k >>> 31);
  const to2 = to + nextQuad * 2;
  let at: usize = 0;
  from = x;
  for (let p = 1; p < k; p += 2) {
    const next = from + ld;
    const upper = to + at;
    const lower = to2 + at;
    v128.store(upper, pair(v128.load(from), v128.load(next), i0, round));
    v128.store(upper + nextQuad, pair(v128.load(from, 16), v128.load(next, 16), i1, round));
    v128.store(lower, pair(v128.load(from, 32), v128.load(next, 32), i2, round));
    v128.store(lower + nextQuad, pair(v128.load(from, 48), v128.load(next, 48), i3, round));
    from = next + ld;
    at += step;
  }
  if (k & 1) {
    const none = f32x4.splat(0);
    v128.store(to + at, pair(v128.load(from), none, i0, round));
    v128.store(to + at + nextQuad, pair(v128.load(from, 16), none, i1, round));
    v128.store(to2 + at, pair(v128.load(from, 32), none, i2, round));
    v128.store(to2 + at + nextQuad, pair(v128.load(from, 48), none, i3, round));
  }
}

/** The same for one quad, of which `lines` exist: none, some or all. */
function packPart(
  to: usize, step: usize, scales: usize, x: usize, ld: usize, lines: i32, k: i32, mask: usize, nextMask: usize,
): void {
  if (lines <= 0) {
    packAlong(to, step, scales, x, ld, 0, k, 0);
    return;
  }
  let top = f32x4.splat(0);
  let from = x;
  for (let p = 0; p < k; p++) {
    top = larger(top, v128.and(loadUpTo(from, lines), v128.load32_splat(mask)));
    mask += nextMask;
    from += ld;
  }
  const exponent = exponents(top);
  v128.store(scales, scaleOf(exponent));
  const inverse = inverseOf(exponent);
  const round = f32x4.splat(ROUND);
  from = x;
  for (let p = 0; p < k; p += 2) {
    const first = loadUpTo(from, lines);
    from += ld;
    v128.store(to, pair(first, p + 1 < k ? loadUpTo(from, lines) : f32x4.splat(0), inverse, round));
    from += ld;
    to += step;
  }
}

/** One panel of 16 columns of op(B): panel[pair of k][16 columns][2]; `cols` of them exist. */
export function packColumns(
  to: usize, scales: usize, b: usize, ld: usize, cols: i32, k: i32, transB: i32, mask: usize, nextMask: usize,
  tail: usize,
): void {
  if (!transB) {
    packAcross(to, PANEL_ROW, 16, scales, b, ld, cols, k, mask, nextMask);
    return;
  }
  for (let j = 0; j < NR; j += QUAD) {
    packAlong(to, PANEL_ROW, scales + (<usize>j << 2), b, ld, cols - j, k, tail);
    to += 16;
    b += ld * QUAD;
  }
}

/** Rows of a plain A in groups of four: quads[group][pair of k][4 rows][2]. */
export function packRowsAlong(
  to: usize, scales: usize, a: usize, ld: usize, rows: i32, k: i32, tail: usize,
): void {
  const quadBytes = <usize>((k + 7) & -8) << 3;
  for (let i = 0; i < rows; i += QUAD) {
    packAlong(to, 16, scales + (<usize>i << 2), a, ld, rows - i, k, tail);
    to += quadBytes;
    a += ld * QUAD;
  }
}
