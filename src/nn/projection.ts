/**
 * @file What every linear layer of a model goes through: matrix and bias with whatever has been put on them, such as the
 * low-rank part that fine-tuning trains. Nothing multiplies with such a matrix past it, so that nothing misses that part.
 */
import type { CrossEntropyOptions, CrossEntropyResult } from '../autograd/ops/cross-entropy.js';
import { type LinearOptions, linear } from '../autograd/ops/linear.js';
import { linearCrossEntropy } from '../autograd/ops/linear-cross-entropy.js';
import type { Parameter, Variable } from '../autograd/variable.js';
import { type Module, Slot } from './module.js';

/** A module that computes a projection in the place of `linear`, with parameters of its own. */
export interface ProjectionPart extends Module {
  /** As `Projection.forward`. */
  project(x: Variable, projection: Projection, options: LinearOptions): Variable;
  /** As `Projection.crossEntropy`. */
  crossEntropy(
    x: Variable,
    projection: Projection,
    targets: Variable,
    options: CrossEntropyOptions,
  ): CrossEntropyResult;
}

/** x Wᵀ + b; the parameters belong to the module that has it, under names of that module. */
export class Projection extends Slot<ProjectionPart> {
  constructor(
    /** (out, in) */
    readonly weight: Parameter,
    /** (out) */
    readonly bias: Parameter | null = null,
  ) {
    super();
  }

  /** x (…, in) to (…, out), or to the rows of a packed matrix that the options name. */
  forward(x: Variable, options: LinearOptions = {}): Variable {
    return this.module?.project(x, this, options) ?? linear(x, this.weight, this.bias, options);
  }

  /** Cross-entropy of the logits x Wᵀ, which are made by blocks of rows and not kept where nothing is put on the matrix. */
  crossEntropy(x: Variable, targets: Variable, options: CrossEntropyOptions): CrossEntropyResult {
    return (
      this.module?.crossEntropy(x, this, targets, options) ??
      linearCrossEntropy(x, this.weight, targets, options)
    );
  }
}
