/** @file What a trainer says when a loss or a gradient is not finite: step, module, op, and the norms before. */
import { backward } from '../autograd/tape.js';
import { TokenCount } from '../autograd/token-count.js';
import { NumericError } from '../errors.js';
import { type AnomalyContext, locateNonFinite, locateNonFiniteGradient } from '../nn/anomaly.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import { layersOf } from './layer-norms.js';
import type { Trainable } from './trainable.js';

interface Parts<B> {
  model: Trainable<B>;
  optimizer: Optimizer;
  labelSmoothing?: number;
}

const REMEMBERED = 8;
const HINT = 'lower the learning rate, add warm-up, or set clipNorm';

/** Joint gradient norms of the last steps. */
export class GradientHistory {
  #norms: number[] = [];

  add(norm: number): void {
    if (this.#norms.length === REMEMBERED) this.#norms.shift();
    this.#norms.push(norm);
  }

  clear(): void {
    this.#norms = [];
  }

  /** `held` says that the gradients of the last step are still there, for the norms of its layers. */
  before(trainer: { step: number; options: { model: Module } }, held: boolean): AnomalyContext {
    const known = held && this.#norms.length > 0;
    return {
      step: trainer.step + 1,
      gradNorms: [...this.#norms],
      layerGradNorms: known ? normsOf(trainer.options.model) : undefined,
    };
  }
}

/** Gradient norm of each layer, or of each part that is no layer, in the model's order. */
function normsOf(model: Module): { path: string; norm: number }[] {
  return [...layersOf(model.namedParameters())].map(([path, parameters]) => {
    let sum = 0;
    for (const { grad } of parameters) for (const value of grad?.toArray() ?? []) sum += value * value;
    return { path, norm: Math.sqrt(sum) };
  });
}

/** @throws NumericError always: naming the first module and op when the loss can be computed again */
export function refuseLoss<B>(parts: Parts<B>, batch: B, value: number, context: AnomalyContext): never {
  const { model, optimizer, labelSmoothing } = parts;
  optimizer.runtime.endStep(); // room for the second pass
  locateNonFinite(model, () => model.loss(batch, { smoothing: labelSmoothing }), context);
  throw new NumericError(`the loss of step ${context.step} is ${value}`, {
    ...context,
    op: 'Trainer',
    hint: HINT,
  });
}

/** @throws NumericError always: naming the first op and module whose gradient is not finite */
export function refuseGradient<B>(parts: Parts<B>, batches: readonly B[], context: AnomalyContext): never {
  const { model, optimizer, labelSmoothing } = parts;
  const { runtime } = optimizer;
  optimizer.zeroGrad();
  runtime.setRandomPosition(runtime.randomPosition.step, 0);
  const again = () => {
    const options = { smoothing: labelSmoothing, count: new TokenCount() };
    for (const batch of batches) backward(model.loss(batch, options).loss);
  };
  locateNonFiniteGradient(model, again, context);
  throw new NumericError(`the squared gradient norm of step ${context.step} is beyond the largest float`, {
    ...context,
    op: 'Trainer',
    hint: 'lower the learning rate or set clipNorm',
  });
}

/** @throws NumericError for a learning rate that is no number */
export function refuseRate(lr: number, step: number): never {
  throw new NumericError(`the learning rate of step ${step} is ${lr}`, {
    op: 'Trainer',
    expected: 'a finite number',
    actual: lr,
    hint: 'check maxLr and the schedule',
  });
}
