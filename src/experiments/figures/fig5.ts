/**
 * @file Fig. 5: pre-training of a masked language model with next-sentence labels, and fine-tuning of its checkpoints.
 *
 * Claims: Pre-LN without warm-up gets where Post-LN with warm-up ends in fewer updates; Post-LN at the larger rate needs
 * warm-up; fine-tuned accuracy rises faster over Pre-LN's checkpoints.
 * Setting: BERT scaled to 6 layers of width 64, on the embedded texts (see bert-data.ts); every placement at two rates,
 * with and without warm-up, linear decay to 0 everywhere, AdamW (0.9, 0.999), weight decay 0.01, no dropout; rows of at
 * most 64 tokens. Loss: masked tokens of held-out text alone, un-smoothed, in nats. Thresholds are shares of the way
 * from the unigram level to where Post-LN with warm-up ends at its best rate.
 * Initialisation: `fairseq`, learned positions, token vectors times sqrt(d), no norm on the embeddings (BERT has one), in
 * both placements.
 * Differences from the paper: size (12 layers of 768, 3.4 billion words), rows of one or two sentences and not of as
 * many as fit, beside running text also translations as two segments, warm-up of a tenth of the updates (1 %).
 * Fine-tuning: 6 seeds, the rate chosen on a fifth of the training pairs, never on dev.
 * Cost: 25 s a pre-training on one core; those that are fine-tuned 6 minutes each, three seeds of both placements.
 * Planning (seed 9001, U 6.08): Pre-LN without warm-up at 0.002 ends at 5.56, Post-LN with it at 0.001 at 5.77, which
 * Pre-LN passes at half of the updates; Post-LN without it at 0.002 stays at 5.97. The task, after 4 epochs at 0.0005:
 * 60 % from Pre-LN's last checkpoint, 56 % from scratch, majority 50 %; a gap that may drown in the spread of 6 seeds.
 */
import { placementName } from '../../nn/placement-names.js';
import { bertCurves, bertFineTuning, bertThresholds } from '../drawing/bert.js';
import type { Experiment, Scale } from '../experiment.js';
import { endsWorse, fineTuningSpeed, pretrainingSpeed, ratesOf } from '../judges/bert.js';
import type { Judged } from '../judges/judged.js';
import type { BertArm, BertRun } from '../kinds/bert.js';
import type { RunRecord } from '../results.js';

/** What the runs of a preset have in common, and its rates and seeds. */
interface BertGrid extends Pick<BertRun, 'data'> {
  recipe: Omit<BertRun['recipe'], 'schedule' | 'seed'>;
  /** The smaller, and the larger. */
  rates: readonly [number, number];
  warmupSteps: number;
  /** Of the arms that claims rest on; the others run with the first alone. */
  seeds: number[];
  /** The rates at which the fine-tuned arms were pre-trained, by placement. */
  tuned: Record<'pre' | 'post', number>;
  fineTuning: NonNullable<BertRun['fineTuning']>;
  /** Where those are pre-trained anew, for so many times the updates, with batches and labels of their own. */
  long?: { times: number } & Pick<BertRun['data'], 'maxTokens' | 'taskPairs'>;
}

const SMALL = {
  kind: 'maskedLM',
  dModel: 64,
  numHeads: 4,
  dFF: 128,
  numLayers: 6,
  dropout: 0,
  init: 'fairseq',
  embeddingNorm: false,
  embeddingScale: 'sqrt',
  positions: 'learned',
  activation: 'gelu',
  numSegments: 2,
  nextSentence: true,
} as const;
const ADAMW = { kind: 'adamw', betas: [0.9, 0.999], weightDecay: 0.01 } as const;
const STEPS = 600;
/** What is fine-tuned is pre-trained for so many times the updates. */
const LONG = 20;

