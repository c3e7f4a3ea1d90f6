import type { Parameter } from '../autograd/variable.js';
import { checkOptions, notNegative, optional, positive, type Rules, share } from '../checks.js';
import {
  HYPER_BETA1,
  HYPER_BETA2,
  HYPER_DECOUPLED_DECAY,
  HYPER_DENOM_SCALE,
  HYPER_EPS,
  HYPER_LR,
  HYPER_ONE_MINUS_BETA1,
  HYPER_ONE_MINUS_BETA2,
  HYPER_RECTIFICATION,
  HYPER_STEP_SIZE,
  HYPER_WEIGHT_DECAY,
} from '../runtime/generated/shared.js';
import { integerPower, Optimizer, type ParamGroup } from './optimizer.js';

/** Options of Adam, AdamW and RAdam; the names are PyTorch's. */
export interface AdamOptions {
  /** Learning rate; a schedule replaces it step by step. */
  lr: number;
  /** Decay rates of the two moments; the paper's translation runs use [0.9, 0.98]. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the root of the second moment. Default 1e-8. */
  eps?: number;
  /** L2 penalty, added to the gradient; in AdamW taken off the weights. Default 0, in AdamW 0.01. */
  weightDecay?: number;
}

// Made when asked for: bundlers leave it out then where nothing trains.
const rules = (): Rules<AdamOptions> => ({
  lr: notNegative,
  betas: optional({
    wanted: 'two numbers in [0, 1)',
    holds: (betas) => Array.isArray(betas) && betas.length === 2 && betas.every(share.holds),
  }),
  eps: optional(positive),
  weightDecay: optional(notNegative),
});

/** Moments and bias corrections, which all of the family share. */
abstract class AdamFamily extends Optimizer {
  /** @internal */
  protected readonly beta1: number;
  /** @internal */
  protected readonly beta2: number;
  /** @internal */
  protected readonly eps: number;

  constructor(
    name: string,
    params: Iterable<Parameter> | ParamGroup[],
    options: AdamOptions,
    weightDecay: number,
  ) {
    checkOptions(name, options, rules());
    super(params, options.lr, options.weightDecay ?? weightDecay);
    [this.beta1, this.beta2] = options.betas ?? [0.9, 0.999];
    this.eps = options.eps ?? 1e-8;
    this.buffer('m');
    this.buffer('v');
  }

  /** @internal */
  protected hyperparameters(group: { lr: number; weightDecay: number }, slots: Float64Array): void {
    const correction1 = 1 - integerPower(this.beta1, this.stepCount);
    const correction2 = 1 - integerPower(this.beta2, this.stepCount);
    slots[HYPER_LR] = group.lr;
    slots[HYPER_BETA1] = this.beta1;
    slots[HYPER_BETA2] = this.beta2;
    slots[HYPER_EPS] = this.eps;
    slots[HYPER_STEP_SIZE] = group.lr / correction1;
    slots[HYPER_DENOM_SCALE] = 1 / Math.sqrt(correction2);
    // In float32, 1 - 0.999 would be off by 1e-5; the host knows it exactly.
    slots[HYPER_ONE_MINUS_BETA1] = 1 - this.beta1;
    slots[HYPER_ONE_MINUS_BETA2] = 1 - this.beta2;
    this.decay(group, slots);
  }

  /** @internal */
  protected decay(group: { lr: number; weightDecay: number }, slots: Float64Array): void {
    slots[HYPER_WEIGHT_DECAY] = group.weightDecay;
  }

  /** @internal */
  protected update(clip: number): void {
    const { kernels } = this.runtime;
    kernels.adamStep(
      this.table.address(),
      this.numSegments,
      this.grads.address(),
      this.buffers.m.address(),
      this.buffers.v.address(),
      this.hyper.address(),
      clip,
    );
  }
}

/** Adam (Kingma and Ba 2015), with torch.optim.Adam's conventions; weightDecay is an L2 penalty. */
export class Adam extends AdamFamily {
  readonly kind: string = 'adam';

  constructor(params: Iterable<Parameter> | ParamGroup[], options: AdamOptions) {
    super('Adam', params, options, 0);
  }
}

/** AdamW's `weightDecay` where none is given. @internal */
export const ADAMW_DECAY = 0.01;

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019); default weightDecay 0.01. */
export class AdamW extends AdamFamily {
  readonly kind: string = 'adamw';

  constructor(params: Iterable<Parameter> | ParamGroup[], options: AdamOptions) {
    super('AdamW', params, options, ADAMW_DECAY);
  }

  /** @internal */
  protected override decay(group: { lr: number; weightDecay: number }, slots: Float64Array): void {
    slots[HYPER_DECOUPLED_DECAY] = group.lr * group.weightDecay;
  }
}

/**
 * Rectified Adam (Liu et al. 2020), as torch.optim.RAdam: plain momentum while the variance estimate is not
 * tractable (rho_t <= 5), which works as an implicit warm-up.
 */
export class RAdam extends AdamFamily {
  readonly kind = 'radam';

  constructor(params: Iterable<Parameter> | ParamGroup[], options: AdamOptions) {
    super('RAdam', params, options, 0);
  }

  /** @internal */
  protected override hyperparameters(group: { lr: number; weightDecay: number }, slots: Float64Array): void {
    super.hyperparameters(group, slots);
    const t = this.stepCount;
    const power = integerPower(this.beta2, t);
    slots[HYPER_DENOM_SCALE] = Math.sqrt(1 - power);
    const rhoInf = 2 / (1 - this.beta2) - 1;
    const rho = rhoInf - (2 * t * power) / (1 - power);
    slots[HYPER_RECTIFICATION] =
      rho > 5 ? Math.sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho)) : -1;
  }

  /** @internal */
  protected override update(clip: number): void {
    const { kernels } = this.runtime;
    kernels.radamStep(
      this.table.address(),
      this.numSegments,
      this.grads.address(),
      this.buffers.m.address(),
      this.buffers.v.address(),
      this.hyper.address(),
      clip,
    );
  }
}
