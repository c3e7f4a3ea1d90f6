/** @file The runs of the two oldest kinds as data: gradients at initialisation, and translation. */
import type { NormPlacement } from '../../nn/index.js';
import type { ScheduleConfig } from '../../optim/index.js';
import type { WordLanguage } from '../../text/index.js';
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
  data?: TranslationData;
  /** Measure after so many steps of training with linear warm-up to maxLr, not at initialisation; `translation` only. */
  trained?: { steps: number; maxLr: number };
}

/** Data of a translation run; BPE of `vocabSize` is trained on both sides, batches hold `maxTokens`. */
export interface TranslationData {
  /** `ui-de-en` is embedded; anything else is a folder with train.tsv, valid.tsv and test.tsv. */
  name: string;
  vocabSize: number;
  maxTokens: number;
}

/** One training of an encoder-decoder. */
export interface TranslationRun extends RunSpec {
  kind: 'translation';
  arm: TranslationArm;
  seed: number;
  data: TranslationData;
  model: {
    dModel: number;
    numHeads: number;
    dFF: number;
    numLayers: number;
    dropout: number;
    normPlacement: NormPlacement;
    init: 'paper' | 'fairseq' | 'torch';
  };
  optimizer: { kind: 'adam' | 'sgd' | 'radam'; betas?: [number, number]; eps?: number; momentum?: number };
  schedule: ScheduleConfig;
  labelSmoothing: number;
  steps: number;
  evalEvery: number;
  /** Batches per update; default 1. */
  accumulate?: number;
  /** Decode the test set at the end. */
  decode: { beamSize: number; lengthPenalty: number; sentences: number } | null;
  /**
   * With `decode`: the fuller test of translation-test.ts. `average` is the number of last evaluations whose weights
   * are averaged, `language` that of the targets.
   */
  fullTest?: { average: number; language: WordLanguage };
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
