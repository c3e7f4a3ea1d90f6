/** @file What a recipe's `metric` measures on the held-out part. */
import { ClassTally } from '../classify/report.js';
import { encodeSource } from '../generate/source.js';
import { translateAll } from '../generate/translate.js';
import { TextClassifier, type Transformer, VisionTransformer } from '../nn/index.js';
import type { StateDict } from '../nn/module.js';
import { BLEU } from '../text/index.js';
import type { Metric } from '../train/index.js';
import type { OpenedData } from './data/kind.js';
import type { OpenedPairs } from './data/pairs.js';
import type { RecipeModel } from './models.js';
import type { MetricName } from './recipe.js';
import { predictions } from './samples.js';

/** Which models have which metric. */
export const metricModels = {
  accuracy: ['textClassifier', 'pairClassifier', 'visionTransformer'],
  macroF1: ['textClassifier', 'pairClassifier', 'visionTransformer'],
  bleu: ['transformer'],
} as const satisfies Record<MetricName, readonly string[]>;

/** The metric of a recipe, on batches of its held-out part. */
export function metricOf(
  name: MetricName,
  model: RecipeModel,
  data: { texts?: OpenedPairs['texts']; tokenizer: unknown },
  batches: readonly unknown[],
): Metric {
  const measure =
    name === 'bleu'
      ? () => bleu(model as Transformer, data as OpenedPairs)
      : () => classScores(model as TextClassifier | VisionTransformer, batches)[name];
  return { name, better: 'higher', measure };
}

/** BLEU of greedy translations of all held-out sentences, 0 to 100. */
function bleu(model: Transformer, { tokenizer, texts: { valid = [] } }: OpenedPairs): number {
  const fitting = valid
    .map(([source, target]) => ({ ids: encodeSource(tokenizer, source), target }))
    .filter(({ ids }) => ids.length <= model.config.maxSeqLen); // the others are dropped from the loss too
  const found = translateAll(
    model,
    fitting.map(({ ids }) => ids),
    tokenizer,
    { beamSize: 1, lengthPenalty: 1 },
  );
  return BLEU(found, [fitting.map(({ target }) => target)]).score;
}

/**
 * Share of right labels (of several per text: of right sets of them), and the mean of the classes' F1 over those that are
 * there or were predicted; 0 to 1.
 */
function classScores(model: TextClassifier | VisionTransformer, batches: readonly unknown[]): ClassTally {
  const { numClasses } = model.config;
  const several = 'multiLabel' in model.config && model.config.multiLabel;
  const tally = new ClassTally(numClasses);
  for (const batch of batches) {
    const { labels } = batch as { labels: Int32Array };
    for (const [row, predicted] of predictions(model, batch as never).entries()) {
      if (!several && labels[row] < 0) continue;
      const own = labels.subarray(row * numClasses, (row + 1) * numClasses);
      tally.add(several ? [...own.keys()].filter((i) => own[i] === 1) : [labels[row]], predicted);
    }
  }
  return tally;
}

/** How good a model is at telling classes, 0 to 1. */
export interface ClassScores {
  accuracy: number;
  macroF1: number;
}

/**
 * How good the model of a run is at the classes of what is held out; null for one that does not classify, or where nothing
 * is held out.
 * @param weights to judge instead of the model's, which it has again afterwards
 */
export function heldOutScores(
  { model, data }: { model: RecipeModel; data: OpenedData },
  weights?: StateDict,
): ClassScores | null {
  const classifies = model instanceof TextClassifier || model instanceof VisionTransformer;
  if (!classifies || !data.heldOut.includes('valid')) return null;
  const { maxSeqLen = 0 } = model.config as { maxSeqLen?: number };
  const { training } = model;
  const own = weights && model.stateDict();
  if (weights) model.loadStateDict(weights);
  model.eval();
  try {
    const { accuracy, macroF1 } = classScores(model, data.evaluation('valid', maxSeqLen));
    return { accuracy, macroF1: Number.isNaN(macroF1) ? 0 : macroF1 };
  } finally {
    model.train(training);
    if (own) model.loadStateDict(own);
  }
}