function standard({ seed, data }: Scale): BertGrid {
  return {
    data: {
      name: data ?? 'kjv+ui-de-en',
      vocabSize: 1000,
      maxTokens: 512,
      maxLen: 64,
      taskPairs: 800,
      candidates: 1,
    },
    recipe: { model: SMALL, optimizer: ADAMW, steps: STEPS, evalEvery: STEPS / 20 },
    rates: [0.001, 0.002],
    tuned: { pre: 0.002, post: 0.001 },
    warmupSteps: STEPS / 10,
    seeds: [34, 35, 36].map((s) => seed + s),
    fineTuning: {
      epochs: 3,
      batchSize: 16,
      rates: [0.0005, 0.00025],
      warmupShare: 0.1,
      choiceSeed: seed + 400,
      seeds: [411, 412, 413, 414, 415, 416].map((s) => seed + s),
      checkpoints: [LONG * (STEPS / 4), LONG * (STEPS / 2), LONG * STEPS],
    },
    // Half the batch, so that three pre-trainings of each fit into the hours of the preset.
    long: { times: LONG, maxTokens: 256, taskPairs: 200 },
  };
}

/** BERT-base as the paper trained it; what it does not print is Devlin et al.'s. Text and pairs are one's own. */
function paper({ seed, data }: Scale): BertGrid {
  const steps = 1_000_000;
  return {
    data: {
      name: data ?? 'wikipedia-bookcorpus',
      vocabSize: 30000,
      maxTokens: 4096,
      maxLen: 512,
      taskPairs: 0,
      candidates: 1,
    },
    recipe: {
      model: {
        ...SMALL,
        dModel: 768,
        numHeads: 12,
        dFF: 3072,
        numLayers: 12,
        dropout: 0.1,
        embeddingNorm: true,
        embeddingScale: 1,
      },
      optimizer: ADAMW,
      accumulate: 32,
      steps,
      evalEvery: 10_000,
    },
    rates: [0.0001, 0.0003],
    tuned: { pre: 0.0003, post: 0.0001 },
    warmupSteps: 10_000,
    seeds: [seed + 1],
    fineTuning: {
      epochs: 5,
      batchSize: 32,
      rates: [1e-5, 2e-5, 3e-5, 5e-5, 1e-4],
      warmupShare: 0.1,
      choiceSeed: seed + 400,
      seeds: [401, 402, 403, 404, 405, 406].map((s) => seed + s),
      checkpoints: [0.1, 0.3, 0.5, 0.7, 1].map((share) => share * steps),
    },
  };
}

function runOf(grid: BertGrid, arm: BertArm, seed: number): BertRun {
  const { recipe, data, warmupSteps, seeds, tuned, fineTuning } = grid;
  const { placement, warmup, maxLr } = arm;
  const headline = warmup === (placement === 'post') && maxLr === tuned[placement as 'pre' | 'post'];
  return {
    kind: 'bert',
    id: `bert-${placement}-${warmup ? 'warmup' : 'none'}-${maxLr}-s${seed}`,
    label: `${placementName(placement)}, ${warmup ? `warm-up ${warmupSteps}` : 'no warm-up'}, maxLr ${maxLr}`,
    arm,
    data,
    recipe: {
      ...recipe,
      model: { ...recipe.model, normPlacement: placement },
      schedule: {
        kind: 'linearDecay',
        maxLr,
        warmupSteps: warmup ? warmupSteps : 0,
        totalSteps: recipe.steps,
      },
      seed,
    },
    fineTuning: headline && seed === seeds[0] && !grid.long ? fineTuning : null,
  };
}

/** An arm that is fine-tuned, pre-trained for longer. */
function longRun(
  grid: BertGrid,
  { times, ...data }: NonNullable<BertGrid['long']>,
  arm: BertArm,
  seed: number,
): BertRun {
  const run = runOf(grid, arm, seed);
  const steps = times * run.recipe.steps;
  return {
    ...run,
    id: `${run.id}-long`,
    label: `${run.label}, ${times} times the updates`,
    arm: { ...arm, variant: 'long' },
    data: { ...run.data, ...data },
    recipe: {
      ...run.recipe,
      steps,
      evalEvery: steps / 20,
      schedule: {
        kind: 'linearDecay',
        maxLr: arm.maxLr,
        warmupSteps: arm.warmup ? times * grid.warmupSteps : 0,
        totalSteps: steps,
      },
    },
    fineTuning: grid.fineTuning,
  };
}

