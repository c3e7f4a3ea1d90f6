/** @file The runs of the two oldest kinds as data: gradients at initialisation, and translation. */
import type { NormPlacement } from '../../nn/index.js';
import type { ScheduleConfig } from '../../optim/index.js';
import type { ModelRecipe, PairsData, Recipe, TextData, TrainingRecipe } from '../../recipe/index.js';
import type { WordLanguage } from '../../text/index.js';
import type { FirstSteps } from './first-steps.js';
import type { RunSpec } from './run-kind.js';

/** Gradient statistics at initialisation over depths and seeds, for one placement. */
export interface GradientsRun extends RunSpec {
  kind: 'gradients';
  setting: 'theory' | 'toy' | 'translation';
  placement: NormPlacement;
  layers: number[];
  seeds: number[];
  dModel: number;
  /** Batches whose gradients are averaged first (the paper's expected gradient). */
  batches: number;
  /** `translation` only. */
  pairs?: PairsRecipe;
  /** Measure after this training with the gradient at its end, not at initialisation; `translation` only. */
  trained?: TrainingRecipe;
}

/** Sentence pairs, and the BPE trained on both sides of their training part. */
export type PairsRecipe = Required<Pick<Recipe, 'tokenizer'>> & { data: PairsData };

/** The recipe of an encoder-decoder. */
export type TranslationRecipe = TrainingRecipe &
  PairsRecipe & {
    model: Extract<ModelRecipe, { kind: 'causalLM' | 'transformer' }>;
    schedule: ScheduleConfig;
    seed: number;
  };

/** The recipe of a language model on a text. */
export type TextRecipe = TrainingRecipe &
  Pick<Recipe, 'tokenizer'> & {
    model: Extract<ModelRecipe, { kind: 'causalLM' | 'transformer' }>;
    data: TextData;
    seed: number;
  };

/** One training of an encoder-decoder. */
export interface TranslationRun extends RunSpec {
  kind: 'translation';
  arm: TranslationArm;
  recipe: TranslationRecipe;
  /** Decode the test set at the end. */
  decode: { beamSize: number; lengthPenalty: number; sentences: number } | null;
  /**
   * With `decode`: the fuller test of translation-test.ts. `average` is the number of last evaluations whose weights
   * are averaged, `language` that of the targets.
   */
  fullTest?: { average: number; language: WordLanguage };
  /** What the first steps of its optimizer have of their own. */
  firstSteps?: FirstSteps;
}

/** What a translation run is compared by. */
export interface TranslationArm {
  placement: NormPlacement;
  /** Whether it has the preset's full warm-up. */
  warmup: boolean;
  maxLr: number;
  /** In what it leaves the common grid (Adam, common tail, full or no warm-up): `literal`, `sgd`, `small`, … */
  variant?: string;
}

/** Seconds of a step of a character model, as the size of model and batch has them. */
export function textStepSeconds({ model, data }: TextRecipe): number {
  const { dModel, numLayers = 6 } = model;
  const { batchSize = 16, seqLen = 64 } = data;
  return 0.025 * (dModel / 64) * (dModel / 64) * (numLayers / 6) * ((batchSize * seqLen) / 512);
}
