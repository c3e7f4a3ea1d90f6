/** @file Oracles of assembly/cross-entropy.ts: label-smoothed cross-entropy per row; target < 0 is ignored. */
type Heap = Float64Array;

export function crossEntropyForward(
  heap: Heap,
  loss: number,
  nll: number,
  lse: number,
  logits: number,
  targets: number,
  rows: number,
  cols: number,
  smoothing: number,
): void {
  for (let r = 0; r < rows; r++) {
    const row = (logits >> 2) + r * cols;
    let max = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < cols; j++) max = Math.max(max, heap[row + j]);
    let sum = 0;
    let shifted = 0;
    for (let j = 0; j < cols; j++) {
      sum += Math.exp(heap[row + j] - max);
      shifted += heap[row + j] - max;
    }
    const logSum = Math.log(sum);
    const target = heap[(targets >> 2) + r];
    const rowNll = target < 0 ? 0 : logSum - (heap[row + target] - max);
    const uniform = smoothing === 0 ? 0 : smoothing * (logSum - shifted / cols);
    heap[(lse >> 2) + r] = max + logSum;
    heap[(nll >> 2) + r] = rowNll;
    heap[(loss >> 2) + r] = target < 0 ? 0 : (1 - smoothing) * rowNll + uniform;
  }
}

export function crossEntropyBackward(
  heap: Heap,
  dlogits: number,
  logits: number,
  lse: number,
  targets: number,
  scale: number,
  rows: number,
  cols: number,
  smoothing: number,
): void {
  for (let r = 0; r < rows; r++) {
    const target = heap[(targets >> 2) + r];
    for (let j = 0; j < cols; j++) {
      const p = Math.exp(heap[(logits >> 2) + r * cols + j] - heap[(lse >> 2) + r]);
      const q = smoothing / cols + (j === target ? 1 - smoothing : 0);
      heap[(dlogits >> 2) + r * cols + j] = target < 0 ? 0 : heap[scale >> 2] * (p - q);
    }
  }
}
