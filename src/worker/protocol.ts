/**
 * @file The messages between a page and its training worker. Everything is plain data: what crosses is written down
 * here and nowhere else.
 */
import type {
  MaskedLMOptions,
  ModelOptions,
  PairClassifierOptions,
  VisionTransformerOptions,
} from '../nn/index.js';
import type { AdamOptions, ScheduleConfig, SGDOptions } from '../optim/index.js';
import type { Capabilities } from '../runtime/capabilities.js';
import type { StepMetrics } from '../train/index.js';
import type { WireError } from './wire-error.js';

/** Plain data: what JSON can say. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** The model and its options. The vocabulary is the tokenizer's where the data has one; the last three kinds take data of a module. */
export type ModelSpec =
  | ({ kind: 'causalLM' | 'transformer' } & Omit<ModelOptions, 'vocabSize'> & { vocabSize?: number })
  | ({ kind: 'maskedLM' } & Omit<MaskedLMOptions, 'vocabSize'> & { vocabSize?: number })
  | ({ kind: 'pairClassifier' } & Omit<PairClassifierOptions, 'vocabSize'> & { vocabSize?: number })
  | ({ kind: 'visionTransformer' } & VisionTransformerOptions);

/** The optimizer and its options; `lr` may be left out where there is a schedule. */
export type OptimizerSpec =
  | ({ kind: 'adam' | 'adamw' | 'radam' } & Partial<AdamOptions>)
  | ({ kind: 'sgd' } & Partial<SGDOptions>);

/** How a text becomes ids. */
export type TokenizerSpec =
  /** Unicode characters, the `maxVocab - 1` most frequent ones (default 512). */
  | { kind: 'chars'; maxVocab?: number }
  /** Byte-level BPE trained on the text. */
  | { kind: 'bpe'; vocabSize: number }
  /** What `toJSON()` of either made. */
  | { kind: 'saved'; json: unknown };

/** What a run is trained on: a text, token ids, or a module of one's own. */
export type DatasetSpec =
  | {
      kind: 'text';
      /** A Blob or bytes (UTF-8, or UTF-16 with a byte order mark) are read in the worker, so that a page need not. */
      text: string | Uint8Array | ArrayBuffer | Blob;
      tokenizer?: TokenizerSpec;
      batchSize: number;
      seqLen: number;
      /** Share of the text, at its end, that is held out for validation. Default 0.1; 0 for none. */
      validation?: number;
    }
  | {
      kind: 'tokens';
      ids: Int32Array;
      validation?: Int32Array;
      batchSize: number;
      seqLen: number;
    }
  | {
      /**
       * A module that exports `dataset(options)`, or a default of it: an object, or a promise of one, with `data` (a
       * BatchSource), and `validation` (batches) and `tokenizer` if it has them.
       */
      kind: 'module';
      url: string | URL;
      options?: Plain;
    };

/** What makes a run; plain data, so no closures. */
export interface RunConfig {
  model: ModelSpec;
  optimizer: OptimizerSpec;
  schedule?: ScheduleConfig;
  dataset: DatasetSpec;
  /**
   * Safetensors to begin from instead of random values, e.g. `weights` of a snapshot: fine-tuning. A pairClassifier
   * also takes those of a maskedLM, and begins its own head anew.
   */
  weights?: Uint8Array;
  /** Steps to train in all. */
  steps: number;
  /** Seed of data order, initial values and dropout. Default 0. */
  seed?: number;
  labelSmoothing?: number;
  /** Largest joint gradient norm; off by default. */
  clipNorm?: number;
  /** Batches per update. Default 1. */
  accumulate?: number;
  evalEvery?: number;
  checkpointEvery?: number;
  /** Name of a `CheckpointStore` of the browser that the worker writes checkpoints to. */
  store?: string;
  /** `init()` in the worker. */
  runtime?: { threads?: number | 'auto'; simd?: 'strict' | 'relaxed'; maxMemory?: number; worker?: string };
}

/** What the worker says once it is ready to train. */
export interface WorkerReady {
  capabilities: Capabilities;
  /** Parameter elements of the model. */
  parameters: number;
  /** null for images. */
  vocabSize: number | null;
  /** Tokens to train on, where the worker knows. */
  tokens: number | null;
  /** `toJSON()` of the tokenizer, for `{ kind: 'saved' }` and for whoever uses the weights. */
  tokenizer: unknown;
  /** Where checkpoints are stored. */
  store: 'opfs' | 'indexeddb' | null;
}

/** A run between two steps. */
export interface Snapshot {
  step: number;
  /** Safetensors with the weights alone, for any program. */
  weights: Uint8Array<ArrayBuffer>;
  /** Everything a run needs to go on, as `Trainer.save()` makes it. */
  checkpoint: Uint8Array<ArrayBuffer>;
  tokenizer: unknown;
}

/** Where a restored run stands, and its losses so far. */
export interface Restored {
  step: number;
  losses: number[];
}

/** As `SampleOptions` of `prenorm/generate`. */
export interface GenerateOptions {
  /** Text where the data has a tokenizer, else ids. */
  prompt: string | readonly number[];
  /** Tokens to draw. */
  length: number;
  seed?: number;
  /** Default 1. */
  temperature?: number;
  topK?: number;
}

/** What was drawn, without the prompt. */
export interface Generated {
  ids: Int32Array<ArrayBuffer>;
  /** null without a tokenizer. */
  text: string | null;
}

/** Name of a request: what goes, what comes back. */
export interface Requests {
  start: [config: RunConfig & { keepCheckpoints: boolean }, ready: WorkerReady];
  run: [payload: null, result: { step: number }];
  pause: [payload: null, result: { step: number }];
  resume: [payload: null, result: { step: number }];
  /** Ends `run` after the step under way: 'cancel' with an AbortError, 'leave' quietly. */
  stop: [how: 'cancel' | 'leave', result: { step: number }];
  snapshot: [payload: null, result: Snapshot];
  restore: [bytes: Uint8Array | 'store', result: Restored | null];
  evaluate: [payload: null, result: number];
  generate: [options: GenerateOptions, result: Generated];
  hash: [payload: null, result: string];
}

export type RequestName = keyof Requests;

export type ToWorker =
  | { [N in RequestName]: { type: 'request'; id: number; name: N; payload: Requests[N][0] } }[RequestName]
  /** The reader has taken the last batch of metrics: the next may come. */
  | { type: 'taken' }
  /** A checkpoint has been dealt with on the other side. */
  | { type: 'kept'; error: WireError | null };

export type FromWorker =
  | { type: 'loaded' }
  | { type: 'answer'; id: number; result: unknown }
  | { type: 'refusal'; id: number; error: WireError }
  | { type: 'metrics'; metrics: StepMetrics[] }
  | { type: 'checkpoint'; step: number; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'checkpointed'; step: number; bytes: number }
  | { type: 'checkpointFailed'; step: number; savedStep: number | null; error: WireError };
