/** @file Oracles of assembly/elementwise.ts: out[i] = f(x[i], ...). */
import { erf, gelu, geluDerivative } from './gelu.js';

type Heap = Float64Array;
type Unary = (heap: Heap, out: number, x: number, n: number) => void;
type Binary = (heap: Heap, out: number, a: number, b: number, n: number) => void;
type Scalar = (heap: Heap, out: number, x: number, alpha: number, n: number) => void;

const unary =
  (f: (x: number) => number): Unary =>
  (heap, out, x, n) => {
    for (let i = 0; i < n; i++) heap[(out >> 2) + i] = f(heap[(x >> 2) + i]);
  };

const binary =
  (f: (a: number, b: number) => number): Binary =>
  (heap, out, a, b, n) => {
    for (let i = 0; i < n; i++) heap[(out >> 2) + i] = f(heap[(a >> 2) + i], heap[(b >> 2) + i]);
  };

const scalar =
  (f: (x: number, alpha: number) => number): Scalar =>
  (heap, out, x, alpha, n) => {
    for (let i = 0; i < n; i++) heap[(out >> 2) + i] = f(heap[(x >> 2) + i], alpha);
  };

export const addForward = binary((a, b) => a + b);
export const subForward = binary((a, b) => a - b);
export const mulForward = binary((a, b) => a * b);
export const divForward = binary((a, b) => a / b);
export const reluBackward = binary((dout, out) => (out > 0 ? dout : 0));
export const geluBackward = binary((dout, x) => dout * geluDerivative(x));
export const tanhBackward = binary((dout, out) => dout * (1 - out * out));
export const sigmoidBackward = binary((dout, out) => dout * out * (1 - out));

export const reluForward = unary((x) => Math.max(x, 0));
export const geluForward = unary(gelu);
export const expForward = unary(Math.exp);
export const logForward = unary(Math.log);
export const tanhForward = unary(Math.tanh);
export const erfForward = unary(erf);
export const sinForward = unary(Math.sin);
export const cosForward = unary(Math.cos);
export const sqrtForward = unary(Math.sqrt);
export const sigmoidForward = unary((x) => 1 / (1 + Math.exp(-x)));
export const absForward = unary(Math.abs);

export const scaleForward = scalar((x, alpha) => x * alpha);
export const addScalarForward = scalar((x, alpha) => x + alpha);

export function scaleByForward(heap: Heap, out: number, x: number, scale: number, n: number): void {
  scaleForward(heap, out, x, heap[scale >> 2], n);
}

export function addInto(heap: Heap, acc: number, x: number, n: number): void {
  addForward(heap, acc, acc, x, n);
}

export function addScaledInto(heap: Heap, acc: number, x: number, scale: number, n: number): void {
  for (let i = 0; i < n; i++) heap[(acc >> 2) + i] += heap[scale >> 2] * heap[(x >> 2) + i];
}

export function fill(heap: Heap, out: number, value: number, n: number): void {
  heap.fill(value, out >> 2, (out >> 2) + n);
}

export function copyForward(heap: Heap, out: number, x: number, n: number): void {
  heap.copyWithin(out >> 2, x >> 2, (x >> 2) + n);
}

export function whereForward(heap: Heap, out: number, cond: number, a: number, b: number, n: number): void {
  for (let i = 0; i < n; i++) {
    heap[(out >> 2) + i] = heap[(cond >> 2) + i] !== 0 ? heap[(a >> 2) + i] : heap[(b >> 2) + i];
  }
}
