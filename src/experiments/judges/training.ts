/** @file Judges training runs: progress between the unigram level and Post-LN with warm-up at its best rate. */

import type { TranslationArm } from '../kinds/run-spec.js';
import type { RunRecord } from '../results.js';
import { bySeed, type Judged, NOT_RUN } from './judged.js';

export const armOf = (run: RunRecord): TranslationArm => run.config.arm as unknown as TranslationArm;

/** Runs of an arm; without a variant, those of the common grid. */
export function trainings(runs: readonly RunRecord[], arm: Partial<TranslationArm>): RunRecord[] {
  return runs.filter(
    (run) =>
      run.experiment === 'translation' &&
      armOf(run).variant === arm.variant &&
      Object.entries(arm).every(([key, value]) => armOf(run)[key as keyof TranslationArm] === value),
  );
}

/**
 * Sets progress and status of every training run: p = (U - NLL) / (U - R), R the best Post-LN with warm-up.
 * Where that one did not get below U itself there is no scale, and runs stay `measured`.
 */
export function classifyRuns(runs: RunRecord[], unigramNll: number): void {
  for (const run of runs) {
    if (run.experiment !== 'translation') continue;
    const nll = run.finalValidNll;
    if (run.status === 'diverged' || nll === undefined || !Number.isFinite(nll) || nll > unigramNll + 1) {
      run.status = 'diverged';
      continue;
    }
    const reference = trainings(runs, { placement: 'post', warmup: true })
      .filter((other) => other.seed === run.seed)
      .map((other) => other.finalValidNll ?? Number.NaN)
      .filter((value) => value < unigramNll);
    if (reference.length === 0) continue;
    run.progress = (unigramNll - nll) / (unigramNll - Math.min(...reference));
    run.status = run.progress >= 0.85 ? 'trained' : run.progress < 0.25 ? 'failed' : 'behind';
  }
}

export function armClaim(
  runs: readonly RunRecord[],
  arm: TranslationArm,
  threshold: string,
  good: (p: number, run: RunRecord) => boolean,
  also?: { name: string; of: (run: RunRecord) => number },
): Judged {
  const found = trainings(runs, arm);
  if (found.length === 0) return NOT_RUN;
  if (found.some((run) => run.status === 'measured')) {
    return {
      ...NOT_RUN,
      reason: 'no Post-LN run with warm-up learnt anything, so there is nothing to measure progress by',
    };
  }
  const perSeed = found.map((run) => run.progress ?? Number.NEGATIVE_INFINITY);
  return {
    seeds: found.map((run) => run.seed),
    perSeed,
    ...(also
      ? {
          compared: [
            { name: 'progress p', values: perSeed },
            { name: also.name, values: found.map(also.of) },
          ],
        }
      : {}),
    metric: `progress p of ${found[0].label}; statuses ${found.map((run) => run.status).join(', ')}`,
    threshold,
    ...bySeed(found.map((run) => good(run.progress ?? Number.NEGATIVE_INFINITY, run))),
    runHashes: found.map((run) => run.hash),
  };
}

/** Final NLL per seed; a run that diverged has no number and counts as infinitely bad. */
export function finals(runs: readonly RunRecord[], arm: Partial<TranslationArm>): Map<number, number> {
  return new Map(
    trainings(runs, arm).map((run) => [
      run.seed,
      run.status === 'diverged' ? Number.POSITIVE_INFINITY : (run.finalValidNll ?? Number.POSITIVE_INFINITY),
    ]),
  );
}

export const hashesOf = (runs: readonly RunRecord[], arms: readonly Partial<TranslationArm>[]): string[] =>
  arms.flatMap((arm) => trainings(runs, arm).map((run) => run.hash));

export const shared = (...maps: ReadonlyMap<number, unknown>[]): number[] =>
  [...maps[0].keys()].filter((seed) => maps.every((map) => map.has(seed)));

/** A number for every seed that all arms have; every seed must be good. */
export function paired(
  runs: readonly RunRecord[],
  arms: readonly Partial<TranslationArm>[],
  metric: string,
  threshold: string,
  value: (...nll: number[]) => number,
  good: (value: number) => boolean,
): Judged {
  const maps = arms.map((arm) => finals(runs, arm));
  const seeds = shared(...maps);
  if (seeds.length === 0) return NOT_RUN;
  const perSeed = seeds.map((seed) => value(...maps.map((map) => map.get(seed) as number)));
  return {
    seeds,
    perSeed,
    metric,
    threshold,
    ...bySeed(perSeed.map(good)),
    runHashes: hashesOf(runs, arms),
  };
}

export const POST = { placement: 'post' } as const;
