/** @file Oracles of assembly/softmax.ts, over the last axis of (rows, cols). */
type Heap = Float64Array;

export function softmaxForward(
  heap: Heap,
  out: number,
  x: number,
  lengths: number,
  rows: number,
  cols: number,
  rowsPerLength: number,
): void {
  for (let r = 0; r < rows; r++) {
    const given = lengths === 0 ? cols : heap[(lengths >> 2) + Math.floor(r / rowsPerLength)];
    const length = Math.min(Math.max(given, 0), cols);
    const from = (x >> 2) + r * cols;
    const to = (out >> 2) + r * cols;
    const max = rowMax(heap, from, length);
    const sum = sumExp(heap, from, length, max);
    for (let j = 0; j < cols; j++) heap[to + j] = j < length ? Math.exp(heap[from + j] - max) / sum : 0;
  }
}

export function softmaxBackward(
  heap: Heap,
  dx: number,
  dout: number,
  out: number,
  rows: number,
  cols: number,
): void {
  for (let r = 0; r < rows; r++) {
    const dy = (dout >> 2) + r * cols;
    const y = (out >> 2) + r * cols;
    let mean = 0;
    for (let j = 0; j < cols; j++) mean += heap[dy + j] * heap[y + j];
    for (let j = 0; j < cols; j++) heap[(dx >> 2) + r * cols + j] = heap[y + j] * (heap[dy + j] - mean);
  }
}

export function logSoftmaxForward(heap: Heap, out: number, x: number, rows: number, cols: number): void {
  for (let r = 0; r < rows; r++) {
    const from = (x >> 2) + r * cols;
    const max = rowMax(heap, from, cols);
    const logSum = Math.log(sumExp(heap, from, cols, max));
    for (let j = 0; j < cols; j++) heap[(out >> 2) + r * cols + j] = heap[from + j] - max - logSum;
  }
}

export function logSoftmaxBackward(
  heap: Heap,
  dx: number,
  dout: number,
  out: number,
  rows: number,
  cols: number,
): void {
  for (let r = 0; r < rows; r++) {
    const dy = (dout >> 2) + r * cols;
    let total = 0;
    for (let j = 0; j < cols; j++) total += heap[dy + j];
    for (let j = 0; j < cols; j++) {
      heap[(dx >> 2) + r * cols + j] = heap[dy + j] - Math.exp(heap[(out >> 2) + r * cols + j]) * total;
    }
  }
}

function rowMax(heap: Heap, from: number, length: number): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < length; j++) max = Math.max(max, heap[from + j]);
  return max;
}

function sumExp(heap: Heap, from: number, length: number, max: number): number {
  let sum = 0;
  for (let j = 0; j < length; j++) sum += Math.exp(heap[from + j] - max);
  return sum;
}
