/**
 * Elementary functions on four f32 lanes, from add, mul, div and sqrt alone, so that they give the same bits
 * on every engine. `fooS(x)` is lane 0 of `fooV(splat(x))`: scalar code and vector code cannot disagree.
 * The double-precision ones for the host are in math64.ts. Polynomials were fitted for these intervals by
 * weighted least squares (Lawson iteration, 40-digit arithmetic).
 */
import { cos64, sin64 } from './math64';

/** Below this exp gives exactly 0 (and the true value is about to leave the normal range). */
export const EXP_MIN: f32 = -87.3;

/** 1.5 * 2^23 + 127: adding it rounds n to an integer and leaves n + 127, a float's exponent, in the low bits. */
export const EXP_ROUND: f32 = 12583039;
export const LOG2_E: f32 = 1.44269504;
/** ln 2 in two parts; the first has 9 bits, so its product with an exponent is exact. */
export const LN2_HIGH: f32 = 0.693359375;
export const LN2_LOW: f32 = -2.1219444e-4;
/** e^r = 1 + r + r^2 (EXP_2 + EXP_3 r + ...) for |r| <= ln2/2 */
export const EXP_2: f32 = 0.49999994;
export const EXP_3: f32 = 0.1666652;
export const EXP_4: f32 = 0.041668396;
export const EXP_5: f32 = 0.008368817;
export const EXP_6: f32 = 0.0013814389;
export const INV_SQRT_TWO_PI: f32 = 0.39894228;

/**
 * e^x. Relative error below 1e-7 on [-87.3, 88.3], below 1e-5 from there to overflow; exactly 0 below -87.3,
 * +Inf above 88.73, NaN for NaN.
 */
// @ts-ignore: decorator
@inline
export function expV(x: v128): v128 {
  // x = n ln2 + r with |r| <= ln2/2. n stops at 127: beyond it r grows and p * 2^127 overflows by itself.
  const shifted = f32x4.pmin(
    f32x4.add(f32x4.mul(x, f32x4.splat(LOG2_E)), f32x4.splat(EXP_ROUND)),
    f32x4.splat(EXP_ROUND + 127),
  );
  const n = f32x4.sub(shifted, f32x4.splat(EXP_ROUND));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let q = f32x4.add(f32x4.mul(f32x4.splat(EXP_6), r), f32x4.splat(EXP_5));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(EXP_4));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(EXP_3));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(EXP_2));
  const p = f32x4.add(f32x4.add(f32x4.mul(q, f32x4.mul(r, r)), r), f32x4.splat(1));
  // Not `x >= min`: a NaN has to pass.
  return v128.andnot(f32x4.mul(p, i32x4.shl(shifted, 23)), f32x4.lt(x, f32x4.splat(EXP_MIN)));
}

/**
 * The same bits as expV for x <= 88, with the constants in the caller's locals: an engine that rebuilds a vector
 * constant at every use spends half of a loop on it (see `opaque`).
 */
// @ts-ignore: decorator
@inline
export function expWith(
  x: v128,
  log2e: v128,
  round: v128,
  ln2High: v128,
  ln2Low: v128,
  c6: v128,
  c5: v128,
  c4: v128,
  c3: v128,
  c2: v128,
  one: v128,
  lowest: v128,
): v128 {
  const shifted = f32x4.add(f32x4.mul(x, log2e), round);
  const n = f32x4.sub(shifted, round);
  let r = f32x4.sub(x, f32x4.mul(n, ln2High));
  r = f32x4.sub(r, f32x4.mul(n, ln2Low));
  let q = f32x4.add(f32x4.mul(c6, r), c5);
  q = f32x4.add(f32x4.mul(q, r), c4);
  q = f32x4.add(f32x4.mul(q, r), c3);
  q = f32x4.add(f32x4.mul(q, r), c2);
  const p = f32x4.add(f32x4.add(f32x4.mul(q, f32x4.mul(r, r)), r), one);
  return v128.andnot(f32x4.mul(p, i32x4.shl(shifted, 23)), f32x4.lt(x, lowest));
}

/**
 * A vector constant that no compiler can see through, so that it is made once, before the loop, and then lives
 * in a register or on the stack. The loop should be do-while: what a loop computes always can be lifted out of it. `none` is 0 at run time, in a way the compiler cannot know: the sign of a count.
 */
// @ts-ignore: decorator
@inline
export function opaque(value: f32, none: i32): v128 {
  return i32x4.splat(reinterpret<i32>(value) | none);
}

