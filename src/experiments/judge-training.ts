/** @file Judges training runs: progress between the unigram level and Post-LN with warm-up at its best rate. */
import { allSeeds, type Judged, NOT_RUN } from './judged.js';
import type { RunRecord } from './results.js';
import type { TranslationArm } from './run-spec.js';
import { median } from './statistics.js';

export const armOf = (run: RunRecord): TranslationArm => run.config.arm as unknown as TranslationArm;

function trainings(runs: readonly RunRecord[], arm: Partial<TranslationArm>): RunRecord[] {
  return runs.filter(
    (run) =>
      run.experiment === 'translation' &&
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
): Judged {
  const found = trainings(runs, arm);
  if (found.length === 0) return NOT_RUN;
  if (found.some((run) => run.status === 'measured')) {
    return {
      ...NOT_RUN,
      reason: 'no Post-LN run with warm-up learnt anything, so there is nothing to measure progress by',
    };
  }
  return {
    seeds: found.map((run) => run.seed),
    perSeed: found.map((run) => run.progress ?? Number.NEGATIVE_INFINITY),
    metric: `progress p of ${found[0].label}; statuses ${found.map((run) => run.status).join(', ')}`,
    threshold,
    verdict: allSeeds(found.map((run) => good(run.progress ?? Number.NEGATIVE_INFINITY, run))),
    runHashes: found.map((run) => run.hash),
  };
}

export function lowerRate(runs: readonly RunRecord[], rate: number): Judged {
  const lower = [
    ...new Set(trainings(runs, { placement: 'post', warmup: false }).map((run) => armOf(run).maxLr)),
  ].filter((r) => r < rate);
  if (lower.length === 0) return NOT_RUN;
  const judged = lower.map((maxLr) =>
    armClaim(runs, { placement: 'post', warmup: false, maxLr }, 'p >= 0.25', (p) => p >= 0.25),
  );
  return judged.reduce((best, next) => (median(next.perSeed) > median(best.perSeed) ? next : best));
}
