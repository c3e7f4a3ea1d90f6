/**
 * Softmax cross-entropy with label smoothing, row by row, without a buffer for probabilities: forward keeps the
 * log-sum-exp of a row, backward recomputes exp(logits - lse). A target below 0 marks a row to ignore.
 */

import { expS, expV, logS } from './math';
import { at, loadUpTo, rowAt, storeUpTo } from './simd';
import { expRow, rowMax, shiftedSum } from './softmax-row';

/**
 * With logp = logits - lse and t = targets[r]:
 * nll[r] = -logp[t], loss[r] = (1 - s) nll[r] + s mean_j(-logp[j]), lse[r] = log sum_j exp(logits[j]).
 * loss = nll = 0 where t < 0 (lse is written all the same). logits: (rows, cols); loss, nll, lse: (rows).
 */
export function crossEntropyForward(
  loss: usize,
  nll: usize,
  lse: usize,
  logits: usize,
  targets: usize,
  rows: i32,
  cols: i32,
  smoothing: f32,
): void {
  for (let r = 0; r < rows; r++) {
    const x = rowAt(logits, r, cols);
    const target = load<i32>(at(targets, r));
    assert(target < cols);
    const top = rowMax(x, cols);
    const logSum = logS(expRow(0, x, cols, top));
    store<f32>(at(lse, r), top + logSum);
    let rowNll: f32 = 0;
    let rowLoss: f32 = 0;
    if (target >= 0) {
      // Differences to the maximum keep all bits where logits are large.
      rowNll = logSum - (load<f32>(at(x, target)) - top);
      rowLoss = rowNll;
      if (smoothing != 0) {
        const uniform = logSum - shiftedSum(x, cols, top) / <f32>cols;
        rowLoss = (1 - smoothing) * rowNll + smoothing * uniform;
      }
    }
    store<f32>(at(nll, r), rowNll);
    store<f32>(at(loss, r), rowLoss);
  }
}

/**
 * dlogits = scale (exp(logits - lse) - q), q = (1 - s) [j = t] + s / cols; a zero row where the target is
 * below 0. scale: one float. dlogits may alias logits.
 */
export function crossEntropyBackward(
  dlogits: usize,
  logits: usize,
  lse: usize,
  targets: usize,
  scale: usize,
  rows: i32,
  cols: i32,
  smoothing: f32,
): void {
  const factor = load<f32>(scale);
  const factorV = f32x4.splat(factor);
  const uniform = smoothing / <f32>cols;
  const uniformV = f32x4.splat(uniform);
  for (let r = 0; r < rows; r++) {
    const x = rowAt(logits, r, cols);
    const dx = rowAt(dlogits, r, cols);
    const target = load<i32>(at(targets, r));
    assert(target < cols);
    if (target < 0) {
      memory.fill(dx, 0, (<usize>cols) << 2);
      continue;
    }
    const rowLse = load<f32>(at(lse, r));
    const shift = f32x4.splat(rowLse);
    const atTarget = expS(load<f32>(at(x, target)) - rowLse);
    for (let j = 0; j < cols; j += 4) {
      const rest = cols - j;
      const p = expV(f32x4.sub(loadUpTo(at(x, j), rest), shift));
      storeUpTo(at(dx, j), f32x4.mul(factorV, f32x4.sub(p, uniformV)), rest);
    }
    store<f32>(at(dx, target), factor * (atTarget - uniform - (1 - smoothing)));
  }
}
