/**
 * The parts of cross-entropy fused with the product that makes the logits: valid rows are moved together, and the
 * logits exist for a block of rows at a time. How many rows are valid is known in memory only, so that a recorded
 * call stays right when it changes. A target below 0 marks a row to ignore.
 */
import { sgemm } from './gemm';
import { expS, logS } from './math';
import { at, loadUpTo, rowAt, storeUpTo } from './simd';
import { expRow, rowMax, shiftedSum } from './softmax-row';

/**
 * count (1, int32) = how many targets are valid. index (rows, int32): the valid rows in
 * order, then -1; place (rows, int32): where a row went, or -1; labels (rows, int32): targets[index], or -1.
 */
export function compactRows(
  index: usize,
  place: usize,
  labels: usize,
  count: usize,
  targets: usize,
  rows: i32,
): void {
  let valid = 0;
  for (let r = 0; r < rows; r++) {
    const target = load<i32>(at(targets, r));
    store<i32>(at(place, r), target < 0 ? -1 : valid);
    if (target < 0) continue;
    store<i32>(at(index, valid), r);
    store<i32>(at(labels, valid), target);
    valid++;
  }
  for (let r = valid; r < rows; r++) {
    store<i32>(at(index, r), -1);
    store<i32>(at(labels, r), -1);
  }
  store<i32>(count, valid);
}

/**
 * loss and nll (rows) as in crossEntropyForward; with gradient = 1 the logits (rows, cols) are replaced by
 * scale[0] (softmax - q), q = (1 - s) [j = label] + s / cols, from the same exponentials. A row with a label below
 * 0 has loss = nll = 0 and its logits are neither read nor written.
 */
export function crossEntropyRows(
  loss: usize,
  nll: usize,
  logits: usize,
  labels: usize,
  scale: usize,
  rows: i32,
  cols: i32,
  smoothing: f32,
  gradient: i32,
): void {
  const factor = load<f32>(scale);
  const uniform = smoothing / <f32>cols;
  for (let r = 0; r < rows; r++) {
    const label = load<i32>(at(labels, r));
    let rowNll: f32 = 0;
    let rowLoss: f32 = 0;
    if (label >= 0) {
      assert(label < cols);
      const x = rowAt(logits, r, cols);
      const top = rowMax(x, cols);
      const atLabel = load<f32>(at(x, label)) - top;
      const shifted: f32 = smoothing != 0 ? shiftedSum(x, cols, top) : 0;
      const sum = expRow(gradient ? x : 0, x, cols, top);
      const logSum = logS(sum);
      rowNll = logSum - atLabel;
      rowLoss = rowNll;
      if (smoothing != 0) rowLoss = (1 - smoothing) * rowNll + smoothing * (logSum - shifted / <f32>cols);
      if (gradient) {
        const inverse: f32 = <f32>1 / sum;
        affineRow(x, cols, factor * inverse, factor * uniform);
        store<f32>(at(x, label), factor * (expS(atLabel) * inverse - uniform - (1 - smoothing)));
      }
    }
    store<f32>(at(nll, r), rowNll);
    store<f32>(at(loss, r), rowLoss);
  }
}

/** sgemm over those of the rows [first, first + m) of C that lie below count[0]; c and a point at row `first`. */
export function sgemmValidRows(
  c: usize,
  a: usize,
  b: usize,
  count: usize,
  first: i32,
  m: i32,
  n: i32,
  k: i32,
  lda: i32,
  ldb: i32,
  ldc: i32,
  transA: i32,
  transB: i32,
  accumulate: i32,
  workspace: usize,
): void {
  const valid = min<i32>(m, load<i32>(count) - first);
  if (valid > 0) sgemm(c, a, b, valid, n, k, lda, ldb, ldc, transA, transB, accumulate, workspace);
}

/** sgemm whose sum runs over those of the indices [first, first + k) that lie below count[0]. */
export function sgemmValidDepth(
  c: usize,
  a: usize,
  b: usize,
  count: usize,
  first: i32,
  m: i32,
  n: i32,
  k: i32,
  lda: i32,
  ldb: i32,
  ldc: i32,
  transA: i32,
  transB: i32,
  accumulate: i32,
  workspace: usize,
): void {
  const valid = max<i32>(0, min<i32>(k, load<i32>(count) - first));
  sgemm(c, a, b, m, n, valid, lda, ldb, ldc, transA, transB, accumulate, workspace);
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
