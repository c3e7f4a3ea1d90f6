/**
 * @file Oracles of assembly/half.ts and of the products with a matrix in 16 bits. Two numbers lie in a slot of the heap, as
 * one integer of 32 bits.
 */
import { fromHalf } from '../half.js';
import { FORMAT_F16 } from '../runtime/generated/shared.js';
import { sgemm } from './gemm.js';
import { int12Gemm } from './int12.js';

type Heap = Float64Array;

/** Number `index` of the matrix at `address`. */
function numberAt(heap: Heap, address: number, index: number, format: number): number {
  const at = address + 2 * index;
  const word = heap[at >> 2];
  return fromHalf(format === FORMAT_F16 ? 'f16' : 'bf16', (at & 2 ? word >>> 16 : word) & 0xffff);
}

export function embeddingForwardHalf(
  heap: Heap,
  out: number,
  weight: number,
  ids: number,
  rows: number,
  cols: number,
  scale: number,
  format: number,
): void {
  for (let r = 0; r < rows; r++) {
    const id = heap[(ids >> 2) + r];
    for (let j = 0; j < cols; j++) {
      heap[(out >> 2) + r * cols + j] = id < 0 ? 0 : scale * numberAt(heap, weight, id * cols + j, format);
    }
  }
}

type Product = (heap: Heap, c: number, a: number, b: number) => void;

/** Runs `product` on a heap that has the matrix in full width behind everything else. */
function widened(
  heap: Heap,
  [c, a, b]: readonly [c: number, a: number, b: number],
  count: number,
  format: number,
  product: Product,
): void {
  const wide = new Float64Array(heap.length + Math.max(0, count));
  wide.set(heap);
  for (let i = 0; i < count; i++) wide[heap.length + i] = numberAt(heap, b, i, format);
  product(wide, c, a, heap.length * 4);
  heap.set(wide.subarray(0, heap.length));
}

/** Numbers from the first to the last of a matrix whose rows are `ld` apart. */
const span = (n: number, k: number, ld: number, transB: number): number => {
  const [rows, cols] = transB ? [n, k] : [k, n];
  return rows > 0 && cols > 0 ? (rows - 1) * ld + cols : 0;
};

export function sgemmHalf(
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
  transB: number,
  accumulate: number,
  workspace: number,
  format: number,
): void {
  widened(heap, [c, a, b], span(n, k, ldb, transB), format, (wide, ...at) =>
    sgemm(wide, ...at, m, n, k, lda, ldb, ldc, 0, transB, accumulate, workspace),
  );
}

export function int12GemmHalf(
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
  transB: number,
  accumulate: number,
  workspace: number,
  format: number,
  extmul: number,
): void {
  widened(heap, [c, a, b], span(n, k, ldb, transB), format, (wide, ...at) =>
    int12Gemm(wide, ...at, m, n, k, lda, ldb, ldc, 0, transB, accumulate, workspace, extmul),
  );
}

type Rest = [number, number, number, number, number, number, number, number];

export function sgemmValidRowsHalf(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  count: number,
  first: number,
  m: number,
  n: number,
  ...rest: Rest
): void {
  sgemmHalf(heap, c, a, b, Math.min(m, heap[count >> 2] - first), n, ...rest);
}

export function int12GemmValidRowsHalf(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  count: number,
  first: number,
  m: number,
  n: number,
  ...rest: [...Rest, number]
): void {
  int12GemmHalf(heap, c, a, b, Math.min(m, heap[count >> 2] - first), n, ...rest);
}
