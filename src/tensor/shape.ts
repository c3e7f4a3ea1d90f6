/** @file Shapes: sizes, broadcasting, axes. */
import { brief, formatShape, ShapeError } from '../errors.js';

/** Sizes of the axes, outermost first; [] is a scalar. */
export type Shape = readonly number[];

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/** @throws ShapeError for what is no list of whole numbers. */
export function checkShape(op: string, shape: Shape): void {
  if (Array.isArray(shape) && shape.every((n) => Number.isSafeInteger(n) && n >= 0)) return;
  throw new ShapeError(`a shape is a list of whole numbers >= 0, got ${brief(shape)}`, {
    op,
    expected: 'whole numbers >= 0',
    actual: shape,
  });
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** NumPy's rule: align at the right; sizes agree or one of them is 1. */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(`shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`, {
        op,
        expected: a,
        actual: b,
        hint: 'sizes must agree or be 1, aligned at the last axis',
      });
    }
    out[i] = x === 1 ? y : x;
  }
  return out;
}

/** Strides that read `shape` as if it had the broadcast shape `out` (0 where it repeats). */
export function broadcastStrides(shape: Shape, out: Shape): number[] {
  const strides = stridesOf(shape);
  return out.map((_, i) => {
    const j = shape.length - out.length + i;
    return j < 0 || shape[j] === 1 ? 0 : strides[j];
  });
}

/** Turns a possibly negative axis into 0..rank-1. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank) {
    throw new ShapeError(`axis ${axis} is out of range for ${rank} dimensions`, {
      op,
      expected: rank,
      actual: axis,
    });
  }
  return normal;
}

/** Merges neighbouring axes that a strided walk can treat as one, and pads to exactly four axes. */
export function fourAxes(op: string, shape: Shape, strides: readonly number[]): [number[], number[]] {
  const dims: number[] = [];
  const steps: number[] = [];
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue;
    const last = dims.length - 1;
    if (last >= 0 && steps[last] === strides[i] * shape[i]) {
      dims[last] *= shape[i];
      steps[last] = strides[i];
    } else {
      dims.push(shape[i]);
      steps.push(strides[i]);
    }
  }
  if (dims.length > 4) {
    throw new ShapeError(`more than four independent axes in ${formatShape(shape)}`, {
      op,
      actual: shape,
      hint: 'split the operation or reshape first',
    });
  }
  while (dims.length < 4) {
    dims.unshift(1);
    steps.unshift(0);
  }
  return [dims, steps];
}
