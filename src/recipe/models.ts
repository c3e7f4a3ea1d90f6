/** @file The table of models, and a model from a recipe and what its data knows. */
import { brief, ConfigError } from '../errors.js';
import { decodeSafetensors } from '../io/index.js';
import {
  CausalLM,
  MaskedLM,
  PairClassifier,
  type StateDict,
  Transformer,
  VisionTransformer,
} from '../nn/index.js';
import type { DataSizes } from './data/kind.js';
import type { ModelKindName, ModelRecipe } from './recipe.js';

/** Kinds of models by their names in recipes, and which sizes of the data are options of theirs. */
export const modelKinds = {
  causalLM: { model: CausalLM, sizes: ['vocabSize', 'maxSeqLen'] },
  transformer: { model: Transformer, sizes: ['vocabSize'] },
  maskedLM: { model: MaskedLM, sizes: ['vocabSize', 'maxSeqLen', 'numSegments', 'nextSentence'] },
  pairClassifier: { model: PairClassifier, sizes: ['vocabSize', 'maxSeqLen', 'numClasses'] },
  visionTransformer: { model: VisionTransformer, sizes: ['imageSize', 'channels', 'numClasses'] },
} as const satisfies Record<ModelKindName, { model: unknown; sizes: readonly (keyof DataSizes)[] }>;

/** A model of the table. */
export type RecipeModel = CausalLM | Transformer | MaskedLM | PairClassifier | VisionTransformer;

/** Sizes that must be the data's; the others may leave room. */
const EXACT: readonly string[] = ['imageSize', 'channels', 'nextSentence'];
/** Sizes that a model has no default for. */
const REQUIRED: readonly string[] = ['vocabSize', 'numClasses', 'imageSize'];

/**
 * The model's options with the sizes that the data knows.
 * @throws ConfigError for a size that is missing or does not fit
 */
export function completeModel(recipe: ModelRecipe, sizes: DataSizes): ModelRecipe {
  const complete: Record<string, unknown> = { ...recipe };
  for (const key of modelKinds[recipe.kind].sizes) {
    const known = sizes[key];
    const given = complete[key];
    if (given === undefined) {
      if (known !== undefined) complete[key] = known;
      else if (REQUIRED.includes(key)) {
        throw new ConfigError(`${key} is missing, and the data does not know it`, { op: 'model' });
      }
      continue;
    }
    const fits =
      known === undefined || (EXACT.includes(key) ? given === known : (given as number) >= (known as number));
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

/** The model with its initial values. */
export function buildModel(recipe: ModelRecipe, seed: number): RecipeModel {
  const { kind, ...options } = recipe;
  return new modelKinds[kind].model({ seed, ...options } as never);
}

/**
 * Puts weights from elsewhere in place of the initial values: those of `encodeSafetensors(model.stateDict())`, or of a checkpoint. A pairClassifier also takes those of a maskedLM.
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
  const isPretrained = model instanceof PairClassifier && !state.has('head.classifier.weight');
  if (isPretrained) model.loadPretrained(state);
  else model.loadStateDict(state, { path });
}
