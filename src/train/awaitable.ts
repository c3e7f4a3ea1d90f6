/** @file A run that is gone through step by step, or awaited as a whole. */
import type { StepMetrics } from './options.js';

/** The steps of a run, for `for await`. Awaited instead, it trains to the end and gives the last step's metrics, or null. */
export interface TrainingRun
  extends AsyncGenerator<StepMetrics, void, void>,
    PromiseLike<StepMetrics | null> {}

/** A generator alone, awaited, would be itself, and no step would be trained. */
export function awaitable(steps: AsyncGenerator<StepMetrics, void, void>): TrainingRun {
  const toTheEnd = async (): Promise<StepMetrics | null> => {
    let last: StepMetrics | null = null;
    for await (const metrics of steps) last = metrics;
    return last;
  };
  return Object.assign(steps, {
    // biome-ignore lint/suspicious/noThenProperty: to be awaited is what it is for
    then: ((resolve, reject) => toTheEnd().then(resolve, reject)) as TrainingRun['then'],
  });
}
