/** @file Oracles of assembly/bias.ts: x (rows, cols) + bias (cols), and an activation. */
import { gelu } from './gelu.js';

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
