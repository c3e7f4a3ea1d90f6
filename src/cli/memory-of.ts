/** @file Peak memory of runs by `plan()`, each shape planned once. */
import { kindOf, type RunEnvironment, type RunSpec } from '../experiments/index.js';
import type { Sources } from '../recipe/index.js';
import { loadTokenizers } from './tokenizers.js';

/** Megabytes of a run's step, where its kind says so; runs that differ in seed, rate or schedule have the same. */
export function memoryOf(sources: Sources): (run: RunSpec) => Promise<number | undefined> {
  const environment: RunEnvironment = { onProgress() {}, sources, tokenizers: loadTokenizers };
  const known = new Map<string, number | undefined>();
  return async (run) => {
    const { id, label, arm, decode, recipe = {}, ...rest } = run as RunSpec & Record<string, unknown>;
    const { seed, schedule, optimizer, steps, ...shape } = recipe as Record<string, unknown>;
    const key = JSON.stringify([rest, shape]);
    if (!known.has(key)) {
      const bytes = await kindOf(run).plan?.(run, environment);
      known.set(key, bytes === undefined ? undefined : bytes / 1e6);
    }
    return known.get(key);
  };
}
