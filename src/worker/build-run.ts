/** @file From a run as plain data to what a trainer takes. Runs in the worker. */
import { type BatchSource, evaluationTextWindows, TextWindows } from '../data/index.js';
import { brief, ConfigError, checkKeys, DataError } from '../errors.js';
import { decodeSafetensors } from '../io/index.js';
import { Sha256, sha256 } from '../io/sha256.js';
import {
  CausalLM,
  MaskedLM,
  PairClassifier,
  type StateDict,
  Transformer,
  VisionTransformer,
} from '../nn/index.js';
import { Adam, AdamW, makeSchedule, type Optimizer, RAdam, SGD } from '../optim/index.js';
import { CharTokenizer, decodeText, Tokenizer, trainBPE, trainChars } from '../text/index.js';
import type { Trainable, TrainerOptions } from '../train/index.js';
import type { DatasetSpec, OptimizerSpec, RunConfig, TokenizerSpec } from './protocol.js';

/** What generation needs of a tokenizer. */
export interface TextCodec {
  vocabSize: number;
  encode(text: string): Int32Array;
  decode(ids: ArrayLike<number>): string;
  toJSON?(): unknown;
}

/** What a dataset's module gives back. */
export interface Dataset {
  data: BatchSource<unknown>;
  validation?: unknown[];
  tokenizer?: TextCodec;
  /** Tokens to train on. */
  tokens?: number;
  /** SHA-256 of all tokens: a run goes on with the data it began with. */
  sha256?: string;
  /** Windows are this long; generation reads as many tokens at once. */
  seqLen?: number;
}

const keys: readonly string[] = [
  'model',
  'optimizer',
  'schedule',
  'dataset',
  'weights',
  'steps',
  'seed',
  'labelSmoothing',
  'clipNorm',
  'accumulate',
  'evalEvery',
  'checkpointEvery',
  'store',
  'runtime',
];

/** @throws ConfigError for an unknown key. The rest is checked where it is used. */
export function checkRunConfig(config: RunConfig): void {
  checkKeys('WorkerTrainer', config, keys);
  for (const key of ['model', 'optimizer', 'dataset'] as const) {
    if (typeof config[key] === 'object' && config[key] !== null) continue;
    throw new ConfigError(`${key} must be an object with a "kind", got ${brief(config[key])}`, {
      op: 'WorkerTrainer',
      actual: config[key],
    });
  }
}

export async function loadDataset(spec: DatasetSpec, seed: number): Promise<Dataset> {
  if (spec.kind === 'module') return loadModule(spec);
  if (spec.kind === 'tokens') {
    checkKeys('dataset', spec, ['kind', 'ids', 'validation', 'batchSize', 'seqLen']);
    return windows(spec.ids, spec.validation ?? null, spec, seed);
  }
  if (spec.kind !== 'text') {
    throw new ConfigError(
      `kind must be text, tokens or module, got ${brief((spec as { kind: unknown }).kind)}`,
      {
        op: 'dataset',
        expected: ['text', 'tokens', 'module'],
      },
    );
  }
  checkKeys('dataset', spec, ['kind', 'text', 'tokenizer', 'batchSize', 'seqLen', 'validation']);
  const share = spec.validation ?? 0.1;
  if (!(share >= 0 && share < 1)) {
    throw new ConfigError(`validation must be a share from 0 to below 1, got ${brief(share)}`, {
      op: 'dataset',
    });
  }
  const text = await readText(spec.text);
  const tokenizer = makeTokenizer(spec.tokenizer ?? { kind: 'chars' }, text);
  const ids = tokenizer.encode(text);
  const held = Math.floor(ids.length * share);
  const cut = ids.length - held;
  return {
    ...windows(ids.subarray(0, cut), held >= 2 ? ids.subarray(cut) : null, spec, seed),
    tokenizer,
  };
}

