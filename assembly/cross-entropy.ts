/**
 * Softmax cross-entropy with label smoothing, row by row: loss and gradient of the same exponentials, without a buffer
 * for probabilities. All is made of differences to the row's maximum, which keep their bits however large the logits
 * are. A target below 0 marks a row to ignore.
 */

import { expS, logS } from './math';
import { at, loadUpTo, rowAt, storeUpTo } from './simd';
import { expRow, rowMax, shiftedSum } from './softmax-row';

/**
 * With logp = logits - log sum_j exp(logits[j]) and t = targets[r]:
 * nll[r] = -logp[t], loss[r] = (1 - s) nll[r] + s mean_j(-logp[j]), and unless dlogits is 0
 * dlogits = scale[0] (exp(logp) - q), q = (1 - s) [j = t] + s / cols.
 * Where t < 0 all are 0 and the logits are not read. logits, dlogits: (rows, cols); loss, nll: (rows). dlogits may
 * alias logits.
 */
export function crossEntropyRows(
  loss: usize,
  nll: usize,
  dlogits: usize,
  logits: usize,
  targets: usize,
  scale: usize,
  rows: i32,
  cols: i32,
  smoothing: f32,
): void {
  const factor: f32 = dlogits != 0 ? load<f32>(scale) : 0;
  const uniform = smoothing / <f32>cols;
  for (let r = 0; r < rows; r++) {
    const target = load<i32>(at(targets, r));
    const dx = dlogits != 0 ? rowAt(dlogits, r, cols) : 0;
    let rowNll: f32 = 0;
    let rowLoss: f32 = 0;
    if (target >= 0) {
      assert(target < cols);
      const x = rowAt(logits, r, cols);
      const top = rowMax(x, cols);
      const atTarget = load<f32>(at(x, target)) - top;
      const shifted: f32 = smoothing != 0 ? shiftedSum(x, cols, top) : 0;
      const sum = expRow(dx, x, cols, top);
      const logSum = logS(sum);
      rowNll = logSum - atTarget;
      rowLoss = rowNll;
      if (smoothing != 0) rowLoss = (1 - smoothing) * rowNll + smoothing * (logSum - shifted / <f32>cols);
      if (dx != 0) {
        const inverse: f32 = <f32>1 / sum;
        affineRow(dx, cols, factor * inverse, factor * uniform);
        store<f32>(at(dx, target), factor * (expS(atTarget) * inverse - uniform - (1 - smoothing)));
      }
    } else if (dx != 0) memory.fill(dx, 0, (<usize>cols) << 2);
    store<f32>(at(nll, r), rowNll);
    store<f32>(at(loss, r), rowLoss);
  }
}

/** x = x factor - shift for n elements */
function affineRow(x: usize, n: i32, factor: f32, shift: f32): void {
  const f = f32x4.splat(factor);
  const s = f32x4.splat(shift);
  const full = n & -8;
  let j = 0;
  for (; j < full; j += 8) {
    const p = at(x, j);
    v128.store(p, f32x4.sub(f32x4.mul(v128.load(p), f), s));
    v128.store(p, f32x4.sub(f32x4.mul(v128.load(p, 16), f), s), 16);
  }
  for (; j < n; j += 4) storeUpTo(at(x, j), f32x4.sub(f32x4.mul(loadUpTo(at(x, j), n - j), f), s), n - j);
}
