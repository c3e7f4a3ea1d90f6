/** @file Sums, means and maxima over all elements or one axis. */
import { anything, checkOptions, flag, optional } from '../../checks.js';
import { normalizeAxis, sizeOf } from '../../tensor/shape.js';
import { record } from '../tape.js';
import { requireDType, result, type Variable } from '../variable.js';
import { scale } from './binary.js';

/** What is reduced, and the shape of what is left. */
export interface ReduceOptions {
  /** The axis to reduce; below 0 it counts from the last. Default: all of them, to one number. */
  axis?: number;
  /** Keep the reduced axis with size 1. Default false. */
  keepDim?: boolean;
}

interface Split {
  outer: number;
  n: number;
  inner: number;
  shape: number[];
}

function split(op: string, x: Variable, options: ReduceOptions): Split {
  checkOptions(op, options, { axis: optional(anything), keepDim: optional(flag) });
  requireDType(op, 'x', x, 'f32');
  if (options.axis === undefined) {
    return { outer: 1, n: x.size, inner: 1, shape: options.keepDim ? x.shape.map(() => 1) : [] };
  }
  const axis = normalizeAxis(op, options.axis, x.rank);
  const before = x.shape.slice(0, axis);
  const after = x.shape.slice(axis + 1);
  const shape = options.keepDim ? [...before, 1, ...after] : [...before, ...after];
  return { outer: sizeOf(before), n: x.shape[axis], inner: sizeOf(after), shape };
}

/** Sum over one axis, which the result lacks (`keepDim`: has as 1), or over everything, in a fixed order. */
export function sum(x: Variable, options: ReduceOptions = {}): Variable {
  const { outer, n, inner, shape } = split('sum', x, options);
  const { kernels } = x.runtime;
  const y = result(x.runtime, shape);
  kernels.sumForward(y.ptr, x.ptr, outer, n, inner);
  record('sum', [x], [y], (ctx) => {
    // Every summand gets the gradient of its sum.
    if (ctx.wants(x)) {
      ctx.overwrite(x, (dx) => kernels.stridedGather(dx, ctx.dout(), 1, outer, n, inner, 0, inner, 0, 1));
    }
  });
  return y;
}

/** Mean over one axis or over everything. */
export function mean(x: Variable, options: ReduceOptions = {}): Variable {
  const { n } = split('mean', x, options);
  return scale(sum(x, options), 1 / n);
}

/** Maximum over one axis or over everything; of equal elements the first gets the gradient. */
export function max(x: Variable, options: ReduceOptions = {}): Variable {
  const { outer, n, inner, shape } = split('max', x, options);
  const { kernels } = x.runtime;
  const y = result(x.runtime, shape);
  const argmax = result(x.runtime, shape, 'i32');
  kernels.maxForward(y.ptr, argmax.ptr, x.ptr, outer, n, inner);
  record('max', [x], [y], (ctx) => {
    if (!ctx.wants(x)) return;
    ctx.overwrite(x, (dx) => kernels.maxBackward(dx, ctx.dout(), argmax.ptr, outer, n, inner));
  });
  return y;
}
