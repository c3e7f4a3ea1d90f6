/**
 * Elementwise kernels: out[i] = f(x[i], ...) for i < n. `out` may alias any input exactly (same pointer).
 * The loops are written once; the operation is a constant that folds away when a loop is inlined. They test at
 * their end, so that an engine can lift constants out of them.
 */

import { geluGradientRow, geluRow } from './gelu';
import { cosV, erfV, expV, logV, reluV, sinV, tanhV } from './math';
import { at, loadUpTo, storeUpTo } from './simd';

const ADD: i32 = 0;
const SUB: i32 = 1;
const MUL: i32 = 2;
const DIV: i32 = 3;
const RELU_GRAD: i32 = 4;
const TANH_GRAD: i32 = 5;
const SIGMOID_GRAD: i32 = 6;

const RELU: i32 = 0;
const EXP: i32 = 1;
const LOG: i32 = 2;
const TANH: i32 = 3;
const ERF: i32 = 4;
const SIN: i32 = 5;
const COS: i32 = 6;
const SQRT: i32 = 7;
const SIGMOID: i32 = 8;
const ABS: i32 = 9;

/** out = a + b */
export function addForward(out: usize, a: usize, b: usize, n: i32): void {
  binary(ADD, out, a, b, n);
}

/** out = a - b */
export function subForward(out: usize, a: usize, b: usize, n: i32): void {
  binary(SUB, out, a, b, n);
}

/** out = a * b */
export function mulForward(out: usize, a: usize, b: usize, n: i32): void {
  binary(MUL, out, a, b, n);
}

/** out = a / b */
export function divForward(out: usize, a: usize, b: usize, n: i32): void {
  binary(DIV, out, a, b, n);
}

/** acc += x */
export function addInto(acc: usize, x: usize, n: i32): void {
  binary(ADD, acc, acc, x, n);
}

/** dx = dout where out > 0, else 0 */
export function reluBackward(dx: usize, dout: usize, out: usize, n: i32): void {
  binary(RELU_GRAD, dx, dout, out, n);
}

/** dx = dout (Phi(x) + x phi(x)); x is the input of geluForward. */
export function geluBackward(dx: usize, dout: usize, x: usize, n: i32): void {
  geluGradientRow(dx, dout, x, n);
}

/** dx = dout (1 - out^2) */
export function tanhBackward(dx: usize, dout: usize, out: usize, n: i32): void {
  binary(TANH_GRAD, dx, dout, out, n);
}

/** dx = dout out (1 - out) */
export function sigmoidBackward(dx: usize, dout: usize, out: usize, n: i32): void {
  binary(SIGMOID_GRAD, dx, dout, out, n);
}

/** out = max(x, 0) */
export function reluForward(out: usize, x: usize, n: i32): void {
  unary(RELU, out, x, n);
}

/** out = x Phi(x), exact form. Absolute error below 1e-7 (1 + |x|). */
export function geluForward(out: usize, x: usize, n: i32): void {
  geluRow(out, x, n);
}

/** out = e^x, exactly 0 below -87.3 */
export function expForward(out: usize, x: usize, n: i32): void {
  unary(EXP, out, x, n);
}

/** out = ln x */
export function logForward(out: usize, x: usize, n: i32): void {
  unary(LOG, out, x, n);
}

/** out = tanh x */
export function tanhForward(out: usize, x: usize, n: i32): void {
  unary(TANH, out, x, n);
}

/** out = erf x */
export function erfForward(out: usize, x: usize, n: i32): void {
  unary(ERF, out, x, n);
}

/** out = sin x; NaN from |x| = 2^30 on. */
export function sinForward(out: usize, x: usize, n: i32): void {
  unary(SIN, out, x, n);
}

/** out = cos x; NaN from |x| = 2^30 on. */
export function cosForward(out: usize, x: usize, n: i32): void {
  unary(COS, out, x, n);
}

/** out = sqrt x */
export function sqrtForward(out: usize, x: usize, n: i32): void {
  unary(SQRT, out, x, n);
}

/** out = 1 / (1 + e^-x) */
export function sigmoidForward(out: usize, x: usize, n: i32): void {
  unary(SIGMOID, out, x, n);
}

/** out = |x| */
export function absForward(out: usize, x: usize, n: i32): void {
  unary(ABS, out, x, n);
}

/** out = alpha x */
export function scaleForward(out: usize, x: usize, alpha: f32, n: i32): void {
  scalar(MUL, out, x, alpha, n);
}

