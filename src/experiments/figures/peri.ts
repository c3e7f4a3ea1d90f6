/**
 * @file Growth of hidden states while training, by placement (Kim et al. 2025, arXiv 2502.02732, section 3).
 *
 * Claim: the hidden variance of Peri-LN stays near linear in depth, that of Post-LN constant, that of Pre-LN grows faster
 * than it began; and a larger W2 leaves Peri-LN's function alone and divides W2's gradient. Setting: causal model, d 64, 8
 * layers, characters of the embedded text, Adam (0.9, 0.98), constant rate. Initialisation: `paper`. Cost: some 4 s a run
 * on one core. Expected: R² above 0.9 in Peri-LN,
 * largest over smallest below 1.3 in Post-LN, and a last layer that grows more in Pre-LN than in Peri-LN at both rates.
 */
import type { NormPlacement } from '../../nn/index.js';
import { placementName } from '../../nn/placement-names.js';
import { bySeedCount } from '../drawing/captions.js';
import type { Experiment, Scale } from '../experiment.js';
import { everyRun, type Judged, NOT_RUN } from '../judges/judged.js';
import { factors, type GrowthRun } from '../kinds/growth.js';
import type { Figure, RunRecord } from '../results.js';
import { maxOverMin, mean, slope } from '../statistics.js';

const PLACEMENTS: NormPlacement[] = ['post', 'pre', 'peri'];
const RATES = [0.001, 0.003];
const STEPS = 200;
const EVERY = 50;
const source = 'Kim et al. 2025';

const list = (run: RunRecord, name: string): number[] => (run.measured?.[name] as number[]) ?? [];
const end = (run: RunRecord, what: string) => list(run, `${what}@${STEPS}`);

/** R² of the least-squares line of the hidden variance over the layer. */
function linearity(variance: readonly number[]): number {
  const x = variance.map((_, i) => i + 1);
  const a = slope(x, variance);
  const my = mean(variance);
  const mx = mean(x);
  let rest = 0;
  let all = 0;
  variance.forEach((y, i) => {
    const error = y - my - a * (x[i] - mx);
    rest += error * error;
    all += (y - my) * (y - my);
  });
  return 1 - rest / all;
}

/** The last layer's variance after training over that before. */
const growth = (run: RunRecord) =>
  (end(run, 'variance').at(-1) ?? Number.NaN) / (list(run, 'variance@0').at(-1) as number);

const placed = (runs: readonly RunRecord[], placement: NormPlacement): RunRecord[] =>
  runs.filter((run) => run.placement === placement);

type Records = readonly RunRecord[];

const unchanged = (runs: Records, placement: NormPlacement): Judged =>
  everyRun(
    placed(runs, placement),
    'relative change',
    '< 1e-3',
    (run) => Math.max(...list(run, 'scaledOutputs')),
    (change) => change < 1e-3,
  );

const changed = (runs: Records, placement: NormPlacement): Judged =>
  everyRun(
    placed(runs, placement),
    'relative change',
    '> 1e-2',
    (run) => Math.min(...list(run, 'scaledOutputs')),
    (change) => change > 1e-2,
  );

const inverse = (runs: Records, placement: NormPlacement): Judged =>
  everyRun(
    placed(runs, placement),
    'relative deviation',
    '< 1e-3',
    (run) => Math.max(...list(run, 'scaledGradient')),
    (deviation) => deviation < 1e-3,
  );

/** Behind a norm every layer has the same variance whatever happens: the bar is on what goes into it. */
function even(runs: Records, placement: NormPlacement): Judged {
  const found = placed(runs, placement);
  if (found.some((run) => end(run, 'before').length === 0)) return NOT_RUN;
  return everyRun(
    found,
    'largest / smallest',
    '< 1.3, in front of the norm',
    (run) => maxOverMin(end(run, 'before')),
    (ratio) => ratio < 1.3,
  );
}

