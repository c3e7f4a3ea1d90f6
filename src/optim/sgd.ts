import type { Parameter } from '../autograd/variable.js';
import { checkOptions, flag, notNegative, optional, share } from '../checks.js';
import { ConfigError } from '../errors.js';
import { HYPER_LR, HYPER_MOMENTUM, HYPER_NESTEROV, HYPER_WEIGHT_DECAY } from '../runtime/generated/shared.js';
import { Optimizer, type ParamGroup } from './optimizer.js';

/** Options of SGD; the names are PyTorch's. */
export interface SGDOptions {
  /** Learning rate; a schedule replaces it step by step. */
  lr: number;
  /** Share of the last update that is kept, in [0, 1). Default 0. */
  momentum?: number;
  /** Nesterov's form, as in PyTorch; needs a momentum. Default false. */
  nesterov?: boolean;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number;
}

/** Stochastic gradient descent with momentum, as torch.optim.SGD (dampening 0). */
export class SGD extends Optimizer {
  readonly kind = 'sgd';
  readonly #momentum: number;
  readonly #nesterov: boolean;

  constructor(params: Iterable<Parameter> | ParamGroup[], options: SGDOptions) {
    checkOptions('SGD', options, {
      lr: notNegative,
      momentum: optional(share),
      nesterov: optional(flag),
      weightDecay: optional(notNegative),
    });
    if (options.nesterov && !options.momentum) {
      throw new ConfigError('nesterov needs a momentum above 0', { op: 'SGD', actual: options.momentum });
    }
    super(params, options.lr, options.weightDecay ?? 0);
    this.#momentum = options.momentum ?? 0;
    this.#nesterov = options.nesterov ?? false;
    if (this.#momentum > 0) this.buffer('momentum');
  }

  /** @internal */
  protected hyperparameters(group: { lr: number; weightDecay: number }, slots: Float64Array): void {
    slots[HYPER_LR] = group.lr;
    slots[HYPER_WEIGHT_DECAY] = group.weightDecay;
    slots[HYPER_MOMENTUM] = this.#momentum;
    slots[HYPER_NESTEROV] = this.#nesterov ? 1 : 0;
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
