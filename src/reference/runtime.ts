/**
 * @file A runtime whose kernels are the references: whole models, tape and optimizers in double precision.
 * @module prenorm/reference
 */
import { ReferenceHeap } from '../runtime/heap.js';
import { Runtime } from '../runtime/runtime.js';
import { createReferenceKernels } from './index.js';

/** For `withRuntime`; slow, and the measure of everything else. */
export function createReferenceRuntime(): Runtime {
  const heap = new ReferenceHeap();
  return new Runtime(
    createReferenceKernels(() => heap.slots),
    heap,
    1024,
    'reference',
  );
}
