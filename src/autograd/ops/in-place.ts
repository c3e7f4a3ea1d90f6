/**
 * @file Values drawn, multiplied and looked at where they lie in memory: how parameters begin, and what is measured of a
 * step beside its loss. None has a gradient or leaves a trace on the tape.
 */
import { fnv1a, seedKey } from '../../random.js';
import type { Ptr } from '../../runtime/kernels.js';
import type { Runtime } from '../../runtime/runtime.js';
import { noGrad } from '../tape.js';
import { awaitsValues, result, type Variable } from '../variable.js';

/** How values are drawn: a constant, N(0, std²) or U(-bound, bound). */
export type Law = { constant: number } | { std: number } | { bound: number };

/** Fills `x` by a law, from the stream of this name under this seed. */
export function fillBy(law: Law, x: Variable, seed: number, stream: string): void {
  if (awaitsValues(x)) return;
  x.runtime.valuesChanged();
  const { kernels, heap } = x.runtime;
  noGrad(() => {
    if ('constant' in law) return kernels.fill(x.ptr, law.constant, x.size);
    const rng = x.runtime.allocate(4);
    heap.writeInts(rng, seedKey(seed));
    const id = fnv1a(stream) | 0;
    if ('std' in law) kernels.normalFill(x.ptr, x.size, rng, id, 0, law.std);
    else kernels.uniformFill(x.ptr, x.size, rng, id, -law.bound, law.bound);
  }, x.runtime);
}

/** Multiplies `size` values of `x` from element `start` on. */
export function multiply(x: Variable, factor: number, start = 0, size = x.size - start): void {
  if (factor === 1 || awaitsValues(x)) return;
  x.runtime.valuesChanged();
  const at = x.ptr + 4 * start;
  noGrad(() => x.runtime.kernels.scaleForward(at, at, factor, size), x.runtime);
}

/** How many of `size` values are NaN or infinite. */
export function countNonFinite(runtime: Runtime, ptr: Ptr, size: number): number {
  return noGrad(() => {
    const out = runtime.allocate(1);
    runtime.kernels.countNonFinite(out, ptr, size);
    return runtime.heap.readInts(out, 1)[0];
  }, runtime);
}

/** The sum of the squares of `size` values, in their one order. */
export function sumSquares(runtime: Runtime, ptr: Ptr, size: number): number {
  return noGrad(() => {
    const out = runtime.allocate(1);
    runtime.kernels.sumSquares(out, ptr, size);
    return runtime.heap.floats(out, 1)[0];
  }, runtime);
}

/** What `compute` gives, of the shape of `like`, and nothing else of what it computed on its way. Without a gradient. */
export function resultAlone(like: Variable, compute: () => Variable): Variable {
  const { arena, kernels } = like.runtime;
  const y = result(like.runtime, like.shape);
  const frame = arena.push();
  try {
    kernels.copyForward(y.ptr, compute().ptr, y.size);
  } finally {
    arena.pop(frame);
  }
  return y;
}
