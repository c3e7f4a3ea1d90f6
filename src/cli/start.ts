import { EnvironmentError } from '../errors.js';
import { ARITHMETICS, type Arithmetic } from '../runtime/arithmetic.js';
import { type ArithmeticOptions, arithmeticOf } from '../runtime/arithmetic-options.js';
import { init } from '../runtime/init.js';

/** What every command's options say about the engine. */
export interface EngineOptions extends ArithmeticOptions {
  /** Threads of one step; default 1. */
  threads?: number | 'auto';
}

/** An arithmetic for where none is asked for. */
interface Otherwise {
  otherwise?: Arithmetic;
}

/**
 * Makes the runtime ready with the arithmetic and threads a command asked for.
 * @returns the arithmetic
 */
export async function start({
  threads = 1,
  arithmetic: wanted,
  simd,
  otherwise,
}: EngineOptions & Otherwise): Promise<Arithmetic> {
  const none = wanted === undefined && simd === undefined;
  const arithmetic = arithmeticOf('--arithmetic', { arithmetic: none ? otherwise : wanted, simd });
  try {
    await init({ arithmetic, threads });
    return arithmetic;
  } catch (cause) {
    if (ARITHMETICS[arithmetic].build === 'strict') throw cause;
    throw new EnvironmentError(`Node ${process.version} cannot run the relaxed kernels`, {
      op: '--arithmetic relaxed',
      hint: 'use --arithmetic strict, or a Node with relaxed SIMD (22 or later)',
      cause,
    });
  }
}
