/**
 * Optimizer steps: one call updates every parameter.
 *
 * table: int32 (numSegments, 4) = {address of the parameter in bytes, offset of its gradient and moments in
 * elements, length, group}. grads and the moments are flat and parallel to each other.
 * hyper: f32 (groups, HYPER_FIELDS); shared.ts says what lies where.
 * clip: address of one float the gradients are multiplied by; 0 = none.
 * All of it lies in memory, so that a recorded step needs no new arguments.
 */
import {
  HYPER_BETA1,
  HYPER_BETA2,
  HYPER_DECOUPLED_DECAY,
  HYPER_DENOM_SCALE,
  HYPER_EPS,
  HYPER_FIELDS,
  HYPER_LR,
  HYPER_MOMENTUM,
  HYPER_NESTEROV,
  HYPER_ONE_MINUS_BETA1,
  HYPER_ONE_MINUS_BETA2,
  HYPER_RECTIFICATION,
  HYPER_STEP_SIZE,
  HYPER_WEIGHT_DECAY,
} from './shared';
import { at, loadUpTo, storeUpTo } from './simd';

/**
 * PyTorch's SGD: g = clip grad + weightDecay p; buf = momentum buf + g; d = nesterov ? g + momentum buf : buf;
 * p -= lr d. Without momentum (0, or momentumBuffer = 0) d = g. buf starts at zero, which makes the first step
 * buf = g.
 */
export function sgdStep(
  table: usize,
  numSegments: i32,
  grads: usize,
  momentumBuffer: usize,
  hyper: usize,
  clip: usize,
): void {
  for (let s = 0; s < numSegments; s++) {
    const h = groupOf(table, s, hyper);
    const first = load<i32>(at(table, s * 4 + 1));
    const n = load<i32>(at(table, s * 4 + 2));
    const p = <usize>load<u32>(at(table, s * 4));
    const g = at(grads, first);
    const buf = at(momentumBuffer, first);
    const lr = splat(h, HYPER_LR);
    const momentum = splat(h, HYPER_MOMENTUM);
    const hasMomentum = momentumBuffer != 0 && load<f32>(at(h, HYPER_MOMENTUM)) != 0;
    const nesterov = load<f32>(at(h, HYPER_NESTEROV)) != 0;
    const weightDecay = splat(h, HYPER_WEIGHT_DECAY);
    const keep = keepFactor(h);
    const clipBy = clipFactor(clip);
    for (let i = 0; i < n; i += 4) {
      const rest = n - i;
      const value = f32x4.mul(loadUpTo(at(p, i), rest), keep);
      let step = gradient(loadUpTo(at(g, i), rest), clipBy, weightDecay, value);
      if (hasMomentum) {
        const next = f32x4.add(f32x4.mul(momentum, loadUpTo(at(buf, i), rest)), step);
        storeUpTo(at(buf, i), next, rest);
        step = nesterov ? f32x4.add(step, f32x4.mul(momentum, next)) : next;
      }
      storeUpTo(at(p, i), f32x4.sub(value, f32x4.mul(lr, step)), rest);
    }
  }
}

/**
 * Adam and AdamW: g = clip grad + weightDecay p; m += (1 - beta1)(g - m); v = beta2 v + (1 - beta2) g^2;
 * p -= stepSize m / (sqrt(v) denomScale + eps), with stepSize = lr / (1 - beta1^t) and
 * denomScale = 1 / sqrt(1 - beta2^t) from the host. p is first multiplied by 1 - decoupledDecay.
 */
export function adamStep(
  table: usize,
  numSegments: i32,
  grads: usize,
  m: usize,
  v: usize,
  hyper: usize,
  clip: usize,
): void {
  for (let s = 0; s < numSegments; s++) momentStep(table, s, grads, m, v, hyper, clip, false);
}

/**
 * PyTorch's RAdam. Moments as in adamStep, then, with r = rectification:
 * r >= 0: p -= stepSize r m denomScale / (sqrt(v) + eps); r < 0 (too few steps to rectify): p -= stepSize m.
 * The host passes stepSize = lr / (1 - beta1^t) and denomScale = sqrt(1 - beta2^t).
 */
export function radamStep(
  table: usize,
  numSegments: i32,
  grads: usize,
  m: usize,
  v: usize,
  hyper: usize,
  clip: usize,
): void {
  for (let s = 0; s < numSegments; s++) momentStep(table, s, grads, m, v, hyper, clip, true);
}

/** out = min(1, maxNorm / (sqrt(sumSquares) + 1e-6)): the factor that brings the gradient norm to maxNorm. */
export function clipScale(out: usize, sumSquares: usize, maxNorm: f32): void {
  const norm = sqrt<f32>(load<f32>(sumSquares));
  store<f32>(out, min<f32>(1, maxNorm / (norm + 1e-6)));
}

