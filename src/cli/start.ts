import { EnvironmentError } from '../errors.js';
import { init } from '../runtime/runtime.js';

/** Makes the runtime ready with the kernels a command asked for. */
export async function start(simd: 'strict' | 'relaxed', threads?: number): Promise<void> {
  try {
    await init(threads === undefined ? { simd } : { simd, threads });
  } catch (cause) {
    if (simd === 'strict') throw cause;
    throw new EnvironmentError(`Node ${process.version} cannot run the relaxed kernels`, {
      op: '--simd relaxed',
      hint: 'use --simd strict, or a Node with relaxed SIMD (22 or later)',
      cause,
    });
  }
}
