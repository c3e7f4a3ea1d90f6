/**
 * Reductions in a fixed order that depends on the global shape alone. f32 sums run over chunks of 64 terms whose
 * totals are added with compensation (Knuth's two-sum), so that 10^5 rows cost no accuracy; scalar sums of
 * squares and products run in f64 over chunks combined in a fixed tree.
 */
import { at, hsum, LANES, loadPartialPadded, loadUpTo, rowAt, storeUpTo } from './simd';

/** Terms per lane in one chunk of an f32 sum. */
const CHUNK: i32 = 64;
/** Elements per leaf of the f64 tree. */
const LEAF: i32 = 4096;

/** out[o, i] = sum over n of x[o, :, i]; x (outer, n, inner), out (outer, inner). Overwrites out. */
export function sumForward(out: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  for (let o = 0; o < outer; o++) {
    const block = x + ((<usize>o * <usize>n * <usize>inner) << 2);
    if (inner == 1) store<f32>(at(out, o), sumContiguous(block, n));
    else sumColumns(rowAt(out, o, inner), block, n, inner, inner, 0);
  }
}

/**
 * out[j] = (accumulate ? out[j] : 0) + sum over rows of x[r, j]; x (rows, cols) with row stride ld, so that the
 * columns can be divided.
 */
export function sumRows(out: usize, x: usize, rows: i32, cols: i32, ld: i32, accumulate: i32): void {
  sumColumns(out, x, rows, cols, ld, accumulate);
}

/**
 * out[o, i] = max over n of x[o, :, i] and argmax its smallest index; a NaN wins (the first one). n = 0 gives
 * -Infinity and 0.
 */
export function maxForward(out: usize, argmax: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  for (let o = 0; o < outer; o++) {
    const block = x + ((<usize>o * <usize>n * <usize>inner) << 2);
    if (inner == 1) {
      maxContiguous(at(out, o), at(argmax, o), block, n);
      continue;
    }
    for (let i = 0; i < inner; i += LANES) {
      const rest = inner - i;
      let best = f32x4.splat(-Infinity);
      let index = i32x4.splat(0);
      for (let k = 0; k < n; k++) {
        const value = loadUpTo(at(rowAt(block, k, inner), i), rest);
        const wins = beats(value, best);
        best = v128.bitselect(value, best, wins);
        index = v128.bitselect(i32x4.splat(k), index, wins);
      }
      storeUpTo(at(rowAt(out, o, inner), i), best, rest);
      storeUpTo(at(rowAt(argmax, o, inner), i), index, rest);
    }
  }
}

/**
 * dx[o, argmax[o, i], i] = dout[o, i], all other elements 0; dx (outer, n, inner), dout and argmax (outer, inner).
 * Overwrites dx, which must not overlap dout.
 */
export function maxBackward(dx: usize, dout: usize, argmax: usize, outer: i32, n: i32, inner: i32): void {
  const block = (<usize>n * <usize>inner) << 2;
  memory.fill(dx, 0, <usize>outer * block);
  if (n == 0) return;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const index = load<i32>(at(argmax, i));
      store<f32>(at(rowAt(dx, index, inner), i), load<f32>(at(dout, i)));
    }
    dx += block;
    dout = at(dout, inner);
    argmax = at(argmax, inner);
  }
}

/** out[0] = sum of x^2, accumulated in f64. */
export function sumSquares(out: usize, x: usize, n: i32): void {
  store<f32>(out, <f32>dotTree(x, x, n));
}

/** out[0] = sum of a b, accumulated in f64. */
export function dot(out: usize, a: usize, b: usize, n: i32): void {
  store<f32>(out, <f32>dotTree(a, b, n));
}

/** out[0] (int32) = how many elements are NaN or infinite. */
export function countNonFinite(out: usize, x: usize, n: i32): void {
  const exponent = i32x4.splat(0x7f800000);
  let count = i32x4.splat(0);
  for (let i = 0; i < n; i += LANES) {
    const value = v128.and(loadUpTo(at(x, i), n - i), exponent);
    count = i32x4.sub(count, i32x4.eq(value, exponent));
  }
  const low = i32x4.extract_lane(count, 0) + i32x4.extract_lane(count, 1);
  store<i32>(out, low + i32x4.extract_lane(count, 2) + i32x4.extract_lane(count, 3));
}