// @ts-ignore: decorator
@inline
function momentStep(
  table: usize,
  s: i32,
  grads: usize,
  m: usize,
  v: usize,
  hyper: usize,
  clip: usize,
  rectified: bool,
): void {
  const h = groupOf(table, s, hyper);
  const first = load<i32>(at(table, s * 4 + 1));
  const n = load<i32>(at(table, s * 4 + 2));
  const p = <usize>load<u32>(at(table, s * 4));
  const g = at(grads, first);
  const ms = at(m, first);
  const vs = at(v, first);
  const oneMinusBeta1 = f32x4.splat(complement(h, HYPER_ONE_MINUS_BETA1, HYPER_BETA1));
  const oneMinusBeta2 = f32x4.splat(complement(h, HYPER_ONE_MINUS_BETA2, HYPER_BETA2));
  const beta2 = splat(h, HYPER_BETA2);
  const eps = splat(h, HYPER_EPS);
  const weightDecay = splat(h, HYPER_WEIGHT_DECAY);
  const denomScale = splat(h, HYPER_DENOM_SCALE);
  const rectification = load<f32>(at(h, HYPER_RECTIFICATION));
  const plain = rectified && rectification < 0;
  const stepSize = f32x4.splat(
    load<f32>(at(h, HYPER_STEP_SIZE)) * (rectified && !plain ? rectification * load<f32>(at(h, HYPER_DENOM_SCALE)) : 1),
  );
  const keep = keepFactor(h);
  const clipBy = clipFactor(clip);
  // Plain Adam over whole vectors has a loop without tests.
  const full = rectified ? 0 : n & -4;
  for (let i = 0; i < full; i += 4) {
    const value = f32x4.mul(v128.load(at(p, i)), keep);
    const grad = gradient(v128.load(at(g, i)), clipBy, weightDecay, value);
    const mOld = v128.load(at(ms, i));
    const mNew = f32x4.add(mOld, f32x4.mul(oneMinusBeta1, f32x4.sub(grad, mOld)));
    const vOld = f32x4.mul(beta2, v128.load(at(vs, i)));
    const vNew = f32x4.add(vOld, f32x4.mul(oneMinusBeta2, f32x4.mul(grad, grad)));
    v128.store(at(ms, i), mNew);
    v128.store(at(vs, i), vNew);
    const divisor = f32x4.add(f32x4.mul(f32x4.sqrt(vNew), denomScale), eps);
    v128.store(at(p, i), f32x4.sub(value, f32x4.div(f32x4.mul(stepSize, mNew), divisor)));
  }
  for (let i = full; i < n; i += 4) {
    const rest = n - i;
    const value = f32x4.mul(loadUpTo(at(p, i), rest), keep);
    const grad = gradient(loadUpTo(at(g, i), rest), clipBy, weightDecay, value);
    const mOld = loadUpTo(at(ms, i), rest);
    const mNew = f32x4.add(mOld, f32x4.mul(oneMinusBeta1, f32x4.sub(grad, mOld)));
    const vOld = f32x4.mul(beta2, loadUpTo(at(vs, i), rest));
    const vNew = f32x4.add(vOld, f32x4.mul(oneMinusBeta2, f32x4.mul(grad, grad)));
    storeUpTo(at(ms, i), mNew, rest);
    storeUpTo(at(vs, i), vNew, rest);
    let update = f32x4.mul(stepSize, mNew);
    if (!plain) {
      const root = f32x4.sqrt(vNew);
      update = f32x4.div(update, f32x4.add(rectified ? root : f32x4.mul(root, denomScale), eps));
    }
    storeUpTo(at(p, i), f32x4.sub(value, update), rest);
  }
}

/** clip grad + weightDecay p */
// @ts-ignore: decorator
@inline
function gradient(grad: v128, clip: v128, weightDecay: v128, value: v128): v128 {
  return f32x4.add(f32x4.mul(grad, clip), f32x4.mul(weightDecay, value));
}

// @ts-ignore: decorator
@inline
function groupOf(table: usize, s: i32, hyper: usize): usize {
  const group = load<i32>(at(table, s * 4 + 3));
  return at(hyper, group * HYPER_FIELDS);
}

// @ts-ignore: decorator
@inline
function splat(h: usize, field: i32): v128 {
  return v128.load32_splat(at(h, field));
}

// @ts-ignore: decorator
@inline
function keepFactor(h: usize): v128 {
  return f32x4.splat(1 - load<f32>(at(h, HYPER_DECOUPLED_DECAY)));
}

// @ts-ignore: decorator
@inline
function clipFactor(clip: usize): v128 {
  return f32x4.splat(clip == 0 ? 1 : load<f32>(clip));
}

// @ts-ignore: decorator
@inline
function complement(h: usize, field: i32, beta: i32): f32 {
  const given = load<f32>(at(h, field));
  return given != 0 ? given : 1 - load<f32>(at(h, beta));
}
