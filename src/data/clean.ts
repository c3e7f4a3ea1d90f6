/**
 * @file Raw lines to examples: pairs from two files or one, labelled pairs and text, cleaned as parallel data for
 * translation usually are (Moses' clean-corpus-n; the paper's IWSLT14 recipe: 1 to 175 words, ratio 1.5).
 */
import { checkOptions, checkValue, flag, integer, optional } from '../checks.js';
import { DataError } from '../errors.js';
import type { DropReport } from './raw-lines.js';

/** An example before anything is known about its columns' meaning, and where it stands. */
export interface RawExample {
  /** The text of each column. */
  columns: string[];
  /** File and line, e.g. `train.tsv:17`. */
  where: string;
}

/** Which columns of a line to take, and whether the first line names them. */
export interface ColumnOptions {
  /** The columns to take, counted from 1, in the order they are wanted. */
  columns: readonly number[];
  /** Whether further columns are a mistake of the line. Default false. */
  exact?: boolean;
  /** Whether the first line names the columns and is left out. */
  header: boolean;
}

/** Limits that a pair must keep; the paper's IWSLT14 recipe is 175 words and a ratio of 1.5. */
export interface CleanOptions {
  /** Most words of a side; Infinity for any number. */
  maxWords: number;
  /** Most words of the longer side per word of the shorter; Infinity for any. */
  maxRatio: number;
}

export const NOT_UTF8 = 'not UTF-8';
export const EMPTY = 'empty';

/** Line i of every file together. @throws DataError when the files differ in length, because then nothing is aligned. */
export function alignedExamples(
  files: readonly { path: string; lines: readonly (string | null)[] }[],
  report: DropReport,
): RawExample[] {
  const [first, ...others] = files;
  for (const other of others) {
    if (other.lines.length === first.lines.length) continue;
    throw new DataError(
      `${other.lines.length} lines, but ${first.path} has ${first.lines.length}: line i must be the translation of line i`,
      {
        path: other.path,
        expected: first.lines.length,
        actual: other.lines.length,
        hint: 'look for a missing, an added or a doubled line',
      },
    );
  }
  return first.lines.flatMap((_, i) => {
    const bad = files.find(({ lines }) => lines[i] === null);
    const where = `${(bad ?? first).path}:${i + 1}`;
    if (bad) report.add(NOT_UTF8, where);
    return bad ? [] : [{ columns: files.map(({ lines }) => lines[i] as string), where }];
  });
}

/** The wanted columns of every line of one tab-separated file. */
export function columnExamples(
  file: { path: string; lines: readonly (string | null)[] },
  options: ColumnOptions,
  report: DropReport,
): RawExample[] {
  checkOptions('columnExamples', options, {
    columns: {
      wanted: 'a list of column numbers from 1',
      holds: (list) => Array.isArray(list) && list.length > 0 && list.every(integer(1).holds),
    },
    exact: optional(flag),
    header: flag,
  });
  const { columns, exact = false, header } = options;
  const least = Math.max(...columns);
  return file.lines.flatMap((line, i) => {
    const where = `${file.path}:${i + 1}`;
    if (header && i === 0) return [];
    if (line === null) {
      report.add(NOT_UTF8, where);
      return [];
    }
    const cells = line.split('\t');
    if (cells.length < least || (exact && cells.length > least)) {
      report.add(`${cells.length < least ? 'fewer' : 'more'} than ${least} columns`, where);
      return [];
    }
    return [{ columns: columns.map((column) => cells[column - 1]), where }];
  });
}

/**
 * Examples with every column passed through `normalize` (white space, tokens, case) and none empty.
 * @param normalize gets the text and the number of its column; its result holds no tab and no line break
 * @param mayBeEmpty a column, counted from 0, in which nothing may stand
 */
export function normalizedExamples(
  examples: readonly RawExample[],
  normalize: (text: string, column: number) => string,
  report: DropReport,
  mayBeEmpty?: number,
): RawExample[] {
  return examples.flatMap(({ columns, where }) => {
    const normal = columns.map(normalize);
    if (normal.every((column, c) => column !== '' || c === mayBeEmpty)) return [{ columns: normal, where }];
    report.add(EMPTY, where);
    return [];
  });
}

/** Infinity is none. */
const limit = { wanted: 'a number >= 1', holds: (value: unknown) => typeof value === 'number' && value >= 1 };

/** Examples whose texts (the first `texts` columns) keep to the limits; words are what single spaces separate. */
export function cleanExamples(
  examples: readonly RawExample[],
  texts: number,
  options: CleanOptions,
  report: DropReport,
): RawExample[] {
  checkValue('cleanExamples', 'texts', texts, integer(1));
  checkOptions('cleanExamples', options, { maxWords: limit, maxRatio: limit });
  return examples.filter(({ columns, where }) => {
    const words = columns.slice(0, texts).map((column) => column.split(' ').length);
    const most = Math.max(...words);
    if (most > options.maxWords) report.add(`more than ${options.maxWords} words`, where);
    else if (most > options.maxRatio * Math.min(...words)) {
      report.add(`lengths differ by more than a factor of ${options.maxRatio}`, where);
    } else return true;
    return false;
  });
}

/** Of training data without a validation part every 23rd example becomes one (the paper's IWSLT14 recipe). */
export const HOLD_OUT = 23;

/** Takes every 23rd example out, number `offset` (counted from 1) of each 23: the rest, and those. */
export function holdOut<T>(examples: readonly T[], offset: number): { rest: T[]; held: T[] } {
  checkValue('holdOut', 'offset', offset, integer(1, HOLD_OUT));
  const out = (_: T, i: number): boolean => i % HOLD_OUT === offset - 1;
  return { rest: examples.filter((e, i) => !out(e, i)), held: examples.filter(out) };
}
