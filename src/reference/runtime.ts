/**
 * @file A runtime whose kernels are the references: whole models, tape and optimizers in double precision.
 * @module prenorm/reference
 */
import { checkOptions, oneOf, optional } from '../checks.js';
import { ReferenceHeap } from '../runtime/heap.js';
import type { Kernels } from '../runtime/kernels.js';
import { Runtime } from '../runtime/runtime.js';
import { createReferenceKernels } from './index.js';

/**
 * For `withRuntime`; slow, and the measure of everything else. With `arithmetic: 'int12'` its matrix products are those
 * of `int12`, and everything between them is in double precision.
 */
export function createReferenceRuntime(
  options: {
    /** Whose products are taken. Default `reference`. */
    arithmetic?: 'reference' | 'int12';
  } = {},
): Runtime {
  checkOptions('createReferenceRuntime', options, { arithmetic: optional(oneOf('reference', 'int12')) });
  const heap = new ReferenceHeap();
  const references = createReferenceKernels(() => heap.slots);
  const kernels = options.arithmetic === 'int12' ? inInt12(references) : references;
  return new Runtime(kernels, heap, 1024, 'reference');
}

/** As src/runtime/int12-kernels.ts does it, which comes on demand; references have no micro-kernels to choose from. */
function inInt12(references: Kernels): Kernels {
  const { int12Gemm, int12GemmBatched, int12GemmValidRows, int12GemmValidDepth } = references;
  const instead: Record<string, unknown> = {
    sgemm: int12Gemm,
    sgemmBatched: int12GemmBatched,
    sgemmValidRows: int12GemmValidRows,
    sgemmValidDepth: int12GemmValidDepth,
  };
  return { ...references, ...instead };
}
