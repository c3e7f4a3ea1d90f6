/**
 * What the machine can do at most with 128-bit vectors: the yardstick of every GFLOP/s and GB/s in the benchmark.
 * Compiled twice like the kernels, plain and with RELAXED defined.
 */

/** FLOPs of one turn of the loop: 12 accumulators of 4 lanes, a multiplication and an addition each. */
export function peakFlops(): i32 {
  return 96;
}

/**
 * `turns` turns of acc = acc m + c on 12 independent accumulators, which fill the registers that engines leave to
 * us and hide the latency of both operations. Nothing is loaded. m and c are arguments because an engine may build a
 * constant anew at every use; with m = 0.5 and c = 0.75 no value becomes denormal.
 */
export function peak(turns: i32, m32: f32, c32: f32): f32 {
  const m = f32x4.splat(m32);
  const c = f32x4.splat(c32);
  let a0 = f32x4.splat(0);
  let a1 = f32x4.splat(0.1);
  let a2 = f32x4.splat(0.2);
  let a3 = f32x4.splat(0.3);
  let a4 = f32x4.splat(0.4);
  let a5 = f32x4.splat(0.5);
  let a6 = f32x4.splat(0.6);
  let a7 = f32x4.splat(0.7);
  let a8 = f32x4.splat(0.8);
  let a9 = f32x4.splat(0.9);
  let a10 = f32x4.splat(1);
  let a11 = f32x4.splat(1.1);
  for (let i = 0; i < turns; i++) {
    a0 = multiplyAdd(a0, m, c);
    a1 = multiplyAdd(a1, m, c);
    a2 = multiplyAdd(a2, m, c);
    a3 = multiplyAdd(a3, m, c);
    a4 = multiplyAdd(a4, m, c);
    a5 = multiplyAdd(a5, m, c);
    a6 = multiplyAdd(a6, m, c);
    a7 = multiplyAdd(a7, m, c);
    a8 = multiplyAdd(a8, m, c);
    a9 = multiplyAdd(a9, m, c);
    a10 = multiplyAdd(a10, m, c);
    a11 = multiplyAdd(a11, m, c);
  }
  const low = f32x4.add(f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3)), f32x4.add(a4, a5));
  const high = f32x4.add(f32x4.add(f32x4.add(a6, a7), f32x4.add(a8, a9)), f32x4.add(a10, a11));
  return f32x4.extract_lane(f32x4.add(low, high), 0);
}

/** The engine's own copy of `bytes` bytes. */
export function copy(to: usize, from: usize, bytes: usize): void {
  memory.copy(to, from, bytes);
}

// @ts-ignore: decorator
@inline
function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return isDefined(RELAXED) ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}
