/**
 * @file Ops that move elements without computing: reshape, transpose, slice, broadcastTo, concat. All but
 * reshape are one strided copy, and their gradient is the same walk adding in the other direction.
 */
import { checkValue, iterable } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import {
  broadcastShapes,
  broadcastStrides,
  checkShape,
  fourAxes,
  normalizeAxis,
  type Shape,
  sizeOf,
  stridesOf,
} from '../../tensor/shape.js';
import { record } from '../tape.js';
import { requireTensor, result, runtimeOf, Variable } from '../variable.js';

/** The same values under another shape; one size may be -1. No copy. */
export function reshape(x: Variable, shape: Shape): Variable {
  checkShapes('reshape', x, shape);
  const unknown = shape.indexOf(-1);
  const known = shape.reduce((product, n) => (n === -1 ? product : product * n), 1);
  const full = unknown < 0 ? [...shape] : shape.map((n) => (n === -1 ? x.size / known : n));
  if (sizeOf(full) !== x.size || full.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError(`cannot view ${formatShape(x.shape)} as ${formatShape(shape)}`, {
      op: 'reshape',
      expected: x.size,
      actual: sizeOf(full),
    });
  }
  const y = new Variable(x.storage, full, x.offset);
  record('reshape', [x], [y], (ctx) => {
    if (ctx.wants(x)) ctx.pass(x, ctx.dout(), true);
  });
  return y;
}

function checkShapes(op: string, x: Variable, shape: Shape): void {
  requireTensor(op, 'x', x);
  checkValue(op, 'the second argument', shape, iterable);
}

/** Swaps two axes (default: the last two). */
export function transpose(x: Variable, axis0 = -2, axis1 = -1): Variable {
  requireTensor('transpose', 'x', x);
  const order = x.shape.map((_, i) => i);
  const a = normalizeAxis('transpose', axis0, x.rank);
  const b = normalizeAxis('transpose', axis1, x.rank);
  [order[a], order[b]] = [order[b], order[a]];
  return permute(x, order);
}

/** Reorders the axes: axis i of the result is axis order[i] of x. */
export function permute(x: Variable, order: readonly number[]): Variable {
  checkShapes('permute', x, order);
  if (
    order.length !== x.rank ||
    new Set(order).size !== x.rank ||
    order.some((i) => !(Number.isInteger(i) && i >= 0 && i < x.rank))
  ) {
    throw new ShapeError(
      `order ${formatShape(order)} is no permutation of the axes of ${formatShape(x.shape)}`,
      {
        op: 'permute',
        expected: x.rank,
        actual: order,
      },
    );
  }
  const strides = stridesOf(x.shape);
  return strided(
    'permute',
    x,
    order.map((i) => x.shape[i]),
    order.map((i) => strides[i]),
    0,
  );
}

/** Elements start (included) to end (excluded) of one axis. */
export function slice(x: Variable, axis: number, start: number, end: number): Variable {
  requireTensor('slice', 'x', x);
  const i = normalizeAxis('slice', axis, x.rank);
  if (
    !(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= x.shape[i])
  ) {
    throw new ShapeError(`range ${start}..${end} does not lie in axis ${axis} of ${formatShape(x.shape)}`, {
      op: 'slice',
      expected: [0, x.shape[i]],
      actual: [start, end],
    });
  }
  const shape = [...x.shape];
  shape[i] = end - start;
  const strides = stridesOf(x.shape);
  return strided('slice', x, shape, strides, start * strides[i]);
}

/** Repeats axes of size 1 (and adds leading axes) until the shape is `shape`. */
export function broadcastTo(x: Variable, shape: Shape): Variable {
  requireTensor('broadcastTo', 'x', x);
  checkShape('broadcastTo', shape);
  const full = broadcastShapes('broadcastTo', x.shape, shape);
  if (full.some((n, i) => n !== shape[i]) || full.length !== shape.length) {
    throw new ShapeError(`${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`, {
      op: 'broadcastTo',
      expected: shape,
      actual: x.shape,
    });
  }
  return strided('broadcastTo', x, shape, broadcastStrides(x.shape, shape), 0);
}

/** y contiguous, y[i] = x[offset + i·strides]. */
function strided(
  op: string,
  x: Variable,
  shape: Shape,
  strides: readonly number[],
  offset: number,
): Variable {
  const runtime = x.runtime;
  const y = result(runtime, shape, x.dtype);
  const [d, s] = fourAxes(op, shape, strides);
  runtime.kernels.stridedGather(y.ptr, x.ptr + offset * 4, d[0], d[1], d[2], d[3], s[0], s[1], s[2], s[3]);
  record(op, [x], [y], (ctx) => {
    if (!ctx.wants(x)) return;
    ctx.addTo(x, (dx) =>
      runtime.kernels.stridedScatterAdd(
        dx + offset * 4,
        ctx.dout(),
        d[0],
        d[1],
        d[2],
        d[3],
        s[0],
        s[1],
        s[2],
        s[3],
      ),
    );
  });
  return y;
}

/** Joins tensors along one axis; the other sizes agree. */
export function concat(parts: readonly Variable[], axis = 0): Variable {
  checkValue('concat', 'parts', parts, iterable);
  for (const part of parts) requireTensor('concat', 'a part', part);
  if (parts.length === 0) throw new ShapeError('needs at least one tensor', { op: 'concat' });
  const first = parts[0];
  const at = normalizeAxis('concat', axis, first.rank);
  for (const part of parts) {
    if (
      part.rank !== first.rank ||
      part.dtype !== first.dtype ||
      part.shape.some((n, i) => i !== at && n !== first.shape[i])
    ) {
      throw new ShapeError(
        `cannot join ${formatShape(part.shape)} to ${formatShape(first.shape)} along axis ${axis}`,
        {
          op: 'concat',
          expected: first.shape,
          actual: part.shape,
        },
      );
    }
  }
  const runtime = runtimeOf('concat', ...parts);
  const shape = [...first.shape];
  shape[at] = parts.reduce((sum, part) => sum + part.shape[at], 0);
  const y = result(runtime, shape, first.dtype);
  const outer = sizeOf(shape.slice(0, at));
  const inner = sizeOf(shape.slice(at + 1));
  const rowOut = shape[at] * inner;
  // Each part is a block of columns of the (outer, axis·inner) matrix: row copies with two strides.
  let column = 0;
  const columns = parts.map((part) => {
    const start = column;
    column += part.shape[at] * inner;
    return start;
  });
  const { kernels } = runtime;
  parts.forEach((part, i) => {
    const width = part.shape[at] * inner;
    for (let row = 0; row < outer; row++) {
      kernels.copyForward(y.ptr + (row * rowOut + columns[i]) * 4, part.ptr + row * width * 4, width);
    }
  });
  record('concat', parts, [y], (ctx) => {
    parts.forEach((part, i) => {
      if (!ctx.wants(part)) return;
      const width = part.shape[at] * inner;
      ctx.overwrite(part, (dx) =>
        kernels.stridedGather(dx, ctx.dout() + columns[i] * 4, 1, 1, outer, width, 0, 0, rowOut, 1),
      );
    });
  });
  return y;
}
