/** @file Runs as a preset would give them, made up so that every claim is met. Tests then change one value. */
import {
  type ClaimRow,
  classifyRuns,
  experiments,
  type GradientPoint,
  type JudgeContext,
  judgeClaims,
  type PresetName,
  type RunRecord,
} from '../../src/experiments/index.js';

export const UNIGRAM = 6;
export const RATE = 0.002;
export const LOW_RATE = 0.0005;
const DEPTHS = [6, 8, 10, 12, 14];
const SEEDS = [101, 102];

export type Setting = 'theory' | 'toy' | 'translation';
export type PlacementName = 'post' | 'pre' | 'peri';

/** E||x||² / d behind layer l, as the theory has it. */
function hiddenNorm(setting: Setting, placement: PlacementName, l: number): number {
  if (placement === 'post') return setting === 'theory' ? 1.5 : 13 / 9;
  return placement === 'pre' ? 1 + l : 1 + 2 * l;
}

export function gradientRun(
  setting: Setting,
  placement: PlacementName,
): RunRecord & { points: GradientPoint[] } {
  const stack = (L: number, seed: number) =>
    Array.from({ length: L }, (_, i) => {
      const hidden = hiddenNorm(setting, placement, i + 1);
      // On real sentences Post-LN's profile grows towards the last layer.
      const grown = setting === 'translation' && placement === 'post' ? (i + 1) / L : 1;
      const w2 = 0.35 * Math.sqrt(1.5 / hidden) * grown * (1 + 0.01 * (seed - 101));
      return { w1: w2, w2, hidden };
    });
  return {
    id: `gradients-${setting}-${placement}`,
    experiment: 'gradients',
    label: `${placement}, ${setting}`,
    placement,
    seed: SEEDS[0],
    config: { setting, dModel: 64, seeds: SEEDS },
    status: 'measured',
    steps: DEPTHS.length * SEEDS.length,
    seconds: 1,
    hash: `hash-${setting}-${placement}`,
    points: DEPTHS.flatMap((numLayers) =>
      SEEDS.map((seed) => ({
        numLayers,
        seed,
        encoder: stack(numLayers, seed),
        ...(setting === 'translation' ? { decoder: stack(numLayers, seed) } : {}),
      })),
    ),
  };
}

/** The last layer's gradient as the law has it for few positions; 5 % below it for many. */
export function lastLayerRun(placement: 'post' | 'pre', positions: number): RunRecord {
  const layers = [6, 10, 14];
  const hidden = (n: number) => (placement === 'post' ? 1.5 : 1 + n);
  const low = placement === 'pre' && positions > 32 ? 0.95 : 1;
  return {
    ...gradientRun('theory', placement),
    id: `law-last-layer-${placement}-${positions}`,
    experiment: 'theory',
    config: { kind: 'law', layers, seeds: SEEDS },
    hash: `hash-last-${placement}-${positions}`,
    points: undefined,
    measured: Object.fromEntries(
      layers.flatMap((n) => [
        [`w2@${n}`, SEEDS.map(() => low * Math.sqrt(1.5 / hidden(n)))],
        [`hidden@${n}`, hidden(n)],
      ]),
    ),
  };
}

export function trainingRun(
  placement: PlacementName,
  warmup: boolean,
  maxLr: number,
  finalValidNll: number | undefined,
  seed = 1,
  variant?: string,
): RunRecord {
  const last = finalValidNll ?? 9;
  return {
    id: `translation-${placement}-${warmup ? 'warmup' : 'none'}-${maxLr}${variant ? `-${variant}` : ''}-s${seed}`,
    experiment: 'translation',
    label: `${placement}, ${warmup ? 'warm-up' : 'no warm-up'}${variant ? ` ${variant}` : ''}, maxLr ${maxLr}`,
    placement,
    seed,
    config: { arm: { placement, warmup, maxLr, ...(variant ? { variant } : {}) } },
    status: 'measured',
    finalValidNll,
    steps: 500,
    seconds: 60,
    hash: `hash-${placement}-${warmup}-${maxLr}-${seed}${variant ?? ''}`,
    unigramNll: UNIGRAM,
    curve: [1, 100, 200, 500].map((step) => ({
      step,
      lr: maxLr * Math.min(1, Math.sqrt(200 / step)) * (warmup ? Math.min(1, step / 200) : 1),
      trainLoss: last + 1 / step,
      validNll: step === 1 ? undefined : last + 100 / step - 0.2,
    })),
  };
}

/** Validation NLL by arm: R is 4, so p = (6 - nll) / 2. */
export function trainingRuns(seed = 1): RunRecord[] {
  return [
    trainingRun('post', false, RATE, 5.9, seed),
    trainingRun('post', true, RATE, 4.2, seed),
    trainingRun('pre', false, RATE, 3.4, seed),
    trainingRun('pre', true, RATE, 3.5, seed),
    trainingRun('post', false, LOW_RATE, 4.8, seed),
    trainingRun('post', true, LOW_RATE, 4, seed),
    trainingRun('pre', false, LOW_RATE, 3.9, seed),
    trainingRun('pre', true, LOW_RATE, 4.15, seed),
  ];
}

