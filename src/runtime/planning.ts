/** @file What stands in for memory and kernels while a step is only measured. */
import type { Heap } from './heap.js';
import type { Kernels } from './kernels.js';

/** Kernels that compute nothing. */
export const noKernels = new Proxy({} as Kernels, { get: () => () => 0 });

/** Accepts every address and holds nothing. */
export class BlankHeap implements Heap {
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
