/**
 * x sigmoid(w): SiLU, where w is x, and the tanh form of GELU, where w is A x + B x^3. One loop each way for both, because
 * the exponential in it is most of its time and of its bytes.
 */
import { expV } from './math';
import { LANES, at, loadUpTo, storeUpTo } from './simd';

/** 2 sqrt(2 / pi), and that times 0.044715. */
const A: f32 = 1.5957692;
const B: f32 = 0.071354814;

/** out = x / (1 + e^-x) */
export function siluForward(out: usize, x: usize, n: i32): void {
  gate(out, x, n, 1, 0);
}

/** out = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
export function geluTanhForward(out: usize, x: usize, n: i32): void {
  gate(out, x, n, A, B);
}

/** dx = dout times the derivative of siluForward; x is its input. */
export function siluBackward(dx: usize, dout: usize, x: usize, n: i32): void {
  gateGradient(dx, dout, x, n, 1, 0);
}

/** dx = dout times the derivative of geluTanhForward; x is its input. */
export function geluTanhBackward(dx: usize, dout: usize, x: usize, n: i32): void {
  gateGradient(dx, dout, x, n, A, B);
}

/** x^2, cut off where nothing depends on it any more: 0 times an infinity would be NaN. */
// @ts-ignore: decorator
@inline
function square(x: v128): v128 {
  return f32x4.pmin(f32x4.mul(x, x), f32x4.splat(1e30));
}

/** a x + b x^3; with b = 0 and a = 1 it is x in every bit. */
// @ts-ignore: decorator
@inline
function cubic(x: v128, a: v128, b: v128): v128 {
  return f32x4.mul(x, f32x4.add(a, f32x4.mul(b, square(x))));
}

function gate(out: usize, x: usize, n: i32, a: f32, b: f32): void {
  const one = f32x4.splat(1);
  for (let i = 0; i < n; i += LANES) {
    const rest = n - i;
    const v = loadUpTo(at(x, i), rest);
    const w = cubic(v, f32x4.splat(a), f32x4.splat(b));
    storeUpTo(at(out, i), f32x4.div(v, f32x4.add(one, expV(f32x4.neg(w)))), rest);
  }
}

/** s + x s (1 - s) w'. Both s and 1 - s are made of e^-|w|, so that neither is what a subtraction left over. */
function gateGradient(dx: usize, dout: usize, x: usize, n: i32, a: f32, b: f32): void {
  const one = f32x4.splat(1);
  for (let i = 0; i < n; i += LANES) {
    const rest = n - i;
    const v = loadUpTo(at(x, i), rest);
    const w = cubic(v, f32x4.splat(a), f32x4.splat(b));
    const z = expV(f32x4.neg(f32x4.abs(w)));
    const below = f32x4.lt(w, f32x4.splat(0));
    const inverse = f32x4.div(one, f32x4.add(one, z));
    const s = f32x4.mul(v128.bitselect(z, one, below), inverse);
    const other = f32x4.mul(v128.bitselect(one, z, below), inverse);
    const slope = f32x4.add(f32x4.splat(a), f32x4.mul(f32x4.splat(3 * b), square(v)));
    const value = f32x4.mul(s, f32x4.add(one, f32x4.mul(f32x4.mul(v, other), slope)));
    storeUpTo(at(dx, i), f32x4.mul(loadUpTo(at(dout, i), rest), value), rest);
  }
}
