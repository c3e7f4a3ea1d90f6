/** @file Judges of Fig. 6 and of tuning: how the result depends on the rate. */

import { type NormPlacement, placementName } from '../../nn/placement-names.js';
import type { TranslationArm } from '../kinds/run-spec.js';
import type { RunRecord } from '../results.js';
import { median } from '../statistics.js';
import { bySeed, type Judged, NOT_RUN } from './judged.js';
import { armClaim, armOf, paired, trainings } from './training.js';

/** The best of the lower rates without warm-up; of the control, the common one. */
export function lowerRate(
  runs: readonly RunRecord[],
  rate: number,
  which: 'lower' | 'common' = 'lower',
): Judged {
  const lower = [
    ...new Set(trainings(runs, { placement: 'post', warmup: false }).map((run) => armOf(run).maxLr)),
  ].filter((r) => (which === 'lower' ? r < rate : r === rate));
  if (lower.length === 0) return NOT_RUN;
  const judged = lower.map((maxLr) =>
    armClaim(runs, { placement: 'post', warmup: false, maxLr }, 'p >= 0.25', (p) => p >= 0.25),
  );
  return judged.reduce((best, next) => (median(next.perSeed) > median(best.perSeed) ? next : best));
}

/** Fig. 6: the small fixed rate lies between the large one without and with warm-up. */
export function smallRate(
  runs: readonly RunRecord[],
  maxLr: number,
  placement: NormPlacement = 'post',
): Judged {
  return paired(
    runs,
    [
      { placement, warmup: false, maxLr },
      { placement, warmup: false, maxLr: maxLr / 10, variant: 'small' },
      { placement, warmup: true, maxLr },
    ],
    'where the small rate lies between the large one without (0) and with warm-up (1)',
    'above 0, below 1',
    (none, small, warm) => (none - small) / (none - warm),
    (place) => place > 0 && place < 1,
  );
}

/** Bar 20: spread of the final NLL over those cells of the grid that both placements have in every seed. */
export function leastTuning(
  runs: readonly RunRecord[],
  inGrid: (arm: TranslationArm) => boolean,
  [less, more]: readonly [NormPlacement, NormPlacement] = ['pre', 'post'],
): Judged {
  const cells = (placement: string) => {
    const found = new Map<string, RunRecord>();
    for (const run of runs) {
      if (run.experiment !== 'translation' || run.placement !== placement) continue;
      const { warmup, maxLr, variant = '' } = armOf(run);
      if (!inGrid(armOf(run)) || !['', 'short'].includes(variant)) continue;
      found.set(`${warmup},${maxLr},${variant},${run.seed}`, run);
    }
    return found;
  };
  const [dividend, divisor] = [cells(less), cells(more)];
  const keys = [...divisor.keys()].filter((key) => dividend.has(key));
  const everySeed = (cell: string) => seeds.every((seed) => keys.includes(`${cell},${seed}`));
  const cellOf = (key: string) => key.slice(0, key.lastIndexOf(','));
  const seeds = [...new Set(keys.map((key) => Number(key.slice(key.lastIndexOf(',') + 1))))].filter(
    (seed) => keys.filter((key) => key.endsWith(`,${seed}`)).length > 2,
  );
  const common = [...new Set(keys.map(cellOf))].filter(everySeed);
  if (common.length < 2 || seeds.length === 0) return NOT_RUN;
  const spread = (of: Map<string, RunRecord>, seed: number) => {
    const nll = common.map((cell) => of.get(`${cell},${seed}`)?.finalValidNll ?? Number.POSITIVE_INFINITY);
    return Math.max(...nll) - Math.min(...nll);
  };
  const perSeed = seeds.map((seed) => spread(dividend, seed) / spread(divisor, seed));
  return {
    seeds,
    perSeed,
    metric: `spread of ${placementName(less)} over spread of ${placementName(more)}, ${common.length} cells`,
    threshold: '< 1/3',
    ...bySeed(perSeed.map((ratio) => ratio < 1 / 3)),
    runHashes: common.flatMap((cell) =>
      seeds.flatMap((seed) => [divisor, dividend].map((of) => of.get(`${cell},${seed}`)?.hash ?? '')),
    ),
  };
}
