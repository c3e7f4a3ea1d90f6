/** @file One vector for each sequence of a batch: the mean of its tokens, or its last one. Padding takes no part. */
import { checkValue, oneOf } from '../../checks.js';
import { DataError, formatShape, ShapeError } from '../../errors.js';
import type { Ptr } from '../../runtime/kernels.js';
import type { Runtime } from '../../runtime/runtime.js';
import { record } from '../tape.js';
import { requireDType, result, runtimeOf, type Variable } from '../variable.js';

/**
 * x (B, T, C) to (B, C): the `mean` of each sequence's tokens, or its `last` one. `lengths` (B) i32 says how many
 * tokens are not padding; null: all are. What stands in the padding, and how much of it there is, changes no bit.
 * @throws DataError for a length that is not from 1 to T.
 */
export function poolTokens(x: Variable, kind: 'mean' | 'last', lengths: Variable | null = null): Variable {
  checkValue('poolTokens', 'kind', kind, oneOf('mean', 'last'));
  requireDType('poolTokens', 'x', x, 'f32');
  if (x.rank !== 3) {
    throw new ShapeError(`x must be (batch, tokens, width), got ${formatShape(x.shape)}`, {
      op: 'poolTokens',
      expected: 3,
      actual: x.rank,
    });
  }
  if (lengths) checkLengths(x, lengths);
  return kind === 'mean' ? meanOf(x, lengths) : lastOf(x, lengths);
}

function checkLengths(x: Variable, lengths: Variable): void {
  requireDType('poolTokens', 'lengths', lengths, 'i32');
  if (lengths.size === x.shape[0]) return;
  throw new ShapeError(`lengths must have ${x.shape[0]} elements, got ${formatShape(lengths.shape)}`, {
    op: 'poolTokens',
    expected: x.shape[0],
    actual: lengths.size,
  });
}

function meanOf(x: Variable, lengths: Variable | null): Variable {
  const [B, T, C] = x.shape;
  const runtime = lengths ? runtimeOf('poolTokens', x, lengths) : x.runtime;
  const { kernels, heap } = runtime;
  const places = runtime.hostPlace(B * T).ptr; // of token b·T + t: itself, -1 in the padding
  const rows = runtime.hostPlace(B * T).ptr; // its sequence b, -1 in the padding
  const inverse = runtime.hostPlace(B * C).ptr; // 1 / length, once for every element of the result
  eachTime(runtime, lengths, x.shape, (known) => {
    const each = (value: (b: number, t: number) => number, width: number): Int32Array =>
      Int32Array.from({ length: B * width }, (_, i) => value(Math.floor(i / width), i % width));
    heap.writeInts(
      places,
      each((b, t) => (t < known[b] ? b * T + t : -1), T),
    );
    heap.writeInts(
      rows,
      each((b, t) => (t < known[b] ? b : -1), T),
    );
    heap.writeFloats(
      inverse,
      Float64Array.from({ length: B * C }, (_, i) => 1 / known[Math.floor(i / C)]),
    );
  });
  const masked = runtime.allocate(x.size);
  kernels.embeddingForward(masked, x.ptr, places, B * T, C, 1);
  const y = result(runtime, [B, C]);
  kernels.sumForward(y.ptr, masked, B, T, C);
  kernels.mulForward(y.ptr, y.ptr, inverse, y.size);
  record('poolTokens', [x], [y], (ctx) => {
    if (!ctx.wants(x)) return;
    const dmean = runtime.allocate(y.size);
    kernels.mulForward(dmean, ctx.dout(), inverse, y.size);
    // Every token gets its sequence's gradient, the padding zeros.
    ctx.overwrite(x, (dx) => kernels.embeddingForward(dx, dmean, rows, B * T, C, 1));
  });
  return y;
}

function lastOf(x: Variable, lengths: Variable | null): Variable {
  const [B, T, C] = x.shape;
  const runtime = lengths ? runtimeOf('poolTokens', x, lengths) : x.runtime;
  const { kernels, heap } = runtime;
  const places: Ptr = runtime.hostPlace(B).ptr;
  eachTime(runtime, lengths, x.shape, (known) => {
    heap.writeInts(
      places,
      Int32Array.from(known, (length, b) => b * T + length - 1),
    );
  });
  const y = result(runtime, [B, C]);
  kernels.embeddingForward(y.ptr, x.ptr, places, B, C, 1);
  record('poolTokens', [x], [y], (ctx) => {
    if (ctx.wants(x)) ctx.addTo(x, (dx) => kernels.embeddingBackward(dx, ctx.dout(), places, B, C, C, 1));
  });
  return y;
}

/** Hands the lengths, checked, to `write`: now, and before each replay, whose batch may have others. */
function eachTime(
  runtime: Runtime,
  lengths: Variable | null,
  [B, T]: readonly number[],
  write: (known: ArrayLike<number> & Iterable<number>) => void,
): void {
  if (runtime.planning) return;
  const settle = (): void => {
    const known = lengths ? lengths.toArray() : new Int32Array(B).fill(T);
    for (const [b, length] of known.entries()) {
      if (length >= 1 && length <= T) continue;
      throw new DataError(`sequence ${b + 1} has length ${length}, there are ${T} tokens`, {
        op: 'poolTokens',
        expected: `1 to ${T}`,
        actual: length,
        hint: 'a sequence without a token has no mean and no last one',
      });
    }
    write(known);
  };
  settle();
  if (lengths) runtime.recording?.eachReplay(settle);
}
