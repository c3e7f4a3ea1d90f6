/**
 * Lane helpers shared by the kernels. A partial vector (the tail of an array) is padded with zeros and runs
 * through the same vector code as a full one, so a result never depends on its position in the array.
 */

/** Floats per vector. */
export const LANES: i32 = 4;

/** Address of float (or int32) `index` from `base`. */
// @ts-ignore: decorator
@inline
export function at(base: usize, index: i32): usize {
  return base + ((<usize>index) << 2);
}

/** Address of row `r` of a contiguous matrix with `cols` columns. */
// @ts-ignore: decorator
@inline
export function rowAt(base: usize, r: i32, cols: i32): usize {
  return base + (((<usize>r) * (<usize>cols)) << 2);
}

/** Sum of the lanes in the one fixed order (l0 + l2) + (l1 + l3). */
// @ts-ignore: decorator
@inline
export function hsum(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** Maximum of the lanes; with a NaN among them the result is unspecified. */
// @ts-ignore: decorator
@inline
export function hmax(v: v128): f32 {
  const pairs = f32x4.pmax(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  const both = f32x4.pmax(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2));
  return f32x4.extract_lane(both, 0);
}

/** The first `count` (1 to 3) floats at p; the other lanes hold `pad`. Reads nothing beyond them. */
// @ts-ignore: decorator
@inline
export function loadPartialPadded(p: usize, count: i32, pad: f32): v128 {
  let v = f32x4.replace_lane(f32x4.splat(pad), 0, load<f32>(p));
  if (count > 1) v = f32x4.replace_lane(v, 1, load<f32>(p, 4));
  if (count > 2) v = f32x4.replace_lane(v, 2, load<f32>(p, 8));
  return v;
}

/** The first `count` (1 to 3) floats at p; the other lanes are zero. */
// @ts-ignore: decorator
@inline
export function loadPartial(p: usize, count: i32): v128 {
  return loadPartialPadded(p, count, 0);
}

/** Stores the first `count` (1 to 3) lanes at p and touches nothing beyond them. */
// @ts-ignore: decorator
@inline
export function storePartial(p: usize, v: v128, count: i32): void {
  store<f32>(p, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(p, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(p, f32x4.extract_lane(v, 2), 8);
}

/** Up to four floats at p: a full vector when `count` >= 4, padded with zeros otherwise (count >= 1). */
// @ts-ignore: decorator
@inline
export function loadUpTo(p: usize, count: i32): v128 {
  return count >= LANES ? v128.load(p) : loadPartial(p, count);
}

/** Stores up to four lanes at p; nothing when `count` <= 0. */
// @ts-ignore: decorator
@inline
export function storeUpTo(p: usize, v: v128, count: i32): void {
  if (count >= LANES) v128.store(p, v);
  else if (count > 0) storePartial(p, v, count);
}