function runs(scale: Scale): BertRun[] {
  if (scale.preset !== 'standard' && scale.preset !== 'paper') return [];
  const grid = scale.preset === 'standard' ? standard(scale) : paper(scale);
  const larger = grid.rates[1];
  const { long, tuned } = grid;
  const longer = long
    ? grid.seeds.flatMap((seed) =>
        (['pre', 'post'] as const).map((placement) =>
          longRun(grid, long, { placement, warmup: placement === 'post', maxLr: tuned[placement] }, seed),
        ),
      )
    : [];
  const short = (['pre', 'post'] as const).flatMap((placement) =>
    [false, true].flatMap((warmup) =>
      grid.rates.flatMap((maxLr) => {
        // Pre-LN with warm-up and Post-LN without it at the smaller rate complete the grid; no claim rests on them.
        const judged = placement === 'pre' ? !warmup : warmup || maxLr === larger;
        return (judged ? grid.seeds : grid.seeds.slice(0, 1)).map((seed) =>
          runOf(grid, { placement, warmup, maxLr }, seed),
        );
      }),
    ),
  );
  return [...longer, ...short];
}

/** Bar 21, as for translation. */
const BAR = 0.75;
/** Nats; paired runs that differ in nothing but their seed differ by less. */
const MARGIN = 0.05;
/** Accuracy. */
const TUNING_MARGIN = 0.01;

/** At the larger rate, without warm-up against with it. */
function needsWarmup(found: readonly RunRecord[], placement: 'post' | 'pre'): Judged {
  const maxLr = ratesOf(found).pop() ?? Number.NaN;
  return endsWorse(found, { placement, warmup: false, maxLr }, { placement, warmup: true, maxLr }, MARGIN);
}

export const fig5: Experiment = {
  name: 'fig5',
  title: 'Pre-training of a masked language model, and fine-tuning',
  runs,
  claims: [
    {
      claim: 'bert-pre-is-faster',
      statement: 'Pre-LN without warm-up gets where Post-LN with it ends in fewer updates of pre-training',
      paper: 'valid loss 1.69 after 500k and 700k updates, i.e. 0.71',
      figure: 'Fig. 5a',
      drawnIn: 'bert-valid-loss',
      protocol:
        'each at its best of two rates, linear decay; first evaluation not above the final loss of Post-LN, same seed',
      expected: 'holds',
      judge: (found) => pretrainingSpeed(found, BAR),
      nature: 'training',
      control: {
        factor: 'the two arms exchanged',
        judge: (found) => pretrainingSpeed(found, BAR, { exchanged: true }),
      },
    },
    {
      claim: 'bert-post-needs-warmup',
      statement: 'Post-LN at the larger rate ends worse without warm-up than with it',
      paper: 'diverges at 3e-4',
      figure: 'Fig. 5a',
      drawnIn: 'bert-valid-loss',
      protocol: 'same rate, seed and decay; final valid loss',
      expected: 'holds',
      judge: (found) => needsWarmup(found, 'post'),
      nature: 'training',
      control: { factor: 'Pre-LN in place of Post-LN', judge: (found) => needsWarmup(found, 'pre') },
    },
    {
      claim: 'bert-fine-tuning-rises-faster',
      statement: 'Fine-tuned accuracy rises faster over the checkpoints of Pre-LN',
      paper: 'MRPC and RTE rise faster (curves only)',
      figure: 'Fig. 5b, 5c',
      drawnIn: 'bert-fine-tuning',
      protocol:
        'three pre-trainings of 20 times the updates, 200 labels; judged only if the last checkpoints beat the majority class and training from scratch by two standard errors over all seeds',
      expected: 'not tested',
      reason: 'pre-training of this size gives the task too little',
      judge: (found) => fineTuningSpeed(found, TUNING_MARGIN),
      nature: 'training',
      control: { none: 'its gate is one: training from scratch has to be worse' },
    },
  ],
  figures: (found) => [bertCurves(found), bertThresholds(found), ...bertFineTuning(found)],
};
