/**
 * What softmax, log-softmax and cross-entropy share: the maximum of a row and its sum of exponentials, reduced
 * in an order that depends on the row's length alone.
 */

import { expV } from './math';
import { at, hmax, hsum, loadPartialPadded, storeUpTo } from './simd';

/** Elements summed in one pair of vectors before the chunk is added to the total. */
export const CHUNK: i32 = 1024;

/** Maximum of n >= 1 floats; unspecified when a NaN is among them (the sum of exponentials will be NaN then). */
export function rowMax(x: usize, n: i32): f32 {
  let best0 = f32x4.splat(-Infinity);
  let best1 = best0;
  const full = n & -8;
  let j = 0;
  for (; j < full; j += 8) {
    best0 = f32x4.pmax(best0, v128.load(at(x, j)));
    best1 = f32x4.pmax(best1, v128.load(at(x, j), 16));
  }
  for (; j < n; j += 4) {
    const rest = n - j;
    best0 = f32x4.pmax(best0, rest >= 4 ? v128.load(at(x, j)) : loadPartialPadded(at(x, j), rest, -Infinity));
  }
  return hmax(f32x4.pmax(best0, best1));
}

/** Sum of exp(x - shift) over n elements; the terms go to `to` unless it is 0. `to` may alias x. */
export function expRow(to: usize, x: usize, n: i32, shift: f32): f32 {
  const top = f32x4.splat(shift);
  let total: f32 = 0;
  for (let start = 0; start < n; start += CHUNK) {
    const end = min<i32>(n, start + CHUNK);
    const full = start + ((end - start) & -8);
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    let j = start;
    for (; j < full; j += 8) {
      const e0 = expV(f32x4.sub(v128.load(at(x, j)), top));
      const e1 = expV(f32x4.sub(v128.load(at(x, j), 16), top));
      if (to != 0) {
        v128.store(at(to, j), e0);
        v128.store(at(to, j), e1, 16);
      }
      sum0 = f32x4.add(sum0, e0);
      sum1 = f32x4.add(sum1, e1);
    }
    for (; j < end; j += 4) {
      const rest = end - j;
      // Padding with -Infinity: its exponential is exactly 0.
      const value = rest >= 4 ? v128.load(at(x, j)) : loadPartialPadded(at(x, j), rest, -Infinity);
      const e = expV(f32x4.sub(value, top));
      if (to != 0) storeUpTo(at(to, j), e, rest);
      sum0 = f32x4.add(sum0, e);
    }
    total += hsum(f32x4.add(sum0, sum1));
  }
  return total;
}
