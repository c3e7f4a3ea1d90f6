/** @file How much memory a computation takes, before it runs: kernels that compute nothing over a memory that only counts. */
import { MemoryError } from '../errors.js';
import type { Heap } from './heap.js';
import type { Kernels } from './kernels.js';
import { Memory } from './memory.js';
import type { Runtime } from './runtime.js';

/** Kernels that compute nothing. */
const noKernels = /* @__PURE__ */ new Proxy({} as Kernels, { get: () => () => 0 });

/** Accepts every address and holds nothing. */
class BlankHeap implements Heap {
  models = 0;
  readonly byteLength = Number.MAX_SAFE_INTEGER;
  ensure(): void {}
  floats(_ptr: number, count: number): Float32Array {
    return new Float32Array(Math.min(count, 1 << 16));
  }
  readInts(_ptr: number, count: number): Int32Array {
    return new Int32Array(count);
  }
  writeFloats(): void {}
  writeInts(): void {}
  zero(): void {}
}

/** Any address but 0, which stands for "not given". */
const FIRST = 1 << 20;

/**
 * Runs `fn` without computing anything and tells the most bytes it would have had in use: the peak of a step, before
 * step 1. Values read inside are meaningless.
 * @throws MemoryError inside itself.
 */
export function measure(runtime: Runtime, fn: () => void): { peakBytes: number } {
  if (runtime.planning) throw new MemoryError('plan() cannot be nested', { op: 'plan' });
  const memory = new Memory(new BlankHeap(), FIRST);
  try {
    runtime.planOn(memory, noKernels, fn);
    return { peakBytes: memory.arena.highWater };
  } finally {
    memory.arena.clear();
  }
}