/** Natural logarithm. Relative error below 1e-7; log 0 = -Inf, log of a negative = NaN. */
// @ts-ignore: decorator
@inline
export function logV(x: v128): v128 {
  const tiny = f32x4.lt(x, f32x4.splat(1.1754944e-38));
  const normal = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, tiny);
  // x = 2^e m with m in [sqrt(1/2), sqrt 2)
  const e = i32x4.shr_s(i32x4.sub(normal, i32x4.splat(0x3f3504f3)), 23);
  const f = f32x4.sub(i32x4.sub(normal, i32x4.shl(e, 23)), f32x4.splat(1));
  const exponent = f32x4.sub(f32x4.convert_i32x4_s(e), v128.and(tiny, f32x4.splat(23)));
  const z = f32x4.mul(f, f);
  let q = f32x4.add(f32x4.mul(f32x4.splat(0.067466013), f), f32x4.splat(-0.11675641));
  q = f32x4.add(f32x4.mul(q, f), f32x4.splat(0.11888175));
  q = f32x4.add(f32x4.mul(q, f), f32x4.splat(-0.124055915));
  q = f32x4.add(f32x4.mul(q, f), f32x4.splat(0.14219551));
  q = f32x4.add(f32x4.mul(q, f), f32x4.splat(-0.16667996));
  q = f32x4.add(f32x4.mul(q, f), f32x4.splat(0.20002119));
  q = f32x4.add(f32x4.mul(q, f), f32x4.splat(-0.25000009));
  q = f32x4.add(f32x4.mul(q, f), f32x4.splat(0.33333313));
  let y = f32x4.mul(f32x4.mul(f, z), q);
  y = f32x4.add(y, f32x4.mul(exponent, f32x4.splat(LN2_LOW)));
  y = f32x4.sub(y, f32x4.mul(z, f32x4.splat(0.5)));
  y = f32x4.add(f32x4.add(f, y), f32x4.mul(exponent, f32x4.splat(LN2_HIGH)));
  // Inf and NaN come back as they are, zero becomes -Inf, negative numbers NaN.
  y = v128.bitselect(y, x, f32x4.lt(x, f32x4.splat(Infinity)));
  y = v128.bitselect(f32x4.splat(-Infinity), y, f32x4.eq(x, f32x4.splat(0)));
  return v128.or(y, f32x4.lt(x, f32x4.splat(0)));
}

/** Hyperbolic tangent. Relative error below 2e-7. */
// @ts-ignore: decorator
@inline
export function tanhV(x: v128): v128 {
  const a = f32x4.abs(x);
  const z = f32x4.mul(x, x);
  let q = f32x4.add(f32x4.mul(f32x4.splat(-0.0057049785), z), f32x4.splat(0.020639079));
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-0.05373971));
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(0.13331442));
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-0.3333328));
  const small = f32x4.add(x, f32x4.mul(x, f32x4.mul(z, q)));
  const t = f32x4.add(expV(f32x4.add(a, a)), f32x4.splat(1));
  const large = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), t));
  return withSign(v128.bitselect(small, large, f32x4.lt(a, f32x4.splat(0.625))), x);
}

/** Error function. Absolute error below 1.3e-7. */
// @ts-ignore: decorator
@inline
export function erfV(x: v128): v128 {
  const a = f32x4.abs(x);
  const z = f32x4.mul(x, x);
  let p = f32x4.add(f32x4.mul(f32x4.splat(7.8538576e-5), z), f32x4.splat(-0.00080101925));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.0051883277));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-0.02685381));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.11283585));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-0.37612626));
  // The leading 1 stays outside: the sum that follows is small and its rounding errors too.
  const small = f32x4.add(x, f32x4.mul(x, f32x4.add(f32x4.mul(p, z), f32x4.splat(0.12837911))));
  // log(erfc(t)) as a polynomial on [1, 4]; at 4 erf is 1 in f32 already.
  const t = f32x4.pmin(a, f32x4.splat(4));
  let g = f32x4.add(f32x4.mul(f32x4.splat(-1.8048866e-5), t), f32x4.splat(0.00039447987));
  g = f32x4.add(f32x4.mul(g, t), f32x4.splat(-0.003953692));
  g = f32x4.add(f32x4.mul(g, t), f32x4.splat(0.024483738));
  g = f32x4.add(f32x4.mul(g, t), f32x4.splat(-0.107197985));
  g = f32x4.add(f32x4.mul(g, t), f32x4.splat(-0.63442117));
  g = f32x4.add(f32x4.mul(g, t), f32x4.splat(-1.128938));
  g = f32x4.add(f32x4.mul(g, t), f32x4.splat(4.5088422e-5));
  const large = f32x4.sub(f32x4.splat(1), expV(g));
  return withSign(v128.bitselect(small, large, f32x4.lt(a, f32x4.splat(1))), x);
}

/** Sine, lane by lane through double precision: 0.51 ulp for |x| < 2^30, NaN beyond. */
// @ts-ignore: decorator
@inline
export function sinV(x: v128): v128 {
  let y = f32x4.splat(sinS(f32x4.extract_lane(x, 0)));
  y = f32x4.replace_lane(y, 1, sinS(f32x4.extract_lane(x, 1)));
  y = f32x4.replace_lane(y, 2, sinS(f32x4.extract_lane(x, 2)));
  return f32x4.replace_lane(y, 3, sinS(f32x4.extract_lane(x, 3)));
}

