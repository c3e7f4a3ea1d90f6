/** @file What the file of a run's model says beside the weights: tokenizer, labels, and the recipe without its content. */
import { encodeModel, isSaved, type SaveModelOptions } from '../io/model-file.js';
import type { StateDict } from '../nn/module.js';
import { attachedAdapter } from '../tuning/lora.js';
import { mergedState } from '../tuning/merge.js';
import type { OpenedData } from './data/kind.js';
import { dataKind } from './data/table.js';
import type { DataRecipe } from './data-recipe.js';
import type { RecipeModel } from './models.js';
import type { Recipe } from './recipe.js';
import { type RescaledRun, rescaledWeights } from './rescale.js';

/** For `saveModel`, and for the checkpoints of a trainer. */
export interface ModelInfo extends Pick<SaveModelOptions, 'tokenizer' | 'labels'> {
  recipe: object;
}

/**
 * What belongs to the model of a run.
 * @param recipe complete
 */
export function modelInfo(recipe: Recipe, { tokenizer, classes }: OpenedData): ModelInfo {
  // A tokenizer of a data module cannot be made again from a file.
  const { numClasses } = recipe.model as { numClasses?: number };
  return {
    tokenizer: isSaved(tokenizer) ? tokenizer : null,
    labels: classes && classes.length === numClasses ? classes : null,
    recipe: storedRecipe(recipe),
  };
}

/**
 * The file of a run's model: with the best weights so far, or where none are kept the last.
 * @param best as `Trainer.best`
 */
export function encodeRun(
  run: RescaledRun,
  { best, step }: { best: { weights: StateDict; step: number } | null; step: number },
): Uint8Array<ArrayBuffer> {
  const { recipe, data, model } = run;
  const rescaled = rescaledWeights(run, best?.weights ?? null);
  return encodeModel({
    ...modelInfo(recipe, data),
    kind: model.kind,
    config: model.config,
    weights: withAdapter(model, rescaled?.weights ?? best?.weights ?? model.stateDict()),
    spareIds: true,
    step: best?.step ?? step,
    dataHash: data.sha256,
  });
}

/** The file of a model has low-rank parts in the matrices they belong to: whoever reads it needs to know of none. */
function withAdapter(model: RecipeModel, weights: StateDict): StateDict {
  const adapter = attachedAdapter(model);
  return adapter ? mergedState(weights, adapter.config) : weights;
}

/**
 * A recipe as plain data, for a file that goes to others: names of files and of embedded data stay, content that stands
 * in the recipe itself, texts of many megabytes perhaps, does not.
 */
export function storedRecipe({ weights, ...recipe }: Recipe): object {
  return JSON.parse(
    JSON.stringify({
      ...recipe,
      ...(typeof weights === 'string' ? { weights } : {}),
      data: storedData(recipe.data),
    }),
  );
}

/** The part of a recipe that says where the data are, as it is stored. */
export function storedData(data: DataRecipe): object {
  const { contentKeys } = dataKind(data);
  const isName = (key: string, value: unknown) =>
    key === 'source' || key === 'url' || key === 'holdOut' || typeof value === 'number';
  return Object.fromEntries(
    Object.entries(data).filter(([key, value]) => !contentKeys.includes(key) || isName(key, value)),
  );
}
