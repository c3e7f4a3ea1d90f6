/** @file A model from a recipe and what its data knows. */
import { brief, ConfigError } from '../errors.js';
import { decodeSafetensors } from '../io/index.js';
import { inHalf, widen } from '../nn/half.js';
import { type LibraryModel, type ModelKind, makeModel } from '../nn/model-kinds.js';
import type { StateDict } from '../nn/module.js';
import { TextClassifier } from '../nn/text-classifier.js';
import { VisionTransformer } from '../nn/vision-transformer.js';
import type { DataSizes } from './data/kind.js';
import type { ModelRecipe } from './recipe.js';

/** Which sizes of the data are options of a kind of model. */
const sizesOf: Readonly<Record<ModelKind, readonly (keyof DataSizes)[]>> = {
  causalLM: ['vocabSize', 'maxSeqLen'],
  transformer: ['vocabSize', 'maxSeqLen'],
  maskedLM: ['vocabSize', 'maxSeqLen', 'numSegments', 'nextSentence'],
  textClassifier: ['vocabSize', 'maxSeqLen', 'numClasses', 'multiLabel'],
  pairClassifier: ['vocabSize', 'maxSeqLen', 'numClasses', 'multiLabel'],
  visionTransformer: ['imageSize', 'channels', 'numClasses'],
};

/** A model of the table in `src/nn/model-kinds.ts`. */
export type RecipeModel = LibraryModel;

/** Sizes that must be the data's; the others may leave room. */
const EXACT: readonly string[] = ['imageSize', 'channels', 'nextSentence', 'multiLabel'];
/** Sizes that a model has no default for. */
const REQUIRED: readonly string[] = ['vocabSize', 'numClasses', 'imageSize'];

/**
 * The model's options with the sizes that the data knows.
 * @throws ConfigError for a size that is missing or does not fit
 */
export function completeModel(recipe: ModelRecipe, sizes: DataSizes): ModelRecipe {
  const complete: Record<string, unknown> = { ...recipe };
  if (complete.causal === true && sizes.unmaskedVocabSize !== undefined) {
    sizes = { ...sizes, vocabSize: sizes.unmaskedVocabSize };
  }
  if (complete.classWeights === 'balanced') {
    const { balancedWeights } = sizes;
    if (!balancedWeights) {
      throw new ConfigError(
        'classWeights is balanced, and the data does not know how often its classes are',
        {
          op: 'model',
          hint: 'give a number for each class',
        },
      );
    }
    complete.classWeights = [...balancedWeights];
  }
  for (const key of sizesOf[recipe.kind]) {
    const known = sizes[key];
    const given = complete[key];
    if (given === undefined) {
      // What a model is not unless it says so is left unsaid.
      if (known !== undefined && known !== false) complete[key] = known;
      else if (REQUIRED.includes(key)) {
        throw new ConfigError(`${key} is missing, and the data does not know it`, { op: 'model' });
      }
      continue;
    }
    // A pair that is too long for it is refused where it stands, with its line.
    const isRoom = recipe.kind === 'transformer' && key === 'maxSeqLen';
    const fits =
      isRoom ||
      known === undefined ||
      (EXACT.includes(key) ? given === known : (given as number) >= (known as number));
    if (fits) continue;
    throw new ConfigError(`${key} is ${brief(given)}, the data has ${known}`, {
      op: 'model',
      expected: known,
      actual: given,
      hint: `leave ${key} out, or raise it`,
    });
  }
  return complete as ModelRecipe;
}

/** How a model is stored whose weights are to be loaded. */
export interface ModelStorage {
  /** Of its matrices. */
  dtype: 'f16' | 'bf16';
  /** Paths of what is trained, and stays float32. */
  trained(model: RecipeModel): ReadonlySet<string>;
}

/** The model with its initial values; with `storage`, what is not trained has none, and is frozen. */
export function buildModel(recipe: ModelRecipe, seed: number, storage?: ModelStorage): RecipeModel {
  const { kind, ...options } = recipe;
  const model = inHalf(storage?.dtype, () => makeModel(kind, { seed, ...options }));
  if (storage) widen(model, storage.trained(model), seed);
  return model;
}

/**
 * Puts weights from elsewhere in place of the initial values: those of `encodeSafetensors(model.stateDict())`, or of a
 * checkpoint. A textClassifier also takes those of a maskedLM, and a causal one those of a causalLM; a visionTransformer
 * those for another number of classes.
 * @throws FormatError for a damaged file, or one of another model
 */
export function loadWeights(model: RecipeModel, bytes: Uint8Array, path = 'weights'): void {
  const { tensors } = decodeSafetensors(bytes, path);
  // The file of a run has the weights beside the optimizer's state.
  const prefix = tensors.has('losses') ? 'model.' : '';
  const state: StateDict = new Map();
  for (const [name, { shape, data }] of tensors) {
    const isFloat = data instanceof Float32Array || data instanceof Float64Array;
    if (isFloat && name.startsWith(prefix)) state.set(name.slice(prefix.length), { shape, data });
  }
  if (model instanceof VisionTransformer) keepOwnHead(model, state);
  const isPretrained = model instanceof TextClassifier && !state.has('head.classifier.weight');
  if (isPretrained) model.loadPretrained(state);
  else model.loadStateDict(state, { path });
}

/** A head over other classes is of no use. */
function keepOwnHead(model: VisionTransformer, state: StateDict): void {
  const given = state.get('head.weight');
  if (!given || given.shape[0] === model.config.numClasses) return;
  for (const [name, parameter] of model.head.namedParameters('head'))
    state.set(name, { shape: parameter.shape, data: parameter.toArray() as Float32Array });
}
