/**
 * @file The messages between a page and its training worker. Everything is plain data: what crosses is written down
 * here and nowhere else.
 */
import type { Generated as GeneratedText, GenerateOptions as TextOptions } from '../generate/index.js';
import type { ClassScores, Recipe } from '../recipe/index.js';
import type { Capabilities } from '../runtime/capabilities.js';
import type { InitOptions } from '../runtime/init.js';
import type { StepMetrics, Stopped } from '../train/index.js';
import type { WireError } from '../wire-error.js';
import type { ModelRequests } from './model-protocol.js';

/** `init()` in the worker. */
export interface RuntimeOptions extends Pick<InitOptions, 'threads' | 'arithmetic' | 'simd' | 'maxMemory'> {
  /** Address of kernel-worker.js. Default: beside the worker. */
  worker?: string;
}

/** A run in a worker: a recipe, and what belongs to the place where it is carried out. Plain data, so no closures. */
export interface WorkerRun extends Recipe {
  /** Name of a `CheckpointStore` of the browser that the worker writes checkpoints to. Default: none. */
  store?: string;
  /** What `init` takes in the worker. Default: its defaults. */
  runtime?: RuntimeOptions;
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
  /**
   * The model as one file, as `saveModel` makes it, with tokenizer, labels and the recipe without its content: with the
   * best weights so far, or where none are kept those of `step`.
   */
  model: Uint8Array<ArrayBuffer>;
  /** The best evaluation so far; null before the first. */
  best: BestSnapshot | null;
}

/** The best evaluation of a run, as `Trainer.best`. */
export interface BestSnapshot {
  step: number;
  value: number;
  /** `validNll`, or the recipe's `metric`. */
  metric: string;
  /** Safetensors with the weights of then. */
  weights: Uint8Array<ArrayBuffer>;
}

/** Where a restored run stands, and its losses so far. */
export interface Restored {
  step: number;
  losses: number[];
  /** Set where early stopping has ended the run. */
  stopped: Stopped | null;
}

/** As `GenerateOptions` of `prenorm/generate`, all but the signal, which cannot cross. */
export interface GenerateOptions extends Omit<TextOptions, 'signal'> {
  /** Text where the data has a tokenizer, else ids. */
  prompt: string | readonly number[];
  /** The older name of `maxNewTokens`. Default: as that. */
  length?: number;
}

/** What was drawn, without the prompt; the text is null without a tokenizer. */
export type Generated = GeneratedText<string | null>;

/** Name of a request: what goes, what comes back. */
export interface Requests extends ModelRequests {
  /** The runtime, before anything else. */
  init: [runtime: RuntimeOptions, capabilities: Capabilities];
  start: [
    run: Omit<WorkerRun, 'runtime'> & { keepCheckpoints: boolean },
    ready: Omit<WorkerReady, 'capabilities'>,
  ];
  run: [payload: null, result: { step: number }];
  pause: [payload: null, result: { step: number }];
  resume: [payload: null, result: { step: number }];
  /** Ends `run` after the step under way: 'cancel' with an AbortError, 'leave' quietly. */
  stop: [how: 'cancel' | 'leave', result: { step: number }];
  snapshot: [payload: null, result: Snapshot];
  restore: [from: { bytes: Uint8Array | 'store'; schedule?: 'same' | 'new' }, result: Restored | null];
  evaluate: [payload: null, result: number];
  /** Of the best weights so far, or where none are kept the last; null for a model that does not classify. */
  scores: [payload: null, result: ClassScores | null];
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
  /** Its file has run. */
  | { type: 'loaded' }
  | { type: 'answer'; id: number; result: unknown }
  | { type: 'refusal'; id: number; error: WireError }
  | { type: 'metrics'; metrics: StepMetrics[] }
  | { type: 'checkpoint'; step: number; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'checkpointed'; step: number; bytes: number }
  | { type: 'checkpointFailed'; step: number; savedStep: number | null; error: WireError };
