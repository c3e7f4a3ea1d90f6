/** @file What most cells of the import matrix run: a few short trainings of the conformance run. */
import { runConformance } from 'prenorm/conformance';

const items = ['causal-lm', 'translation-post', 'vision'];

/** `say` hears how far it is: a page that says nothing new for long is given up. */
export async function train(
  init,
  options,
  say = (stage) => {
    globalThis.stage = stage;
  },
  only = items,
) {
  try {
    say('init');
    const runtime = await init(options);
    say('training');
    const result = await runConformance({ only, onItem: ({ name }) => say(`${name} done`) });
    return {
      hashes: result.items.map(({ name, hash }) => `${name} ${hash}`),
      threads: runtime.threads,
      reason: runtime.threadsReason,
    };
  } catch (error) {
    return { error: `${error.name} ${error.code ?? ''} ${error.message}` };
  }
}
