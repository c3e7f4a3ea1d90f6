/** @file The kinds of norm a configuration may ask for, and the two without a kernel of their own: DyT, ScaleNorm. */
import { add, addRmsNorm, broadcastTo, mul, scale, tanh } from '../autograd/ops/index.js';
import { Parameter, type Variable } from '../autograd/variable.js';
import { checkValue, integer, notNegative, oneOf } from '../checks.js';
import { initializeParameter } from './init.js';
import { type LayerBias, LayerNorm, type Norm, RMSNorm } from './layers.js';
import { Module } from './module.js';

/** `layer` is LayerNorm, `rms` RMSNorm, `dyt` DyT (no statistics at all), `scale` ScaleNorm. */
export type NormKind = 'layer' | 'rms' | 'dyt' | 'scale';
export const normKinds: readonly NormKind[] = ['layer', 'rms', 'dyt', 'scale'];

/** Dynamic tanh (Zhu et al. 2025, arXiv 2503.10622): weight ⊙ tanh(alpha · x) + bias; alpha begins at 0.5. */
export class DyT extends Module implements Norm {
  static override readonly name: string = 'DyT';
  readonly alpha: Parameter;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(dModel: number, bias = true) {
    super();
    checkValue('DyT', 'dModel', dModel, integer(1));
    this.alpha = new Parameter([1], 'other');
    this.weight = initializeParameter(new Parameter([dModel], 'normWeight'));
    this.bias = bias ? new Parameter([dModel], 'normBias') : null;
    this.afterInit();
  }

  override afterInit(): void {
    this.alpha.set([0.5]);
  }

  forward(x: Variable): Variable {
    const y = mul(tanh(mul(x, this.alpha)), this.weight);
    return this.bias ? add(y, this.bias) : y;
  }

  forwardSum(x: Variable, residual: Variable): Variable {
    return this.forward(add(x, residual));
  }
}

/**
 * ScaleNorm (Nguyen and Salazar 2019): g · x / ||x||, one number g that begins at sqrt(dModel). As in RMSNorm, eps is
 * added to the mean square.
 */
export class ScaleNorm extends Module implements Norm {
  static override readonly name: string = 'ScaleNorm';
  readonly g: Parameter;

  constructor(
    readonly dModel: number,
    readonly eps = 1e-5,
  ) {
    super();
    checkValue('ScaleNorm', 'dModel', dModel, integer(1));
    checkValue('ScaleNorm', 'eps', eps, notNegative);
    this.g = new Parameter([1], 'other');
    this.afterInit();
  }

  override afterInit(): void {
    this.g.set([Math.sqrt(this.dModel)]);
  }

  forward(x: Variable): Variable {
    return addRmsNorm(x, this.#weight(), { eps: this.eps }).out;
  }

  forwardSum(x: Variable, residual: Variable): Variable {
    return addRmsNorm(x, this.#weight(), { eps: this.eps, residual }).out;
  }

  /** x / ||x|| is the root-mean-square norm over sqrt(dModel). */
  #weight(): Variable {
    return broadcastTo(scale(this.g, 1 / Math.sqrt(this.dModel)), [this.dModel]);
  }
}

/** The norm of a kind over a last axis of width `dModel`. */
export function makeNorm(config: {
  /** Which norm. */
  norm: NormKind;
  /** Width of the vectors. */
  dModel: number;
  /** Added to the variance; DyT has none. */
  eps: number;
  /** Whether LayerNorm and DyT have a bias, which is true alone. Default true. */
  bias?: LayerBias;
}): Norm {
  const { bias = true } = config;
  checkValue('makeNorm', 'norm', config.norm, oneOf(...normKinds));
  switch (config.norm) {
    case 'rms':
      return new RMSNorm(config.dModel, config.eps);
    case 'dyt':
      return new DyT(config.dModel, bias === true);
    case 'scale':
      return new ScaleNorm(config.dModel, config.eps);
    default:
      return new LayerNorm(config.dModel, config.eps, bias === true);
  }
}
