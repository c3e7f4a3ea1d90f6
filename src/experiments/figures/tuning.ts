/**
 * @file Tuning: how much the result depends on the rate and the warm-up (paper, sections 3.2 and 5).
 *
 * Claim: Pre-LN needs less tuning. Setting: the grid of fig2.ts, maximal rate times warm-up, the same cells for both
 * placements. Measured: the spread of the final validation NLL over the cells, medians over seeds.
 * Cost: shares nearly all runs with Figs. 2 and 4. Expected: Pre-LN's spread under a third of Post-LN's.
 */

import { tuningMap } from '../drawing/training.js';
import type { Experiment, Scale } from '../experiment.js';
import { leastTuning } from '../judges/rates.js';
import type { TranslationArm } from '../kinds/run-spec.js';
import { armsOf, commonTail, gridRun, translationGrid } from './translation-grid.js';

/** The cells of the paper's Fig. 2: the common rate and half of it. */
const inFig2 =
  (commonRate: number) =>
  ({ maxLr }: TranslationArm) =>
    maxLr <= commonRate && maxLr >= commonRate / 2;

export const tuning: Experiment = {
  name: 'tuning',
  title: 'How much tuning a placement needs',
  runs(scale: Scale) {
    if (scale.preset !== 'standard') return [];
    const grid = translationGrid(scale);
    return (['post', 'pre'] as const).flatMap((placement) => [
      ...armsOf(grid, placement, false),
      ...armsOf(grid, placement, true),
      ...grid.seeds.flatMap((seed) =>
        [grid.commonRate, grid.commonRate / 2].map((maxLr) =>
          gridRun(grid, { placement, warmup: false, maxLr, variant: 'short' }, seed, {
            schedule: commonTail(grid, maxLr, grid.shortWarmupSteps),
            warmupLabel: `warm-up ${grid.shortWarmupSteps}`,
          }),
        ),
      ),
    ]);
  },
  claims: [
    {
      claim: 'pre-needs-less-tuning',
      statement: 'Pre-LN depends less on the rate and on the warm-up than Post-LN',
      figure: 'sections 3.2 and 5',
      drawnIn: 'tuning',
      protocol:
        "largest minus smallest final NLL, per seed, over the cells of the paper's Fig. 2: three warm-ups at the common rate and half of it",
      expected: 'holds',
      judge: (runs, { commonRate }) => leastTuning(runs, inFig2(commonRate)),
      nature: 'training',
      control: {
        factor: 'the two placements exchanged',
        judge: (runs, { commonRate }) => leastTuning(runs, inFig2(commonRate), ['post', 'pre']),
      },
    },
    {
      claim: 'pre-needs-less-tuning-everywhere',
      statement: 'So it is over all four rates, from a quarter of the common rate to twice it',
      figure: 'sections 3.2 and 5',
      drawnIn: 'tuning',
      protocol: 'the same over every cell that both placements have',
      expected: 'does not hold',
      reason: 'at the lowest rate both are merely slow within this budget, and that alone spreads them alike',
      judge: (runs) => leastTuning(runs, () => true),
      nature: 'training',
      control: { none: 'the claim fails its bar itself' },
    },
  ],
  figures: (runs) => tuningMap(runs),
};
