import type { CrossEntropyResult } from '../autograd/ops/index.js';
import type { TokenCount } from '../autograd/token-count.js';
import type { StepInputs } from '../nn/batch-tensor.js';
import type { Module } from '../nn/module.js';

/** A model the trainer can train: it turns a batch into a loss. */
export interface Trainable<B> extends Module {
  /**
   * The loss of a batch as a mean over its target tokens. `smoothing` is the label smoothing; `count` replaces the
   * divisor, so that accumulated batches weigh as one.
   */
  loss(batch: B, options: { smoothing?: number; count?: number | TokenCount }): CrossEntropyResult;
  /**
   * The arrays that `loss` reads from the batch, and a name for everything else its computation depends on: then a
   * step is recorded once per shape and replayed. Leave it out when `loss` depends on anything else that changes.
   */
  inputs?(batch: B): StepInputs;
}
