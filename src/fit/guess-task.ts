/** @file What a file is for, where nobody has said. */
import { ConfigError } from '../errors.js';
import type { FitTask } from './choose-recipe.js';

/** A task, and what in the text speaks for it. */
export interface TaskGuess {
  task: FitTask;
  reason: string;
}

const MAX_LABELS = 50;

/**
 * The task for a text. Lines that all have two columns, text TAB text, are pairs to translate; when the second column
 * has at most 50 different values, and at most one for every ten lines, they are labels; so is the third where all have
 * three. Everything else is a text for a language model.
 * @param path for messages; a name that ends in .csv promises columns
 * @throws ConfigError for a .csv file whose columns are not separated by tabs, where more than half of the lines have a tab but not all have two columns, and where the second
 *   column has more values than labels would have, but repeats itself more than translations do
 */
export function guessTask(text: string, path: string): TaskGuess {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const tabbed = lines.filter((line) => line.includes('\t'));
  if (tabbed.length * 2 <= lines.length) {
    if (isCsv(path)) throw unclear(path, 'columns with commas between are not read', SAVE_AS_TSV);
    return { task: 'lm', reason: tabbed.length === 0 ? 'its lines have no tabs' : 'most lines have no tab' };
  }
  const rows = lines.map((line) => line.split('\t'));
  const three = rows.every(({ length }) => length === 3) && labelsOf(rows);
  if (three && isFew(three, lines.length)) {
    const reason = `text TAB text TAB text with ${three} different values in ${lines.length} lines`;
    return { task: 'classify', reason };
  }
  const odd = rows.findIndex(({ length }) => length !== 2);
  if (odd >= 0) {
    throw unclear(
      path,
      `most lines have a tab, but line ${odd + 1} with text has ${rows[odd].length} columns`,
    );
  }
  const values = labelsOf(rows);
  const found = `text TAB text with ${values} different values in ${lines.length} lines`;
  if (isFew(values, lines.length)) return { task: 'classify', reason: found };
  if (values * 2 > lines.length) return { task: 'translate', reason: found };
  throw unclear(path, `it has ${found}: labels or translations?`);
}

/** Different values of the last column. */
function labelsOf(rows: readonly (readonly string[])[]): number {
  return new Set(rows.map((row) => row[row.length - 1].trim())).size;
}

function isFew(values: number, lines: number): boolean {
  return values <= Math.min(MAX_LABELS, lines / 10);
}

/** Whether a file promises columns with commas between. */
export function isCsv(path: string): boolean {
  return /\.csv$/i.test(path);
}

/** What helps where a file is refused because of that. */
export const SAVE_AS_TSV = 'save it with tabs between (as .tsv) and without quotes around its cells';

function unclear(path: string, what: string, first?: string): ConfigError {
  const say = 'say what it is for with --task lm, translate or classify';
  return new ConfigError(what, {
    path,
    expected: ['lm', 'translate', 'classify'],
    hint: first ? `${first}; where it is running text, say --task lm` : say,
  });
}
