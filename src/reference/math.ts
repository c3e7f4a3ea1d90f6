/**
 * @file The oracle of assembly/math64.ts: the host's own functions.
 */
type Heap = Float64Array;

export const exp64 = (_heap: Heap, x: number): number => Math.exp(x);
export const log64 = (_heap: Heap, x: number): number => Math.log(x);
export const pow64 = (_heap: Heap, x: number, y: number): number => x ** y;
export const sin64 = (_heap: Heap, x: number): number => Math.sin(x);
export const cos64 = (_heap: Heap, x: number): number => Math.cos(x);
export const tanh64 = (_heap: Heap, x: number): number => Math.tanh(x);
