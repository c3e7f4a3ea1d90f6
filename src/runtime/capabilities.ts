/** @file What this host can do, and why not where it cannot. */
import { currentRuntime } from './runtime.js';

/** What this host and the current runtime can do. */
export interface Capabilities {
  /** Kernels in use. */
  simd: 'strict' | 'relaxed' | 'reference';
  /** Whether the host could run the relaxed build. */
  relaxedSimd: boolean;
  /** Threads that compute one step. */
  threads: number;
  /** Why as many, and not more. */
  threadsReason: string;
  /** Whether memory could be shared with workers here. */
  sharedMemory: boolean;
  /** Most bytes the runtime may use. */
  maxMemory: number;
}

/** A module with one relaxed instruction (i8x16.relaxed_swizzle): valid exactly where relaxed SIMD is. */
const RELAXED_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2,
  253, 15, 253, 128, 2, 11,
]);

/** Describes the current runtime and its host. */
export function capabilities(): Capabilities {
  const runtime = currentRuntime();
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  return {
    simd: runtime.simd,
    relaxedSimd: WebAssembly.validate(RELAXED_PROBE),
    threads: runtime.threads,
    threadsReason: runtime.threadsReason,
    sharedMemory: typeof SharedArrayBuffer !== 'undefined' && isolated !== false,
    maxMemory: (runtime.heap as { maxBytes?: number }).maxBytes ?? Number.POSITIVE_INFINITY,
  };
}
