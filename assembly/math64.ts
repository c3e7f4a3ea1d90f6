/**
 * Double-precision functions for the host (schedules, bias corrections, perplexity, theory): JavaScript's own
 * differ between engines in the last bit, these do not. Argument reduction after Cody and Waite, Taylor
 * polynomials on the reduced interval, double-double arithmetic where a plain double would not do.
 * Errors are in units in the last place (ulp) of the result.
 */

const LOG2_E: f64 = 1.4426950408889634;
/** ln 2 in parts: the first has 32 bits, so that its product with an exponent is exact. */
const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
/** pi/2 in parts: the first three have 22 bits, so that their products with |n| < 2^31 are exact. */
const HALF_PI_1: f64 = 1.570796012878418;
const HALF_PI_2: f64 = 3.139164164167596e-7;
const HALF_PI_3: f64 = 6.223371969669989e-14;
const HALF_PI_4: f64 = 2.0222662487959506e-21;
const TWO_OVER_PI: f64 = 0.6366197723675814;
/** Bits of sqrt(1/2), where log splits its octaves. */
const SQRT_HALF_BITS: i64 = 0x3fe6a09e667f3bcd;
/** 2/3 in two parts. */
const TWO_THIRDS_HIGH: f64 = 0.6666666666666666;
const TWO_THIRDS_LOW: f64 = 3.700743415417188e-17;

/** e^x, error below 1 ulp (2 ulp where the result is subnormal). */
export function exp64(x: f64): f64 {
  if (x != x) return x;
  if (x > 710) return Infinity;
  if (x < -746) return 0;
  return expSum(x, 0);
}

/** Natural logarithm, error below 1 ulp. */
export function log64(x: f64): f64 {
  if (!(x > 0)) return x == 0 ? -Infinity : NaN;
  if (x == Infinity) return x;
  let k: i64 = 0;
  if (x < f64.MIN_NORMAL_VALUE) {
    x *= 18014398509481984.0;
    k = -54;
  }
  const bits = reinterpret<i64>(x);
  const octave = (bits - SQRT_HALF_BITS) >> 52;
  const f = reinterpret<f64>(bits - (octave << 52)) - 1;
  const e = <f64>(k + octave);
  // log(1+f) = 2 atanh(s) with s = f/(2+f), and 2s = f - f^2/2 + s f^2/2
  const half = 0.5 * f * f;
  const s = f / (2 + f);
  const z = s * s;
  const tail = s * (half + z * (2.0 / 3.0 + z * atanhTail(z)));
  return e * LN2_HIGH - (half - (tail + e * LN2_LOW) - f);
}

/** x^y with JavaScript's special cases (`1 ** Infinity` is NaN), error below 1 ulp for normal results. */
export function pow64(x: f64, y: f64): f64 {
  if (y == 0) return 1;
  if (x != x || y != y) return NaN;
  const magnitude = abs<f64>(x);
  if (abs<f64>(y) == Infinity) {
    if (magnitude == 1) return NaN;
    return magnitude > 1 == y > 0 ? Infinity : 0;
  }
  const whole = trunc<f64>(y) == y;
  const negative = reinterpret<i64>(x) < 0 && whole && isOdd(y);
  if (x == 0 || magnitude == Infinity) {
    const value: f64 = (x == 0) == y > 0 ? 0 : Infinity;
    return negative ? -value : value;
  }
  if (x < 0 && !whole) return NaN;
  const value = powPositive(magnitude, y);
  return negative ? -value : value;
}

/** Sine, error below 1 ulp for |x| < 2^30; NaN beyond, where the reduction would have no bits left. */
export function sin64(x: f64): f64 {
  return x == 0 ? x : sineAt(x, 0);
}

/** Cosine, error below 1 ulp for |x| < 2^30; NaN beyond. */
export function cos64(x: f64): f64 {
  return sineAt(x, 1);
}

/** Hyperbolic tangent, error below 2 ulp. */
export function tanh64(x: f64): f64 {
  const a = abs<f64>(x);
  if (!(a < 22)) return x != x ? x : x > 0 ? 1 : -1;
  // tanh = t / (t + 2) with t = e^2a - 1 = 2^n (e^r - 1) + (2^n - 1)
  const n = nearest<f64>(2 * a * LOG2_E);
  const high = 2 * a - n * LN2_HIGH;
  const low = n * LN2_LOW;
  const r = high - low;
  const correction = high - r - low;
  const scale = powerOfTwo(<i32>n);
  const t = scale * (r + (r * r * expTail(r) + correction)) + (scale - 1);
  const value = a < 1 ? t / (t + 2) : 1 - 2 / (t + 2);
  return x < 0 ? -value : a == 0 ? x : value;
}

/** e^(high + low), low being a small correction. */
function expSum(high: f64, low: f64): f64 {
  const n = nearest<f64>(high * LOG2_E);
  const reduced = high - n * LN2_HIGH;
  const rest = n * LN2_LOW;
  const r = reduced - rest;
  const correction = reduced - r - rest + low;
  const p = r * r * expTail(r);
  const y = 1 + (r + (p + (correction + correction * (r + p))));
  const k = <i32>n;
  const first = k >> 1;
  return y * powerOfTwo(first) * powerOfTwo(k - first);
}

/** (e^r - 1 - r) / r^2 for |r| <= 0.35: the Taylor series up to r^13 / 13!. */
// @ts-ignore: decorator
@inline
function expTail(r: f64): f64 {
  let q: f64 = 1.0 / 6227020800.0;
  q = q * r + 1.0 / 479001600.0;
  q = q * r + 1.0 / 39916800.0;
  q = q * r + 1.0 / 3628800.0;
  q = q * r + 1.0 / 362880.0;
  q = q * r + 1.0 / 40320.0;
  q = q * r + 1.0 / 5040.0;
  q = q * r + 1.0 / 720.0;
  q = q * r + 1.0 / 120.0;
  q = q * r + 1.0 / 24.0;
  q = q * r + 1.0 / 6.0;
  return q * r + 0.5;
}

