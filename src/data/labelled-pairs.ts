/**
 * @file Texts, and pairs of texts, with a class each (topic; paraphrase, entailment): the file formats and batches for a
 * classifier.
 */
import {
  checkInts,
  checkOptions,
  checkValue,
  flag,
  integer,
  optional,
  type Rule,
  type Rules,
} from '../checks.js';
import { brief, DataError } from '../errors.js';
import { RandomStream } from '../random.js';
import {
  checkRowOptions,
  collateRows,
  PlannedBatches,
  planRows,
  type RowBatch,
  type RowOptions,
  rowLength,
  rowRules,
} from './row-batches.js';

/** Two texts with a class, e.g. whether one is a paraphrase of the other. */
export interface LabelledPair {
  first: string;
  second: string;
  /** Index into the list of classes; of several labels the first, -1 for none. */
  label: number;
  /** Of all its labels; only where they are read with a separator. */
  labels?: readonly number[];
}

/** What a file of labelled pairs holds. */
export interface LabelledPairs {
  pairs: LabelledPair[];
  /** Names of the classes, sorted by code unit. */
  classes: string[];
}

/** A text with a class. */
export interface LabelledText {
  text: string;
  /** Index into the list of classes; of several labels the first, -1 for none. */
  label: number;
  /** Of all its labels; only where they are read with a separator. */
  labels?: readonly number[];
}

/** What a file of labelled texts holds. */
export interface LabelledTexts {
  texts: LabelledText[];
  /** Names of the classes, sorted by code unit. */
  classes: string[];
}

/** How the column of labels is read. */
export interface LabelOptions {
  /**
   * What stands between the labels of a text that may have several; an empty column then means none. Default: nothing,
   * so that the column is one label.
   */
  labelSeparator?: string;
}

/** A separator of labels. */
export const separatorRule = optional({
  wanted: 'a text without tabs and line breaks, such as ","',
  holds: (value) => typeof value === 'string' && value.trim() !== '' && !/[\t\r\n]/.test(value),
});

/**
 * Labelled pairs from text with one a line: text TAB text TAB label. `path` is only for messages, which name file
 * and line. Line ends may be LF or CRLF; empty lines at the end are ignored, elsewhere they are errors.
 * @param classes the classes of the training part, when this is another part: any other label is an error
 */
export function parseLabelledPairs(
  text: string,
  path: string,
  classes?: readonly string[],
  options: LabelOptions = {},
): LabelledPairs {
  checkOptions<LabelOptions>('parseLabelledPairs', options, { labelSeparator: separatorRule });
  const columns = ['first text', 'second text', 'label'];
  const found = parseLabelled(text, path, columns, 'a labelled pair', options, classes);
  return {
    pairs: found.rows.map(({ cells: [first, second], ...labels }) => ({ first, second, ...labels })),
    classes: found.classes,
  };
}

/** Labelled texts, text TAB label, as `parseLabelledPairs` reads pairs. */
export function parseLabelledTexts(
  text: string,
  path: string,
  classes?: readonly string[],
  options: LabelOptions = {},
): LabelledTexts {
  checkOptions<LabelOptions>('parseLabelledTexts', options, { labelSeparator: separatorRule });
  const found = parseLabelled(text, path, ['text', 'label'], 'a labelled text', options, classes);
  return {
    texts: found.rows.map(({ cells: [only], ...labels }) => ({ text: only, ...labels })),
    classes: found.classes,
  };
}

interface ParsedRow {
  cells: string[];
  label: number;
  labels?: number[];
}

