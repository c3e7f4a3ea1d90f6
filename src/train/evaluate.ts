import { noGrad } from '../autograd/tape.js';
import type { Trainable } from './trainable.js';

/** Mean un-smoothed negative log-likelihood per target token, in evaluation mode (no dropout). */
export function evaluateLoss<B>(model: Trainable<B>, batches: Iterable<B>): number {
  const training = model.training;
  let nll = 0;
  let tokens = 0;
  model.eval();
  try {
    for (const batch of batches) {
      const [sum, count] = noGrad(() => {
        const result = model.loss(batch, {});
        return [result.nll.item(), result.count];
      }, model.runtime());
      nll += sum;
      tokens += count;
    }
  } finally {
    model.train(training);
  }
  return nll / tokens;
}
