/**
 * The parts of cross-entropy fused with the product that makes the logits: valid rows are moved together, and the
 * logits exist for a block of rows at a time. How many rows are valid is known in memory only, so that a recorded
 * call stays right when it changes. A target below 0 marks a row to ignore.
 */
import { sgemm, sgemmHalf } from './gemm';
import { at } from './simd';

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

/** sgemmHalf over those of the rows [first, first + m) of C that lie below count[0]; c and a point at row `first`. */
export function sgemmValidRowsHalf(
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
  transB: i32,
  accumulate: i32,
  workspace: usize,
  format: i32,
): void {
  const valid = min<i32>(m, load<i32>(count) - first);
  if (valid > 0) sgemmHalf(c, a, b, valid, n, k, lda, ldb, ldc, transB, accumulate, workspace, format);
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