function parseLabelled(
  text: string,
  path: string,
  columns: readonly string[],
  what: string,
  { labelSeparator }: LabelOptions,
  classes?: readonly string[],
): { rows: ParsedRow[]; classes: string[] } {
  const hint = `one a line: ${columns.map((column) => column.replace(/.* /, '')).join(' TAB ')}`;
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (let i = 0; i < lines.length; i++) if (lines[i].endsWith('\r')) lines[i] = lines[i].slice(0, -1);
  while (lines.length > 0 && lines[lines.length - 1] === '') lines.pop();
  if (lines.length === 0) throw new DataError(`no ${what.slice(2)}s: the text is empty`, { path, hint });
  const named = lines.map((line, i) => {
    const cells = line.split('\t');
    const where = { path: `${path}:${i + 1}`, hint };
    if (cells.length !== columns.length) {
      throw new DataError(`line with ${cells.length} columns, ${what} has ${columns.length}`, {
        ...where,
        expected: columns.length,
        actual: cells.length,
      });
    }
    const needed = labelSeparator === undefined ? columns : columns.slice(0, -1);
    const empty = needed.find((_, c) => cells[c].trim() === '');
    if (empty) throw new DataError(`the ${empty} is empty`, where);
    const trimmed = cells.map((cell) => cell.trim());
    const label = trimmed[columns.length - 1];
    if (labelSeparator === undefined) return { cells: trimmed, names: [label] };
    const names = label === '' ? [] : label.split(labelSeparator).map((name) => name.trim());
    if (names.includes('')) {
      throw new DataError(`there is an empty label in ${brief(label)}`, {
        ...where,
        hint: `labels are separated by ${brief(labelSeparator)}; leave the column empty for none`,
      });
    }
    return { cells: trimmed, names: [...new Set(names)] };
  });
  const known = classes ?? [...new Set(named.flatMap(({ names }) => names))].sort((a, b) => (a < b ? -1 : 1));
  const index = new Map(known.map((name, i) => [name, i]));
  const rows = named.map(({ cells, names }, i): ParsedRow => {
    const numbers = names.map((name) => {
      const number = index.get(name);
      if (number === undefined) throw unknownLabel(name, known, `${path}:${i + 1}`);
      return number;
    });
    const label = numbers[0] ?? -1;
    if (labelSeparator === undefined) return { cells, label };
    return { cells, label, labels: numbers.sort((a, b) => a - b) };
  });
  return { rows, classes: [...known] };
}

/** A label that training has not seen can never be predicted. */
export function unknownLabel(
  name: string,
  known: readonly string[],
  path: string,
  remedy?: string,
): DataError {
  return new DataError(`the label ${brief(name)} does not occur in the training part`, {
    path,
    expected: known,
    actual: name,
    hint: `its labels are ${brief(known)}${remedy ? `; ${remedy}` : ''}`,
  });
}

/** A labelled pair as token ids, or a labelled text, which has no second. */
export interface LabelledTokens {
  first: Int32Array;
  second?: Int32Array;
  /** The class; -1 to ignore it. */
  label: number;
  /** All its classes, instead of `label` where the batches are made with `numClasses`. */
  labels?: readonly number[];
}

/** How labelled rows become batches. */
export interface LabelledOptions extends RowOptions {
  /**
   * For texts of several labels: how many classes there are, so that a batch says of each whether a text has it. Default:
   * one label for each text.
   */
  numClasses?: number;
}

const labelledRules: Rules<LabelledOptions> = { ...rowRules, numClasses: optional(integer(1)) };

/** A batch as `TextClassifier` reads it. */
export interface LabelledBatch extends RowBatch {
  /** (B): classes; with `numClasses` (B, numClasses): 1 for each that the text has, else 0. */
  labels: Int32Array;
  /** Number of pairs, which the loss is a mean over. */
  tokens: number;
}

/** Endless shuffled batches, epoch after epoch. */
export class LabelledPairBatches extends PlannedBatches<LabelledBatch> {
  readonly #pairs: readonly LabelledTokens[];
  readonly #options: LabelledOptions;

  constructor(pairs: readonly LabelledTokens[], options: LabelledOptions) {
    super('LabelledPairBatches');
    check(this.op, pairs, options);
    this.#pairs = pairs;
    this.#options = { ...options };
    this.begin();
  }

