/** @file One run of the grid: plain data that says everything about it, and the order it is carried out in. */
import type { NormPlacement } from '../nn/index.js';
import type { ScheduleConfig } from '../optim/index.js';

/** Gradient statistics at initialisation over depths and seeds, for one placement. */
export interface GradientsRun {
  kind: 'gradients';
  id: string;
  label: string;
  setting: 'theory' | 'toy' | 'translation';
  placement: NormPlacement;
  layers: number[];
  seeds: number[];
  dModel: number;
  /** Batches whose gradients are averaged first (the paper's expected gradient). */
  batches: number;
  data?: TranslationData;
}

export interface TranslationData {
  /** `ui-de-en` is embedded; anything else is a folder with train.tsv, valid.tsv and test.tsv. */
  name: string;
  vocabSize: number;
  maxTokens: number;
}

/** One training of an encoder-decoder. */
export interface TranslationRun {
  kind: 'translation';
  id: string;
  label: string;
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
  /** Decode the test set at the end. */
  decode: { beamSize: number; lengthPenalty: number; sentences: number } | null;
}

/** What a translation run is compared by. */
export interface TranslationArm {
  placement: NormPlacement;
  warmup: boolean;
  maxLr: number;
}

export type RunSpec = GradientsRun | TranslationRun;

export interface RunProgress {
  done: number;
  total: number;
  /** One short line: loss, rate. */
  text: string;
}
