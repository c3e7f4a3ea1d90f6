import { reshape, slice, tanh } from '../autograd/ops/index.js';
import type { Variable } from '../autograd/variable.js';
import { Dropout, Linear } from './layers.js';
import { Module } from './module.js';

/** One vector per sequence to one logit per class: dense, tanh, dropout, dense (Devlin et al. 2019). */
export class PooledHead extends Module {
  static override readonly name: string = 'PooledHead';
  readonly pooler: Linear;
  readonly dropout: Dropout;
  readonly classifier: Linear;

  constructor(dModel: number, numClasses: number, dropout = 0) {
    super();
    this.pooler = new Linear(dModel, dModel);
    this.dropout = new Dropout(dropout);
    this.classifier = new Linear(dModel, numClasses);
  }

  /** x (B, C), or (B, T, C) of which the first position is taken, to (B, numClasses). */
  forward(x: Variable): Variable {
    const pooled = x.rank === 2 ? x : reshape(slice(x, 1, 0, 1), [x.shape[0], x.shape[2]]);
    return this.classifier.forward(this.dropout.forward(tanh(this.pooler.forward(pooled))));
  }
}