/** Column sums; each column is reduced alone and in the same order, however the columns are divided. */
function sumColumns(out: usize, x: usize, rows: i32, cols: i32, ld: i32, accumulate: i32): void {
  let j = 0;
  for (; j + 16 <= cols; j += 16) sumFourVectors(at(out, j), at(x, j), rows, ld, accumulate);
  for (; j < cols; j += LANES) {
    const rest = cols - j;
    let total = f32x4.splat(0);
    let error = f32x4.splat(0);
    for (let start = 0; start < rows; start += CHUNK) {
      const end = min<i32>(rows, start + CHUNK);
      let sum = f32x4.splat(0);
      for (let r = start; r < end; r++) sum = f32x4.add(sum, loadUpTo(at(rowAt(x, r, ld), j), rest));
      const next = f32x4.add(total, sum);
      error = f32x4.add(error, twoSumError(total, sum, next));
      total = next;
    }
    storeSum(at(out, j), compensate(total, error), rest, accumulate);
  }
}

/** sumColumns for 16 columns at once: a whole cache line of each row. */
function sumFourVectors(out: usize, x: usize, rows: i32, ld: i32, accumulate: i32): void {
  const zero = f32x4.splat(0);
  let t0 = zero, t1 = zero, t2 = zero, t3 = zero;
  let e0 = zero, e1 = zero, e2 = zero, e3 = zero;
  const stride = (<usize>ld) << 2;
  for (let start = 0; start < rows; start += CHUNK) {
    const end = min<i32>(rows, start + CHUNK);
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    for (let r = start; r < end; r++) {
      s0 = f32x4.add(s0, v128.load(x));
      s1 = f32x4.add(s1, v128.load(x, 16));
      s2 = f32x4.add(s2, v128.load(x, 32));
      s3 = f32x4.add(s3, v128.load(x, 48));
      x += stride;
    }
    let next = f32x4.add(t0, s0);
    e0 = f32x4.add(e0, twoSumError(t0, s0, next));
    t0 = next;
    next = f32x4.add(t1, s1);
    e1 = f32x4.add(e1, twoSumError(t1, s1, next));
    t1 = next;
    next = f32x4.add(t2, s2);
    e2 = f32x4.add(e2, twoSumError(t2, s2, next));
    t2 = next;
    next = f32x4.add(t3, s3);
    e3 = f32x4.add(e3, twoSumError(t3, s3, next));
    t3 = next;
  }
  storeSum(out, compensate(t0, e0), LANES, accumulate);
  storeSum(out + 16, compensate(t1, e1), LANES, accumulate);
  storeSum(out + 32, compensate(t2, e2), LANES, accumulate);
  storeSum(out + 48, compensate(t3, e3), LANES, accumulate);
}

// @ts-ignore: decorator
@inline
function storeSum(out: usize, sum: v128, rest: i32, accumulate: i32): void {
  storeUpTo(out, accumulate != 0 ? f32x4.add(loadUpTo(out, rest), sum) : sum, rest);
}

/** Sum of n floats: lane l takes the elements 4 i + l, chunk by chunk. */
function sumContiguous(x: usize, n: i32): f32 {
  let total = f32x4.splat(0);
  let error = f32x4.splat(0);
  for (let start = 0; start < n; start += CHUNK * LANES) {
    const end = min<i32>(n, start + CHUNK * LANES);
    let sum = f32x4.splat(0);
    for (let i = start; i < end; i += LANES) sum = f32x4.add(sum, loadUpTo(at(x, i), end - i));
    const next = f32x4.add(total, sum);
    error = f32x4.add(error, twoSumError(total, sum, next));
    total = next;
  }
  return hsum(compensate(total, error));
}

