/** @file Softmax and log-softmax over the last axis. */
import { anything, checkOptions, optional } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import { record } from '../tape.js';
import { requireDType, result, runtimeOf, type Variable } from '../variable.js';

/**
 * Softmax over the last axis. With `lengths` (i32), the rows are split evenly over its entries and only the
 * first `length` columns of a row take part; the others are 0, and so is a row of length 0.
 */
export function softmax(
  x: Variable,
  options: {
    /** i32: how many columns of a row take part; the rows are split evenly over its entries. Default: all columns. */
    lengths?: Variable;
  } = {},
): Variable {
  checkOptions('softmax', options, { lengths: optional(anything) });
  requireDType('softmax', 'x', x, 'f32');
  const cols = x.shape[x.rank - 1];
  const rows = cols === 0 ? 0 : x.size / cols;
  const { lengths } = options;
  if (lengths && (lengths.dtype !== 'i32' || rows % lengths.size !== 0)) {
    throw new ShapeError(
      `${lengths.size} lengths (${lengths.dtype}) do not divide the ${rows} rows of ${formatShape(x.shape)}`,
      {
        op: 'softmax',
        expected: rows,
        actual: lengths.size,
      },
    );
  }
  const runtime = runtimeOf('softmax', x, lengths);
  const y = result(runtime, x.shape);
  runtime.kernels.softmaxForward(
    y.ptr,
    x.ptr,
    lengths ? lengths.ptr : 0,
    rows,
    cols,
    lengths ? rows / lengths.size : 1,
  );
  record('softmax', [x], [y], (ctx) => {
    if (ctx.wants(x))
      ctx.overwrite(x, (dx) => runtime.kernels.softmaxBackward(dx, ctx.dout(), y.ptr, rows, cols));
  });
  return y;
}

/** log(softmax(x)) over the last axis, without forming the softmax. */
export function logSoftmax(x: Variable): Variable {
  requireDType('logSoftmax', 'x', x, 'f32');
  const cols = x.shape[x.rank - 1];
  const rows = cols === 0 ? 0 : x.size / cols;
  const { kernels } = x.runtime;
  const y = result(x.runtime, x.shape);
  kernels.logSoftmaxForward(y.ptr, x.ptr, rows, cols);
  record('logSoftmax', [x], [y], (ctx) => {
    if (ctx.wants(x)) ctx.overwrite(x, (dx) => kernels.logSoftmaxBackward(dx, ctx.dout(), y.ptr, rows, cols));
  });
  return y;
}
