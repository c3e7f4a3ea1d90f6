/** @file What a kind of data is: the check of its keys, and from content to batches. */
import type { Rules } from '../../checks.js';
import type { BatchSource } from '../../data/index.js';
import type { DataKindName, DataRecipe } from '../data-recipe.js';
import type { ModelKindName } from '../recipe.js';
import type { Sources } from '../sources.js';
import type { TextCodec } from '../tokenizers.js';

/** A part of the data to evaluate on. */
export type HeldOutPart = 'valid' | 'test';

/** What is left of the data when it has been read and is tokens: it can serve several runs. */
export interface OpenedData extends ReadData {
  /** Made from the training part, or given; null for data without texts. */
  readonly tokenizer: TextCodec | null;
  /** Tokens to train on, where that is known. */
  readonly tokens: number | null;
  /** What the model's options follow from the data; the recipe may only repeat it, or have more room. */
  readonly sizes: DataSizes;
  /** What the content decides of keys that the recipe leaves out; they decide bits as if it said so. */
  readonly decided?: Readonly<Record<string, number>>;
  /** Names of the classes in the order of their numbers. */
  readonly classes?: readonly string[];
  /** Parts that can be evaluated on. */
  readonly heldOut: readonly HeldOutPart[];
  /** Endless batches to train on; `maxSeqLen` is the model's. */
  train(seed: number, maxSeqLen: number): BatchSource<unknown>;
  /** Every example of a part once, or the first `count` of them. */
  evaluation(part: HeldOutPart, maxSeqLen: number, count?: number): unknown[];
  /** Examples of a part: lines, windows of a text, images; null where batches are all there is. */
  numExamples(part: HeldOutPart, maxSeqLen: number): number | null;
  /**
   * Bytes (UTF-8) of the text that the targets of `evaluation(part)` spell, marks not counted; null where they spell
   * none, or nobody knows.
   */
  textBytes?(part: HeldOutPart, maxSeqLen: number, count?: number): number | null;
  /** The first examples of what is held out to validate with, to be looked at. */
  examples?(count: number): readonly Example[];
  /** The content's hashes as version 0.1 stored them in checkpoints. */
  oldHashes?(): string[];
}

/** An example as people read it. */
export interface Example {
  text: string;
  /** What should come of it. */
  reference?: string;
  /** What a model that classifies reads. */
  batch?: unknown;
}

/** Sizes that the data decides: rows of the token table, longest row, classes, pixels; rows of two segments, and whether one follows the other. */
export interface DataSizes {
  vocabSize?: number;
  maxSeqLen?: number;
  numClasses?: number;
  imageSize?: number;
  channels?: number;
  numSegments?: number;
  nextSentence?: boolean;
  /** Rows of the token table for a model that never sees a mask; `vocabSize` where that is the same. */
  unmaskedVocabSize?: number;
  /** Whether a text may have several classes. */
  multiLabel?: boolean;
  /** Weights of the classes under which each weighs the same. */
  balancedWeights?: readonly number[];
}

/** Content as it was read. */
export interface ReadData {
  /** SHA-256 of the content, whatever it is called and wherever it lies. */
  readonly sha256: string;
}

/** One kind of data. */
export interface DataKind<D extends DataRecipe = DataRecipe, C extends ReadData = ReadData> {
  kind: D['kind'] & DataKindName;
  /** Keys beside `kind`. */
  rules: Rules<Omit<D, 'kind'>>;
  /** Those of them that say where the content is, which decides no bit: its hash does. */
  contentKeys: readonly string[];
  /** Kinds of models that read such batches. */
  models: readonly ModelKindName[];
  /** What is taken for keys left out. */
  defaults: Partial<D>;
  /** What the rules of single keys cannot say. @throws ConfigError */
  check?(data: D, must: Must): void;
  /** @throws DataError for what is not there, or not what it should be. */
  read(data: D, sources: Sources): Promise<C>;
  /** Makes the content tokens, and batches of them. */
  open(data: D, content: C, tokenizer: TokenizerMaker): Promise<OpenedData>;
}

/** The tokenizer for the training texts, which came from the file or folder `source`. */
export type TokenizerMaker = (texts: readonly string[], source: string | null) => Promise<TextCodec>;

/** Refuses what is not `ok`: `key` must be `required`. */
export type Must = (ok: boolean, key: string, required: string, actual: unknown) => void;
