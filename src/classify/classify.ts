/** @file Texts to classes by a trained `TextClassifier`. */
import { checkOptions, fraction, integer, oneOf, optional, type Rules } from '../checks.js';
import { collateRows, planRows, rowLength } from '../data/row-batches.js';
import { brief, ConfigError, DataError } from '../errors.js';
import type { SavedTokenizer } from '../io/saved-tokenizer.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { TextClassifier } from '../nn/text-classifier.js';
import { type RowCodec, rowCodec } from './row-codec.js';

/** One text, or two that are judged together. */
export type TextOrPair = string | readonly [first: string, second: string];

/** How texts are classified. */
export interface ClassifyOptions {
  /** For a model with `multiLabel`: the probability from which a text has a class. Default 0.5. */
  threshold?: number;
  /**
   * A text of more tokens than the model has positions is an error, or is cut as in training: at its end; of a pair the
   * longer one, and equal ones both. Default `error`.
   */
  onTooLong?: 'error' | 'cut';
  /** Texts computed at once, which changes no bit. Default 32. */
  batchSize?: number;
}

/** What a model says of a text. */
export interface Classification {
  /** The most probable class, the first of equals. */
  label: string;
  /** Its probability. */
  probability: number;
  /** Only `label`; with `multiLabel` every class from the threshold on, the most probable first, perhaps none. */
  labels: string[];
  /** Of every class, in the order of the classes. */
  probabilities: number[];
  /** Tokens that did not fit and were left out; 0 unless `onTooLong` is `cut`. */
  tokensCut: number;
}

const rules: Rules<ClassifyOptions> = {
  threshold: optional(fraction),
  onTooLong: optional(oneOf('error', 'cut')),
  batchSize: optional(integer(1)),
};

/**
 * What the model says of each text, in their order. A text's result depends on nothing but the text.
 * @param labels names of the classes in the order of their numbers
 * @throws ConfigError when model, tokenizer and labels do not go together; DataError naming a text that is empty, or
 * longer than the model's `maxSeqLen`
 */
export function classify(
  model: LibraryModel,
  tokenizer: SavedTokenizer | null,
  labels: readonly string[] | null,
  texts: readonly TextOrPair[],
  options: ClassifyOptions = {},
): Classification[] {
  return classifyNamed(model as TextClassifier, tokenizer, labels, texts, options, (i) => ({
    op: 'classify',
    name: `text ${i + 1}`,
  }));
}

/** Where a text stands, for messages: a file and line, or the op that got it and which of them it is. */
export interface TextPlace {
  op?: string;
  path?: string;
  name: string;
}

/** As `classify`, with `placeOf` to say in messages where text i stands. */
export function classifyNamed(
  model: TextClassifier,
  tokenizer: SavedTokenizer | null,
  labels: readonly string[] | null,
  texts: readonly TextOrPair[],
  options: ClassifyOptions,
  placeOf: (i: number) => TextPlace,
): Classification[] {
  checkOptions('classify', options, rules);
  const [codec, names] = fitting(model, tokenizer, labels, options);
  const { threshold = 0.5, onTooLong = 'error', batchSize = 32 } = options;
  if (!Array.isArray(texts)) {
    throw new DataError(`texts must be a list, got ${brief(texts)}`, { op: 'classify', actual: texts });
  }
  const { maxSeqLen, numClasses, multiLabel } = model.config;
  const rows = texts.map((text, i) => encodeRow(codec, text, placeOf(i)));
  const cut = rows.map(([a, b], i) => {
    const full = a.length + b.length + (b.length > 0 ? 3 : 2);
    const left = full - Math.min(full, rowLength(a.length, b.length, maxSeqLen));
    if (left > 0 && onTooLong === 'error') throw tooLong(full, maxSeqLen, placeOf(i));
    return left;
  });
  const results = new Array<Classification>(texts.length);
  const rowOptions = { marks: codec.marks, maxLen: maxSeqLen, batchSize, seed: 0 };
  const lengths = rows.map(([a, b]) => rowLength(a.length, b.length, maxSeqLen));
  for (const batch of planRows(lengths, rowOptions, null)) {
    const made = collateRows(
      batch.map((i) => rows[i]),
      rowOptions,
    );
    const all = model.probabilities(made);
    batch.forEach((i, b) => {
      const probabilities = [...all.subarray(b * numClasses, (b + 1) * numClasses)];
      results[i] = describe(probabilities, names, multiLabel ? threshold : null, cut[i]);
    });
  }
  return results;
}

