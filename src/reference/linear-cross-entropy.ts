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
