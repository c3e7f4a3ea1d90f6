/**
 * @file The trained part of a projection under LoRA: a pair of small matrices, or several where queries, keys and values have
 * one each. It stands in the projection's place and calls it.
 */

import type { CrossEntropyOptions, CrossEntropyResult } from '../autograd/ops/cross-entropy.js';
import { fillBy } from '../autograd/ops/in-place.js';
import {
  crossEntropy,
  gelu,
  geluTanh,
  type LinearOptions,
  linear,
  relu,
  silu,
} from '../autograd/ops/index.js';
import { addLowRank } from '../autograd/ops/low-rank.js';
import { Parameter, type Variable } from '../autograd/variable.js';
import { Module } from '../nn/module.js';
import type { Projection, ProjectionPart } from '../nn/projection.js';

const ACTIVATIONS = { relu, gelu, geluTanh, silu };

/** Two matrices whose product is added to rows of another. */
export class LoraPair extends Module {
  static override readonly name: string = 'LoraPair';
  /** (rank, in) */
  readonly loraA: Parameter;
  /** (rows, rank), begins at 0. */
  readonly loraB: Parameter;

  constructor(
    rank: number,
    inFeatures: number,
    /** Rows of the projection's matrix, from which on and how many. */
    readonly first: number,
    readonly rows: number,
    readonly scale: number,
    readonly dropout: number,
  ) {
    super();
    this.loraA = new Parameter([rank, inFeatures], 'weight');
    this.loraB = new Parameter([rows, rank], 'weight');
  }

  /** A from U(±1/sqrt(in)), as PEFT draws it, keyed by the path; B is 0, so the model is the base at first. */
  draw(seed: number): void {
    fillBy({ bound: 1 / Math.sqrt(this.loraA.shape[1]) }, this.loraA, seed, `init:${this.path}.lora_a`);
    fillBy({ constant: 0 }, this.loraB, seed, '');
  }

  /** Adds to y (…, to - from), the rows [from, to) of the projection of x. */
  add(y: Variable, x: Variable, from: number, to: number): Variable {
    const { first, rows, scale, dropout, training, path } = this;
    const [begin, end] = [Math.max(first, from), Math.min(first + rows, to)];
    if (begin >= end) return y;
    return addLowRank(y, x, this.loraA, this.loraB, {
      scale,
      column: begin - from,
      rows: [begin - first, end - first],
      ...(training && dropout > 0 ? { dropout, stream: path } : {}),
    });
  }
}

/** All pairs of one projection, by the names that their keys have; a single one has none. */
export class LoraPart extends Module implements ProjectionPart {
  static override readonly name: string = 'LoraPart';
  readonly inProj: LoraPair | null;
  readonly qProj: LoraPair | null;
  readonly kProj: LoraPair | null;
  readonly vProj: LoraPair | null;
  /** The pair of a projection that is no packed one. */
  readonly own: LoraPair | null;

  constructor(pairs: Partial<Record<'inProj' | 'qProj' | 'kProj' | 'vProj' | 'own', LoraPair>>) {
    super();
    const { inProj = null, qProj = null, kProj = null, vProj = null, own = null } = pairs;
    [this.inProj, this.qProj, this.kProj, this.vProj, this.own] = [inProj, qProj, kProj, vProj, own];
  }

  override children(): [string, Module][] {
    return super.children().map(([name, child]) => [child === this.own ? '' : name, child]);
  }

  project(x: Variable, { weight, bias }: Projection, options: LinearOptions): Variable {
    const { activation = 'none', rows = [0, weight.shape[0]] } = options;
    let y = linear(x, weight, bias, { rows });
    for (const [, pair] of this.children()) y = (pair as LoraPair).add(y, x, rows[0], rows[1]);
    return activation === 'none' ? y : ACTIVATIONS[activation](y);
  }

  crossEntropy(
    x: Variable,
    projection: Projection,
    targets: Variable,
    options: CrossEntropyOptions,
  ): CrossEntropyResult {
    return crossEntropy(this.project(x, projection, {}), targets, options);
  }
}