const linear = (runs: Records, placement: NormPlacement): Judged =>
  everyRun(
    placed(runs, placement),
    'R²',
    '> 0.9',
    (run) => linearity(end(run, 'variance')),
    (r2) => r2 > 0.9,
  );

/** Over the same of Peri-LN, paired by seed and rate. */
function growsFaster(runs: Records, placement: NormPlacement): Judged {
  const peri = placed(runs, 'peri');
  const partner = (run: RunRecord) =>
    peri.find(({ seed, config }) => seed === run.seed && config.lr === run.config.lr);
  return everyRun(
    placed(runs, placement).filter(partner),
    `growth of ${placementName(placement)} / growth of Peri-LN`,
    '> 1',
    (run) => growth(run) / growth(partner(run) as RunRecord),
    (ratio) => ratio > 1,
  );
}

export const peri: Experiment = {
  name: 'peri',
  title: 'Growth of hidden states while training',
  runs({ preset, seed }: Scale): GrowthRun[] {
    if (preset !== 'standard') return [];
    return RATES.flatMap((lr) =>
      PLACEMENTS.flatMap((placement) =>
        [604, 605, 606].map(
          (first): GrowthRun => ({
            kind: 'growth',
            id: `growth-${placement}-${lr}-s${first + seed}`,
            label: `${placementName(placement)}, hidden states, lr ${lr}`,
            placement,
            lr,
            recipe: {
              model: {
                kind: 'causalLM',
                dModel: 64,
                numHeads: 4,
                dFF: 128,
                numLayers: 8,
                normPlacement: placement,
                init: 'paper',
              },
              data: { kind: 'text', source: 'kjv', batchSize: 8, seqLen: 32, validation: 0 },
              tokenizer: { kind: 'chars' },
              optimizer: { kind: 'adam', lr, betas: [0.9, 0.98] },
              steps: STEPS,
              seed: first + seed,
            },
            measureEvery: EVERY,
          }),
        ),
      ),
    );
  },
  claims: [
    {
      claim: 'peri-scale-function',
      statement: "Scaling a branch's last weight leaves the outputs of Peri-LN unchanged",
      figure: 'Kim et al. 2025, Prop. 3.1',
      protocol: `W2 of the middle layer times ${factors.join(', ')}, b2 = 0, untrained: largest change of a logit over the largest logit`,
      expected: 'holds',
      judge: (runs) => unchanged(runs, 'peri'),
      nature: 'identity',
      control: { factor: 'Pre-LN in place of Peri-LN', judge: (runs) => unchanged(runs, 'pre') },
    },
    {
      claim: 'peri-scale-gradient',
      statement:
        'In Peri-LN scaling W2 by c divides its gradient by c: large activations do not make large gradients',
      figure: 'Kim et al. 2025, Prop. 3.1',
      protocol: 'the same scaling: |c · ||dW2(c)|| / ||dW2(1)|| - 1|, the largest',
      expected: 'holds',
      judge: (runs) => inverse(runs, 'peri'),
      nature: 'identity',
      control: { factor: 'Pre-LN in place of Peri-LN', judge: (runs) => inverse(runs, 'pre') },
    },
    {
      claim: 'pre-scale-function',
      statement: 'The same scaling changes the outputs of Pre-LN',
      figure: 'Kim et al. 2025, Prop. 3.1',
      protocol: 'the same scaling: smallest relative change over the factors',
      expected: 'holds',
      judge: (runs) => changed(runs, 'pre'),
      nature: 'identity',
      control: { factor: 'Peri-LN in place of Pre-LN', judge: (runs) => changed(runs, 'peri') },
    },
    {
      claim: 'post-variance-constant',
      statement: 'The hidden variance of Post-LN stays constant over depth while training',
      figure: source,
      protocol:
        'largest over smallest variance of a layer after the last step, in front of its last norm, each rate and seed',
      expected: 'holds',
      judge: (runs) => even(runs, 'post'),
      nature: 'training',
      control: { factor: 'Pre-LN in place of Post-LN', judge: (runs) => even(runs, 'pre') },
    },
    {
      claim: 'peri-variance-linear',
      statement: 'The hidden variance of Peri-LN stays near linear in depth while training',
      figure: source,
      drawnIn: 'peri-variance',
      protocol: 'R² of a line through the variances of the layers after the last step, each rate and seed',
      expected: 'not decided',
      judge: (runs) => linear(runs, 'peri'),
      nature: 'training',
      control: { factor: 'Pre-LN in place of Peri-LN', judge: (runs) => linear(runs, 'pre') },
    },
    {
      claim: 'pre-variance-grows-faster',
      statement: 'While training, the hidden variance of Pre-LN grows faster than that of Peri-LN',
      paper: 'Pre-LN exceeds the largest fp16 number within 0.5B tokens, Peri-LN never',
      figure: source,
      drawnIn: 'peri-variance',
      protocol:
        "variance of the last layer after the last step over that before the first: Pre-LN's over Peri-LN's",
      expected: 'holds',
      judge: (runs) => growsFaster(runs, 'pre'),
      nature: 'training',
      control: { factor: 'Post-LN in place of Pre-LN', judge: (runs) => growsFaster(runs, 'post') },
    },
  ],
  figures: (runs) => (runs.length === 0 ? [] : makeFigures(runs)),
};

