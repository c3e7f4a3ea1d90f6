/** @file What every cell of the import matrix runs: a few short trainings of the conformance run. */
import { runConformance } from 'prenorm/conformance';

const items = ['causal-lm', 'translation-post', 'vision'];

export async function train(init, options) {
  try {
    const runtime = await init(options);
    const result = await runConformance({ only: items });
    return {
      hashes: result.items.map(({ name, hash }) => `${name} ${hash}`),
      threads: runtime.threads,
      reason: runtime.threadsReason,
    };
  } catch (error) {
    return { error: `${error.name} ${error.code ?? ''} ${error.message}` };
  }
}
