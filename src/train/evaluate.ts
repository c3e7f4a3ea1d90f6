import { noGrad } from '../autograd/tape.js';
import { withRuntime } from '../runtime/runtime.js';
import type { Trainable } from './trainable.js';

/** Mean un-smoothed negative log-likelihood per target token, in evaluation mode (no dropout). */
export function evaluateLoss<B>(model: Trainable<B>, batches: Iterable<B>): number {
  const runtime = model.runtime();
  const training = model.training;
  let nll = 0;
  let tokens = 0;
  model.eval();
  try {
    for (const batch of batches) {
      const [sum, count] = withRuntime(runtime, () =>
        noGrad(() => {
          const result = model.loss(batch, {});
          return [result.nll.item(), result.count];
        }),
      );
      nll += sum;
      tokens += count;
    }
  } finally {
    model.train(training);
  }
  return nll / tokens;
}
