/** @file What a page asks of a worker that has a model out of a file. */
import type { Classification, ClassifyOptions, TextOrPair } from '../classify/index.js';
import type {
  Generated,
  GenerateOptions,
  Prompt,
  TextProbability,
  TranslateOptions,
  Translation,
} from '../generate/index.js';
import type { HalfType } from '../half.js';
import type { LoadedModel } from '../io/load-model.js';
import type { ReadSource } from '../io/model-parts.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import type { Capabilities } from '../runtime/capabilities.js';

/** What the worker says once the model can be used. */
export interface WorkerModelReady extends Omit<LoadedModel, 'model' | 'tokenizer'> {
  capabilities: Capabilities;
  /** Parameter elements of the model. */
  parameters: number;
  /** `toJSON()` of the tokenizer; null where none was saved. */
  tokenizer: unknown;
}

/** What comes of a text being generated: a piece of it, or at the end the whole. */
export type TextStep =
  | { done: false; value: string | number | { index: number } }
  | { done: true; value: Generated<string | null> | Generated<string | null>[] };

/** A batch of whatever kind of model: what its `forward` takes. */
export type ModelBatch = Parameters<LibraryModel['forward']>[0];

/** What a model's `forward` gives. */
export interface Logits {
  /** E.g. (B, numClasses) of images, (B, T, vocabSize) of texts with masked tokens. */
  shape: number[];
  /** Row-major. */
  values: Float32Array<ArrayBuffer>;
}

/** Name of a request: what goes, what comes back. `call` is the number by which it can be aborted. */
export interface ModelRequests {
  load: [read: ReadSource & { dtype?: HalfType }, ready: Omit<WorkerModelReady, 'capabilities'>];
  /** The text is computed piece by piece, as it is asked for: who stops asking stops the work. */
  beginText: [
    from: { call: number; prompt: Prompt | readonly Prompt[]; options: Omit<GenerateOptions, 'signal'> },
    result: undefined,
  ];
  nextText: [call: number, result: TextStep];
  endText: [call: number, result: undefined];
  abort: [call: number, result: undefined];
  translate: [
    from: { call: number; sentences: readonly string[]; options: Omit<TranslateOptions, 'signal'> },
    result: Translation[],
  ];
  classify: [from: { texts: readonly TextOrPair[]; options: ClassifyOptions }, result: Classification[]];
  logits: [batch: ModelBatch, result: Logits];
  logProbabilities: [text: string | ArrayLike<number> | readonly [string, string], result: TextProbability];
}
