/** @file Oracle of assembly/cross-entropy.ts: label-smoothed cross-entropy per row; target < 0 is ignored. */
type Heap = Float64Array;

export function crossEntropyRows(
  heap: Heap,
  loss: number,
  nll: number,
  dlogits: number,
  logits: number,
  targets: number,
  scale: number,
  rows: number,
  cols: number,
  smoothing: number,
): void {
  for (let r = 0; r < rows; r++) {
    const target = heap[(targets >> 2) + r];
    const to = (dlogits >> 2) + r * cols;
    heap[(loss >> 2) + r] = 0;
    heap[(nll >> 2) + r] = 0;
    if (target < 0) {
      if (dlogits) heap.fill(0, to, to + cols);
      continue;
    }
    const row = heap.slice((logits >> 2) + r * cols, (logits >> 2) + (r + 1) * cols);
    const top = row.reduce((a, b) => Math.max(a, b));
    const shifted = row.map((x) => x - top);
    const sum = shifted.reduce((total, x) => total + Math.exp(x), 0);
    const mean = shifted.reduce((total, x) => total + x, 0) / cols;
    const rowNll = Math.log(sum) - shifted[target];
    heap[(nll >> 2) + r] = rowNll;
    heap[(loss >> 2) + r] = rowNll;
    if (smoothing) heap[(loss >> 2) + r] = (1 - smoothing) * rowNll + smoothing * (Math.log(sum) - mean);
    if (!dlogits) continue;
    for (let j = 0; j < cols; j++) {
      const q = smoothing / cols + (j === target ? 1 - smoothing : 0);
      heap[to + j] = heap[scale >> 2] * (Math.exp(shifted[j]) / sum - q);
    }
  }
}