/** 2/5 + 2/7 z + ... + 2/21 z^8: what follows 2/3 in 2 atanh(s) / s^3, for z = s^2 <= 0.0295. */
// @ts-ignore: decorator
@inline
function atanhTail(z: f64): f64 {
  let q: f64 = 2.0 / 21.0;
  q = q * z + 2.0 / 19.0;
  q = q * z + 2.0 / 17.0;
  q = q * z + 2.0 / 15.0;
  q = q * z + 2.0 / 13.0;
  q = q * z + 2.0 / 11.0;
  q = q * z + 2.0 / 9.0;
  q = q * z + 2.0 / 7.0;
  return q * z + 2.0 / 5.0;
}

/** x^y for 0 < x < Inf: the logarithm in double-double, relative error 1e-19, then exp. */
function powPositive(x: f64, y: f64): f64 {
  if (x == 1) return 1;
  let k: i64 = 0;
  if (x < f64.MIN_NORMAL_VALUE) {
    x *= 18014398509481984.0;
    k = -54;
  }
  const bits = reinterpret<i64>(x);
  const octave = (bits - SQRT_HALF_BITS) >> 52;
  const m = reinterpret<f64>(bits - (octave << 52));
  const e = <f64>(k + octave);
  // s = (m-1)/(m+1) as a sum of two doubles, then its cube
  const f = m - 1;
  const g = m + 1;
  const gLow = m - (g - 1);
  const s = f / g;
  const sg = s * g;
  const sLow = (f - sg - productError(s, g, sg) - s * gLow) / g;
  const z = s * s;
  const zLow = productError(s, s, z) + 2 * s * sLow;
  const cube = z * s;
  const cubeLow = productError(z, s, cube) + z * sLow + zLow * s;
  // log x = e ln2 + 2s + (2/3) s^3 + s^5 (2/5 + ...)
  const third = cube * TWO_THIRDS_HIGH;
  const thirdLow = productError(cube, TWO_THIRDS_HIGH, third) + cube * TWO_THIRDS_LOW + cubeLow * TWO_THIRDS_HIGH;
  const a = e * LN2_HIGH;
  const sum1 = a + 2 * s;
  const sum2 = sum1 + third;
  const low =
    sumError(a, 2 * s, sum1) +
    sumError(sum1, third, sum2) +
    (thirdLow + 2 * sLow + (cube * z * atanhTail(z) + e * LN2_LOW));
  const high = sum2 + low;
  const rest = sum2 - high + low;
  // y log x
  const product = y * high;
  if (product > 710) return Infinity;
  if (product < -746) return 0;
  return expSum(product, productError(y, high, product) + y * rest);
}

/** sin(x + quarter * pi/2). */
function sineAt(x: f64, quarter: i32): f64 {
  if (!(abs<f64>(x) < 1073741824)) return NaN;
  const n = nearest<f64>(x * TWO_OVER_PI);
  const head = x - n * HALF_PI_1 - n * HALF_PI_2;
  const part = n * HALF_PI_3;
  const high = head - part;
  const low = sumError(head, -part, high) - n * HALF_PI_4;
  const r = high + low;
  const tail = high - r + low;
  const z = r * r;
  const quadrant = (<i32>n + quarter) & 3;
  let y: f64;
  if (quadrant & 1) {
    let q: f64 = 1.0 / 20922789888000.0;
    q = q * z - 1.0 / 87178291200.0;
    q = q * z + 1.0 / 479001600.0;
    q = q * z - 1.0 / 3628800.0;
    q = q * z + 1.0 / 40320.0;
    q = q * z - 1.0 / 720.0;
    q = q * z + 1.0 / 24.0;
    const half = 0.5 * z;
    const w = 1 - half;
    y = w + (1 - w - half + (z * z * q - r * tail));
  } else {
    let q: f64 = 1.0 / 355687428096000.0;
    q = q * z - 1.0 / 1307674368000.0;
    q = q * z + 1.0 / 6227020800.0;
    q = q * z - 1.0 / 39916800.0;
    q = q * z + 1.0 / 362880.0;
    q = q * z - 1.0 / 5040.0;
    q = q * z + 1.0 / 120.0;
    q = q * z - 1.0 / 6.0;
    y = r + (r * z * q + tail * (1 - 0.5 * z));
  }
  return quadrant & 2 ? -y : y;
}

/** 2^k for -1022 <= k <= 1023. */
// @ts-ignore: decorator
@inline
function powerOfTwo(k: i32): f64 {
  return reinterpret<f64>((<i64>(k + 1023)) << 52);
}

/** Whether a whole number is odd; numbers from 2^53 on are even. */
function isOdd(y: f64): bool {
  const a = abs<f64>(y);
  return a < 9007199254740992 && ((<i64>a) & 1) == 1;
}

/** (a + b) - sum exactly, where sum = a + b rounded (Knuth). */
// @ts-ignore: decorator
@inline
function sumError(a: f64, b: f64, sum: f64): f64 {
  const t = sum - a;
  return a - (sum - t) + (b - t);
}

/** a * b - product exactly, where product = a * b rounded (Dekker). */
// @ts-ignore: decorator
@inline
function productError(a: f64, b: f64, product: f64): f64 {
  const ta = 134217729.0 * a;
  const ah = ta - (ta - a);
  const al = a - ah;
  const tb = 134217729.0 * b;
  const bh = tb - (tb - b);
  const bl = b - bh;
  return ah * bh - product + ah * bl + al * bh + al * bl;
}
