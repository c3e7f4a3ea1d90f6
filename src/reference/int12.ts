/**
 * @file Oracle of assembly/int12.ts: the same integers, held exactly by doubles. Unlike other references it gives
 * the very bits of the kernel, since nothing but the two scalings and the sum over blocks rounds.
 */
import { BLOCK, linesOf } from './int12-lines.js';

type Heap = Float64Array;

export const int12Trial = (_heap: Heap, _rounds: number, _extmul: number): number => 0;

export function int12Gemm(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  m: number,
  n: number,
  k: number,
  lda: number,
  ldb: number,
  ldc: number,
  transA: number,
  transB: number,
  accumulate: number,
  _workspace: number,
  _extmul: number,
): void {
  const each = (visit: (at: number, i: number, j: number) => void): void => {
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) visit((c >> 2) + i * ldc + j, i, j);
  };
  if (!accumulate) each((at) => (heap[at] = 0));
  for (let first = 0; first < k; first += BLOCK) {
    const depth = Math.min(BLOCK, k - first);
    const [lineA, nextA] = transA ? [1, lda] : [lda, 1];
    const [lineB, nextB] = transB ? [ldb, 1] : [1, ldb];
    const rows = linesOf(heap, a + first * nextA * 4, m, lineA, depth, nextA);
    // A gradient of weights: what meets nothing but zeros does not count.
    const meets = Array.from({ length: depth }, (_, p) =>
      rows.some((_, i) => heap[(a >> 2) + (first + p) * lda + i] !== 0),
    );
    const counts = (p: number): boolean => !transA || transB !== 0 || meets[p];
    const columns = linesOf(heap, b + first * nextB * 4, n, lineB, depth, nextB, counts);
    const replace = first === 0 && !accumulate;
    each((at, i, j) => {
      let sum = 0;
      for (let p = 0; p < depth; p++) sum += rows[i].values[p] * columns[j].values[p];
      const value = Math.fround(Math.fround(Math.fround(sum) * columns[j].scale) * rows[i].scale);
      heap[at] = replace ? value : Math.fround(heap[at] + value);
    });
  }
}

export function int12GemmBatched(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  batch: number,
  strideC: number,
  strideA: number,
  strideB: number,
  ...rest: [number, number, number, number, number, number, number, number, number, number, number]
): void {
  for (let z = 0; z < batch; z++) {
    int12Gemm(heap, c + 4 * z * strideC, a + 4 * z * strideA, b + 4 * z * strideB, ...rest);
  }
}

export function int12GemmValidRows(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  count: number,
  first: number,
  m: number,
  ...rest: [number, number, number, number, number, number, number, number, number, number]
): void {
  int12Gemm(heap, c, a, b, Math.min(m, heap[count >> 2] - first), ...rest);
}

export function int12GemmValidDepth(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  count: number,
  first: number,
  m: number,
  n: number,
  k: number,
  ...rest: [number, number, number, number, number, number, number, number]
): void {
  const valid = Math.max(0, Math.min(k, heap[count >> 2] - first));
  int12Gemm(heap, c, a, b, m, n, valid, ...rest);
}
