import type { Parameter } from '../autograd/variable.js';
import { checkKeys } from '../errors.js';
import { checkBeta, Optimizer, type ParamGroup } from './optimizer.js';

/**
 * `lr` is the rate; `momentum` (default 0) in [0, 1); `nesterov` (default false) looks ahead by one momentum step.
 */
export interface SGDOptions {
  lr: number;
  momentum?: number;
  nesterov?: boolean;
  /** L2 penalty, added to the gradient. */
  weightDecay?: number;
}

/** Stochastic gradient descent with momentum, as torch.optim.SGD (dampening 0). */
export class SGD extends Optimizer {
  readonly kind = 'sgd';
  readonly #momentum: number;
  readonly #nesterov: boolean;

  constructor(params: Iterable<Parameter> | ParamGroup[], options: SGDOptions) {
    checkKeys('SGD', options, ['lr', 'momentum', 'nesterov', 'weightDecay']);
    super(params, options.lr, options.weightDecay ?? 0);
    this.#momentum = options.momentum ?? 0;
    checkBeta('SGD', 'momentum', this.#momentum);
    this.#nesterov = options.nesterov ?? false;
    if (this.#momentum > 0) this.buffer('momentum');
  }

  /** @internal */
  protected hyperparameters(group: { lr: number; weightDecay: number }, slots: Float64Array): void {
    slots[0] = group.lr;
    slots[4] = group.weightDecay;
    slots[8] = this.#momentum;
    slots[9] = this.#nesterov ? 1 : 0;
  }

  /** @internal */
  protected update(clip: number): void {
    const momentum = this.buffers.momentum?.address() ?? 0;
    this.runtime.kernels.sgdStep(
      this.table.address(),
      this.numSegments,
      this.grads.address(),
      momentum,
      this.hyper.address(),
      clip,
    );
  }
}
