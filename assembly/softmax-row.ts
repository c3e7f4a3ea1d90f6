/**
 * What softmax, log-softmax and cross-entropy share: the maximum of a row and its sum of exponentials, reduced
 * in an order that depends on the row's length alone.
 */

import {
  EXP_2,
  EXP_3,
  EXP_4,
  EXP_5,
  EXP_6,
  EXP_MIN,
  EXP_ROUND,
  expV,
  expWith,
  LN2_HIGH,
  LN2_LOW,
  LOG2_E,
  opaque,
} from './math';
import { at, hmax, hsum, loadPartialPadded, storeUpTo } from './simd';

/** Elements summed in one pair of vectors before the chunk is added to the total. */
export const CHUNK: i32 = 1024;

/** Maximum of n >= 1 floats; unspecified when a NaN is among them (the sum of exponentials will be NaN then). */
export function rowMax(x: usize, n: i32): f32 {
  let best0 = f32x4.splat(-Infinity);
  let best1 = best0;
  let best2 = best0;
  let best3 = best0;
  const full = n & -16;
  let j = 0;
  for (; j < full; j += 16) {
    const p = at(x, j);
    best0 = f32x4.pmax(best0, v128.load(p));
    best1 = f32x4.pmax(best1, v128.load(p, 16));
    best2 = f32x4.pmax(best2, v128.load(p, 32));
    best3 = f32x4.pmax(best3, v128.load(p, 48));
  }
  for (; j < n; j += 4) {
    const rest = n - j;
    best0 = f32x4.pmax(best0, rest >= 4 ? v128.load(at(x, j)) : loadPartialPadded(at(x, j), rest, -Infinity));
  }
  return hmax(f32x4.pmax(f32x4.pmax(best0, best1), f32x4.pmax(best2, best3)));
}

/** Sum of exp(x - shift) over n elements, shift being their maximum; the terms go to `to` (may alias x) unless it is 0. */
export function expRow(to: usize, x: usize, n: i32, shift: f32): f32 {
  const top = f32x4.splat(shift);
  let total: f32 = 0;
  for (let start = 0; start < n; start += CHUNK) {
    const end = min<i32>(n, start + CHUNK);
    let j = start + ((end - start) & -16);
    let sum = f32x4.splat(0);
    if (j > start) {
      const count = j - start;
      sum = to != 0 ? expBlock(at(to, start), at(x, start), count, shift) : sumExpBlock(at(x, start), count, shift);
    }
    for (; j < end; j += 4) {
      const rest = end - j;
      // Padding with -Infinity: its exponential is exactly 0.
      const value = rest >= 4 ? v128.load(at(x, j)) : loadPartialPadded(at(x, j), rest, -Infinity);
      const e = expV(f32x4.sub(value, top));
      if (to != 0) storeUpTo(at(to, j), e, rest);
      sum = f32x4.add(sum, e);
    }
    total += hsum(sum);
  }
  return total;
}

/**
 * to = exp(x - shift) and its sum by lanes, for n elements, n a positive multiple of 16. The constants stay
 * out of the loop on every engine: `opaque` keeps the newer V8 from rebuilding them, and a loop that tests at its
 * end lets the older one lift them.
 */
function expBlock(to: usize, x: usize, n: i32, shift: f32): v128 {
  const none = n >>> 31;
  const top = f32x4.splat(shift);
  const log2e = opaque(LOG2_E, none);
  const round = opaque(EXP_ROUND, none);
  const ln2High = opaque(LN2_HIGH, none);
  const ln2Low = opaque(LN2_LOW, none);
  const c6 = opaque(EXP_6, none);
  const c5 = opaque(EXP_5, none);
  const c4 = opaque(EXP_4, none);
  const c3 = opaque(EXP_3, none);
  const c2 = opaque(EXP_2, none);
  const one = opaque(1, none);
  const lowest = opaque(EXP_MIN, none);
  let sum0 = f32x4.splat(0);
  let sum1 = f32x4.splat(0);
  let j = 0;
  do {
    const p = at(x, j);
    const o = at(to, j);
    const e0 = expWith(f32x4.sub(v128.load(p), top), log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    const e1 = expWith(f32x4.sub(v128.load(p, 16), top), log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    const e2 = expWith(f32x4.sub(v128.load(p, 32), top), log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    const e3 = expWith(f32x4.sub(v128.load(p, 48), top), log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    v128.store(o, e0);
    v128.store(o, e1, 16);
    v128.store(o, e2, 32);
    v128.store(o, e3, 48);
    sum0 = f32x4.add(sum0, f32x4.add(e0, e2));
    sum1 = f32x4.add(sum1, f32x4.add(e1, e3));
    j += 16;
  } while (j < n);
  return f32x4.add(sum0, sum1);
}

/** The sum of expBlock alone. */
function sumExpBlock(x: usize, n: i32, shift: f32): v128 {
  const none = n >>> 31;
  const top = f32x4.splat(shift);
  const log2e = opaque(LOG2_E, none);
  const round = opaque(EXP_ROUND, none);
  const ln2High = opaque(LN2_HIGH, none);
  const ln2Low = opaque(LN2_LOW, none);
  const c6 = opaque(EXP_6, none);
  const c5 = opaque(EXP_5, none);
  const c4 = opaque(EXP_4, none);
  const c3 = opaque(EXP_3, none);
  const c2 = opaque(EXP_2, none);
  const one = opaque(1, none);
  const lowest = opaque(EXP_MIN, none);
  let sum0 = f32x4.splat(0);
  let sum1 = f32x4.splat(0);
  let j = 0;
  do {
    const p = at(x, j);
    const e0 = expWith(f32x4.sub(v128.load(p), top), log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    const e1 = expWith(f32x4.sub(v128.load(p, 16), top), log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    const e2 = expWith(f32x4.sub(v128.load(p, 32), top), log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    const e3 = expWith(f32x4.sub(v128.load(p, 48), top), log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    sum0 = f32x4.add(sum0, f32x4.add(e0, e2));
    sum1 = f32x4.add(sum1, f32x4.add(e1, e3));
    j += 16;
  } while (j < n);
  return f32x4.add(sum0, sum1);
}

/** Sum of (x - shift) over n elements. */
export function shiftedSum(x: usize, n: i32, shift: f32): f32 {
  const top = f32x4.splat(shift);
  let total: f32 = 0;
  for (let start = 0; start < n; start += CHUNK) {
    const end = min<i32>(n, start + CHUNK);
    let sum = f32x4.splat(0);
    for (let j = start; j < end; j += 4) {
      const rest = end - j;
      const value = rest >= 4 ? v128.load(at(x, j)) : loadPartialPadded(at(x, j), rest, shift);
      sum = f32x4.add(sum, f32x4.sub(value, top));
    }
    total += hsum(sum);
  }
  return total;
}
