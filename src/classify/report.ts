/** @file How good a classifier is: accuracy, F1, and which class is taken for which. */
import { checkOptions, integer, optional } from '../checks.js';
import { brief, DataError } from '../errors.js';

/** How good the predictions of one class are. */
export interface ClassScore {
  label: string;
  /** Share of the texts said to have the class that have it; 0 where none is said to. */
  precision: number;
  /** Share of the texts with the class that are said to have it; 0 where none has it. */
  recall: number;
  /** Harmonic mean of the two. */
  f1: number;
  /** Texts that have the class. */
  support: number;
  /** Texts that are said to have it. */
  predicted: number;
}

/** How good predictions are. */
export interface ClassificationReport {
  /** Texts in all. */
  count: number;
  /** Share of the texts whose label, or whole set of labels, is right. */
  accuracy: number;
  /** Mean F1 of the classes, each weighing the same; classes that no text has and none is said to have are left out. */
  macroF1: number;
  /** In the order of the labels. */
  classes: ClassScore[];
  /** `confusion[t][p]`: texts of class t said to be of class p; null where texts have sets of labels. */
  confusion: number[][] | null;
}

/** A text's label; or its labels, where it may have several. */
export type Labelling = string | readonly string[];

/**
 * Compares what is right with what was predicted, text by text.
 * @param labels names of all classes; what is in neither list may be among them
 * @throws DataError for lists of different length, no text at all, or a label that is not among `labels`
 */
export function classificationReport(
  truth: readonly Labelling[],
  predicted: readonly Labelling[],
  labels: readonly string[],
): ClassificationReport {
  const op = 'classificationReport';
  if (truth.length === 0 || truth.length !== predicted.length) {
    throw new DataError(`${truth.length} labels that are right, ${predicted.length} predictions`, {
      op,
      expected: 'as many of both, one at least',
      actual: [truth.length, predicted.length],
    });
  }
  const index = new Map(labels.map((label, i) => [label, i]));
  const single = typeof truth[0] === 'string';
  const numbersOf = (list: string, labelling: Labelling, i: number): number[] => {
    if ((typeof labelling === 'string') !== single) {
      throw new DataError(`${list}[${i}] is ${brief(labelling)}, truth[0] is ${brief(truth[0])}`, {
        op,
        actual: labelling,
        hint: 'give one label to every text, or a list of labels to every text',
      });
    }
    return [...new Set(typeof labelling === 'string' ? [labelling] : labelling)].map((label) => {
      const number = index.get(label);
      if (number !== undefined) return number;
      throw new DataError(`${list}[${i}] has the label ${brief(label)}, which is not among the labels`, {
        op,
        expected: labels,
        actual: label,
      });
    });
  };
  const tally = new ClassTally(labels.length);
  const confusion = labels.map(() => new Array<number>(labels.length).fill(0));
  truth.forEach((labelling, i) => {
    const known = numbersOf('truth', labelling, i);
    const said = numbersOf('predicted', predicted[i], i);
    tally.add(known, said);
    if (single) confusion[known[0]][said[0]]++;
  });
  const classes = tally.classes.map(
    ({ both, support, predicted: said }, i): ClassScore => ({
      label: labels[i],
      precision: said === 0 ? 0 : both / said,
      recall: support === 0 ? 0 : both / support,
      f1: both === 0 ? 0 : (2 * both) / (support + said),
      support,
      predicted: said,
    }),
  );
  const { accuracy, macroF1 } = tally;
  return {
    count: truth.length,
    accuracy,
    macroF1: Number.isNaN(macroF1) ? 0 : macroF1,
    classes,
    confusion: single ? confusion : null,
  };
}

/** Counts of classes by their numbers, text by text, and the scores that follow from them. */
export class ClassTally {
  readonly classes: { both: number; support: number; predicted: number }[];
  #count = 0;
  #right = 0;

  constructor(numClasses: number) {
    this.classes = Array.from({ length: numClasses }, () => ({ both: 0, support: 0, predicted: 0 }));
  }

  /** Takes in a text: the classes that it has, and those that it is said to have. */
  add(known: readonly number[], said: readonly number[]): void {
    const both = known.filter((label) => said.includes(label));
    for (const label of known) this.classes[label].support++;
    for (const label of said) this.classes[label].predicted++;
    for (const label of both) this.classes[label].both++;
    if (both.length === known.length && both.length === said.length) this.#right++;
    this.#count++;
  }

  /** Share of the texts whose classes, all of them, are right; NaN without a text. */
  get accuracy(): number {
    return this.#right / this.#count;
  }

