/**
 * @file Texts, and pairs of texts, with a class each (topic; paraphrase, entailment): the file formats and batches for a
 * classifier.
 */
import { checkInts, checkOptions, checkValue, integer } from '../checks.js';
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
  /** Index into the list of classes. */
  label: number;
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
  /** Index into the list of classes. */
  label: number;
}

/** What a file of labelled texts holds. */
export interface LabelledTexts {
  texts: LabelledText[];
  /** Names of the classes, sorted by code unit. */
  classes: string[];
}

/**
 * Labelled pairs from text with one a line: text TAB text TAB label. `path` is only for messages, which name file
 * and line. Line ends may be LF or CRLF; empty lines at the end are ignored, elsewhere they are errors.
 * @param classes the classes of the training part, when this is another part: any other label is an error
 */
export function parseLabelledPairs(text: string, path: string, classes?: readonly string[]): LabelledPairs {
  const columns = ['first text', 'second text', 'label'];
  const found = parseLabelled(text, path, columns, 'a labelled pair', classes);
  return {
    pairs: found.rows.map(({ cells: [first, second], label }) => ({ first, second, label })),
    classes: found.classes,
  };
}

/** Labelled texts, text TAB label, as `parseLabelledPairs` reads pairs. */
export function parseLabelledTexts(text: string, path: string, classes?: readonly string[]): LabelledTexts {
  const found = parseLabelled(text, path, ['text', 'label'], 'a labelled text', classes);
  return { texts: found.rows.map(({ cells, label }) => ({ text: cells[0], label })), classes: found.classes };
}

function parseLabelled(
  text: string,
  path: string,
  columns: readonly string[],
  what: string,
  classes?: readonly string[],
): { rows: { cells: string[]; label: number }[]; classes: string[] } {
  const hint = `one a line: ${columns.map((column) => column.replace(/.* /, '')).join(' TAB ')}`;
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (let i = 0; i < lines.length; i++) if (lines[i].endsWith('\r')) lines[i] = lines[i].slice(0, -1);
  while (lines.length > 0 && lines[lines.length - 1] === '') lines.pop();
  if (lines.length === 0) throw new DataError(`no ${what.slice(2)}s: the text is empty`, { path, hint });
  const rows = lines.map((line, i) => {
    const cells = line.split('\t');
    const where = { path: `${path}:${i + 1}`, hint };
    if (cells.length !== columns.length) {
      throw new DataError(`line with ${cells.length} columns, ${what} has ${columns.length}`, {
        ...where,
        expected: columns.length,
        actual: cells.length,
      });
    }
    const empty = columns.find((_, c) => cells[c].trim() === '');
    if (empty) throw new DataError(`the ${empty} is empty`, where);
    return cells.map((cell) => cell.trim());
  });
  const nameOf = (row: string[]): string => row[columns.length - 1];
  const names = classes ?? [...new Set(rows.map(nameOf))].sort((a, b) => (a < b ? -1 : 1));
  const index = new Map(names.map((name, i) => [name, i]));
  const labelled = rows.map((cells, i) => {
    const label = index.get(nameOf(cells));
    if (label !== undefined) return { cells, label };
    throw new DataError(`the label ${brief(nameOf(cells))} does not occur in the training part`, {
      path: `${path}:${i + 1}`,
      expected: names,
      actual: nameOf(cells),
      hint: `its labels are ${brief(names)}`,
    });
  });
  return { rows: labelled, classes: [...names] };
}

/** A labelled pair as token ids, or a labelled text, which has no second. */
export interface LabelledTokens {
  first: Int32Array;
  second?: Int32Array;
  label: number;
}

/** A batch as `TextClassifier` reads it. */
export interface LabelledBatch extends RowBatch {
  /** (B): classes. */
  labels: Int32Array;
  /** Number of pairs, which the loss is a mean over. */
  tokens: number;
}

/** Endless shuffled batches, epoch after epoch. */
export class LabelledPairBatches extends PlannedBatches<LabelledBatch> {
  readonly #pairs: readonly LabelledTokens[];
  readonly #options: RowOptions;

  constructor(pairs: readonly LabelledTokens[], options: RowOptions) {
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
  options: Omit<RowOptions, 'seed'>,
): Generator<LabelledBatch, void, undefined> {
  const { seed: _, ...evaluationRules } = rowRules;
  checkOptions<typeof options>('evaluationLabelledPairs', options, evaluationRules);
  const full = { ...options, seed: 0 };
  check('evaluationLabelledPairs', pairs, full);
  for (const batch of batchesOf(pairs, full, null)) yield batch();
}

function batchesOf(
  pairs: readonly LabelledTokens[],
  options: RowOptions,
  random: RandomStream | null,
): (() => LabelledBatch)[] {
  const lengths = pairs.map((pair) => rowLength(pair.first.length, pair.second?.length ?? 0, options.maxLen));
  return planRows(lengths, options, random).map((rows) => () => {
    const of = rows.map((row) => pairs[row]);
    const batch = collateRows(
      of.map(({ first, second = NONE }) => [first, second] as const),
      options,
    );
    return { ...batch, labels: Int32Array.from(of, ({ label }) => label), tokens: of.length };
  });
}

function check(op: string, pairs: readonly LabelledTokens[], options: RowOptions): void {
  checkOptions(op, options, rowRules);
  checkRowOptions(op, options);
  if (pairs.length === 0) throw new DataError('no labelled pairs', { op, hint: 'the corpus is empty' });
  pairs.forEach(({ first, second, label }, i) => {
    checkInts(op, `pair ${i + 1}: first`, first);
    if (second !== undefined) checkInts(op, `pair ${i + 1}: second`, second);
    checkValue(op, `pair ${i + 1}: label`, label, integer(-1));
    if (first.length === 0 || second?.length === 0)
      throw new DataError(`pair ${i + 1} has an empty text`, { op });
  });
}

const NONE = new Int32Array(0);
