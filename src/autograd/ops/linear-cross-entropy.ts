/**
 * @file Cross-entropy of x Wᵀ by blocks of rows: logits of the whole batch never exist, padding is left out, and a
 * block's gradient is made of the same exponentials as its loss while it is in the cache.
 */
import { checkOptions } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import type { Ptr } from '../../runtime/kernels.js';
import { isGradEnabled, record } from '../tape.js';
import { readMatrix, requireDType, result, runtimeOf, type Variable } from '../variable.js';
import {
  type CrossEntropyOptions,
  type CrossEntropyResult,
  lossDivisor,
  lossRules,
} from './cross-entropy.js';

/** Rows of a block: a k-block of the product, so that dW is summed in the one order of all products. */
const BLOCK = 256;

/**
 * The same as `crossEntropy(linear(x, weight, null), targets, options)`: x (…, C), weight (V, C), frozen also in f16 or bf16, targets (…) i32,
 * below 0 to ignore. With gradients on, dx and dW are computed here; the backward only scales them.
 * @throws DataError when a target lies outside the vocabulary or no row is valid.
 */
export function linearCrossEntropy(
  x: Variable,
  weight: Variable,
  targets: Variable,
  options: CrossEntropyOptions = {},
): CrossEntropyResult {
  checkOptions('linearCrossEntropy', options, lossRules);
  requireDType('linearCrossEntropy', 'x', x, 'f32');
  const { format, ptr: pw } = readMatrix('linearCrossEntropy', 'weight', weight);
  requireDType('linearCrossEntropy', 'targets', targets, 'i32');
  const [vocab, width] = weight.shape;
  if (weight.rank !== 2 || x.shape[x.rank - 1] !== width) {
    throw new ShapeError(
      `weight must have shape [vocabulary, ${x.shape[x.rank - 1]}], got ${formatShape(weight.shape)} (x is ${formatShape(x.shape)})`,
      { op: 'linearCrossEntropy', expected: x.shape[x.rank - 1], actual: width },
    );
  }
  const rows = x.size / width;
  if (targets.size !== rows) {
    throw new ShapeError(
      `targets must have ${rows} elements for x ${formatShape(x.shape)}, got ${formatShape(targets.shape)}`,
      { op: 'linearCrossEntropy', expected: rows, actual: targets.size },
    );
  }
  const runtime = runtimeOf('linearCrossEntropy', x, weight, targets);
  const { kernels } = runtime;
  const { inverse, valid } = lossDivisor('linearCrossEntropy', targets, vocab, options.count);
  const work = runtime.workspace(kernels.gemmWorkspaceBytes());
  const loss = result(runtime, []);
  const nll = result(runtime, []);
  const wantsX = isGradEnabled() && x.requiresGrad;
  const wantsWeight = isGradEnabled() && weight.requiresGrad;
  const allocate = (count: number): Ptr => runtime.allocate(count);
  // dx of the valid rows, and dW, both for a gradient of 1.
  const place = allocate(rows);
  const dxValid = wantsX ? allocate(rows * width) : 0;
  const dWeight = wantsWeight ? allocate(vocab * width) : 0;
  const [index, labels, losses, nlls] = [allocate(rows), allocate(rows), allocate(rows), allocate(rows)];
  const count = allocate(1);
  const px = allocate(rows * width);
  const logits = allocate(Math.min(BLOCK, rows) * vocab);
  const dlogits = wantsX || wantsWeight ? logits : 0;

  kernels.compactRows(index, place, labels, count, targets.ptr, rows);
  kernels.embeddingForward(px, x.ptr, index, rows, width, 1);
  const smoothing = options.smoothing ?? 0;
  for (let r = 0; r < rows; r += BLOCK) {
    const m = Math.min(BLOCK, rows - r);
    const [xr, skip] = [px + r * width * 4, r * 4];
    if (format) {
      const k = width;
      kernels.sgemmValidRowsHalf(logits, xr, pw, count, r, m, vocab, k, k, k, vocab, 1, 0, work, format);
    } else
      kernels.sgemmValidRows(logits, xr, pw, count, r, m, vocab, width, width, width, vocab, 0, 1, 0, work);
    const [lossAt, nllAt, labelsAt] = [losses + skip, nlls + skip, labels + skip];
    kernels.crossEntropyRows(lossAt, nllAt, dlogits, logits, labelsAt, inverse, m, vocab, smoothing);
    if (wantsX) {
      const dx = dxValid + r * width * 4;
      if (format) {
        const n = width;
        kernels.sgemmValidRowsHalf(dx, logits, pw, count, r, m, n, vocab, vocab, n, n, 0, 0, work, format);
      } else
        kernels.sgemmValidRows(dx, logits, pw, count, r, m, width, vocab, vocab, width, width, 0, 0, 0, work);
    }
    if (wantsWeight) {
      const add = r > 0 ? 1 : 0;
      kernels.sgemmValidDepth(
        dWeight,
        logits,
        xr,
        count,
        r,
        vocab,
        width,
        m,
        vocab,
        width,
        width,
        1,
        0,
        add,
        work,
      );
    }
  }
  kernels.sumForward(loss.ptr, losses, 1, rows, 1);
  kernels.scaleByForward(loss.ptr, loss.ptr, inverse, 1);
  kernels.sumForward(nll.ptr, nlls, 1, rows, 1);

  record('linearCrossEntropy', [x, weight], [loss], (ctx) => {
    const upstream = ctx.dout();
    if (wantsX && ctx.wants(x)) {
      ctx.overwrite(x, (dx) => {
        kernels.embeddingForward(dx, dxValid, place, rows, width, 1);
        kernels.scaleByForward(dx, dx, upstream, rows * width);
      });
    }
    if (wantsWeight && ctx.wants(weight)) {
      ctx.accumulate(weight, (dw, accumulate) => {
        if (accumulate) kernels.addScaledInto(dw, dWeight, upstream, vocab * width);
        else kernels.scaleByForward(dw, dWeight, upstream, vocab * width);
      });
    }
  });
  return { loss, nll, count: valid };
}
