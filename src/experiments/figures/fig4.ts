/**
 * @file Fig. 4: Pre-LN trains without warm-up, as well as Post-LN with it, and faster (paper, section 4).
 *
 * Setting: that of fig2.ts. Beside the common tail Pre-LN runs under the paper's own schedules: constant, then a tenth
 * from 8/15 of the budget on (IWSLT); constant, then inverse square root from 6/15 on (our reading of "decayed at epoch
 * 6, then inverse square root", WMT). RAdam and its Adam twins decay linearly. Parity and speed are judged on longer runs
 * of both headline arms, where validation NLL has stopped falling. Cost: 65 s a run, 150 s a long one, on one core.
 * Expected: p >= 0.85 for every Pre-LN arm at 2e-3; Pre-LN there in at most 0.75 of the steps.
 */

import { curves, rates } from '../drawing/training.js';
import type { Claim, Experiment, Scale } from '../experiment.js';
import { type Judged, NOT_RUN } from '../judges/judged.js';
import { closeTo, parity, speedUp } from '../judges/pre-ln.js';
import { armClaim } from '../judges/training.js';
import type { TranslationArm, TranslationRecipe, TranslationRun } from '../kinds/run-spec.js';
import type { RunRecord } from '../results.js';
import { armsOf, gridRun, hasGrid, type TranslationGrid, translationGrid } from './translation-grid.js';

const LONG_STEPS = 2100;
const NEEDS_SIZE = 'this size and number of seeds cannot decide it';

function extra(grid: TranslationGrid): TranslationRun[] {
  const { commonRate: maxLr } = grid;
  const { steps } = grid.recipe;
  const radam: TranslationRecipe['optimizer'] = { kind: 'radam', betas: [0.9, 0.98], eps: 1e-9 };
  const linear = { kind: 'linearDecay', maxLr, warmupSteps: 0, totalSteps: steps } as const;
  const none = { warmup: false, maxLr } as const;
  return grid.seeds.flatMap((seed) => [
    gridRun(grid, { placement: 'peri', ...none }, seed),
    // Post-LN is the control of Pre-LN, with one seed.
    ...(seed === grid.seeds[0] ? (['pre', 'post'] as const) : (['pre'] as const)).flatMap((placement) => [
      gridRun(grid, { placement, ...none, variant: 'step' }, seed, {
        schedule: { kind: 'stepDecay', maxLr, steps: [Math.floor((steps * 8) / 15)], factor: 0.1 },
        warmupLabel: 'no warm-up, constant then a tenth',
      }),
      gridRun(grid, { placement, ...none, variant: 'late-tail' }, seed, {
        schedule: { kind: 'inverseSqrt', maxLr, warmupSteps: 0, tailStart: Math.floor((steps * 6) / 15) },
        warmupLabel: 'no warm-up, constant then inverse sqrt',
      }),
    ]),
    ...(['post', 'pre'] as const).map((placement) =>
      gridRun(grid, { placement, ...none, variant: 'radam' }, seed, {
        optimizer: radam,
        schedule: linear,
        warmupLabel: 'RAdam, no warm-up, linear decay',
      }),
    ),
    gridRun(grid, { placement: 'post', ...none, variant: 'radam-default' }, seed, {
      optimizer: { ...radam, betas: [0.9, 0.999] },
      schedule: linear,
      warmupLabel: 'RAdam (0.9, 0.999), no warm-up, linear decay',
    }),
    ...(['post', 'pre'] as const).map((placement) =>
      gridRun(grid, { placement, ...none, variant: 'adam-linear' }, seed, {
        schedule: linear,
        warmupLabel: 'no warm-up, linear decay',
      }),
    ),
    ...(['post', 'pre'] as const).map((placement) =>
      gridRun(grid, { placement, warmup: placement === 'post', maxLr, variant: 'long' }, seed, {
        steps: LONG_STEPS,
        warmupLabel: `${placement === 'post' ? `warm-up ${grid.warmupSteps}` : 'no warm-up'}, ${LONG_STEPS} steps`,
      }),
    ),
  ]);
}

/** Gets 0.85 of the way from the unigram level to Post-LN with warm-up at its best rate. */
const trains = (runs: readonly RunRecord[], arm: TranslationArm): Judged =>
  armClaim(runs, arm, 'p >= 0.85', (p) => p >= 0.85);

const pre = (commonRate: number, variant?: string) => ({
  placement: 'pre' as const,
  warmup: false,
  maxLr: commonRate,
  variant,
});

