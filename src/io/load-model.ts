/** @file `loadModel`: a model ready for use from a file of `saveModel`, a checkpoint, or the folder of a run. */
import { checkOptions, oneOf, optional, text } from '../checks.js';
import {
  brief,
  CheckpointError,
  EnvironmentError,
  type ErrorFields,
  MemoryError,
  PrenormError,
} from '../errors.js';
import { isJsonObject } from '../json.js';
import { withinFile } from '../nn/file-room.js';
import {
  isModelKind,
  type LibraryModel,
  type ModelKind,
  makeModel,
  modelClasses,
} from '../nn/model-kinds.js';
import { currentRuntime, withRuntime } from '../runtime/runtime.js';
import type { CharTokenizer } from '../text/char-tokenizer.js';
import { readTokenizer } from '../text/read-tokenizer.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { labelsProblem } from './model-file.js';
import { type ModelParts, partsOf, type ReadSource } from './model-parts.js';
import { type ModelSource, readSource } from './model-source.js';
import type { Json } from './sealed-file.js';

export type { ModelSource } from './model-source.js';

/** A model out of a file, and what was saved with it. */
export interface LoadedModel<K extends ModelKind = ModelKind> {
  /** In evaluation mode, on the current runtime. */
  model: LibraryModel<K>;
  /** Name of the model's kind. */
  kind: ModelKind;
  /** The model's own, complete. */
  config: LibraryModel<K>['config'];
  /** null where none was saved. */
  tokenizer: Tokenizer | CharTokenizer | null;
  /** Names of the classes in the order of their numbers; null where none were saved. */
  labels: readonly string[] | null;
  /** The recipe of its training as it was saved; null for none. */
  recipe: { readonly [key: string]: Json } | null;
  /** Steps it was trained; null where nobody said. */
  step: number | null;
  /** SHA-256 of the data it was trained on; null where nobody said. */
  dataHash: string | null;
  /** The version of Prenorm that wrote it; null for checkpoints, which do not say. */
  version: string | null;
}

/** What a file has to be. */
export interface LoadModelOptions<K extends ModelKind = ModelKind> {
  /** The kind that is wanted: another is refused, and TypeScript knows the class. Default: any. */
  kind?: K;
  /** What messages call the file. Default: its path or address, if it has one. */
  path?: string;
}

/**
 * A model in evaluation mode, with its tokenizer and labels, from a file that `saveModel` made, a checkpoint, or in
 * Node the path of either or of a run's folder, of version 0.1 too. Works with `init` of `prenorm` and of
 * `prenorm/inference`, which comes first.
 * @param source bytes, a Blob, a Response, or in Node a path or the URL of a file
 * @throws CheckpointError for a file that is damaged, cut off or longer than it should be, of a newer version, whose
 * tokenizer, labels or shapes do not belong to its weights, or that asks for a larger model than it has weights for; for
 * another kind than asked for; and where there is nothing to read. Sizes are judged before anything is made.
 * @throws MemoryError when the model is larger than the runtime may grow
 */
export async function loadModel<K extends ModelKind = ModelKind>(
  source: ModelSource,
  options: LoadModelOptions<K> = {},
): Promise<LoadedModel<K>> {
  checkOptions<LoadModelOptions<K>>('loadModel', options, {
    kind: optional(oneOf(...Object.keys(modelClasses))),
    path: optional(text),
  });
  // The one of the moment of the call; without any, that is the program's fault and not the file's.
  const runtime = currentRuntime();
  const read = await readSource(source, options.path);
  return withRuntime(runtime, () => modelFrom(read, options.kind)) as unknown as LoadedModel<K>;
}

/** The model in bytes that are read. */
export function modelFrom({ bytes, path, beside }: ReadSource, kind?: ModelKind): LoadedModel {
  const parts = partsOf(bytes, path, beside);
  if (kind !== undefined && isModelKind(parts.kind) && modelClasses[kind] !== modelClasses[parts.kind]) {
    refuse(path, `the model is a ${parts.kind}, a ${kind} is wanted`, { expected: kind, actual: parts.kind });
  }
  return assemble(parts, path);
}

/** Everything is judged before the model is made, and the model before it gets its weights. */
function assemble(parts: ModelParts, path: string): LoadedModel {
  const { kind, config, labels, recipe, step, dataHash, version } = parts;
  if (!isModelKind(kind)) {
    const known = Object.keys(modelClasses);
    const hint = `known here are ${known.join(', ')}: a newer Prenorm may know it`;
    return refuse(path, `there is no kind of model ${brief(kind)}`, { expected: known, actual: kind, hint });
  }
  const must = (ok: boolean, wanted: string, value: unknown): void => {
    if (!ok) refuse(path, `${wanted}, got ${brief(value)}`);
  };
  if (!isJsonObject(config)) return refuse(path, `the configuration must be an object, got ${brief(config)}`);
  const problem = labelsProblem(labels, config);
  if (problem) return refuse(path, problem);
  must(recipe === null || isJsonObject(recipe), 'the recipe must be an object or null', recipe);
  const isCount = Number.isSafeInteger(step) && (step as number) >= 0;
  must(step === null || isCount, 'the number of steps must be a whole number or null', step);
  must(
    dataHash === null || typeof dataHash === 'string',
    'the hash of the data must be a string or null',
    dataHash,
  );
  const tokenizer = tokenizerOf(parts, config, path);
  const model = inFile(path, 'the configuration is refused', () =>
    withinFile(parts.room, () => makeModel(kind, config)),
  );
  inFile(path, 'the weights do not belong to the configuration', () => model.loadStateDict(parts.weights()));
  model.eval();
  return {
    model,
    kind: model.kind,
    config: model.config,
    tokenizer,
    labels: labels as string[] | null,
    recipe: recipe as LoadedModel['recipe'],
    step: step as number | null,
    dataHash: dataHash as string | null,
    version,
  };
}

function tokenizerOf(parts: ModelParts, config: object, path: string): LoadedModel['tokenizer'] {
  if (parts.tokenizer === null) return null;
  const tokenizer = inFile(path, 'the tokenizer is refused', () =>
    readTokenizer(parts.tokenizer, 'tokenizer'),
  );
  const { vocabSize } = config as { vocabSize?: unknown };
  const ids = tokenizer.vocabSize;
  if (typeof vocabSize !== 'number')
    return refuse(path, 'there is a tokenizer, but the model reads no tokens');
  const { spareIds } = parts;
  if (spareIds === null ? vocabSize >= ids : vocabSize - ids === spareIds) return tokenizer;
  const fields = { expected: vocabSize, actual: ids };
  return refuse(path, `the tokenizer has ${ids} ids, the model ${vocabSize}`, fields);
}

function refuse(path: string, message: string, fields: ErrorFields = {}): never {
  throw new CheckpointError(message, { path, ...fields });
}

/** What anything finds wrong with a part of the file, as an error about the file. */
function inFile<T>(path: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const isOurs = cause instanceof PrenormError;
    if (!isOurs || cause instanceof MemoryError || cause instanceof EnvironmentError) throw cause;
    const { expected, actual } = cause;
    throw new CheckpointError(`${what}: ${cause.message}`, { path, expected, actual, cause });
  }
}
