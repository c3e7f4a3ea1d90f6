/** @file Judges that set arms side by side seed by seed, and choose for each arm its own best rate. */
import type { RunRecord } from '../results.js';
import { median } from '../statistics.js';
import { bySeed, type Judged, NOT_RUN } from './judged.js';

/** The lowest validation NLL of a run; one that diverged has none and counts as infinitely bad. */
export function bestNll(run: RunRecord): number {
  if (run.status === 'diverged') return Number.POSITIVE_INFINITY;
  const found = (run.curve ?? []).flatMap(({ validNll }) => (validNll === undefined ? [] : [validNll]));
  return Math.min(Number.POSITIVE_INFINITY, ...found);
}

/** The validation NLL a run ends at. */
export const finalNll = (run: RunRecord): number =>
  run.status === 'diverged' ? Number.POSITIVE_INFINITY : (run.finalValidNll ?? Number.POSITIVE_INFINITY);

/** A number for every seed that all arms have, from the run of each arm; every seed must be good. */
export function acrossSeeds(
  arms: readonly (readonly RunRecord[])[],
  bar: { metric: string; threshold: string; good: (value: number) => boolean },
  of: (...runs: RunRecord[]) => number,
): Judged {
  const bySeeds = arms.map((runs) => new Map(runs.map((run) => [run.seed, run])));
  const seeds = [...(bySeeds[0]?.keys() ?? [])].filter((seed) => bySeeds.every((arm) => arm.has(seed)));
  if (seeds.length === 0) return NOT_RUN;
  const runsOf = (seed: number) => bySeeds.map((arm) => arm.get(seed) as RunRecord);
  const perSeed = seeds.map((seed) => of(...runsOf(seed)));
  return {
    seeds,
    perSeed,
    metric: bar.metric,
    threshold: bar.threshold,
    ...bySeed(perSeed.map(bar.good)),
    runHashes: seeds.flatMap((seed) => runsOf(seed).map(({ hash }) => hash)),
  };
}

/** Runs of an arm by their rate, the rate of the lowest median first. */
export function byRate(
  runs: readonly RunRecord[],
  rateOf: (run: RunRecord) => number,
  value: (run: RunRecord) => number = bestNll,
): { rate: number; runs: RunRecord[]; median: number }[] {
  const rates = [...new Set(runs.map(rateOf))];
  return rates
    .map((rate) => {
      const own = runs.filter((run) => rateOf(run) === rate);
      return { rate, runs: own, median: median(own.map(value)) };
    })
    .sort((a, b) => a.median - b.median);
}

/** Whether a rate is the lowest or the highest of those tried: an optimum there is none. */
export function isEdge(
  rate: number,
  runs: readonly RunRecord[],
  rateOf: (run: RunRecord) => number,
): boolean {
  const rates = runs.map(rateOf);
  return rate === Math.min(...rates) || rate === Math.max(...rates);
}
