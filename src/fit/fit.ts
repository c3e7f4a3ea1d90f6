/** @file `fit`: from a text to a model that can be used, in one call. */
import { saveModel } from '../io/index.js';
import type { CausalLM, TextClassifier, Transformer } from '../nn/index.js';
import { type Recipe, storedRecipe } from '../recipe/index.js';
import { init } from '../runtime/init.js';
import { exp64 } from '../runtime/math.js';
import type { Tokenizer } from '../text/index.js';
import type { FitTask } from './choose-recipe.js';
import { checkFitOptions, type FitOptions, type FitProgress } from './options.js';
import { planFit } from './plan-fit.js';

/** What a training has come to. */
export interface FitMetrics {
  /** Steps that were made. */
  steps: number;
  /** Loss of the last step. */
  loss: number;
  /** Held-out loss of the model as it is returned: mean negative log-likelihood per token, or per text, in nats. */
  validNll: number;
  /** exp(validNll). */
  perplexity: number;
  /**
   * Bits per byte of the held-out text as the model is returned, of pairs of the target side, by which models of
   * different tokenizers can be compared; null for `classify`.
   */
  bitsPerByte: number | null;
  /** Share of the held-out texts whose label the returned model finds, 0 to 1; null unless the task is `classify`. */
  accuracy: number | null;
  /**
   * Mean F1 over the classes that a held-out text has or is said to have, 0 to 1, of the returned model; null unless the
   * task is `classify`.
   */
  macroF1: number | null;
  /** The step whose weights are returned: the one with the lowest held-out loss. */
  bestStep: number;
}

/** The model of each task. */
export interface ModelOfTask {
  lm: CausalLM;
  translate: Transformer;
  classify: TextClassifier;
}

/** What `fit` returns; with `T`, of that task. */
export interface FitResult<T extends FitTask = FitTask> {
  /** With its best weights, in eval mode. */
  model: ModelOfTask[T];
  tokenizer: Tokenizer;
  /** Names of the classes in the order of their numbers; null unless the task is `classify`. */
  labels: T extends 'classify' ? readonly string[] : null;
  /** What was chosen: the same training for `prenorm train` and `prepareRun`, to the same bits. */
  recipe: Recipe;
  metrics: FitMetrics;
  /**
   * The model as one file for `loadModel`, with tokenizer, labels and recipe. Of a text that stands in the recipe, the
   * file has nothing.
   */
  save(): Uint8Array<ArrayBuffer>;
}

/**
 * Trains a model on a text, on pairs or on labelled texts. Tokenizer, sizes, rate, batches, dropout and schedule are
 * chosen by the rules of docs/training.md; the recipe is printed before step 1, and returned.
 * @throws ConfigError for an unknown key or a value out of range; DataError for data that cannot be read or are too
 *   little, saying how much is needed; NumericError for a training that ends in a NaN; an AbortError by `signal`
 */
export async function fit<T extends FitTask>(options: FitOptions<T>): Promise<FitResult<T>> {
  checkFitOptions(options);
  const { task, data, budget, seed = 0, signal, onRecipe, onProgress, quiet = false, worker } = options;
  await init();
  const { recipe, place, labels } = await planFit({ task, data, budget, seed, signal, worker });
  if (!quiet) console.log(describeRecipe(recipe));
  onRecipe?.(recipe);
  const run = await place.open(recipe, signal);
  const metrics = {
    steps: 0,
    loss: Number.NaN,
    validNll: Number.POSITIVE_INFINITY,
    bitsPerByte: null as number | null,
    bestStep: 0,
  };
  const begun = performance.now();
  for await (const step of run.run()) {
    metrics.steps = step.step;
    metrics.loss = step.loss;
    if (step.isBest) {
      metrics.validNll = step.validNll as number;
      metrics.bitsPerByte = step.bitsPerByte ?? null;
      metrics.bestStep = step.step;
    }
    onProgress?.(progressOf(step, recipe.steps, begun));
  }
  const { model, tokenizer, scores } = await run.finish();
  const { accuracy = null, macroF1 = null } = scores ?? {};
  return {
    // What the recipe of the task says, and `planFit` reads labels for `classify` alone.
    model: model as ModelOfTask[T],
    tokenizer,
    labels: labels as FitResult<T>['labels'],
    recipe,
    metrics: { ...metrics, perplexity: exp64(metrics.validNll), accuracy, macroF1 },
    save: () =>
      saveModel(model, {
        tokenizer,
        labels,
        recipe: storedRecipe(recipe),
        step: metrics.bestStep,
        // Rows of classifiers begin with a mark that no tokenizer has.
        spareIds: task === 'classify',
      }),
  };
}

function progressOf(
  step: Omit<FitProgress, 'steps' | 'secondsLeft'>,
  steps: number,
  begun: number,
): FitProgress {
  const each = (performance.now() - begun) / 1000 / step.step;
  return { ...step, steps, secondsLeft: each * (steps - step.step) };
}

/** A recipe as JSON, without the text that may stand in it. */
export function describeRecipe(recipe: Recipe): string {
  const { text, ...rest } = recipe.data as { text?: unknown };
  const data = text === undefined ? rest : { ...rest, text: `(${(text as string).length} characters)` };
  return JSON.stringify({ ...recipe, data }, null, 1);
}
