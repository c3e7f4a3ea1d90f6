/** @file Oracle of assembly/layernorm.ts. */
import { CHUNK_ROWS } from '../runtime/generated/shared.js';

type Heap = Float64Array;

export function layerNormForward(
  heap: Heap,
  out: number,
  sum: number,
  mean: number,
  rstd: number,
  x: number,
  residual: number,
  weight: number,
  bias: number,
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
    const m = h.reduce((s, v) => s + v, 0) / cols;
    const variance = h.reduce((s, v) => s + (v - m) * (v - m), 0) / cols;
    const inverse = 1 / Math.sqrt(variance + eps);
    heap[(mean >> 2) + r] = m;
    heap[(rstd >> 2) + r] = inverse;
    for (let j = 0; j < cols; j++) {
      heap[(out >> 2) + r * cols + j] =
        (h[j] - m) * inverse * heap[(weight >> 2) + j] + (bias ? heap[(bias >> 2) + j] : 0);
    }
  }
}

export function layerNormBackward(
  heap: Heap,
  dx: number,
  dweights: number,
  dbiases: number,
  dout: number,
  dsum: number,
  x: number,
  mean: number,
  rstd: number,
  weight: number,
  rows: number,
  cols: number,
): void {
  for (let r = 0; r < rows; r++) {
    const inverse = heap[(rstd >> 2) + r];
    const n = Array.from(
      { length: cols },
      (_, j) => (heap[(x >> 2) + r * cols + j] - heap[(mean >> 2) + r]) * inverse,
    );
    const d = n.map((_, j) => heap[(dout >> 2) + r * cols + j]);
    const g = d.map((v, j) => v * heap[(weight >> 2) + j]);
    const meanG = g.reduce((s, v) => s + v, 0) / cols;
    const meanGN = g.reduce((s, v, j) => s + v * n[j], 0) / cols;
    for (let j = 0; j < cols; j++) {
      const at = r * cols + j;
      const carry = dsum ? heap[(dsum >> 2) + at] : 0;
      heap[(dx >> 2) + at] = carry + (g[j] - meanG - n[j] * meanGN) * inverse;
      // Sums over chunks of rows, one row of partials each.
      const sum = Math.floor(r / CHUNK_ROWS) * cols + j;
      const before = (partials: number): number => (r % CHUNK_ROWS === 0 ? 0 : heap[(partials >> 2) + sum]);
      if (dweights) heap[(dweights >> 2) + sum] = before(dweights) + d[j] * n[j];
      if (dbiases) heap[(dbiases >> 2) + sum] = before(dbiases) + d[j];
    }
  }
}
