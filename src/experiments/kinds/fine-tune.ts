/** @file Fine-tuning of a pre-trained encoder on a sentence-pair task, and its accuracy. */
import { evaluationLabelledPairs, LabelledPairBatches, type LabelledTokens } from '../../data/index.js';
import { NumericError } from '../../errors.js';
import { type StateDict, TextClassifier, type TextClassifierOptions } from '../../nn/index.js';
import { trainerOptions } from '../../recipe/index.js';
import type { MaskedMarks } from '../../text/index.js';
import { Trainer } from '../../train/index.js';

export interface FineTuning {
  epochs: number;
  batchSize: number;
  /** Tried on the part of the training pairs that is set aside for choices; the best is used for all seeds. */
  rates: number[];
  /** Share of the steps in which the rate rises; then it falls linearly to 0. */
  warmupShare: number;
  /** Initial values of the head, order of the data and dropout. */
  seeds: number[];
  /** The seed with which the rate is chosen. */
  choiceSeed: number;
}

export interface Task {
  marks: MaskedMarks;
  maxLen: number;
  model: Omit<TextClassifierOptions, 'seed'>;
}

/** Accuracy on `test` after training on `train` from `start` (null: from scratch); a run that diverges counts as 0. */
export async function fineTune(
  task: Task,
  start: StateDict | null,
  train: readonly LabelledTokens[],
  test: readonly LabelledTokens[],
  { epochs, batchSize, warmupShare }: FineTuning,
  maxLr: number,
  seed: number,
  signal?: AbortSignal,
): Promise<number> {
  const rows = { marks: task.marks, maxLen: task.maxLen, batchSize, lengthMultiple: 16 };
  const model = new TextClassifier({ ...task.model, seed });
  if (start) model.loadPretrained(start);
  model.runtime().manualSeed(seed);
  const data = new LabelledPairBatches(train, { ...rows, seed });
  const steps = epochs * data.numBatches;
  const warmupSteps = Math.round(warmupShare * steps);
  const recipe = {
    optimizer: { kind: 'adamw', betas: [0.9, 0.999], weightDecay: 0.01 },
    schedule: { kind: 'linearDecay', maxLr, warmupSteps, totalSteps: steps },
    steps,
  } as const;
  const trainer = new Trainer({ ...trainerOptions(recipe, { model, data }), signal });
  try {
    for await (const _ of trainer.run());
  } catch (error) {
    if (error instanceof NumericError) return 0;
    throw error;
  }
  let right = 0;
  for (const batch of evaluationLabelledPairs(test, { ...rows, batchSize: 64 })) {
    model.predict(batch).forEach((label, b) => {
      if (label === batch.labels[b]) right++;
    });
  }
  return right / test.length;
}

/** The rate whose model is best on the pairs set aside, the smaller of equals. */
export async function chooseRate(
  task: Task,
  start: StateDict | null,
  learn: readonly LabelledTokens[],
  choose: readonly LabelledTokens[],
  tuning: FineTuning,
  signal?: AbortSignal,
): Promise<number> {
  let best = { rate: 0, accuracy: -1 };
  for (const rate of [...tuning.rates].sort((a, b) => a - b)) {
    const accuracy = await fineTune(task, start, learn, choose, tuning, rate, tuning.choiceSeed, signal);
    if (accuracy > best.accuracy) best = { rate, accuracy };
  }
  return best.rate;
}