  protected override plan(epoch: number): (() => LabelledBatch)[] {
    const random = new RandomStream(this.#options.seed, 'data:labelled-pairs', epoch);
    return batchesOf(this.#pairs, this.#options, random);
  }
}

/** Every pair once, by length: for evaluation. */
export function* evaluationLabelledPairs(
  pairs: readonly LabelledTokens[],
  options: Omit<LabelledOptions, 'seed'>,
): Generator<LabelledBatch, void, undefined> {
  const { seed: _, ...evaluationRules } = labelledRules;
  checkOptions<typeof options>('evaluationLabelledPairs', options, evaluationRules);
  const full = { ...options, seed: 0 };
  check('evaluationLabelledPairs', pairs, full);
  for (const batch of batchesOf(pairs, full, null)) yield batch();
}

function batchesOf(
  pairs: readonly LabelledTokens[],
  options: LabelledOptions,
  random: RandomStream | null,
): (() => LabelledBatch)[] {
  const lengths = pairs.map((pair) => rowLength(pair.first.length, pair.second?.length ?? 0, options.maxLen));
  return planRows(lengths, options, random).map((rows) => () => {
    const of = rows.map((row) => pairs[row]);
    const batch = collateRows(
      of.map(({ first, second = NONE }) => [first, second] as const),
      options,
    );
    return { ...batch, labels: labelsOf(of, options.numClasses), tokens: of.length };
  });
}

function labelsOf(rows: readonly LabelledTokens[], numClasses: number | undefined): Int32Array {
  if (numClasses === undefined) return Int32Array.from(rows, ({ label }) => label);
  const labels = new Int32Array(rows.length * numClasses);
  rows.forEach((row, b) => {
    for (const label of row.labels as readonly number[]) labels[b * numClasses + label] = 1;
  });
  return labels;
}

/**
 * Weights of classes under which each weighs the same in all: N / (K · n) for a class of n among N texts and K
 * classes. With `several` labels per text, what a text with the label weighs beside one without: (N - n) / n. A class
 * that no text has, or every one, gets 1.
 */
export function balancedWeights(
  examples: readonly Pick<LabelledTokens, 'label' | 'labels'>[],
  numClasses: number,
  several = false,
): number[] {
  checkValue('balancedWeights', 'numClasses', numClasses, integer(1));
  checkValue('balancedWeights', 'several', several, flag);
  const counts = new Array<number>(numClasses).fill(0);
  const known = several ? examples : examples.filter(({ label }) => label >= 0);
  for (const { label, labels = [] } of known) {
    for (const one of several ? labels : [label]) {
      checkValue('balancedWeights', 'label', one, integer(0, numClasses - 1));
      counts[one]++;
    }
  }
  return counts.map((count) => {
    if (count === 0 || (several && count === known.length)) return 1;
    return several ? (known.length - count) / count : known.length / (numClasses * count);
  });
}

function check(op: string, pairs: readonly LabelledTokens[], options: LabelledOptions): void {
  checkOptions(op, options, labelledRules);
  checkRowOptions(op, options);
  if (pairs.length === 0) throw new DataError('no labelled pairs', { op, hint: 'the corpus is empty' });
  const { numClasses } = options;
  pairs.forEach(({ first, second, label, labels }, i) => {
    checkInts(op, `pair ${i + 1}: first`, first);
    if (second !== undefined) checkInts(op, `pair ${i + 1}: second`, second);
    if (numClasses === undefined) checkValue(op, `pair ${i + 1}: label`, label, integer(-1));
    else checkValue(op, `pair ${i + 1}: labels`, labels, classNumbers(numClasses));
    if (first.length === 0 || second?.length === 0)
      throw new DataError(`pair ${i + 1} has an empty text`, { op });
  });
}

const classNumbers = (numClasses: number): Rule => ({
  wanted: `a list of whole numbers below ${numClasses}`,
  holds: (list) => Array.isArray(list) && list.every(integer(0, numClasses - 1).holds),
});

const NONE = new Int32Array(0);