export function allRuns(seeds = [1]): RunRecord[] {
  const settings: Setting[] = ['theory', 'toy', 'translation'];
  const placements: PlacementName[] = ['post', 'pre', 'peri'];
  return [
    ...seeds.flatMap(trainingRuns),
    ...settings.flatMap((setting) => placements.map((placement) => gradientRun(setting, placement))),
    ...[32, 256].flatMap((n) => (['post', 'pre'] as const).map((placement) => lastLayerRun(placement, n))),
  ];
}

/** A long run with these evaluations, one every 100 steps. */
export function longRun(placement: 'post' | 'pre', nll: readonly number[], seed = 1): RunRecord {
  const run = trainingRun(placement, placement === 'post', RATE, nll[nll.length - 1], seed, 'long');
  run.steps = nll.length * 100;
  run.curve = nll.map((validNll, i) => ({ step: (i + 1) * 100, lr: RATE, trainLoss: validNll, validNll }));
  return run;
}

/** What `standard` adds to the grid. */
export function standardRuns(seeds = [1, 2, 3]): RunRecord[] {
  const flat = (last: number) => [5, last, last, last, last, last, last, last, last, last];
  return seeds.flatMap((seed) => [
    ...trainingRuns(seed),
    // At the lowest rate warm-up only costs time.
    trainingRun('post', true, RATE / 8, 5.05, seed),
    trainingRun('post', false, RATE / 8, 5, seed),
    trainingRun('post', true, RATE / 2, 4.1, seed),
    trainingRun('post', false, RATE / 2, 4.9, seed),
    trainingRun('pre', true, RATE / 2, 3.7, seed),
    trainingRun('pre', false, RATE / 2, 3.6, seed),
    trainingRun('peri', false, RATE, 3.3, seed),
    ...[RATE, RATE / 2].flatMap((rate) => [
      // Half the rate has as much of the short warm-up as of the full one.
      trainingRun('post', false, rate, rate === RATE ? 4.5 : 4.05, seed, 'short'),
      trainingRun('pre', false, rate, 3.5, seed, 'short'),
    ]),
    trainingRun('post', false, RATE, 5.8, seed, 'literal'),
    ...[0.1, 0.2].flatMap((rate) => [
      trainingRun('post', false, rate, 4.9, seed, 'sgd'),
      trainingRun('post', true, rate, 4.9, seed, 'sgd'),
    ]),
    ...(['init-paper', 'init-torch'] as const).flatMap((variant) => [
      ...[RATE, RATE / 2].flatMap((rate) => [
        trainingRun('post', false, rate, 5.9, seed, variant),
        trainingRun('post', true, rate, 5.5, seed, variant),
      ]),
      trainingRun('pre', false, RATE, 3.9, seed, variant),
      trainingRun('pre', true, RATE, 3.9, seed, variant),
    ]),
    trainingRun('pre', false, RATE, 3.6, seed, 'step'),
    trainingRun('pre', false, RATE, 3.6, seed, 'late-tail'),
    trainingRun('post', false, RATE, 5.2, seed, 'radam'),
    trainingRun('post', false, RATE, 4.9, seed, 'radam-default'),
    trainingRun('post', false, RATE, 5.9, seed, 'adam-linear'),
    trainingRun('post', false, RATE, 5.8, seed, 'step'),
    trainingRun('post', false, RATE, 5.8, seed, 'late-tail'),
    trainingRun('pre', false, RATE / 10, 4.9, seed, 'small'),
    trainingRun('pre', false, RATE, 3.5, seed, 'radam'),
    trainingRun('pre', false, RATE, 3.5, seed, 'adam-linear'),
    trainingRun('post', false, RATE / 10, 4.9, seed, 'small'),
    longRun('post', flat(4), seed),
    // As it is on this little data: it falls soon, and then rises.
    longRun('pre', [3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 4.1], seed),
  ]);
}

export const mockContext = (preset: PresetName = 'quick'): JudgeContext => ({
  preset,
  commonRate: RATE,
  unigramNll: UNIGRAM,
  log: Math.log,
});

/** The named experiments with the given records as their runs. */
export function mockPreset(
  runs: readonly RunRecord[],
  only: readonly string[],
  preset: PresetName = 'quick',
) {
  const specs = runs.map(({ id, label, experiment }) => ({ id, label, kind: experiment }));
  return {
    scale: { preset, seed: 0 },
    experiments: experiments
      .filter(({ name }) => only.includes(name) && (preset !== 'quick' || name !== 'tuning'))
      .map((experiment) => ({ experiment, runs: specs })),
  };
}

export function judgeMock(
  runs: RunRecord[],
  only: readonly string[],
  preset: PresetName = 'quick',
): ClaimRow[] {
  classifyRuns(runs, UNIGRAM);
  return judgeClaims(mockPreset(runs, only, preset), runs, mockContext(preset));
}
