/** @file Elementwise functions of one tensor. Each row: the kernel forward, and what its backward needs. */
import type { Kernels, Ptr } from '../../runtime/kernels.js';
import { record } from '../tape.js';
import { requireDType, result, type Variable } from '../variable.js';

type Backward = (k: Kernels, dx: Ptr, dout: Ptr, x: Ptr, y: Ptr, n: number) => void;

function unary(
  op: string,
  x: Variable,
  forward: (k: Kernels, y: Ptr, x: Ptr, n: number) => void,
  back: Backward,
): Variable {
  requireDType(op, 'x', x, 'f32');
  const { kernels } = x.runtime;
  const y = result(x.runtime, x.shape);
  const [px, py] = [x.ptr, y.ptr];
  forward(kernels, py, px, x.size);
  record(op, [x], [y], (ctx) => {
    if (ctx.wants(x)) ctx.overwrite(x, (dx) => back(kernels, dx, ctx.dout(), px, py, x.size));
  });
  return y;
}

/** max(x, 0); the gradient at 0 is 0. */
export const relu = (x: Variable): Variable =>
  unary(
    'relu',
    x,
    (k, y, p, n) => k.reluForward(y, p, n),
    (k, dx, dy, _x, y, n) => k.reluBackward(dx, dy, y, n),
  );

/** x · Φ(x), the exact form with erf. */
export const gelu = (x: Variable): Variable =>
  unary(
    'gelu',
    x,
    (k, y, p, n) => k.geluForward(y, p, n),
    (k, dx, dy, p, _y, n) => k.geluBackward(dx, dy, p, n),
  );

/** x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))) / 2, the approximation of `gelu` that GPT-2 was trained with. */
export const geluTanh = (x: Variable): Variable =>
  unary(
    'geluTanh',
    x,
    (k, y, p, n) => k.geluTanhForward(y, p, n),
    (k, dx, dy, p, _y, n) => k.geluTanhBackward(dx, dy, p, n),
  );

/** x / (1 + e^-x), also called swish. */
export const silu = (x: Variable): Variable =>
  unary(
    'silu',
    x,
    (k, y, p, n) => k.siluForward(y, p, n),
    (k, dx, dy, p, _y, n) => k.siluBackward(dx, dy, p, n),
  );

/** e^x; exactly 0 below -87.3. */
export const exp = (x: Variable): Variable =>
  unary(
    'exp',
    x,
    (k, y, p, n) => k.expForward(y, p, n),
    (k, dx, dy, _x, y, n) => k.mulForward(dx, dy, y, n),
  );

/** Natural logarithm. */
export const log = (x: Variable): Variable =>
  unary(
    'log',
    x,
    (k, y, p, n) => k.logForward(y, p, n),
    (k, dx, dy, p, _y, n) => k.divForward(dx, dy, p, n),
  );

/** Hyperbolic tangent. */
export const tanh = (x: Variable): Variable =>
  unary(
    'tanh',
    x,
    (k, y, p, n) => k.tanhForward(y, p, n),
    (k, dx, dy, _x, y, n) => k.tanhBackward(dx, dy, y, n),
  );

/** 1 / (1 + e^-x) */
export const sigmoid = (x: Variable): Variable =>
  unary(
    'sigmoid',
    x,
    (k, y, p, n) => k.sigmoidForward(y, p, n),
    (k, dx, dy, _x, y, n) => k.sigmoidBackward(dx, dy, y, n),
  );

/** Square root. */
export const sqrt = (x: Variable): Variable =>
  unary(
    'sqrt',
    x,
    (k, y, p, n) => k.sqrtForward(y, p, n),
    // d sqrt(x) = 1 / (2 sqrt(x))
    (k, dx, dy, _x, y, n) => {
      k.scaleForward(dx, dy, 0.5, n);
      k.divForward(dx, dx, y, n);
    },
  );

/** Sine of radians; NaN from |x| = 2^30 on. */
export const sin = (x: Variable): Variable =>
  unary(
    'sin',
    x,
    (k, y, p, n) => k.sinForward(y, p, n),
    (k, dx, dy, p, _y, n) => {
      k.cosForward(dx, p, n);
      k.mulForward(dx, dx, dy, n);
    },
  );

/** Cosine of radians; NaN from |x| = 2^30 on. */
export const cos = (x: Variable): Variable =>
  unary(
    'cos',
    x,
    (k, y, p, n) => k.cosForward(y, p, n),
    (k, dx, dy, p, _y, n) => {
      k.sinForward(dx, p, n);
      k.mulForward(dx, dx, dy, n);
      k.scaleForward(dx, dx, -1, n);
    },
  );
