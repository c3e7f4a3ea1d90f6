/**
 * @file The translation runs that Figs. 2, 4, 6 and the tuning grid share: one table of sizes per preset, and a run
 * from an arm of it. Sizes were fixed on planning seeds (9000 and up); registered seeds are below 1000.
 */
import type { NormPlacement } from '../../nn/index.js';
import { placementName } from '../../nn/placement-names.js';
import type { Scale } from '../experiment.js';
import type { TranslationArm, TranslationData, TranslationRun } from '../kinds/run-spec.js';

export interface TranslationGrid {
  data: TranslationData;
  model: Omit<TranslationRun['model'], 'normPlacement'>;
  steps: number;
  /** The full warm-up T0 (the paper's 4,000), where the common tail begins too. */
  warmupSteps: number;
  /** The short one (the paper's 500). */
  shortWarmupSteps: number;
  evalEvery: number;
  /** Largest first. */
  rates: number[];
  /** The rate at which placements are compared. */
  commonRate: number;
  /** Seeds of the grid, and of its four headline arms: Post-LN and Pre-LN, with and without warm-up, at the common rate. */
  seeds: number[];
  headlineSeeds: number[];
  decode: TranslationRun['decode'];
}

const UI_DE_EN: TranslationData = { name: 'ui-de-en', vocabSize: 1900, maxTokens: 700 };
const SMALL = { dModel: 64, numHeads: 4, dFF: 128, numLayers: 6, dropout: 0, init: 'fairseq' } as const;

/** Sizes of the embedded task; the `paper` preset has the paper's own (section 4.1: IWSLT14 De-En). */
export function translationGrid(scale: Scale): TranslationGrid {
  const seeds = (...list: number[]) => list.map((seed) => scale.seed + seed);
  const data = (preset: TranslationData) => (scale.data ? { ...preset, name: scale.data } : preset);
  const small = {
    data: data(UI_DE_EN),
    model: SMALL,
    steps: 900,
    warmupSteps: 400,
    shortWarmupSteps: 50,
    commonRate: 0.002,
  };
  switch (scale.preset) {
    case 'standard':
      return {
        ...small,
        evalEvery: 50,
        rates: [0.004, 0.002, 0.001, 0.0005],
        seeds: seeds(21, 22, 23),
        headlineSeeds: seeds(21, 22, 23, 24, 25),
        decode: { beamSize: 5, lengthPenalty: 1.2, sentences: 450 },
      };
    case 'paper':
      return {
        data: data({ name: 'iwslt14', vocabSize: 10000, maxTokens: 8192 }),
        model: { dModel: 512, numHeads: 4, dFF: 1024, numLayers: 6, dropout: 0.1, init: 'fairseq' },
        steps: 20000,
        warmupSteps: 4000,
        shortWarmupSteps: 500,
        evalEvery: 1000,
        rates: [0.001, 0.0005],
        commonRate: 0.001,
        seeds: seeds(1),
        headlineSeeds: seeds(1),
        decode: { beamSize: 5, lengthPenalty: 1.2, sentences: 6750 },
      };
    default:
      return {
        ...small,
        evalEvery: 100,
        rates: [0.002, 0.0005],
        seeds: seeds(11),
        headlineSeeds: seeds(11),
        decode: { beamSize: 1, lengthPenalty: 1, sentences: 450 },
      };
  }
}

type Change = Partial<Pick<TranslationRun, 'schedule' | 'optimizer' | 'steps' | 'evalEvery' | 'decode'>> & {
  init?: TranslationRun['model']['init'];
  warmupLabel?: string;
};

/** A run of the grid; a `variant` names what `change` says. */
export function gridRun(
  grid: TranslationGrid,
  arm: TranslationArm,
  seed: number,
  change: Change = {},
): TranslationRun {
  const { placement, warmup, maxLr, variant } = arm;
  const { init, warmupLabel, ...rest } = change;
  const warming = warmupLabel ?? (warmup ? `warm-up ${grid.warmupSteps}` : 'no warm-up');
  const headline = !variant && maxLr === grid.commonRate;
  return {
    kind: 'translation',
    id: `translation-${placement}-${warmup ? 'warmup' : 'none'}-${maxLr}${variant ? `-${variant}` : ''}-s${seed}`,
    label: `${placementName(placement)}, ${warming}, maxLr ${maxLr}`,
    arm,
    seed,
    data: grid.data,
    model: { ...grid.model, ...(init ? { init } : {}), normPlacement: placement as NormPlacement },
    optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 },
    schedule: commonTail(grid, maxLr, warmup ? grid.warmupSteps : 0),
    labelSmoothing: 0.1,
    steps: grid.steps,
    evalEvery: grid.evalEvery,
    decode: headline || grid.rates.length < 3 ? grid.decode : null,
    ...rest,
  };
}

/** Warm-up of any length, then maxLr · min(1, sqrt(T0 / t)): arms differ in their warm-up only. */
export function commonTail(
  grid: TranslationGrid,
  maxLr: number,
  warmupSteps: number,
): TranslationRun['schedule'] {
  return { kind: 'inverseSqrt', maxLr, warmupSteps, tailStart: grid.warmupSteps };
}

/** Every rate and seed of one placement, with and without the full warm-up. */
export function armsOf(grid: TranslationGrid, placement: NormPlacement, warmup: boolean): TranslationRun[] {
  return grid.rates.flatMap((maxLr) =>
    (maxLr === grid.commonRate ? grid.headlineSeeds : grid.seeds).map((seed) =>
      gridRun(grid, { placement, warmup, maxLr }, seed),
    ),
  );
}