function describe(
  probabilities: number[],
  names: readonly string[],
  threshold: number | null,
  tokensCut: number,
): Classification {
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  const label = names[order[0]];
  const labels =
    threshold === null ? [label] : order.filter((c) => probabilities[c] >= threshold).map((c) => names[c]);
  return { label, probability: probabilities[order[0]], labels, probabilities, tokensCut };
}

/** Refuses what cannot belong together. */
function fitting(
  model: TextClassifier,
  tokenizer: SavedTokenizer | null,
  labels: readonly string[] | null,
  { threshold }: ClassifyOptions,
): [RowCodec, readonly string[]] {
  const op = 'classify';
  if (!(model instanceof TextClassifier)) {
    const kind = (model as { kind?: unknown } | null)?.kind;
    throw new ConfigError(
      `the model must be a TextClassifier, got ${kind === undefined ? brief(model) : `a ${kind}`}`,
      { op, expected: 'textClassifier', actual: kind ?? model },
    );
  }
  const codec = rowCodec(op, tokenizer);
  const { numClasses, vocabSize, multiLabel } = model.config;
  if (codec.vocabSize > vocabSize) {
    throw new ConfigError(`the tokenizer has ${codec.vocabSize} ids, the model ${vocabSize}`, {
      op,
      expected: vocabSize,
      actual: codec.vocabSize,
      hint: 'give the one that the model was trained with',
    });
  }
  if (!Array.isArray(labels) || labels.length !== numClasses || labels.some((l) => typeof l !== 'string')) {
    throw new ConfigError(`labels must be the names of the model's ${numClasses} classes`, {
      op,
      expected: numClasses,
      actual: labels,
      hint: 'in the order of their numbers: sorted, where they were read from a file',
    });
  }
  if (threshold !== undefined && !multiLabel) {
    throw new ConfigError('threshold is for a model with multiLabel', {
      op,
      actual: threshold,
      hint: 'leave it out: a text has one class, the most probable one',
    });
  }
  return [codec, labels];
}

function encodeRow(codec: RowCodec, text: TextOrPair, place: TextPlace): [Int32Array, Int32Array] {
  const parts: readonly string[] = typeof text === 'string' ? [text] : text;
  const isText = Array.isArray(parts) && (parts.length === 1 || parts.length === 2);
  if (!isText || parts.some((part) => typeof part !== 'string')) {
    throw new DataError(`${place.name} must be a string or two, got ${brief(text)}`, {
      op: place.op,
      path: place.path,
      expected: 'a string, or a pair of strings',
      actual: text,
    });
  }
  const [first, second] = parts.map((part) => {
    const ids = part.trim() === '' ? NONE : codec.encode(part);
    if (ids.length > 0) return ids;
    throw new DataError(`${place.name} is empty`, {
      op: place.op,
      path: place.path,
      hint: 'there is nothing to judge; leave it out',
    });
  });
  return [first, second ?? NONE];
}

function tooLong(length: number, maxSeqLen: number, { name, op, path }: TextPlace): DataError {
  return new DataError(`${name} has ${length} tokens with its marks, the model holds ${maxSeqLen}`, {
    op,
    path,
    expected: maxSeqLen,
    actual: length,
    hint: path === undefined ? "shorten it, or set onTooLong: 'cut'" : 'shorten it, or cut it with --cut',
  });
}

const NONE = new Int32Array(0);