  /** Mean F1 of the classes that a text has or is said to have; NaN where there is none. */
  get macroF1(): number {
    const judged = this.classes.filter(({ support, predicted }) => support + predicted > 0);
    const sum = judged.reduce(
      (f1, { both, support, predicted }) => f1 + (2 * both) / (support + predicted),
      0,
    );
    return sum / judged.length;
  }
}

const widthOf = (text: string): number => [...text].length;
const cutTo = (text: string, width: number): string =>
  widthOf(text) <= width ? text : `${[...text].slice(0, width - 1).join('')}…`;
const padEnd = (text: string, width: number): string => text + ' '.repeat(width - widthOf(text));
const padStart = (text: string, width: number): string => ' '.repeat(width - widthOf(text)) + text;

/** Longest label that a table shows whole. */
const LABEL = 24;
/** How many confusions are listed where there is no room for a table of them. */
const LISTED = 10;

/** A report as text for people: the scores, a line per class, and which class is taken for which. */
export function describeReport(
  report: ClassificationReport,
  options: {
    /** Width of the text in characters. Default 80. */
    columns?: number;
  } = {},
): string {
  checkOptions('describeReport', options, { columns: optional(integer(40)) });
  const { columns = 80 } = options;
  const { accuracy, macroF1, count, classes } = report;
  const score = (value: number): string => value.toFixed(4);
  // Three scores and a count; where they and the longest label do not fit, heads are short and the label is cut.
  const longest = Math.min(LABEL, Math.max(5, ...classes.map(({ label }) => widthOf(label))));
  const roomy = longest + 38 <= columns;
  const [cell, heads] = roomy ? [10, ['precision', 'recall', 'F1']] : [8, ['prec.', 'recall', 'F1']];
  const wide = Math.min(longest, columns - 3 * cell - 8);
  const names = classes.map(({ label }) => cutTo(label, wide));
  const row = (name: string, cells: readonly string[], texts: string): string =>
    padEnd(name, wide) + cells.map((text) => padStart(text, cell)).join('') + padStart(texts, 8);
  const lines = classes.map(({ precision, recall, f1, support }, c) =>
    row(names[c], [precision, recall, f1].map(score), String(support)),
  );
  const facts = [`accuracy ${score(accuracy)}, macro F1 ${score(macroF1)}`, `${count} texts`];
  const summary = widthOf(facts.join(', ')) <= columns ? [facts.join(', ')] : facts;
  const confused = describeConfusion(report, names, columns);
  return [
    ...summary,
    '',
    row('class', heads, 'texts'),
    ...lines,
    ...(confused.length > 0 ? ['', ...confused] : []),
  ].join('\n');
}

function describeConfusion(
  { confusion }: ClassificationReport,
  names: readonly string[],
  columns: number,
): string[] {
  if (!confusion) return [];
  const digits = Math.max(...confusion.flat().map((n) => String(n).length));
  const table = (rows: readonly string[], heads: readonly string[]): string[] => {
    const wide = Math.max(...rows.map(widthOf));
    const cell = Math.max(digits, ...heads.map(widthOf)) + 2;
    if (wide + cell * heads.length > columns) return [];
    const line = (name: string, cells: readonly string[]): string =>
      padEnd(name, wide) + cells.map((text) => padStart(text, cell)).join('');
    return [
      ...(columns < 48
        ? ['rows: what is right', 'columns: what was predicted']
        : ['rows: what is right; columns: what was predicted']),
      line('', heads),
      ...rows.map((name, t) => line(name, confusion[t].map(String))),
    ];
  };
  const named = table(names, names);
  if (named.length > 0) return named;
  const numbers = names.map((_, c) => String(c + 1));
  const numbered = table(
    names.map((name, c) => `${numbers[c]} ${name}`),
    numbers,
  );
  if (numbered.length > 0) return numbered;
  const wrong = confusion
    .flatMap((row, t) => row.map((n, p) => ({ n, t, p })))
    .filter(({ n, t, p }) => n > 0 && t !== p);
  wrong.sort((a, b) => b.n - a.n || a.t - b.t || a.p - b.p);
  const listed = wrong
    .slice(0, LISTED)
    .map(({ n, t, p }) => `${padStart(String(n), digits)}  ${names[t]} -> ${names[p]}`);
  const more = wrong.length > LISTED ? `, the ${LISTED} most frequent of ${wrong.length}` : '';
  return wrong.length === 0
    ? []
    : [cutTo(`what is taken for what${more}:`, columns), ...listed.map((line) => cutTo(line, columns))];
}