function makeFigures(runs: readonly RunRecord[]): Figure[] {
  const lr = RATES[RATES.length - 1];
  const of = (placement: NormPlacement) =>
    runs.filter((run) => run.placement === placement && run.config.lr === lr && run.status === 'measured');
  const present = PLACEMENTS.filter((placement) => of(placement).length > 0);
  const layers = list(runs[0], 'variance@0').map((_, i) => i + 1);
  const times = Array.from({ length: STEPS / EVERY + 1 }, (_, i) => i * EVERY);
  const series = (
    placement: NormPlacement,
    x: number[],
    label: string,
    value: (run: RunRecord, i: number) => number,
    dashed = false,
  ) => {
    const values = x.map((_, i) => of(placement).map((run) => value(run, i)));
    return {
      label: `${placementName(placement)}${label}`,
      placement,
      dashed,
      x,
      y: values.map(mean),
      low: values.map((v) => Math.min(...v)),
      high: values.map((v) => Math.max(...v)),
    };
  };
  const overDepth = (before: string, after: string) =>
    present.flatMap((placement) => [
      series(placement, layers, ', before', (run, i) => list(run, before)[i], true),
      series(placement, layers, ', after', (run, i) => list(run, after)[i]),
    ]);
  const common = { figure: source, xScale: 'linear', yScale: 'log' } as const;
  const setting = `causal model, d 64, ${layers.length} layers, lr ${lr}, ${STEPS} steps; ${bySeedCount(runs, 'means and ranges over seeds')}`;
  return [
    {
      ...common,
      id: 'peri-variance',
      title: 'Hidden variance over depth, before and after training',
      caption: `Variance of x over its features, mean over positions; ${setting}.`,
      xLabel: 'layer',
      yLabel: 'variance',
      series: overDepth('variance@0', `variance@${STEPS}`),
    },
    {
      ...common,
      id: 'peri-largest',
      title: 'Largest |x| while training',
      caption: `Largest absolute value in any layer; ${setting}.`,
      xLabel: 'step',
      yLabel: 'largest |x|',
      series: present.map((placement) =>
        series(placement, times, '', (run, i) => Math.max(...list(run, `largest@${times[i]}`))),
      ),
    },
    {
      ...common,
      id: 'peri-gradients',
      title: 'Gradient of W2 over depth, before and after training',
      caption: `Frobenius norm on one batch; ${setting}.`,
      xLabel: 'layer',
      yLabel: '||dL/dW2||',
      series: overDepth('gradientsBefore', 'gradientsAfter'),
    },
  ];
}