/** (a + b) - sum exactly, where sum = a + b rounded. */
// @ts-ignore: decorator
@inline
function twoSumError(a: v128, b: v128, sum: v128): v128 {
  const t = f32x4.sub(sum, a);
  return f32x4.add(f32x4.sub(a, f32x4.sub(sum, t)), f32x4.sub(b, t));
}

/** total + error; the error of an infinite total is NaN and must not spoil it. */
// @ts-ignore: decorator
@inline
function compensate(total: v128, error: v128): v128 {
  return f32x4.add(total, v128.and(error, f32x4.eq(error, error)));
}

/** Lanes where `value` replaces `best`: greater, or the first NaN. */
// @ts-ignore: decorator
@inline
function beats(value: v128, best: v128): v128 {
  const firstNaN = v128.and(f32x4.ne(value, value), f32x4.eq(best, best));
  return v128.or(f32x4.gt(value, best), firstNaN);
}

function maxContiguous(out: usize, argmax: usize, x: usize, n: i32): void {
  let best = f32x4.splat(-Infinity);
  const lane = i32x4(0, 1, 2, 3);
  let index = lane;
  for (let i = 0; i < n; i += LANES) {
    const rest = n - i;
    const value = rest >= LANES ? v128.load(at(x, i)) : loadPartialPadded(at(x, i), rest, -Infinity);
    const wins = beats(value, best);
    best = v128.bitselect(value, best, wins);
    index = v128.bitselect(i32x4.add(lane, i32x4.splat(i)), index, wins);
  }
  let top = f32x4.extract_lane(best, 0);
  let first = i32x4.extract_lane(index, 0);
  for (let l = 1; l < LANES; l++) {
    // Rotating brings lane l to the front: lane numbers must be constants.
    best = v128.shuffle<i32>(best, best, 1, 2, 3, 0);
    index = v128.shuffle<i32>(index, index, 1, 2, 3, 0);
    const value = f32x4.extract_lane(best, 0);
    const position = i32x4.extract_lane(index, 0);
    const valueNaN = value != value;
    const topNaN = top != top;
    const equal = value == top || (valueNaN && topNaN);
    if ((!topNaN && (valueNaN || value > top)) || (equal && position < first)) {
      top = value;
      first = position;
    }
  }
  store<f32>(out, top);
  store<i32>(argmax, first);
}

/** Sum of a b in f64: leaves of 4096 elements, split at the largest power of two of leaves below the count. */
function dotTree(a: usize, b: usize, n: i32): f64 {
  if (n <= LEAF) return dotLeaf(a, b, n);
  const leaves = (n + LEAF - 1) / LEAF;
  const left = (1 << (31 - clz<i32>(leaves - 1))) * LEAF;
  return dotTree(a, b, left) + dotTree(at(a, left), at(b, left), n - left);
}

/** Four f64 sums, one for each residue of the index modulo 4; products of floats are exact in f64. */
function dotLeaf(a: usize, b: usize, n: i32): f64 {
  let s0: f64 = 0;
  let s1: f64 = 0;
  let s2: f64 = 0;
  let s3: f64 = 0;
  for (let i = 0; i + 4 <= n; i += 4) {
    const p = at(a, i);
    const q = at(b, i);
    s0 += <f64>load<f32>(p) * <f64>load<f32>(q);
    s1 += <f64>load<f32>(p, 4) * <f64>load<f32>(q, 4);
    s2 += <f64>load<f32>(p, 8) * <f64>load<f32>(q, 8);
    s3 += <f64>load<f32>(p, 12) * <f64>load<f32>(q, 12);
  }
  const i = n & -4;
  if (i < n) s0 += <f64>load<f32>(at(a, i)) * <f64>load<f32>(at(b, i));
  if (i + 1 < n) s1 += <f64>load<f32>(at(a, i + 1)) * <f64>load<f32>(at(b, i + 1));
  if (i + 2 < n) s2 += <f64>load<f32>(at(a, i + 2)) * <f64>load<f32>(at(b, i + 2));
  return s0 + s2 + (s1 + s3);
}
