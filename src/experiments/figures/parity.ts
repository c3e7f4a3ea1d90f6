/**
 * @file Where both placements end when nothing can be learnt by heart (paper, section 4: "comparable").
 *
 * Claim: at a plateau Pre-LN without and Post-LN with warm-up are equally good. Setting: an endless Markov source of order 2
 * over 8 symbols, whose entropy rate is known (kinds/markov.ts); causal model of 6 layers, d 64, `fairseq` initialisation,
 * Adam (0.9, 0.98), 512 symbols a step, common tail, warm-up 400 or none. Equivalence by two one-sided tests over five seeds,
 * at the best evaluation, on a plateau that does not rise. Cost: 70 s a run on one core. Planning (seed 9001, entropy
 * rate 1.063): Post-LN ends at 1.077, Pre-LN at 1.073, Post-LN after a quarter of its steps is at 1.143.
 */
import type { NormPlacement } from '../../nn/index.js';
import { placementName } from '../../nn/placement-names.js';
import { bySeedCount } from '../drawing/captions.js';
import type { Experiment, Scale } from '../experiment.js';
import { syntheticParity } from '../judges/synthetic.js';
import type { MarkovRun } from '../kinds/markov.js';
import type { Figure, RunRecord, Series } from '../results.js';
import { mean } from '../statistics.js';

const WARMUP = 400;
const STEPS = 2000;
const MAX_LR = 0.002;
const ARMS: readonly [NormPlacement, boolean][] = [
  ['post', true],
  ['pre', false],
];

export function markovRun(placement: NormPlacement, warmup: boolean, seed: number): MarkovRun {
  const warmupSteps = warmup ? WARMUP : 0;
  return {
    kind: 'markov',
    id: `markov-${placement}-${warmup ? 'warmup' : 'none'}-s${seed}`,
    label: `${placementName(placement)}, ${warmup ? `warm-up ${WARMUP}` : 'no warm-up'} (Markov source)`,
    placement,
    warmup,
    numLayers: 6,
    dModel: 64,
    recipe: {
      optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 },
      schedule: { kind: 'inverseSqrt', maxLr: MAX_LR, warmupSteps, tailStart: WARMUP },
      steps: STEPS,
      evalEvery: 100,
      seed,
    },
  };
}

function curves(runs: readonly RunRecord[]): Figure {
  const rate = runs[0]?.measured?.entropyRate;
  return {
    id: 'parity-synthetic',
    title: 'Where both end on a source without end',
    caption: `Validation NLL per symbol on an endless Markov source of order 2; ${bySeedCount(runs, 'line: mean over seeds, band: lowest and highest')}. The level is its entropy rate, below which no model can get.`,
    figure: 'Fig. 4',
    xLabel: 'step',
    yLabel: 'valid NLL per symbol',
    xScale: 'linear',
    yScale: 'linear',
    levels: typeof rate === 'number' ? [{ label: 'entropy rate', y: rate }] : [],
    series: ARMS.flatMap(([placement, warmup]): Series[] => {
      const found = runs.filter((run) => run.placement === placement && run.status !== 'diverged');
      if (found.length === 0) return [];
      const points = found.map(({ curve = [] }) => curve.filter(({ validNll }) => validNll !== undefined));
      const x = points[0].map(({ step }) => step);
      const column = (i: number) => points.map((own) => own[i].validNll as number);
      return [
        {
          label: `${placementName(placement)}, ${warmup ? `warm-up ${WARMUP}` : 'no warm-up'}`,
          placement,
          x,
          y: x.map((_, i) => mean(column(i))),
          low: x.map((_, i) => Math.min(...column(i))),
          high: x.map((_, i) => Math.max(...column(i))),
        },
      ];
    }),
  };
}

export const parity: Experiment = {
  name: 'parity',
  title: 'Where both end on a source without end',
  runs: ({ preset, seed }: Scale) =>
    preset === 'standard'
      ? [71, 72, 73, 74, 75].flatMap((first) =>
          ARMS.map(([placement, warmup]) => markovRun(placement, warmup, seed + first)),
        )
      : [],
  claims: [
    {
      claim: 'parity-synthetic',
      statement:
        'Where nothing can be learnt by heart, Pre-LN without warm-up ends as good as Post-LN with it',
      paper: 'comparable (BLEU about 34 for both)',
      figure: 'Fig. 4',
      drawnIn: 'parity-synthetic',
      protocol: `an endless source of known entropy rate, ${STEPS} steps, maxLr ${MAX_LR}; equivalence both ways at the best evaluation, on a plateau that does not rise`,
      expected: 'holds',
      judge: (runs) => syntheticParity(runs),
      nature: 'training',
      control: {
        factor: 'Post-LN stopped at a quarter of its steps',
        judge: (runs) => syntheticParity(runs, 0.25),
      },
    },
  ],
  figures: (runs) => [curves(runs)],
};