/** out = x + alpha */
export function addScalarForward(out: usize, x: usize, alpha: f32, n: i32): void {
  scalar(ADD, out, x, alpha, n);
}

/** out = x * scale[0]; the factor lies in memory so that a recorded call can change it. */
export function scaleByForward(out: usize, x: usize, scale: usize, n: i32): void {
  scalar(MUL, out, x, load<f32>(scale), n);
}

/** acc += scale[0] x */
export function addScaledInto(acc: usize, x: usize, scale: usize, n: i32): void {
  const factor = f32x4.splat(load<f32>(scale));
  for (let i = 0; i < n; i += 4) {
    const rest = n - i;
    storeUpTo(at(acc, i), f32x4.add(loadUpTo(at(acc, i), rest), f32x4.mul(loadUpTo(at(x, i), rest), factor)), rest);
  }
}

/** out = value */
export function fill(out: usize, value: f32, n: i32): void {
  const v = f32x4.splat(value);
  for (let i = 0; i < n; i += 4) storeUpTo(at(out, i), v, n - i);
}

/** out = x, bit for bit; the ranges may overlap. */
export function copyForward(out: usize, x: usize, n: i32): void {
  memory.copy(out, x, (<usize>n) << 2);
}

/** out = cond (int32) is not 0 ? a : b */
export function whereForward(out: usize, cond: usize, a: usize, b: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const rest = n - i;
    const isZero = i32x4.eq(loadUpTo(at(cond, i), rest), i32x4.splat(0));
    storeUpTo(at(out, i), v128.bitselect(loadUpTo(at(b, i), rest), loadUpTo(at(a, i), rest), isZero), rest);
  }
}

// @ts-ignore: decorator
@inline
function binary(op: i32, out: usize, a: usize, b: usize, n: i32): void {
  const full = n & -4;
  let i = 0;
  if (full > 0) {
    do {
      v128.store(at(out, i), apply2(op, v128.load(at(a, i)), v128.load(at(b, i))));
      i += 4;
    } while (i < full);
  }
  if (i < n) {
    const rest = n - i;
    storeUpTo(at(out, i), apply2(op, loadUpTo(at(a, i), rest), loadUpTo(at(b, i), rest)), rest);
  }
}

// @ts-ignore: decorator
@inline
function unary(op: i32, out: usize, x: usize, n: i32): void {
  const full = n & -4;
  let i = 0;
  if (full > 0) {
    do {
      v128.store(at(out, i), apply1(op, v128.load(at(x, i))));
      i += 4;
    } while (i < full);
  }
  if (i < n) storeUpTo(at(out, i), apply1(op, loadUpTo(at(x, i), n - i)), n - i);
}

// @ts-ignore: decorator
@inline
function scalar(op: i32, out: usize, x: usize, alpha: f32, n: i32): void {
  const v = f32x4.splat(alpha);
  const full = n & -4;
  let i = 0;
  if (full > 0) {
    do {
      v128.store(at(out, i), apply2(op, v128.load(at(x, i)), v));
      i += 4;
    } while (i < full);
  }
  if (i < n) storeUpTo(at(out, i), apply2(op, loadUpTo(at(x, i), n - i), v), n - i);
}

// @ts-ignore: decorator
@inline
function apply2(op: i32, a: v128, b: v128): v128 {
  if (op == ADD) return f32x4.add(a, b);
  if (op == SUB) return f32x4.sub(a, b);
  if (op == MUL) return f32x4.mul(a, b);
  if (op == DIV) return f32x4.div(a, b);
  if (op == RELU_GRAD) return v128.and(a, f32x4.gt(b, f32x4.splat(0)));
  if (op == TANH_GRAD) return f32x4.mul(a, f32x4.sub(f32x4.splat(1), f32x4.mul(b, b)));
  return f32x4.mul(a, f32x4.mul(b, f32x4.sub(f32x4.splat(1), b)));
}

// @ts-ignore: decorator
@inline
function apply1(op: i32, x: v128): v128 {
  if (op == RELU) return reluV(x);
  if (op == EXP) return expV(x);
  if (op == LOG) return logV(x);
  if (op == TANH) return tanhV(x);
  if (op == ERF) return erfV(x);
  if (op == SIN) return sinV(x);
  if (op == COS) return cosV(x);
  if (op == SQRT) return f32x4.sqrt(x);
  if (op == SIGMOID) return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), expV(f32x4.neg(x))));
  return f32x4.abs(x);
}