export const fig4: Experiment = {
  name: 'fig4',
  title: 'Pre-LN trains without warm-up',
  runs(scale: Scale) {
    if (!hasGrid(scale)) return [];
    const grid = translationGrid(scale);
    // Post-LN with warm-up is the scale of p, without it the control.
    const base = [
      ...armsOf(grid, 'pre', false),
      ...armsOf(grid, 'post', true),
      ...armsOf(grid, 'post', false),
    ];
    if (scale.preset === 'quick') return base;
    base.push(...armsOf(grid, 'pre', true));
    return scale.preset === 'standard' ? [...base, ...extra(grid)] : base;
  },
  claims: [
    {
      claim: 'pre-trains-without-warmup',
      statement: 'Pre-LN trains without warm-up at the common maximal rate',
      paper: 'BLEU about 34, valid loss about 4',
      figure: 'Fig. 4',
      drawnIn: 'valid-nll-fig4',
      protocol: 'common tail, un-smoothed validation NLL, all seeds',
      expected: 'holds',
      judge: (runs, { commonRate }) => trains(runs, pre(commonRate)),
      nature: 'training',
      control: {
        factor: 'Post-LN in place of Pre-LN',
        judge: (runs, { commonRate }) => trains(runs, { ...pre(commonRate), placement: 'post' }),
      },
    },
    {
      claim: 'peri-trains-without-warmup',
      statement: 'So does Peri-LN (Kim et al. 2025)',
      figure: 'Kim et al., section 4',
      drawnIn: 'valid-nll-fig4',
      protocol: 'the same run with Peri-LN',
      expected: 'holds',
      presets: ['standard'],
      judge: (runs, { commonRate }) => trains(runs, { ...pre(commonRate), placement: 'peri' }),
      nature: 'training',
      control: {
        factor: 'Post-LN in place of Peri-LN',
        judge: (runs, { commonRate }) => trains(runs, { ...pre(commonRate), placement: 'post' }),
      },
    },
    ...[
      ['pre-trains-on-step-decay', 'constant, then a tenth at epoch 8 of 15 (IWSLT)', 'step'],
      ['pre-trains-on-late-tail', 'constant to epoch 6, then inverse square root (WMT)', 'late-tail'],
    ].map(
      ([claim, text, variant]): Claim => ({
        claim,
        statement: `Pre-LN trains without warm-up under the paper's own schedule: ${text}`,
        paper: 'as good as Post-LN with warm-up',
        figure: 'Fig. 4',
        drawnIn: 'valid-nll-fig4-schedules',
        protocol: 'the same share of the budget',
        expected: 'holds',
        presets: ['standard'],
        judge: (runs, { commonRate }) => trains(runs, pre(commonRate, variant)),
        nature: 'training',
        control: {
          factor: 'Post-LN in place of Pre-LN',
          judge: (runs, { commonRate }) => trains(runs, { ...pre(commonRate, variant), placement: 'post' }),
        },
      }),
    ),
    {
      claim: 'final-quality',
      statement: 'Pre-LN without warm-up ends as good as Post-LN with it',
      paper: 'BLEU about 34 for both',
      figure: 'Fig. 4',
      drawnIn: 'valid-nll-fig4-long',
      protocol:
        '2,100 steps; equivalence within 0.05 NLL both ways at the best validation NLL, on a plateau that does not rise',
      expected: 'not tested',
      reason: NEEDS_SIZE,
      judge: (runs, { preset }) =>
        preset === 'standard' ? parity(runs) : { ...NOT_RUN, reason: NEEDS_SIZE },
      nature: 'training',
      control: { none: 'on this little data both overfit, so that nothing is decided' },
    },
    {
      claim: 'pre-is-faster',
      statement: 'Pre-LN without warm-up gets where Post-LN with warm-up ends in fewer updates',
      paper: 'epoch 9 of 15, i.e. 0.60',
      figure: 'Fig. 4',
      drawnIn: 'valid-nll-fig4-long',
      protocol:
        'first evaluation of Pre-LN that is not above the best of Post-LN, over the step of that best',
      expected: 'holds',
      presets: ['standard'],
      judge: (runs) => speedUp(runs),
      nature: 'training',
      control: { factor: 'the two arms exchanged', judge: (runs) => speedUp(runs, { exchanged: true }) },
    },
    {
      claim: 'pre-is-faster-in-seconds',
      statement: 'and in less time, a step of Pre-LN being a little dearer',
      paper: 'epochs only',
      figure: 'Fig. 4',
      drawnIn: 'valid-nll-fig4-long',
      protocol:
        'the same share, times the seconds of an update of Pre-LN over those of Post-LN, evaluations included',
      expected: 'holds',
      presets: ['standard'],
      judge: (runs) => speedUp(runs, { inSeconds: true }),
      nature: 'training',
      control: {
        factor: 'the two arms exchanged',
        judge: (runs) => speedUp(runs, { inSeconds: true, exchanged: true }),
      },
    },
    {
      claim: 'radam-rescues-post',
      statement: 'RAdam trains Post-LN without warm-up',
      paper: 'trains (no number printed)',
      figure: 'Fig. 4',
      drawnIn: 'valid-nll-fig4-radam',
      protocol:
        "RAdam with its own defaults (0.9, 0.999) and linear decay. With Adam's 0.98 its rectification ends after 100 steps: that run stands beside it",
      expected: 'does not hold',
      reason: 'it helps, and stays behind: p of about 0.6 where Adam with warm-up has 1',
      presets: ['standard'],
      judge: (runs, { commonRate: maxLr }) =>
        trains(runs, { placement: 'post', warmup: false, maxLr, variant: 'radam-default' }),
      nature: 'training',
      control: {
        factor: 'Adam under the same schedule',
        judge: (runs, { commonRate: maxLr }) =>
          trains(runs, { placement: 'post', warmup: false, maxLr, variant: 'adam-linear' }),
      },
    },
    {
      claim: 'radam-is-adam-for-pre',
      statement: 'For Pre-LN it makes little difference whether it is RAdam or Adam',
      paper: 'little difference (no number printed)',
      figure: 'Fig. 4',
      drawnIn: 'valid-nll-fig4-radam',
      protocol: 'both without warm-up and with linear decay; NLL within 5 %',
      expected: 'holds',
      presets: ['standard'],
      judge: (runs, { commonRate: maxLr }) =>
        closeTo(runs, pre(maxLr, 'radam'), pre(maxLr, 'adam-linear'), 0.05),
      nature: 'training',
      control: {
        factor: 'Post-LN in place of Pre-LN',
        judge: (runs, { commonRate: maxLr }) => {
          const post = (variant: string) => ({ ...pre(maxLr, variant), placement: 'post' as const });
          return closeTo(runs, post('radam'), post('adam-linear'), 0.05);
        },
      },
    },
  ],
  figures: (runs, context) => [...curves(runs, context, 'fig4'), rates(runs, context, 'fig4')],
};
