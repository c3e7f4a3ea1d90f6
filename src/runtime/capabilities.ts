/** @file What this host can do, and why not where it cannot. */
import type { ArithmeticName, Build, MicroKernel } from './arithmetic.js';
import { RELAXED_PROBE } from './host.js';
import { currentRuntime } from './runtime.js';

/** What this host and the current runtime can do. */
export interface Capabilities {
  /** How the runtime computes. */
  arithmetic: ArithmeticName;
  /** The build of the kernels in use: that of `int12` is the strict one. */
  simd: Build | 'reference';
  /** In `int12` the instructions that multiply, which change no bit; null otherwise. */
  microKernel: MicroKernel | null;
  /** Why these; null where there is no choice. */
  microKernelReason: string | null;
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

/** Describes the current runtime and its host. */
export function capabilities(): Capabilities {
  const runtime = currentRuntime();
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  return {
    arithmetic: runtime.arithmetic,
    simd: runtime.simd,
    microKernel: runtime.int12?.name ?? null,
    microKernelReason: runtime.int12?.reason ?? null,
    relaxedSimd: WebAssembly.validate(RELAXED_PROBE),
    threads: runtime.threads,
    threadsReason: runtime.threadsReason,
    sharedMemory: typeof SharedArrayBuffer !== 'undefined' && isolated !== false,
    maxMemory: (runtime.heap as { maxBytes?: number }).maxBytes ?? Number.POSITIVE_INFINITY,
  };
}
