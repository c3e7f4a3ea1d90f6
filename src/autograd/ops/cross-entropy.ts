/** @file Softmax cross-entropy over rows of logits, with label smoothing and ignored rows. */
import { checkOptions, either, optional, positive, type Rules, share } from '../../checks.js';
import { DataError, formatShape, ShapeError } from '../../errors.js';
import type { Ptr } from '../../runtime/kernels.js';
import { record } from '../tape.js';
import { TokenCount } from '../token-count.js';
import { requireDType, result, runtimeOf, Variable } from '../variable.js';

/** Smoothing and divisor of a loss. */
export interface CrossEntropyOptions {
  /** PyTorch's label smoothing: target (1 - s)·onehot + s / V, s in [0, 1). Default 0. */
  smoothing?: number;
  /**
   * Divisor of the summed loss. A `TokenCount` is told how many targets are not ignored, and lets a batch of nothing but
   * ignored targets pass, with a loss of 0. Default: the number of targets that are not ignored.
   */
  count?: number | TokenCount;
}

/** What the rows of a loss weigh. */
export interface RowWeights {
  /**
   * As many numbers as there are rows, constants: factors on the rows' losses. The divisor stays the number of rows
   * that are not ignored, so that a row of weight 2 counts like two rows, and `nll` knows no weights. Default: all 1.
   */
  rowWeights?: Variable;
}

/** A loss to call `backward` on, and what it was made of. */
export interface CrossEntropyResult {
  /** Scalar: sum of the (smoothed) loss over valid rows, divided by `count`. */
  loss: Variable;
  /** Scalar without gradient: sum of the un-smoothed negative log-likelihood over valid rows. */
  nll: Variable;
  /** Number of rows that are not ignored. */
  count: number;
}

/**
 * Mean of -log softmax(logits) at the targets, with label smoothing if asked for: logits (…, V), targets (…) i32; a target
 * below 0 is ignored (padding). Result: `{ loss, nll, count }`, loss and the sum nll as scalars.
 * @throws DataError when a target lies outside the vocabulary or no row is valid.
 */
export function crossEntropy(
  logits: Variable,
  targets: Variable,
  options: CrossEntropyOptions & RowWeights = {},
): CrossEntropyResult {
  checkOptions('crossEntropy', options, { ...lossRules, rowWeights: optional(tensorRule) });
  requireDType('crossEntropy', 'logits', logits, 'f32');
  requireDType('crossEntropy', 'targets', targets, 'i32');
  const cols = logits.shape[logits.rank - 1];
  const rows = logits.size / cols;
  if (targets.size !== rows) {
    throw new ShapeError(
      `targets must have ${rows} elements for logits ${formatShape(logits.shape)}, got ${formatShape(targets.shape)}`,
      {
        op: 'crossEntropy',
        expected: rows,
        actual: targets.size,
      },
    );
  }
  const { rowWeights } = options;
  if (rowWeights) checkWeights(rowWeights, rows);
  const runtime = runtimeOf('crossEntropy', logits, targets);
  const { kernels } = runtime;
  const pw = rowWeights?.ptr;
  const { inverse, valid } = lossDivisor('crossEntropy', targets, cols, options.count);
  const smoothing = options.smoothing ?? 0;
  const [losses, nlls] = [runtime.allocate(rows), runtime.allocate(rows)];
  const [pl, pt] = [logits.ptr, targets.ptr];
  kernels.crossEntropyRows(losses, nlls, 0, pl, pt, 0, rows, cols, smoothing);
  if (pw !== undefined) kernels.mulForward(losses, losses, pw, rows);
  const loss = result(runtime, []);
  const nll = result(runtime, []);
  kernels.sumForward(loss.ptr, losses, 1, rows, 1);
  kernels.scaleByForward(loss.ptr, loss.ptr, inverse, 1);
  kernels.sumForward(nll.ptr, nlls, 1, rows, 1);
  record('crossEntropy', [logits], [loss], (ctx) => {
    if (!ctx.wants(logits)) return;
    const upstream = runtime.allocate(1);
    kernels.scaleByForward(upstream, ctx.dout(), inverse, 1);
    ctx.overwrite(logits, (dx) => {
      kernels.crossEntropyRows(losses, nlls, dx, pl, pt, upstream, rows, cols, smoothing);
      if (pw === undefined) return;
      const wide = runtime.allocate(logits.size); // a row's weight for each of its columns
      kernels.stridedGather(wide, pw, 1, 1, rows, cols, 0, 0, 1, 0);
      kernels.mulForward(dx, dx, wide, logits.size);
    });
  });
  return { loss, nll, count: valid };
}

const tensorRule = { wanted: 'a tensor', holds: (value: unknown) => value instanceof Variable };

function checkWeights(rowWeights: Variable, rows: number): void {
  requireDType('crossEntropy', 'rowWeights', rowWeights, 'f32');
  if (rowWeights.size === rows) return;
  throw new ShapeError(`rowWeights must have ${rows} elements, got ${formatShape(rowWeights.shape)}`, {
    op: 'crossEntropy',
    expected: rows,
    actual: rowWeights.size,
  });
}

const tokenCount = { wanted: 'a TokenCount', holds: (value: unknown) => value instanceof TokenCount };

export const lossRules: Rules<CrossEntropyOptions> = {
  smoothing: optional(share),
  count: optional(either(positive, tokenCount)),
};

/**
 * The number of targets that are not ignored, and the address of 1 / divisor, written now and, for targets that
 * may be others then, before each replay (nothing is written while planning).
 * @throws DataError when a target lies outside the vocabulary, or all are ignored and there is neither a divisor nor
 * a `TokenCount`.
 */
export function lossDivisor(
  op: string,
  targets: Variable,
  vocab: number,
  option: number | TokenCount | undefined,
): { inverse: Ptr; valid: number } {
  const { runtime } = targets;
  const inverse = runtime.hostPlace(1).ptr;
  if (runtime.planning) return { inverse, valid: 1 };
  const counter = option instanceof TokenCount ? option : null;
  if (counter) counter.numLosses++;
  const settle = (): number => {
    const valid = countTargets(op, targets, vocab);
    const divisor = typeof option === 'number' ? option : valid;
    if (counter) counter.valid = valid;
    else if (divisor === 0) {
      throw new DataError('every target is ignored', { op, hint: 'the batch holds padding only' });
    }
    runtime.heap.writeFloats(inverse, [divisor === 0 ? 0 : 1 / divisor]);
    return valid;
  };
  runtime.recording?.eachReplay(settle);
  return { inverse, valid: settle() };
}

function countTargets(op: string, targets: Variable, vocab: number): number {
  let valid = 0;
  for (const target of targets.toArray()) {
    if (target >= vocab) {
      throw new DataError(`target ${target} is outside the vocabulary of ${vocab}`, {
        op,
        expected: vocab,
        actual: target,
      });
    }
    if (target >= 0) valid++;
  }
  return valid;
}