/** Cosine, lane by lane through double precision: 0.51 ulp for |x| < 2^30, NaN beyond. */
// @ts-ignore: decorator
@inline
export function cosV(x: v128): v128 {
  let y = f32x4.splat(cosS(f32x4.extract_lane(x, 0)));
  y = f32x4.replace_lane(y, 1, cosS(f32x4.extract_lane(x, 1)));
  y = f32x4.replace_lane(y, 2, cosS(f32x4.extract_lane(x, 2)));
  return f32x4.replace_lane(y, 3, cosS(f32x4.extract_lane(x, 3)));
}

/** max(x, 0); a NaN stays one. */
// @ts-ignore: decorator
@inline
export function reluV(x: v128): v128 {
  return f32x4.pmax(x, f32x4.splat(0));
}

/** log Phi(-a) = PHI_0 + PHI_1 a + ..., for 0 <= a <= PHI_END; at 16 the tail is 0 already. */
export const PHI_END: f32 = 16;
export const PHI_0: f32 = -0.6931471;
export const PHI_1: f32 = -0.797889;
export const PHI_2: f32 = -0.318268;
export const PHI_3: f32 = -0.03648517;
export const PHI_4: f32 = 0.005044174;
export const PHI_5: f32 = -0.00021391686;
export const PHI_6: f32 = -7.755902e-5;
export const PHI_7: f32 = 1.6011973e-5;
export const PHI_8: f32 = -9.879109e-7;

/**
 * Phi(x), the normal distribution function, within 8e-8. e^g(|x|) is the tail on one side, g being a polynomial for
 * log Phi(-a): cheaper than erf, and the lower tail keeps its relative precision (1 + erf would cancel).
 */
// @ts-ignore: decorator
@inline
function phiV(x: v128): v128 {
  // Beyond, the powers of an infinity would make a NaN.
  const a = f32x4.pmin(f32x4.abs(x), f32x4.splat(PHI_END));
  const a2 = f32x4.mul(a, a);
  const a4 = f32x4.mul(a2, a2);
  // Evaluated in pairs: a chain of eight dependent steps would wait longer than it computes.
  const c01 = f32x4.add(f32x4.mul(f32x4.splat(PHI_1), a), f32x4.splat(PHI_0));
  const c23 = f32x4.add(f32x4.mul(f32x4.splat(PHI_3), a), f32x4.splat(PHI_2));
  const c45 = f32x4.add(f32x4.mul(f32x4.splat(PHI_5), a), f32x4.splat(PHI_4));
  const c67 = f32x4.add(f32x4.mul(f32x4.splat(PHI_7), a), f32x4.splat(PHI_6));
  const low = f32x4.add(f32x4.mul(c23, a2), c01);
  const middle = f32x4.add(f32x4.mul(c67, a2), c45);
  const high = f32x4.add(f32x4.mul(f32x4.splat(PHI_8), a4), middle);
  const tail = expV(f32x4.add(f32x4.mul(high, a4), low));
  return v128.bitselect(tail, f32x4.sub(f32x4.splat(1), tail), f32x4.lt(x, f32x4.splat(0)));
}

/** x Phi(x), the exact GELU. Absolute error below 1e-7 (1 + |x|); exactly 0 in the far lower tail. */
// @ts-ignore: decorator
@inline
export function geluV(x: v128): v128 {
  return f32x4.mul(x, phiV(x));
}

/** Phi(x) + x phi(x) */
// @ts-ignore: decorator
@inline
export function geluDerivativeV(x: v128): v128 {
  const density = expV(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5)));
  const slope = f32x4.mul(f32x4.mul(x, density), f32x4.splat(INV_SQRT_TWO_PI));
  return f32x4.add(phiV(x), slope);
}

export function expS(x: f32): f32 {
  return f32x4.extract_lane(expV(f32x4.splat(x)), 0);
}

export function logS(x: f32): f32 {
  return f32x4.extract_lane(logV(f32x4.splat(x)), 0);
}

export function tanhS(x: f32): f32 {
  return f32x4.extract_lane(tanhV(f32x4.splat(x)), 0);
}

export function erfS(x: f32): f32 {
  return f32x4.extract_lane(erfV(f32x4.splat(x)), 0);
}

export function sinS(x: f32): f32 {
  return <f32>sin64(<f64>x);
}

export function cosS(x: f32): f32 {
  return <f32>cos64(<f64>x);
}

/** v with the sign bit of x set where x has it; v is not negative or has that sign already (0 has not). */
// @ts-ignore: decorator
@inline
function withSign(v: v128, x: v128): v128 {
  return v128.or(v, v128.and(x, i32x4.splat(i32.MIN_VALUE)));
}
