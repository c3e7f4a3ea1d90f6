/** @file Oracles of assembly/reduce.ts. */
type Heap = Float64Array;

export function sumForward(
  heap: Heap,
  out: number,
  x: number,
  outer: number,
  n: number,
  inner: number,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += heap[(x >> 2) + (o * n + k) * inner + i];
      heap[(out >> 2) + o * inner + i] = sum;
    }
  }
}

export function sumRows(
  heap: Heap,
  out: number,
  x: number,
  rows: number,
  cols: number,
  ld: number,
  accumulate: number,
): void {
  for (let j = 0; j < cols; j++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += heap[(x >> 2) + r * ld + j];
    heap[(out >> 2) + j] = (accumulate !== 0 ? heap[(out >> 2) + j] : 0) + sum;
  }
}

export function maxForward(
  heap: Heap,
  out: number,
  argmax: number,
  x: number,
  outer: number,
  n: number,
  inner: number,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let best = Number.NEGATIVE_INFINITY;
      let index = 0;
      for (let k = 0; k < n && !Number.isNaN(best); k++) {
        const value = heap[(x >> 2) + (o * n + k) * inner + i];
        if (value > best || Number.isNaN(value)) {
          best = value;
          index = k;
        }
      }
      heap[(out >> 2) + o * inner + i] = best;
      heap[(argmax >> 2) + o * inner + i] = index;
    }
  }
}

export function maxBackward(
  heap: Heap,
  dx: number,
  dout: number,
  argmax: number,
  outer: number,
  n: number,
  inner: number,
): void {
  heap.fill(0, dx >> 2, (dx >> 2) + outer * n * inner);
  if (n === 0) return;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const k = heap[(argmax >> 2) + o * inner + i];
      heap[(dx >> 2) + (o * n + k) * inner + i] = heap[(dout >> 2) + o * inner + i];
    }
  }
}

export function sumSquares(heap: Heap, out: number, x: number, n: number): void {
  dot(heap, out, x, x, n);
}

export function dot(heap: Heap, out: number, a: number, b: number, n: number): void {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += heap[(a >> 2) + i] * heap[(b >> 2) + i];
  heap[out >> 2] = sum;
}

export function countNonFinite(heap: Heap, out: number, x: number, n: number): void {
  let count = 0;
  for (let i = 0; i < n; i++) if (!Number.isFinite(heap[(x >> 2) + i])) count++;
  heap[out >> 2] = count;
}
