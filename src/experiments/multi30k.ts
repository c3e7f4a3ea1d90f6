/**
 * @file Multi30k German to English (paper, Figs. 2 and 4, at a size for two cores): does depth 6+6 train without
 * warm-up?
 *
 * Claim: at a rate at which Post-LN trains with warm-up it fails without, and Pre-LN without warm-up is as good.
 * Setting: one's own copy of Multi30k (29,000 / 1,014 / 1,000 pairs, `prenorm prepare` makes the folder), cased
 * and not tokenised; joint byte-level BPE of 4,000; 6+6 layers, tied embeddings, Adam (0.9, 0.98), label smoothing
 * 0.1, dropout 0, no clipping, no weight decay; "no warm-up" is the common tail maxLr * min(1, sqrt(T0 / t)).
 * Initialisation: `fairseq`. Model and averages are chosen on the validation set; test is decoded once.
 *
 * Chosen before the runs with seed 9001 (300 to 600 steps): at maxLr 0.002 Post-LN without warm-up stands at the
 * unigram level (validation NLL 5.88), with warm-up it is well below, Pre-LN without warm-up learns.
 */
import type { NormPlacement } from '../nn/index.js';
import type { TranslationRun } from './run-spec.js';

/** Sizes of the experiment: what two cores do in two hours, and what those with more hours would take. */
export const multi30kSizes = {
  small: {
    model: { dModel: 128, numHeads: 4, dFF: 256, numLayers: 6 },
    vocabSize: 4000,
    maxTokens: 1200,
    steps: 2500,
    evalEvery: 125,
    warmupSteps: 500,
    maxLr: 0.002,
  },
  large: {
    model: { dModel: 256, numHeads: 8, dFF: 512, numLayers: 6 },
    vocabSize: 8000,
    maxTokens: 4096,
    steps: 8000,
    evalEvery: 400,
    warmupSteps: 1000,
    maxLr: 0.001,
  },
} as const;

/**
 * The bars, fixed with the sizes. BLEU is that of beam search, cased and detokenised; both BLEUs are of the weights
 * with the best validation NLL.
 */
export const multi30kBars = {
  /** Post-LN without warm-up has failed when it is this far below Post-LN with warm-up, in BLEU … */
  failedBleu: 5,
  /** … or this far above it, in validation NLL per token. */
  failedNll: 0.5,
  /** Pre-LN without warm-up must not be further below Post-LN with warm-up, and at a plateau not further apart. */
  parityBleu: 1,
  /** A plateau: both improve by less than this share of their NLL over the last fifth of the steps. */
  plateau: 0.005,
  /** A PyTorch twin of the Pre-LN arm must come this close. */
  twinBleu: 1,
} as const;

/** The arms, in the order they are run: placement, and whether it is warmed up. */
const ARMS: readonly [NormPlacement, boolean][] = [
  ['pre', false],
  ['post', true],
  ['post', false],
];

const NAMES: Record<string, string> = { post: 'Post-LN', pre: 'Pre-LN' };

/** The three arms at one size. `data` is a folder that `prenorm prepare` has made of Multi30k. */
export function multi30kRuns(
  options: { size?: keyof typeof multi30kSizes; seed?: number; data?: string } = {},
): TranslationRun[] {
  const { size = 'small', seed = 0, data = 'multi30k' } = options;
  const { model, vocabSize, maxTokens, steps, evalEvery, warmupSteps, maxLr } = multi30kSizes[size];
  return ARMS.map(([placement, warmup]) => ({
    kind: 'translation',
    id: `multi30k-${size}-${placement}-${warmup ? 'warmup' : 'none'}-${maxLr}-s${seed + 41}`,
    label: `Multi30k, ${NAMES[placement]}, ${warmup ? `warm-up ${warmupSteps}` : 'no warm-up'}, maxLr ${maxLr}`,
    arm: { placement, warmup, maxLr },
    seed: seed + 41,
    data: { name: data, vocabSize, maxTokens },
    model: { ...model, dropout: 0, normPlacement: placement, init: 'fairseq' },
    optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 },
    schedule: { kind: 'inverseSqrt', maxLr, warmupSteps: warmup ? warmupSteps : 0, tailStart: warmupSteps },
    labelSmoothing: 0.1,
    steps,
    evalEvery,
    decode: { beamSize: 5, lengthPenalty: 1.2, sentences: 1000 },
  }));
}
