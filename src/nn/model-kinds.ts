/**
 * @file The table of models: a class for every name that recipes and files give to a kind. Names of classes are none:
 * bundlers shorten them.
 */
import { MaskedLM } from './masked-lm.js';
import { CausalLM, Transformer } from './models.js';
import { TextClassifier } from './text-classifier.js';
import { VisionTransformer } from './vision-transformer.js';

/** Classes of models by the name of their kind; every instance says that name as `kind`. */
export const modelClasses = {
  causalLM: CausalLM,
  transformer: Transformer,
  maskedLM: MaskedLM,
  textClassifier: TextClassifier,
  pairClassifier: TextClassifier,
  visionTransformer: VisionTransformer,
} as const satisfies Record<ModelKind, unknown>;

/** Models by the name of their kind. */
export interface ModelOfKind {
  causalLM: CausalLM;
  transformer: Transformer;
  maskedLM: MaskedLM;
  textClassifier: TextClassifier;
  /** The name of `textClassifier` in version 0.2. */
  pairClassifier: TextClassifier;
  visionTransformer: VisionTransformer;
}

/** The name of a kind of model. */
export type ModelKind = keyof ModelOfKind;

/** A model of the library; with `K`, one of that kind. */
export type LibraryModel<K extends ModelKind = ModelKind> = ModelOfKind[K];

/** Whether a value, out of a file perhaps, names a kind of model. */
export function isModelKind(value: unknown): value is ModelKind {
  return typeof value === 'string' && Object.hasOwn(modelClasses, value);
}

/**
 * The kind of a model; null for anything else, a class of one's own on top of a model included: such a one may have
 * other parameters than its name says.
 */
export function modelKind(model: unknown): ModelKind | null {
  const prototype = typeof model === 'object' && model !== null ? Object.getPrototypeOf(model) : null;
  const kind: unknown = Object.values(modelClasses).some((known) => known.prototype === prototype)
    ? (model as LibraryModel).kind
    : null;
  return isModelKind(kind) ? kind : null;
}

/** The model of a kind, with its initial values. */
export function makeModel<K extends ModelKind>(kind: K, options: object): LibraryModel<K> {
  return new modelClasses[kind](options as never) as LibraryModel<K>;
}
