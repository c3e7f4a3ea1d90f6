import { EnvironmentError } from '../errors.js';
import { init } from '../runtime/runtime.js';

/** What every command's options say about the engine. */
export interface EngineOptions {
  simd: 'strict' | 'relaxed';
  /** Threads of one step; default 1. */
  threads?: number | 'auto';
}

/** Makes the runtime ready with the kernels and threads a command asked for. */
export async function start({ simd, threads = 1 }: EngineOptions): Promise<void> {
  try {
    await init({ simd, threads });
  } catch (cause) {
    if (simd === 'strict') throw cause;
    throw new EnvironmentError(`Node ${process.version} cannot run the relaxed kernels`, {
      op: '--simd relaxed',
      hint: 'use --simd strict, or a Node with relaxed SIMD (22 or later)',
      cause,
    });
  }
}
