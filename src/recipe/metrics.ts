/** @file What a recipe's `metric` measures on the held-out part. */
import { encodeSource } from '../generate/source.js';
import { translateAll } from '../generate/translate.js';
import type { TextClassifier, Transformer, VisionTransformer } from '../nn/index.js';
import { BLEU } from '../text/index.js';
import type { Metric } from '../train/index.js';
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

/** Share of right labels, and the mean of the classes' F1 over those that are there or were predicted; 0 to 1. */
function classScores(
  model: TextClassifier | VisionTransformer,
  batches: readonly unknown[],
): { accuracy: number; macroF1: number } {
  const { numClasses } = model.config;
  const right = new Int32Array(numClasses);
  const said = new Int32Array(numClasses);
  const there = new Int32Array(numClasses);
  for (const batch of batches) {
    const { labels } = batch as { labels: Int32Array };
    for (const [row, label] of predictions(model, batch as never).entries()) {
      if (labels[row] < 0) continue;
      said[label]++;
      there[labels[row]]++;
      if (label === labels[row]) right[label]++;
    }
  }
  const f1 = Array.from(right, (n, i) => (2 * n) / (said[i] + there[i])).filter((x) => !Number.isNaN(x));
  const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);
  return { accuracy: sum(right) / sum(there), macroF1: sum(f1) / f1.length };
}
