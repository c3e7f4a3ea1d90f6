/**
 * @file A runtime whose kernels are the references: whole models, tape and optimizers in double precision.
 * @module prenorm/reference
 */
import { checkOptions, oneOf, optional } from '../checks.js';
import { kernelsOf } from '../runtime/arithmetic.js';
import { ReferenceHeap } from '../runtime/heap.js';
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
  const kernels = kernelsOf(references, options.arithmetic ?? 'reference', null);
  return new Runtime(kernels, heap, 1024, 'reference');
}
