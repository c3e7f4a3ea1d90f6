/** @file `loadModel`: a model ready for use from a file of `saveModel`, a checkpoint, or the folder of a run. */
import { checkOptions, having, oneOf, optional, text } from '../checks.js';
import {
  brief,
  CheckpointError,
  ConfigError,
  EnvironmentError,
  type ErrorFields,
  MemoryError,
  PrenormError,
} from '../errors.js';
import type { HalfType } from '../half.js';
import { isJsonObject } from '../json.js';
import { withinFile } from '../nn/file-room.js';
import { inHalf } from '../nn/half.js';
import {
  isModelKind,
  type LibraryModel,
  type ModelKind,
  makeModel,
  modelClasses,
} from '../nn/model-kinds.js';
import { currentRuntime, type Runtime, withRuntime } from '../runtime/runtime.js';
import { readTokenizer } from '../text/read-tokenizer.js';
import { isPretrainedJSON } from '../tokenizers/saved-form.js';
import { type TokenizerModule, tokenizerModule } from '../tokenizers/tokenizer-module.js';
import type { TuningModule } from '../tuning/merge.js';
import { labelsProblem } from './model-file.js';
import { type ModelParts, partsOf, type ReadSource } from './model-parts.js';
import { type ModelSource, readSource } from './model-source.js';
import { type SavedTokenizer, savedTokenizer, type TokenizerLoader } from './saved-tokenizer.js';
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
  tokenizer: SavedTokenizer | null;
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
  /**
   * Store the matrices in 16 bits a number, frozen: half the memory, computing with the rounded weights; `f16` is the more
   * exact, `bf16` has the range of float32. Default: as float32, and not frozen.
   */
  dtype?: 'f16' | 'bf16';
  /** What messages call the file. Default: its path or address, if it has one. */
  path?: string;
  /**
   * The module `prenorm/tokenizers`, for a file whose tokenizer is one of others: only pages with such a file load it.
   * Default: such a file is refused.
   */
  tokenizers?: TokenizerModule;
  /**
   * The module `prenorm/tuning`, for a checkpoint of a training of low-rank parts, which lie beside the weights there.
   * Default: such a file is refused.
   */
  tuning?: TuningModule;
}

/**
 * A model in evaluation mode, with its tokenizer and labels, from a file that `saveModel` made, a checkpoint, or in
 * Node the path of either or of a run's folder, of version 0.1 too. Works with `init` of `prenorm` and of
 * `prenorm/inference`, which comes first.
 * @param source bytes, a Blob, a Response, or in Node a path or the URL of a file
 * @throws CheckpointError for a file that is damaged, cut off or longer than it should be, of a newer version, whose
 * tokenizer, labels or shapes do not belong to its weights, or that asks for a larger model than it has weights for; for
 * another kind than asked for; and where there is nothing to read. Sizes are judged before anything is made.
 * @throws ConfigError for a file with a tokenizer of others when `tokenizers` is not given
 * @throws MemoryError when the model is larger than the runtime may grow
 */
export async function loadModel<K extends ModelKind = ModelKind>(
  source: ModelSource,
  options: LoadModelOptions<K> = {},
): Promise<LoadedModel<K>> {
  checkOptions<LoadModelOptions<K>>('loadModel', options, {
    kind: optional(oneOf(...Object.keys(modelClasses))),
    dtype: optional(oneOf('f16', 'bf16')),
    path: optional(text),
    tokenizers: optional(tokenizerModule),
    tuning: optional(having('the module prenorm/tuning', 'mergedState')),
  });
  // The one of the moment of the call; without any, that is the program's fault and not the file's.
  const runtime = currentRuntime();
  const read = await readSource(source, options.path);
  return modelFrom(read, { ...options, runtime }) as unknown as Promise<LoadedModel<K>>;
}

/** The model in bytes that are read, on a runtime, by default the current one. */
export async function modelFrom(
  { bytes, path, beside }: ReadSource,
  options: Pick<LoadModelOptions, 'kind' | 'dtype' | 'tuning'> & {
    runtime?: Runtime;
    tokenizers?: TokenizerLoader;
  } = {},
): Promise<LoadedModel> {
  const { kind, dtype, runtime = currentRuntime(), tokenizers } = options;
  const parts = partsOf(bytes, path, beside);
  if (kind !== undefined && isModelKind(parts.kind) && modelClasses[kind] !== modelClasses[parts.kind]) {
    refuse(path, `the model is a ${parts.kind}, a ${kind} is wanted`, { expected: kind, actual: parts.kind });
  }
  // Of other kinds nothing is waited for.
  const tokenizer = isPretrainedJSON(parts.tokenizer)
    ? await pretrained(parts, path, tokenizers)
    : plain(parts, path);
  if (parts.adapter !== null) mergeAdapter(parts, path, options.tuning);
  return withRuntime(runtime, () => assemble(parts, tokenizer, path, dtype));
}

/** The weights with the low-rank parts in them: few files have any, so what adds them is given. */
function mergeAdapter(parts: ModelParts, path: string, tuning: LoadModelOptions['tuning']): void {
  if (!tuning) {
    throw new ConfigError('an adapter lies beside the weights', {
      op: 'loadModel',
      path,
      hint: "give { tuning: await import('prenorm/tuning') }, or the model.safetensors of the run",
    });
  }
  const weights = inFile(path, 'the adapter is refused', () =>
    tuning.mergedState(parts.weights(), parts.adapter as never),
  );
  parts.weights = () => weights;
}

/** Everything is judged before the model is made, and the model before it gets its weights. */
function assemble(
  parts: ModelParts,
  tokenizer: LoadedModel['tokenizer'],
  path: string,
  dtype: HalfType | undefined,
): LoadedModel {
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
  checkVocabulary(parts, config, tokenizer, path);
  const model = inFile(path, 'the configuration is refused', () =>
    withinFile(parts.room, () => inHalf(dtype, () => makeModel(kind, config))),
  );
  const refused = dtype
    ? `the weights cannot become ${dtype}`
    : 'the weights do not belong to the configuration';
  inFile(path, refused, () => model.loadStateDict(parts.weights()));
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

const REFUSED = 'the tokenizer is refused';

function plain({ tokenizer }: ModelParts, path: string): LoadedModel['tokenizer'] {
  return tokenizer === null ? null : inFile(path, REFUSED, () => readTokenizer(tokenizer, 'tokenizer'));
}

async function pretrained(
  { tokenizer }: ModelParts,
  path: string,
  tokenizers: TokenizerLoader | undefined,
): Promise<LoadedModel['tokenizer']> {
  try {
    return await savedTokenizer(tokenizer, 'tokenizer', 'loadModel', tokenizers);
  } catch (cause) {
    // That nothing was given is the program's fault and not the file's.
    if (cause instanceof ConfigError) throw cause;
    return inFile(path, REFUSED, () => {
      throw cause;
    });
  }
}

function checkVocabulary(
  { spareIds }: ModelParts,
  config: object,
  tokenizer: LoadedModel['tokenizer'],
  path: string,
): void {
  if (tokenizer === null) return;
  const { vocabSize } = config as { vocabSize?: unknown };
  const ids = tokenizer.vocabSize;
  if (typeof vocabSize !== 'number') refuse(path, 'there is a tokenizer, but the model reads no tokens');
  if (spareIds === null ? (vocabSize as number) >= ids : (vocabSize as number) - ids === spareIds) return;
  const fields = { expected: vocabSize, actual: ids };
  refuse(path, `the tokenizer has ${ids} ids, the model ${vocabSize}`, fields);
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
