/** @file The small layers: Linear, Embedding, LayerNorm, RMSNorm, Dropout, FeedForward. */
import { type Activation, addLayerNorm, addRmsNorm, dropout, embedding, mul } from '../autograd/ops/index.js';
import { activations } from '../autograd/ops/linear.js';
import { Parameter, type ParameterRole, type Variable } from '../autograd/variable.js';
import {
  checkOptions,
  checkValue,
  flag,
  integer,
  notNegative,
  oneOf,
  optional,
  share,
  text,
} from '../checks.js';
import { initializeParameter } from './init.js';
import { Module } from './module.js';
import { Projection } from './projection.js';

/**
 * Which projections of a layer have biases: all, its norms included; none; those of queries, keys and values alone; those
 * of the attention alone; those of the feed-forward alone.
 */
export type LayerBias = boolean | 'qkv' | 'attention' | 'ffn';
export const layerBiases: readonly LayerBias[] = [true, false, 'qkv', 'attention', 'ffn'];

/** y = x Wᵀ + b; weight (out, in), bias (out). */
export class Linear extends Module {
  static override readonly name: string = 'Linear';
  /** (out, in) */
  readonly weight: Parameter;
  /** (out) */
  readonly bias: Parameter | null;
  /** @internal */
  readonly projection: Projection;

  constructor(
    inFeatures: number,
    outFeatures: number,
    options: {
      /** Whether there is a bias. Default true. */
      bias?: boolean;
      /** What the bias is to initialisations and optimizers. Default `bias`. */
      biasRole?: ParameterRole;
    } = {},
  ) {
    super();
    checkOptions('Linear', options, { bias: optional(flag), biasRole: optional(text) });
    checkValue('Linear', 'inFeatures', inFeatures, integer(1));
    checkValue('Linear', 'outFeatures', outFeatures, integer(1));
    this.weight = initializeParameter(new Parameter([outFeatures, inFeatures], 'weight'));
    this.bias = (options.bias ?? true) ? new Parameter([outFeatures], options.biasRole ?? 'bias') : null;
    this.projection = new Projection(this.weight, this.bias);
  }

  /** x (…, in) to (…, out). */
  forward(x: Variable, activation: Activation = 'none'): Variable {
    return this.projection.forward(x, { activation });
  }
}

/** A table (numEmbeddings, dModel) of rows by id. */
export class Embedding extends Module {
  static override readonly name: string = 'Embedding';
  /** (numEmbeddings, dModel) */
  readonly weight: Parameter;

  constructor(numEmbeddings: number, dModel: number) {
    super();
    checkValue('Embedding', 'numEmbeddings', numEmbeddings, integer(1));
    checkValue('Embedding', 'dModel', dModel, integer(1));
    this.weight = initializeParameter(new Parameter([numEmbeddings, dModel], 'embedding'));
  }

  /** ids (…) i32 to (…, dModel), times `scale`. */
  forward(ids: Variable, scale = 1): Variable {
    return embedding(this.weight, ids, { scale });
  }
}

/** What all normalisations share: apply to x, or to x + residual without a pass of its own for the sum. */
export interface Norm extends Module {
  /** x (…, C), normalised over the last axis. */
  forward(x: Variable): Variable;
  /** norm(x + residual) */
  forwardSum(x: Variable, residual: Variable): Variable;
}

/** Layer normalisation (Ba et al. 2016) over the last axis, with weight and bias. */
export class LayerNorm extends Module implements Norm {
  static override readonly name: string = 'LayerNorm';
  /** (C), begins at 1. */
  readonly weight: Parameter;
  /** (C), begins at 0; null without one. */
  readonly bias: Parameter | null;

  constructor(
    dModel: number,
    readonly eps = 1e-5,
    bias = true,
  ) {
    super();
    checkValue('LayerNorm', 'dModel', dModel, integer(1));
    checkValue('LayerNorm', 'eps', eps, notNegative);
    checkValue('LayerNorm', 'bias', bias, flag);
    this.weight = initializeParameter(new Parameter([dModel], 'normWeight'));
    this.bias = bias ? new Parameter([dModel], 'normBias') : null;
  }

