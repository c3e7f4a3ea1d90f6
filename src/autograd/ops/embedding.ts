/** @file Rows of a table by id. Also the general `gather`, which is the same walk. */
import { checkOptions, finite, optional } from '../../checks.js';
import { DataError, formatShape, ShapeError } from '../../errors.js';
import { record } from '../tape.js';
import { readMatrix, requireDType, requireTensor, result, runtimeOf, type Variable } from '../variable.js';

/**
 * Rows of `weight` (vocab, C), frozen also in f16 or bf16, at `ids` (i32, any shape), times `scale`; result (…ids, C). A negative id is
 * padding: a row of zeros, and no gradient.
 * @throws DataError when an id lies outside the table.
 */
export function embedding(
  weight: Variable,
  ids: Variable,
  options: {
    /** Factor on the rows. Default 1. */
    scale?: number;
  } = {},
): Variable {
  checkOptions('embedding', options, { scale: optional(finite) });
  const { format, ptr: pw } = readMatrix('embedding', 'weight', weight);
  requireDType('embedding', 'ids', ids, 'i32');
  if (weight.rank !== 2) {
    throw new ShapeError(`weight must be (vocabulary, width), got ${formatShape(weight.shape)}`, {
      op: 'embedding',
      expected: 2,
      actual: weight.rank,
    });
  }
  const [vocab, width] = weight.shape;
  checkIds(ids, (id) => {
    if (id < vocab) return;
    throw new DataError(`id ${id} is outside the table of ${vocab} rows`, {
      op: 'embedding',
      expected: vocab,
      actual: id,
      hint: 'was the text encoded with another tokenizer?',
    });
  });
  const runtime = runtimeOf('embedding', weight, ids);
  const { kernels } = runtime;
  const scale = options.scale ?? 1;
  const y = result(runtime, [...ids.shape, width]);
  const pi = ids.ptr;
  if (format) kernels.embeddingForwardHalf(y.ptr, pw, pi, ids.size, width, scale, format);
  else kernels.embeddingForward(y.ptr, pw, pi, ids.size, width, scale);
  record('embedding', [weight], [y], (ctx) => {
    if (ctx.wants(weight)) {
      ctx.addTo(weight, (dw) => kernels.embeddingBackward(dw, ctx.dout(), pi, ids.size, width, width, scale));
    }
  });
  return y;
}

/** Rows of x (N, …) at `ids` (i32, one axis): result (ids, …). A negative id gives zeros, and no gradient. */
export function gather(x: Variable, ids: Variable): Variable {
  requireTensor('gather', 'x', x);
  requireDType('gather', 'ids', ids, 'i32');
  const width = x.size / Math.max(1, x.shape[0]);
  const runtime = runtimeOf('gather', x, ids);
  const { kernels } = runtime;
  checkIds(ids, (id) => {
    if (id < x.shape[0]) return;
    throw new ShapeError(`row ${id} is outside ${formatShape(x.shape)}`, {
      op: 'gather',
      expected: x.shape[0],
      actual: id,
    });
  });
  const y = result(runtime, [...ids.shape, ...x.shape.slice(1)]);
  const pi = ids.ptr;
  kernels.embeddingForward(y.ptr, x.ptr, pi, ids.size, width, 1);
  record('gather', [x], [y], (ctx) => {
    if (ctx.wants(x))
      ctx.addTo(x, (dx) => kernels.embeddingBackward(dx, ctx.dout(), pi, ids.size, width, width, 1));
  });
  return y;
}

/** Checks every id now, and again before each replay with other ids. */
function checkIds(ids: Variable, check: (id: number) => void): void {
  const { runtime } = ids;
  if (runtime.planning) return;
  const checkAll = (): void => {
    for (const id of ids.toArray()) check(id);
  };
  checkAll();
  runtime.recording?.eachReplay(checkAll);
}
