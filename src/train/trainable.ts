import type { CrossEntropyResult } from '../autograd/ops/index.js';
import type { Module } from '../nn/module.js';

/** A model the trainer can train: it turns a batch into a loss. */
export interface Trainable<B> extends Module {
  loss(batch: B, options: { smoothing?: number; count?: number }): CrossEntropyResult;
}