  forward(x: Variable): Variable {
    return addLayerNorm(x, this.weight, this.bias, { eps: this.eps }).out;
  }

  forwardSum(x: Variable, residual: Variable): Variable {
    return addLayerNorm(x, this.weight, this.bias, { eps: this.eps, residual }).out;
  }
}

/** Root-mean-square normalisation (Zhang and Sennrich 2019), weight only. */
export class RMSNorm extends Module implements Norm {
  static override readonly name: string = 'RMSNorm';
  /** (C), begins at 1. */
  readonly weight: Parameter;

  constructor(
    dModel: number,
    readonly eps = 1e-5,
  ) {
    super();
    checkValue('RMSNorm', 'dModel', dModel, integer(1));
    checkValue('RMSNorm', 'eps', eps, notNegative);
    this.weight = initializeParameter(new Parameter([dModel], 'normWeight'));
  }

  forward(x: Variable): Variable {
    return addRmsNorm(x, this.weight, { eps: this.eps }).out;
  }

  forwardSum(x: Variable, residual: Variable): Variable {
    return addRmsNorm(x, this.weight, { eps: this.eps, residual }).out;
  }
}

/** Dropout while training, nothing otherwise; its masks are keyed by the module's path and counted. */
export class Dropout extends Module {
  static override readonly name: string = 'Dropout';
  constructor(readonly p: number) {
    super();
    checkValue('Dropout', 'p', p, share);
  }

  /** x with a share p of its elements set to 0 and the rest divided by 1 - p. */
  forward(x: Variable): Variable {
    return this.training ? dropout(x, this.p, this.path) : x;
  }
}

/**
 * FFN(x) = act(x W1 + b1) W2 + b2 (paper, section 3.1); gated, (act(x W1 + b1) ⊙ (x W3 + b3)) W2 + b2 (Shazeer 2020, arXiv
 * 2002.05202: SwiGLU with `silu`, GeGLU with `gelu`). Its keys sit directly in the layer: linear1, linear2, linear3.
 */
export class FeedForward extends Module {
  static override readonly name: string = 'FeedForward';
  readonly linear1: Linear;
  readonly linear2: Linear;
  /** What the activation's result is multiplied by; null where there is no gate. */
  readonly linear3: Linear | null;
  readonly activationDropout: Dropout;

  /** `ffnNorm` (width dFF) stands before W2 in Sub-LN and NormFormer. */
  constructor(
    dModel: number,
    dFF: number,
    readonly activation: Exclude<Activation, 'none'> = 'relu',
    activationDropout = 0,
    readonly ffnNorm: Norm | null = null,
    parts: {
      /** Whether W3 gates the hidden layer. Default false. */
      gated?: boolean;
      /** Whether the matrices have biases. Default true. */
      bias?: boolean;
    } = {},
  ) {
    super();
    checkValue('FeedForward', 'activation', activation, oneOf(...activations));
    checkOptions('FeedForward', parts, { gated: optional(flag), bias: optional(flag) });
    const { gated, bias } = parts;
    this.linear1 = new Linear(dModel, dFF, { bias });
    this.linear2 = new Linear(dFF, dModel, { bias });
    this.linear3 = gated ? new Linear(dModel, dFF, { bias }) : null;
    this.activationDropout = new Dropout(activationDropout);
  }

  protected override get transparent(): boolean {
    return true;
  }

  /** x (…, C) to (…, C), through a hidden layer of width dFF. */
  forward(x: Variable): Variable {
    const active = this.linear1.forward(x, this.activation);
    const h = this.activationDropout.forward(this.linear3 ? mul(active, this.linear3.forward(x)) : active);
    return this.linear2.forward(this.ffnNorm ? this.ffnNorm.forward(h) : h);
  }
}
