/** @file Oracles of assembly/gate.ts: SiLU and the tanh form of GELU, as their papers write them. */
type Heap = Float64Array;

const SLOPE = Math.sqrt(2 / Math.PI);
const silu = (x: number): number => x / (1 + Math.exp(-x));
const geluTanh = (x: number): number => 0.5 * x * (1 + Math.tanh(SLOPE * (x + 0.044715 * x ** 3)));

function siluDerivative(x: number): number {
  const s = 1 / (1 + Math.exp(-x));
  return s * (1 + x * (1 - s));
}

/** By the product rule, the tanh's derivative being 1 - tanh². */
function geluTanhDerivative(x: number): number {
  const t = Math.tanh(SLOPE * (x + 0.044715 * x ** 3));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SLOPE * (1 + 3 * 0.044715 * x * x);
}

const forward =
  (f: (x: number) => number) =>
  (heap: Heap, out: number, x: number, n: number): void => {
    for (let i = 0; i < n; i++) heap[(out >> 2) + i] = f(heap[(x >> 2) + i]);
  };

const backward =
  (derivative: (x: number) => number) =>
  (heap: Heap, dx: number, dout: number, x: number, n: number): void => {
    for (let i = 0; i < n; i++) heap[(dx >> 2) + i] = heap[(dout >> 2) + i] * derivative(heap[(x >> 2) + i]);
  };

export const siluForward = forward(silu);
export const geluTanhForward = forward(geluTanh);
export const siluBackward = backward(siluDerivative);
export const geluTanhBackward = backward(geluTanhDerivative);
