import type { TokenCount } from '../autograd/token-count.js';
import type { Variable } from '../autograd/variable.js';
import type { StepInputs } from '../nn/batch-tensor.js';
import type { Module } from '../nn/module.js';

/** What a model's `loss` says of a batch; the result of `crossEntropy` is one. */
export interface BatchLoss {
  /** Scalar to minimise: the mean over the batch's targets. */
  loss: Variable;
  /** Scalar: sum of the un-smoothed loss over the targets, for evaluation. Without it, evaluation takes `loss`. */
  nll?: Variable;
  /**
   * How many targets counted: what the batch weighs beside the others of an accumulated step or of an evaluation.
   * A loss that does not say makes all batches weigh the same.
   */
  count?: number;
}

/** A model the trainer can train: it turns a batch into a loss. */
export interface Trainable<B> extends Module {
  /**
   * The loss of a batch as a mean over its targets. `smoothing` is the label smoothing. `count` is for the `count`
   * of `crossEntropy`, which reports to it: then a step can be replayed on a batch with another number of targets,
   * and a batch of nothing but padding counts for nothing beside others. A step whose `count` comes from elsewhere
   * runs eagerly.
   */
  loss(batch: B, options: { smoothing?: number; count?: TokenCount }): BatchLoss;
  /**
   * The arrays that `loss` reads from the batch, and a name for everything else its computation depends on: then a
   * step is recorded once per shape and replayed. Leave it out when `loss` depends on anything else that changes.
   */
  inputs?(batch: B): StepInputs;
}
