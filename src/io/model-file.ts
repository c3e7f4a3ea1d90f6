/**
 * @file A model as one file: safetensors with the weights under the names of its state dict, and in the metadata what
 * else it takes to use it: kind, configuration, tokenizer, labels, recipe. Sealed as checkpoints are (sealed-file.ts).
 */
import { anything, checkOptions, flag, integer, optional } from '../checks.js';
import { brief, ConfigError } from '../errors.js';
import { isJsonObject } from '../json.js';
import { tableProblem } from '../nn/file-room.js';
import { type LibraryModel, type ModelKind, modelKind } from '../nn/model-kinds.js';
import type { StateDict } from '../nn/module.js';
import { CharTokenizer } from '../text/char-tokenizer.js';
import { Tokenizer } from '../text/tokenizer.js';
import { isPretrainedTokenizer } from '../tokenizers/tokenizer-module.js';
import { VERSION } from '../version.js';
import { withoutFolders } from './recipe-names.js';
import type { TensorEntry } from './safetensors.js';
import type { SavedTokenizer } from './saved-tokenizer.js';
import { canonicalJson, encodeSealed, type SealedFormat } from './sealed-file.js';

/** The format of files that are a model. */
export const modelFormat: SealedFormat = {
  name: 'prenorm-model',
  version: 1,
  what: 'model',
  mend: 'fetch or copy it again',
  other:
    'plain weights are read by decodeSafetensors and put in place by loadStateDict, a folder of Hugging Face by fromPretrained',
};

/** What goes into the file beside the model. */
export interface SaveModelOptions {
  /**
   * The tokenizer that the model was trained with, a `PretrainedTokenizer` too; without it, whoever loads the file has ids
   * only. Default: none.
   */
  tokenizer?: SavedTokenizer | null;
  /** Names of a classifier's classes, one for each, in the order of their numbers. Default: none. */
  labels?: readonly string[] | null;
  /**
   * The recipe of its training, plain data; `prenorm evaluate` finds the data by it. Of absolute paths in it the file has
   * the last part only. Default: none.
   */
  recipe?: object | null;
  /** Steps it was trained. Default: not said. */
  step?: number;
  /** Whether the model's vocabulary may be larger than the tokenizer's. Default false. */
  spareIds?: boolean;
}

/** All that a file holds. */
export interface ModelContent extends Omit<SaveModelOptions, 'step'> {
  step?: number | null;
  kind: ModelKind;
  /** Complete, as `model.config`. */
  config: object;
  weights: StateDict;
  /** SHA-256 of the data it was trained on. */
  dataHash?: string | null;
}

const OP = 'saveModel';

/**
 * One file with a model and all it takes to use it, for `loadModel` here or anywhere. Any program that reads
 * safetensors can read the weights. Equal models give equal bytes.
 * @throws ConfigError when `model` is none of the library's, a tokenizer does not have its vocabulary or labels are not
 * one for each class
 */
export function saveModel(model: LibraryModel, options: SaveModelOptions = {}): Uint8Array<ArrayBuffer> {
  checkOptions<SaveModelOptions>(OP, options, {
    tokenizer: optional(anything),
    labels: optional(anything),
    recipe: optional({
      wanted: 'an object or null',
      holds: (value) => value === null || isJsonObject(value),
    }),
    step: optional(integer(0)),
    spareIds: optional(flag),
  });
  const kind = libraryKind(OP, model);
  return encodeModel({ ...options, kind, config: model.config, weights: model.stateDict() });
}

/**
 * The kind of a model.
 * @throws ConfigError for what is none of the library's, and for one that computes with an adapter beside its matrices unless
 * that is of no matter
 */
