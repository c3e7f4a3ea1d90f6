/** @file Oracles of assembly/bias.ts: x (rows, cols) + bias (cols), and an activation. */

import { CHUNK_ROWS } from '../runtime/generated/shared.js';
import { gelu, geluDerivative } from './gelu.js';

type Heap = Float64Array;

export function biasForward(
  heap: Heap,
  out: number,
  x: number,
  bias: number,
  rows: number,
  cols: number,
): void {
  for (let i = 0; i < rows * cols; i++) {
    heap[(out >> 2) + i] = heap[(x >> 2) + i] + heap[(bias >> 2) + (i % cols)];
  }
}

export function biasReluForward(
  heap: Heap,
  out: number,
  x: number,
  bias: number,
  rows: number,
  cols: number,
): void {
  biasForward(heap, out, x, bias, rows, cols);
  for (let i = out >> 2; i < (out >> 2) + rows * cols; i++) heap[i] = Math.max(heap[i], 0);
}

export function biasGeluForward(
  heap: Heap,
  out: number,
  pre: number,
  x: number,
  bias: number,
  rows: number,
  cols: number,
): void {
  biasForward(heap, pre, x, bias, rows, cols);
  for (let i = 0; i < rows * cols; i++) heap[(out >> 2) + i] = gelu(heap[(pre >> 2) + i]);
}

export function biasReluBackward(
  heap: Heap,
  dx: number,
  partials: number,
  dout: number,
  out: number,
  rows: number,
  cols: number,
): void {
  for (let i = 0; i < rows * cols; i++) {
    heap[(dx >> 2) + i] = heap[(out >> 2) + i] > 0 ? heap[(dout >> 2) + i] : 0;
  }
  chunkSums(heap, partials, dx, rows, cols);
}

export function biasGeluBackward(
  heap: Heap,
  dx: number,
  partials: number,
  dout: number,
  pre: number,
  rows: number,
  cols: number,
): void {
  for (let i = 0; i < rows * cols; i++) {
    heap[(dx >> 2) + i] = heap[(dout >> 2) + i] * geluDerivative(heap[(pre >> 2) + i]);
  }
  chunkSums(heap, partials, dx, rows, cols);
}

/** Sums over chunks of rows: partials (ceil(rows / CHUNK_ROWS), cols). */
function chunkSums(heap: Heap, partials: number, x: number, rows: number, cols: number): void {
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < cols; j++) {
      const sum = (partials >> 2) + Math.floor(r / CHUNK_ROWS) * cols + j;
      heap[sum] = (r % CHUNK_ROWS === 0 ? 0 : heap[sum]) + heap[(x >> 2) + r * cols + j];
    }
  }
}
