/**
 * @file Fig. 6 (appendix H): Post-LN at a small fixed rate without warm-up learns, slowly.
 *
 * Claim: it is a statement about rates. A lower maximal rate lets Post-LN train without warm-up; a small fixed rate ends
 * better than the large one without warm-up and worse than the large one with it. Setting: that of fig2.ts; the small
 * rate is a tenth of the common one, constant (the paper's 1e-4 beside 1e-3). Cost: 65 s a run on one core.
 * Expected: between the two in every seed.
 */

import { curves } from '../drawing/training.js';
import type { Experiment, Scale } from '../experiment.js';
import { lowerRate, smallRate } from '../judges/rates.js';
import { armsOf, gridRun, hasGrid, translationGrid } from './translation-grid.js';

export const fig6: Experiment = {
  name: 'fig6',
  title: 'Post-LN at small rates',
  runs(scale: Scale) {
    if (!hasGrid(scale)) return [];
    const grid = translationGrid(scale);
    const base = [...armsOf(grid, 'post', false), ...armsOf(grid, 'post', true)];
    const maxLr = grid.commonRate / 10;
    const small = grid.seeds.map((seed) =>
      gridRun(grid, { placement: 'post', warmup: false, maxLr, variant: 'small' }, seed, {
        schedule: { kind: 'constant', maxLr },
        warmupLabel: 'no warm-up, constant',
      }),
    );
    // The control: the same triple of Pre-LN, with one seed.
    const [seed] = grid.seeds;
    const control = (['none', 'warmup', 'small'] as const).map((arm) =>
      arm === 'small'
        ? gridRun(grid, { placement: 'pre', warmup: false, maxLr, variant: 'small' }, seed, {
            schedule: { kind: 'constant', maxLr },
            warmupLabel: 'no warm-up, constant',
          })
        : gridRun(grid, { placement: 'pre', warmup: arm === 'warmup', maxLr: grid.commonRate }, seed),
    );
    return scale.preset === 'standard' ? [...base, ...small, ...control] : base;
  },
  claims: [
    {
      claim: 'lower-rate-rescues-post',
      statement: 'A lower rate without warm-up also lets Post-LN learn: it is a statement about rates',
      paper: 'valid loss about 4.3 after 27 epochs at 1e-4',
      figure: 'Fig. 6',
      protocol: 'the same run at the best of the lower rates of the grid',
      expected: 'holds',
      judge: (runs, { commonRate }) => lowerRate(runs, commonRate),
      nature: 'training',
      control: {
        factor: 'the common rate in place of a lower one',
        judge: (runs, { commonRate }) => lowerRate(runs, commonRate, 'common'),
      },
    },
    {
      claim: 'small-rate-between',
      statement:
        'A small fixed rate ends better than a large one without warm-up, worse than a large one with it',
      paper: 'better than without, worse than warm-up at 1e-3',
      figure: 'Fig. 6',
      drawnIn: 'valid-nll-fig6',
      protocol: 'a tenth of the common rate, constant; paired over seeds',
      expected: 'holds',
      presets: ['standard'],
      judge: (runs, { commonRate }) => smallRate(runs, commonRate),
      nature: 'training',
      control: {
        factor: 'Pre-LN in place of Post-LN',
        judge: (runs, { commonRate }) => smallRate(runs, commonRate, 'pre'),
      },
    },
  ],
  figures: (runs, context) => curves(runs, context, 'fig6'),
};