export function libraryKind(op: string, model: unknown, withAdapter = false): ModelKind {
  const kind = modelKind(model);
  if (kind !== null) {
    if (withAdapter || !(model as LibraryModel).adapter) return kind;
    throw new ConfigError('an adapter is attached to the model, which is no part of its matrices', {
      op,
      hint: 'merge() the adapter to write it with the model, or detach() it to write the base',
    });
  }
  throw new ConfigError('the model must be one of the library, and no class on top of one', {
    op,
    expected: 'CausalLM, Transformer, MaskedLM, a classifier or VisionTransformer of this copy of prenorm',
    actual: model,
    hint: 'save the weights of a model of your own with encodeSafetensors(model.stateDict())',
  });
}

/**
 * The bytes of a file with this content.
 * @throws ConfigError when its parts do not belong together
 */
export function encodeModel(content: ModelContent): Uint8Array<ArrayBuffer> {
  const { kind, config, weights, tokenizer = null, labels = null, recipe = null, step = null } = content;
  const { dataHash = null, spareIds = false } = content;
  checkTokenizer(config, tokenizer, spareIds);
  const problem = labelsProblem(labels, config) ?? tableProblem(config, elementsOf(weights));
  if (problem) throw new ConfigError(problem, { op: OP });
  const json = (value: unknown, key: string) => canonicalJson(OP, value, key);
  return encodeSealed(modelFormat, weights as ReadonlyMap<string, TensorEntry>, {
    kind,
    config: json(config, 'config'),
    tokenizer: json(tokenizer?.toJSON() ?? null, 'tokenizer'),
    labels: json(labels, 'labels'),
    recipe: json(recipe && withoutFolders(recipe), 'recipe'),
    spareIds: String(tokenizer ? vocabularyOf(config) - tokenizer.vocabSize : 0),
    training: json({ step, dataSha256: dataHash }, 'training'),
    prenorm: VERSION,
  });
}

function elementsOf(weights: StateDict): number {
  let elements = 0;
  for (const { data } of weights.values()) elements += data.length;
  return elements;
}

function checkTokenizer(config: object, tokenizer: unknown, spareIds: boolean): void {
  if (tokenizer === null) return;
  if (!isSaved(tokenizer)) {
    const kinds = 'a Tokenizer, a CharTokenizer or a PretrainedTokenizer';
    throw new ConfigError(`the tokenizer must be ${kinds}, got ${brief(tokenizer)}`, {
      op: OP,
      actual: tokenizer,
      hint: 'one of your own cannot be made again from a file: leave it out, and keep it beside the file',
    });
  }
  const vocabSize = vocabularyOf(config);
  const ids = tokenizer.vocabSize;
  if (ids === vocabSize || (spareIds && ids < vocabSize)) return;
  const fields = { op: OP, expected: vocabSize, actual: ids };
  if (vocabSize === 0) throw new ConfigError('the model reads no tokens, so it has no tokenizer', fields);
  throw new ConfigError(`the model has ${vocabSize} ids, the tokenizer ${ids}`, {
    ...fields,
    hint: `give the tokenizer of its training${ids < vocabSize ? ', or say spareIds: true where the model has more on purpose' : ''}`,
  });
}

/** Whether a tokenizer can be made again from a file. */
export const isSaved = (tokenizer: unknown): tokenizer is SavedTokenizer =>
  tokenizer instanceof Tokenizer || tokenizer instanceof CharTokenizer || isPretrainedTokenizer(tokenizer);

/** Ids that a model of this configuration knows; 0 for one of images. */
function vocabularyOf(config: object): number {
  return (config as { vocabSize?: number }).vocabSize ?? 0;
}

/** What is wrong with labels for a model; null for nothing. */
export function labelsProblem(labels: unknown, config: object): string | null {
  if (labels === null) return null;
  if (!Array.isArray(labels) || !labels.every((label) => typeof label === 'string'))
    return `labels must be a list of strings, got ${brief(labels)}`;
  const { numClasses } = config as { numClasses?: number };
  if (numClasses === undefined) return 'the model has no classes, so it has no labels';
  if (labels.length !== numClasses) return `there are ${labels.length} labels for ${numClasses} classes`;
  return new Set(labels).size === labels.length ? null : `the labels are not all different: ${brief(labels)}`;
}
