/**
 * @file How far the gradients of one arithmetic are from those of strict floats, while a model trains: a copy of it in
 * either takes the weights of the moment and the batch to come. Nothing of the training is touched.
 */
import { backward, scope } from '../autograd/tape.js';
import type { Parameter } from '../autograd/variable.js';
import { ConfigError } from '../errors.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import { createRuntime } from '../runtime/init.js';
import { type Runtime, withRuntime } from '../runtime/runtime.js';
import type { Trainable } from './trainable.js';
import type { Trainer } from './trainer.js';

/** How far apart, tensor by tensor: the 2-norm of the difference over that of the strict gradient. */
export interface GradientError {
  /** Steps done before the gradients. */
  step: number;
  /** Over the tensors. */
  median: number;
  worst: number;
  /** The parameter of which the worst is. */
  tensor: string;
}

interface Copy<B> {
  runtime: Runtime;
  model: Trainable<B>;
  parameters: Map<string, Parameter>;
}

export class ArithmeticCheck<B> {
  private constructor(
    private readonly trainer: Trainer<B>,
    private readonly own: Copy<B>,
    private readonly strict: Copy<B>,
  ) {}

  /**
   * @param build makes the trained model once more, on the current runtime
   * @throws ConfigError where the training itself is in strict floats
   */
  static async create<B>(trainer: Trainer<B>, build: () => Trainable<B>): Promise<ArithmeticCheck<B>> {
    const { arithmetic } = trainer.options.optimizer.runtime;
    if (arithmetic === 'strict' || arithmetic === 'reference') {
      throw new ConfigError(
        `the run computes in ${arithmetic} arithmetic, which has nothing to be compared with`,
        {
          op: 'arithmetic check',
          hint: 'it goes with int12 or relaxed',
        },
      );
    }
    const copy = async (of: Arithmetic): Promise<Copy<B>> => {
      const runtime = await createRuntime({ arithmetic: of, threads: 1 });
      const model = withRuntime(runtime, build);
      return { runtime, model, parameters: new Map(model.namedParameters()) };
    };
    return new ArithmeticCheck(trainer, await copy(arithmetic), await copy('strict'));
  }

  /** The gradients of the step to come, of its first batch. */
  measure(): GradientError {
    const { data, model, optimizer } = this.trainer.options;
    const cursor = data.state();
    const batch = data.next();
    data.restore(cursor);
    const weights = model.stateDict();
    for (const copy of [this.own, this.strict]) {
      copy.runtime.manualSeed(optimizer.runtime.seed);
      copy.model.loadStateDict(weights);
      this.#gradient(copy, batch);
    }
    const errors: { tensor: string; error: number }[] = [];
    for (const [tensor, parameter] of model.namedParameters()) {
      if (!parameter.requiresGrad) continue;
      const [own, strict] = [this.own, this.strict].map(({ parameters }) =>
        (parameters.get(tensor) as Parameter).grad?.toArray(),
      );
      if (own && strict) errors.push({ tensor, error: relativeError(own, strict) });
    }
    errors.sort((a, b) => a.error - b.error);
    const last = errors[errors.length - 1];
    const median = errors[Math.floor((errors.length - 1) / 2)].error;
    return { step: this.trainer.step, median, worst: last.error, tensor: last.tensor };
  }

  /** Eager, with the dropout that the step itself will draw. */
  #gradient({ runtime, model }: Copy<B>, batch: B): void {
    const { labelSmoothing } = this.trainer.options;
    withRuntime(runtime, () => {
      model.train();
      runtime.setRandomPosition(this.trainer.step, 0);
      scope(() => {
        model.zeroGrad();
        backward(model.loss(batch, { smoothing: labelSmoothing }).loss);
      });
      runtime.endStep();
    });
  }
}

/** Sums in double precision; 0 where both are zero everywhere. */
function relativeError(own: ArrayLike<number>, strict: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < strict.length; i++) {
    const off = own[i] - strict[i];
    difference += off * off;
    size += strict[i] * strict[i];
  }
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}
