/** @file The kernels as int12 calls them. Loaded on demand: who computes in floats needs nothing of it. */
import type { MicroKernel } from './arithmetic.js';
import type { Kernels } from './kernels.js';
import { chooseMicroKernel } from './micro-kernel.js';

/** Kernels that are called in the place of others, with the micro-kernel as one more argument. */
export const INSTEAD = {
  sgemm: 'int12Gemm',
  sgemmHalf: 'int12GemmHalf',
  sgemmBatched: 'int12GemmBatched',
  sgemmValidRows: 'int12GemmValidRows',
  sgemmValidRowsHalf: 'int12GemmValidRowsHalf',
  sgemmValidDepth: 'int12GemmValidDepth',
} as const satisfies Partial<Record<keyof Kernels, keyof Kernels>>;

/** What multiplies in int12. */
export interface Int12 {
  readonly name: MicroKernel;
  /** Why this one, in words. */
  readonly reason: string;
  /** The kernels of one implementation (wasm or the references), as int12 calls them. */
  replace(kernels: Kernels): Kernels;
}

/** @param wanted the micro-kernel, where it is not to be chosen by a timing of `kernels` */
export function int12Of(kernels: Kernels, wanted: MicroKernel | undefined): Int12 {
  const choice = wanted ? { name: wanted, reason: 'as asked for' } : chooseMicroKernel(kernels);
  return { ...choice, replace: (table) => replaced(table, choice.name) };
}

/** The kernels with those of int12 in the place of others. */
export function replaced(kernels: Kernels, microKernel: MicroKernel): Kernels {
  const extmul = microKernel === 'extmul' ? 1 : 0;
  const instead = Object.entries(INSTEAD).map(([name, other]) => {
    const kernel = kernels[other] as (...args: number[]) => void;
    return [name, (...args: number[]) => kernel(...args, extmul)];
  });
  return { ...kernels, ...Object.fromEntries(instead) };
}
