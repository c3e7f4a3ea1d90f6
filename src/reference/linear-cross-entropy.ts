/** @file Oracles of assembly/linear-cross-entropy.ts. */
import { sgemm } from './gemm.js';

type Heap = Float64Array;

export function compactRows(
  heap: Heap,
  index: number,
  place: number,
  labels: number,
  count: number,
  targets: number,
  rows: number,
): void {
  const all = Array.from({ length: rows }, (_, r) => r);
  const target = (r: number): number => heap[(targets >> 2) + r];
  const valid = all.filter((r) => target(r) >= 0);
  for (const r of all) {
    heap[(place >> 2) + r] = valid.indexOf(r);
    heap[(index >> 2) + r] = r < valid.length ? valid[r] : -1;
    heap[(labels >> 2) + r] = r < valid.length ? target(valid[r]) : -1;
  }
  heap[count >> 2] = valid.length;
}

export function crossEntropyRows(
  heap: Heap,
  loss: number,
  nll: number,
  logits: number,
  labels: number,
  scale: number,
  rows: number,
  cols: number,
  smoothing: number,
  gradient: number,
): void {
  for (let r = 0; r < rows; r++) {
    heap[(loss >> 2) + r] = 0;
    heap[(nll >> 2) + r] = 0;
    const label = heap[(labels >> 2) + r];
    if (label < 0) continue;
    const row = heap.subarray((logits >> 2) + r * cols, (logits >> 2) + (r + 1) * cols);
    const top = row.reduce((a, b) => Math.max(a, b));
    const lse = top + Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0));
    heap[(nll >> 2) + r] = lse - row[label];
    const uniform = row.reduce((sum, x) => sum + (lse - x), 0) / cols;
    heap[(loss >> 2) + r] = (1 - smoothing) * (lse - row[label]) + smoothing * uniform;
    if (gradient === 0) continue;
    for (let j = 0; j < cols; j++) {
      const q = smoothing / cols + (j === label ? 1 - smoothing : 0);
      row[j] = heap[scale >> 2] * (Math.exp(row[j] - lse) - q);
    }
  }
}

export function sgemmValidRows(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  count: number,
  first: number,
  m: number,
  n: number,
  ...rest: [number, number, number, number, number, number, number, number]
): void {
  sgemm(heap, c, a, b, Math.min(m, heap[count >> 2] - first), n, ...rest);
}

export function sgemmValidDepth(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  count: number,
  first: number,
  m: number,
  n: number,
  k: number,
  ...rest: [number, number, number, number, number, number, number]
): void {
  sgemm(heap, c, a, b, m, n, Math.max(0, Math.min(k, heap[count >> 2] - first)), ...rest);
}
