/**
 * @file What a run is trained on, as data: one type per kind. What each makes of it is in data/.
 *
 * Kinds of texts take their content in one of two ways. `source` is a name: of embedded data, or of a file or folder. `text` is the content itself. A folder has the files that the kind names; a single file or `text`
 * is divided by `validation`.
 */

/** Plain data: what JSON can say. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** Text as such, or its bytes (UTF-8), which are read where the training runs. */
export type TextContent = string | ArrayBufferView | ArrayBufferLike | Blob;

/** Where a kind of texts has its content. */
export interface TextOrigin {
  /** Embedded data by name, a file, or a folder; relative to the recipe's file. */
  source?: string;
  /** The content itself, instead. */
  text?: TextContent;
  /** Share that is held out where there is no part to validate with, in [0, 1). Default 0.1. */
  validation?: number;
}

/** Which rows of a single file are held out. */
export type HoldOut = 'end' | 'spread';

/** Where kinds have their content whose rows stand for themselves, so that any of them may be held out. */
export interface RowOrigin extends TextOrigin {
  /**
   * Which rows `validation` holds out where there is no part to validate with: the last of the file (`end`, the
   * default), or rows evenly over it (`spread`), of labelled rows evenly over each class. A file that is sorted needs
   * `spread`.
   */
  holdOut?: HoldOut;
}

/** Bounds of a batch of rows. */
export interface RowBounds {
  /** Rows per batch. Default 32, where there is no `maxTokens`. */
  batchSize?: number;
  /** Bound of rows times padded length. */
  maxTokens?: number;
  /** Longest row, marks included; longer ones are cut. Default: the longest of the training part, 256 at most. */
  maxLen?: number;
  /** Rows are padded to a multiple of this. Default 8. */
  lengthMultiple?: number;
}

/** Running text for a causalLM. Embedded: `kjv`. A folder has text.txt. */
export interface TextData extends TextOrigin {
  kind: 'text';
  /** Windows per batch. Default 16. */
  batchSize?: number;
  /** Tokens per window. Default 64. */
  seqLen?: number;
}

/** Token ids for a causalLM, which needs `vocabSize`. */
export interface TokensData {
  kind: 'tokens';
  ids: Int32Array | readonly number[];
  /** Ids to validate with. */
  validation?: Int32Array | readonly number[];
  /** Default 16. */
  batchSize?: number;
  /** Default 64. */
  seqLen?: number;
}

/** Sentence pairs for a transformer: source TAB target. Embedded: `ui-de-en`. A folder has train.tsv, valid.tsv, test.tsv. */
export interface PairsData extends RowOrigin {
  kind: 'pairs';
  /**
   * Bound of a batch's padded source and target tokens. Default: 1000, or what the longest pair needs where that is more
   * and none is left out.
   */
  maxTokens?: number;
  /** Whether a pair that does not fit is an error (default), or left out. */
  onTooLong?: 'error' | 'drop';
}

/** How the column of labels is read. */
export interface LabelColumn {
  /**
   * What stands between the labels of a text that may have several, or none: `multiLabel` of the model then is true.
   * Default: the column is one label.
   */
  labelSeparator?: string;
}

/** Pairs of texts with a class, for a textClassifier: text TAB text TAB label. A folder has train.tsv, valid.tsv, test.tsv. */
export interface LabelledPairsData extends RowOrigin, RowBounds, LabelColumn {
  kind: 'labelledPairs';
}

/** Texts with a class, for a textClassifier: text TAB label. A folder has train.tsv, valid.tsv, test.tsv. */
export interface LabelledTextsData extends RowOrigin, RowBounds, LabelColumn {
  kind: 'labelledTexts';
}

/**
 * Running text for a maskedLM: a sentence a line, an empty line between documents; the end of each document is held
 * out. Embedded: `kjv`. A folder has text.txt.
 */
export interface MaskedData extends TextOrigin, RowBounds {
  kind: 'masked';
  /** Share of the tokens to predict. Default 0.15. */
  maskedShare?: number;
}

/**
 * Square images with a class, for a visionTransformer. Embedded: `digits`. A file has an image a line: the class, then
 * its numbers, row by row, channels together, with commas between. Or the arrays themselves.
 */
export interface ImagesData {
  kind: 'images';
  source?: string;
  /** (N, H, W, C), instead of `source`. */
  images?: Float32Array | readonly number[];
  /** (N): 0, 1, …. */
  labels?: Int32Array | readonly number[];
  /** Numbers per pixel. Default 1. */
  channels?: number;
  /** Images per batch. Default 32. */
  batchSize?: number;
  /** Share that is held out for validation, in [0, 1). Default 0.1. */
  validation?: number;
  /** Which images are: the last (`end`, the default), or a spread of each class. */
  holdOut?: HoldOut;
}

/**
 * A module that exports `dataset(options)`, or a default of it: an object, or a promise of one, with `data` (a
 * BatchSource), and `validation` (batches), `tokenizer`, `seqLen`, `sha256` if it has them.
 */
export interface ModuleData {
  kind: 'module';
  /** Address; for a recipe's file, relative to it. */
  url: string | URL;
  options?: Plain;
}

/** What a run is trained on. */
export type DataRecipe =
  | TextData
  | TokensData
  | PairsData
  | LabelledPairsData
  | LabelledTextsData
  | MaskedData
  | ImagesData
  | ModuleData;

/** The name of a kind of data. */
export type DataKindName = DataRecipe['kind'];