function windows(
  ids: Int32Array,
  held: Int32Array | null,
  { batchSize, seqLen }: { batchSize: number; seqLen: number },
  seed: number,
): Dataset {
  const data = new TextWindows(ids, { batchSize, seqLen, seed });
  const validation = held ? [...evaluationTextWindows(held, { batchSize, seqLen })] : undefined;
  const hash = new Sha256();
  for (const part of [ids, held ?? new Int32Array(0)]) {
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  return { data, validation, tokens: ids.length, sha256: hash.hex(), seqLen };
}

async function loadModule(spec: DatasetSpec & { kind: 'module' }): Promise<Dataset> {
  checkKeys('dataset', spec, ['kind', 'url', 'options']);
  const url = String(spec.url);
  let loaded: { dataset?: unknown; default?: unknown };
  try {
    loaded = await import(/* @vite-ignore */ /* webpackIgnore: true */ url);
  } catch (cause) {
    throw new DataError('the module of the dataset could not be loaded', {
      path: url,
      hint: 'give an absolute address, e.g. new URL("./dataset.js", import.meta.url).href',
      cause,
    });
  }
  const make = loaded.dataset ?? loaded.default;
  const made = typeof make === 'function' ? await make(spec.options ?? {}) : null;
  if (typeof made?.data?.next === 'function') return made as Dataset;
  throw new DataError(
    'the module must export dataset(), which returns an object with `data`, a BatchSource',
    {
      path: url,
    },
  );
}

async function readText(text: (DatasetSpec & { kind: 'text' })['text']): Promise<string> {
  if (typeof text === 'string') return text;
  const bytes = typeof Blob === 'function' && text instanceof Blob ? await text.arrayBuffer() : text;
  if (bytes instanceof Uint8Array) return decodeText(bytes, 'dataset');
  if (bytes instanceof ArrayBuffer) return decodeText(new Uint8Array(bytes), 'dataset');
  throw new ConfigError(`text must be a string, bytes or a Blob, got ${brief(text)}`, { op: 'dataset' });
}

function makeTokenizer(spec: TokenizerSpec, text: string): TextCodec {
  if (spec.kind === 'chars') return trainChars(text, spec.maxVocab);
  if (spec.kind === 'bpe') return trainBPE([text], { vocabSize: spec.vocabSize });
  if (spec.kind === 'saved') {
    const isChars = (spec.json as { format?: unknown } | null)?.format === 'prenorm-chars';
    return isChars ? CharTokenizer.fromJSON(spec.json) : Tokenizer.fromJSON(spec.json);
  }
  throw new ConfigError(`kind must be chars, bpe or saved, got ${brief((spec as { kind: unknown }).kind)}`, {
    op: 'dataset.tokenizer',
  });
}

export type WorkerModel = CausalLM | Transformer | MaskedLM | PairClassifier | VisionTransformer;

const textModels = {
  causalLM: CausalLM,
  transformer: Transformer,
  maskedLM: MaskedLM,
  pairClassifier: PairClassifier,
};

/** The model with its initial values, or with `weights`. */
export function buildModel(config: RunConfig, dataset: Dataset): WorkerModel {
  const model = newModel(config, dataset);
  if (config.weights === undefined) return model;
  if (!(config.weights instanceof Uint8Array)) {
    throw new ConfigError(`weights must be a Uint8Array of safetensors, got ${brief(config.weights)}`, {
      op: 'weights',
    });
  }
  const state: StateDict = new Map();
  for (const [name, { shape, data }] of decodeSafetensors(config.weights, 'weights').tensors) {
    if (data instanceof Float32Array || data instanceof Float64Array) state.set(name, { shape, data });
  }
  const isPretrained = model instanceof PairClassifier && !state.has('head.classifier.weight');
  if (isPretrained) model.loadPretrained(state);
  else model.loadStateDict(state, { path: 'weights' });
  return model;
}

function newModel(config: RunConfig, dataset: Dataset): WorkerModel {
  const seed = config.seed ?? 0;
  if (config.model.kind === 'visionTransformer') {
    const { kind, ...options } = config.model;
    return new VisionTransformer({ seed, ...options });
  }
  const { kind, vocabSize = dataset.tokenizer?.vocabSize, ...rest } = config.model;
  if (!Object.hasOwn(textModels, kind)) {
    const expected = [...Object.keys(textModels), 'visionTransformer'];
    throw new ConfigError(`kind must be one of ${expected.join(', ')}, got ${brief(kind)}`, {
      op: 'model',
      expected,
    });
  }
  if (vocabSize === undefined) {
    throw new ConfigError('vocabSize is missing, and the data has no tokenizer that knows it', {
      op: 'model',
    });
  }
  const length = kind === 'causalLM' ? { maxSeqLen: dataset.seqLen } : {};
  return new textModels[kind]({ seed, ...length, ...rest, vocabSize } as never);
}

function buildOptimizer(spec: OptimizerSpec, lr: number | undefined, model: WorkerModel): Optimizer {
  const { kind, ...options } = spec;
  const kinds = { adam: Adam, adamw: AdamW, sgd: SGD, radam: RAdam };
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind)) {
    throw new ConfigError(`kind must be adam, adamw, radam or sgd, got ${brief(kind)}`, { op: 'optimizer' });
  }
  return new kinds[kind](model.parameters(), { lr, ...options } as never);
}

/** The trainer's options, but for checkpoints and signals. */
export function trainerOptions(
  config: RunConfig,
  dataset: Dataset,
  model: WorkerModel,
): TrainerOptions<unknown> {
  const { schedule, steps, labelSmoothing, clipNorm, accumulate, evalEvery, checkpointEvery } = config;
  return {
    model: model as Trainable<never> as Trainable<unknown>,
    data: dataset.data,
    validation: dataset.validation,
    optimizer: buildOptimizer(config.optimizer, schedule?.maxLr, model),
    schedule: schedule && makeSchedule(schedule),
    steps,
    labelSmoothing,
    clipNorm,
    accumulate,
    evalEvery,
    checkpointEvery,
    config: decisive(config, dataset),
  };
}

/** What decides every bit of a run up to a step; checkpoints carry it, and another one is refused. */
function decisive(config: RunConfig, dataset: Dataset): Record<string, unknown> {
  const { model, optimizer, schedule, seed = 0, labelSmoothing, clipNorm, accumulate } = config;
  const { kind, ...rest } = config.dataset;
  const { batchSize, seqLen } = rest as { batchSize?: number; seqLen?: number };
  const data = { kind, batchSize, seqLen, sha256: dataset.sha256 };
  const weights = config.weights && sha256(config.weights);
  const all = { model, optimizer, schedule, seed, labelSmoothing, clipNorm, accumulate, data, weights };
  return JSON.parse(JSON.stringify(all));
}
