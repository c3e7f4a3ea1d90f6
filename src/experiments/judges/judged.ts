/** @file What a claim's judgement is made of, and how seeds vote. */
import type { ClaimRow, GradientPoint, RunRecord, Verdict } from '../results.js';

/** A gradients run with its measurements. */
export type GradientsRecord = RunRecord & { points: GradientPoint[] };

/** What a judgement adds to a claim: the metric per seed, its threshold, the verdict, and the runs it rests on. */
export type Judged = Pick<
  ClaimRow,
  'seeds' | 'perSeed' | 'met' | 'compared' | 'metric' | 'threshold' | 'verdict' | 'runHashes'
> & {
  reason?: string;
};

export const NOT_RUN: Judged = {
  seeds: [],
  perSeed: [],
  metric: '',
  threshold: '',
  verdict: 'not tested',
  runHashes: [],
  reason: 'its runs were not part of this command',
};

/** Holds when every seed is on the good side; fails when none is; else undecided. */
export function allSeeds(good: readonly boolean[]): Verdict {
  if (good.length === 0) return 'not tested';
  if (good.every(Boolean)) return 'holds';
  return good.some(Boolean) ? 'not decided' : 'does not hold';
}

/** Which seeds are on the good side, and the verdict that makes. */
export function bySeed(good: readonly boolean[]): Pick<Judged, 'met' | 'verdict'> {
  return { met: [...good], verdict: allSeeds(good) };
}

/** One number per run; every one must be good. */
export function everyRun(
  runs: readonly RunRecord[],
  metric: string,
  threshold: string,
  of: (run: RunRecord) => number,
  good: (value: number) => boolean,
): Judged {
  if (runs.length === 0) return NOT_RUN;
  const values = runs.map(of);
  return {
    seeds: runs.map(({ seed }) => seed),
    perSeed: values,
    metric,
    threshold,
    ...bySeed(values.map(good)),
    runHashes: runs.map(({ hash }) => hash),
  };
}
