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
 * has at most 50 different values, and at most one for every ten lines, they are labels. Everything else is a text for
 * a language model.
 * @param path for messages
 * @throws ConfigError where more than half of the lines have a tab but not all have two columns, and where the second
 *   column has more values than labels would have, but repeats itself more than translations do
 */
export function guessTask(text: string, path: string): TaskGuess {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const tabbed = lines.filter((line) => line.includes('\t'));
  if (tabbed.length * 2 <= lines.length) {
    return { task: 'lm', reason: tabbed.length === 0 ? 'its lines have no tabs' : 'most lines have no tab' };
  }
  const rows = lines.map((line) => line.split('\t'));
  const odd = rows.findIndex(({ length }) => length !== 2);
  if (odd >= 0) {
    throw unclear(
      path,
      `most lines have a tab, but line ${odd + 1} with text has ${rows[odd].length} columns`,
    );
  }
  const values = new Set(rows.map(([, second]) => second.trim())).size;
  const found = `text TAB text with ${values} different values in ${lines.length} lines`;
  if (values <= Math.min(MAX_LABELS, lines.length / 10)) return { task: 'classify', reason: found };
  if (values * 2 > lines.length) return { task: 'translate', reason: found };
  throw unclear(path, `it has ${found}: labels or translations?`);
}

function unclear(path: string, what: string): ConfigError {
  return new ConfigError(what, {
    path,
    expected: ['lm', 'translate', 'classify'],
    hint: 'say what it is for with --task lm, translate or classify',
  });
}
