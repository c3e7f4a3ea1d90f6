/** @file How much memory a step will take, before step 1. */
import { backward } from '../autograd/tape.js';
import { checkValue, having } from '../checks.js';
import { measure } from '../runtime/planning.js';
import { withRuntime } from '../runtime/runtime.js';
import type { Trainable } from './trainable.js';

/** Bytes of memory that one training step takes, by what they are for. */
export interface MemoryPlan {
  /** Bytes of parameters, as they are stored. */
  parameters: number;
  /** Bytes of gradients and optimizer moments (Adam: two). */
  optimizer: number;
  /** Most bytes of activations, their gradients and workspace at once. */
  activations: number;
  /** All of it. */
  peakBytes: number;
}

/**
 * Peak memory of one training step of `model` on a batch of this shape. Walks the real forward and backward
 * with kernels that compute nothing; no parameter changes.
 * @param moments arrays of the parameters' size the optimizer holds (Adam 2, SGD with momentum 1).
 */
export function plan<B>(model: Trainable<B>, batch: B, moments = 2): MemoryPlan {
  checkValue('plan', 'model', model, having('a model', 'runtime', 'loss', 'numParameters'));
  const runtime = model.runtime();
  const { peakBytes: activations } = withRuntime(runtime, () =>
    measure(runtime, () => backward(model.loss(batch, {}).loss)),
  );
  const parameters = model.parameters().reduce((sum, { storage }) => sum + storage.bytes, 0);
  const optimizer = model.numParameters({ trainable: true }) * 4 * (1 + moments);
  return { parameters, optimizer, activations, peakBytes: parameters + optimizer + activations };
}
