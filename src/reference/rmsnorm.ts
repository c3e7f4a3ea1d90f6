/** @file Oracle of assembly/rmsnorm.ts. */
import { CHUNK_ROWS } from '../runtime/generated/shared.js';

type Heap = Float64Array;

export function rmsNormForward(
  heap: Heap,
  out: number,
  sum: number,
  rstd: number,
  x: number,
  residual: number,
  weight: number,
  rows: number,
  cols: number,
  eps: number,
): void {
  for (let r = 0; r < rows; r++) {
    const h = Array.from({ length: cols }, (_, j) => {
      const at = r * cols + j;
      return heap[(x >> 2) + at] + (residual ? heap[(residual >> 2) + at] : 0);
    });
    if (residual) heap.set(h, (sum >> 2) + r * cols);
    const inverse = 1 / Math.sqrt(h.reduce((s, v) => s + v * v, 0) / cols + eps);
    heap[(rstd >> 2) + r] = inverse;
    for (let j = 0; j < cols; j++) heap[(out >> 2) + r * cols + j] = h[j] * inverse * heap[(weight >> 2) + j];
  }
}

export function rmsNormBackward(
  heap: Heap,
  dx: number,
  dweights: number,
  dout: number,
  dsum: number,
  x: number,
  rstd: number,
  weight: number,
  rows: number,
  cols: number,
): void {
  for (let r = 0; r < rows; r++) {
    const inverse = heap[(rstd >> 2) + r];
    const n = Array.from({ length: cols }, (_, j) => heap[(x >> 2) + r * cols + j] * inverse);
    const d = n.map((_, j) => heap[(dout >> 2) + r * cols + j]);
    const g = d.map((v, j) => v * heap[(weight >> 2) + j]);
    const meanGN = g.reduce((s, v, j) => s + v * n[j], 0) / cols;
    for (let j = 0; j < cols; j++) {
      const at = r * cols + j;
      const carry = dsum ? heap[(dsum >> 2) + at] : 0;
      heap[(dx >> 2) + at] = carry + (g[j] - n[j] * meanGN) * inverse;
      if (dweights) {
        const sum = (dweights >> 2) + Math.floor(r / CHUNK_ROWS) * cols + j;
        heap[sum] = (r % CHUNK_ROWS === 0 ? 0 : heap[sum]) + d[j] * n[j];
      }
    }
  }
}
