/**
 * @file The translation runs that Figs. 2, 4, 6 and the tuning grid share: one table of sizes per preset, and a run
 * from an arm of it. Sizes were fixed on planning seeds (9000 and up); registered seeds are below 1000.
 */
import type { NormPlacement } from '../../nn/index.js';
import { placementName } from '../../nn/placement-names.js';
import type { Scale } from '../experiment.js';
import type { PairsRecipe, TranslationArm, TranslationRecipe, TranslationRun } from '../kinds/run-spec.js';

export interface TranslationGrid {
  /** What all arms share. */
  recipe: Omit<TranslationRecipe, 'schedule' | 'seed'>;
  /** The full warm-up T0 (the paper's 4,000), where the common tail begins too. */
  warmupSteps: number;
  /** The short one (the paper's 500). */
  shortWarmupSteps: number;
  /** Largest first. */
  rates: number[];
  /** The rate at which placements are compared. */
  commonRate: number;
  /** Seeds of the grid, and of its four headline arms: Post-LN and Pre-LN, with and without warm-up, at the common rate. */
  seeds: number[];
  headlineSeeds: number[];
  decode: TranslationRun['decode'];
}

/** What every arm of the paper's translation experiments has (section 4.1). */
export const PAPER_ARM = {
  optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 },
  labelSmoothing: 0.1,
} as const;

/** Pairs by name, a BPE of `vocabSize` on both sides, batches of `maxTokens`; what does not fit is left out. */
export function pairsOf(source: string, vocabSize: number, maxTokens: number): PairsRecipe {
  return {
    data: { kind: 'pairs', source, maxTokens, onTooLong: 'drop' },
    tokenizer: { kind: 'bpe', vocabSize },
  };
}

/** Sizes of the embedded task; the `paper` preset has the paper's own (section 4.1: IWSLT14 De-En). */
export function translationGrid(scale: Scale): TranslationGrid {
  const seeds = (...list: number[]) => list.map((seed) => scale.seed + seed);
  const small = {
    warmupSteps: 400,
    shortWarmupSteps: 50,
    commonRate: 0.002,
  };
  const smallRecipe = {
    model: {
      kind: 'transformer',
      dModel: 64,
      numHeads: 4,
      dFF: 128,
      numLayers: 6,
      dropout: 0,
      init: 'fairseq',
    },
    ...pairsOf(scale.data ?? 'ui-de-en', 1900, 700),
    ...PAPER_ARM,
    steps: 900,
  } as const;
  switch (scale.preset) {
    case 'standard':
      return {
        ...small,
        recipe: { ...smallRecipe, evalEvery: 50 },
        rates: [0.004, 0.002, 0.001, 0.0005],
        seeds: seeds(61, 62, 63),
        headlineSeeds: seeds(61, 62, 63, 64, 65),
        decode: { beamSize: 5, lengthPenalty: 1.2, sentences: 450 },
      };
    case 'field':
      return {
        ...small,
        recipe: { ...smallRecipe, evalEvery: 50 },
        rates: [0.008, 0.004, 0.002, 0.001],
        seeds: seeds(811, 812, 813, 814, 815),
        headlineSeeds: seeds(811, 812, 813, 814, 815),
        decode: { beamSize: 1, lengthPenalty: 1, sentences: 450 },
      };
    case 'paper':
      return {
        recipe: {
          ...smallRecipe,
          ...pairsOf(scale.data ?? 'iwslt14', 10000, 8192),
          model: { ...smallRecipe.model, dModel: 512, dFF: 1024, dropout: 0.1, maxSeqLen: 512 },
          steps: 20000,
          evalEvery: 1000,
        },
        warmupSteps: 4000,
        shortWarmupSteps: 500,
        rates: [0.001, 0.0005],
        commonRate: 0.001,
        seeds: seeds(1),
        headlineSeeds: seeds(1),
        decode: { beamSize: 5, lengthPenalty: 1.2, sentences: 6750 },
      };
    default:
      return {
        ...small,
        recipe: { ...smallRecipe, evalEvery: 100 },
        rates: [0.002, 0.0005],
        seeds: seeds(12),
        headlineSeeds: seeds(12),
        decode: { beamSize: 1, lengthPenalty: 1, sentences: 450 },
      };
  }
}

/** Whether a preset runs the paper's grid of translations. */
export const hasGrid = ({ preset }: Scale): boolean =>
  preset === 'quick' || preset === 'standard' || preset === 'paper';

type Change = Partial<Pick<TranslationRecipe, 'schedule' | 'optimizer' | 'steps'>> & {
  firstSteps?: TranslationRun['firstSteps'];
  init?: TranslationRecipe['model']['init'];
  decode?: TranslationRun['decode'];
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
  const { init, warmupLabel, decode, firstSteps, ...rest } = change;
  const warming = warmupLabel ?? (warmup ? `warm-up ${grid.warmupSteps}` : 'no warm-up');
  const headline = !variant && maxLr === grid.commonRate;
  return {
    kind: 'translation',
    id: `translation-${placement}-${warmup ? 'warmup' : 'none'}-${maxLr}${variant ? `-${variant}` : ''}-s${seed}`,
    label: `${placementName(placement)}, ${warming}, maxLr ${maxLr}`,
    arm,
    recipe: {
      ...grid.recipe,
      model: { ...grid.recipe.model, ...(init ? { init } : {}), normPlacement: placement },
      schedule: commonTail(grid, maxLr, warmup ? grid.warmupSteps : 0),
      seed,
      ...rest,
    },
    decode: decode ?? (headline || grid.rates.length < 3 ? grid.decode : null),
    ...(firstSteps ? { firstSteps } : {}),
  };
}

/** Warm-up of any length, then maxLr · min(1, sqrt(T0 / t)): arms differ in their warm-up only. */
export function commonTail(
  grid: TranslationGrid,
  maxLr: number,
  warmupSteps: number,
): TranslationRecipe['schedule'] {
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
