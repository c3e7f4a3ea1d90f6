/** @file What a cell came to, as a row of the table. */
import { createHash } from 'node:crypto';

const { pinned } = await import('../../dist/conformance/index.js');

export const digest = (lines) => createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);

/**
 * The text of a row and whether it is as it should be. A training is judged by its pinned hashes; `said` is what a cell
 * found that checks by itself; everything else is an error.
 */
export function judged({ hashes, said, error = 'no result', threads, reason = '' }) {
  if (!hashes) return { text: said ?? error, ok: said !== undefined };
  const expected = hashes.map((line) => `${line.split(' ')[0]} ${pinned.items[line.split(' ')[0]]}`);
  const ok = hashes.length > 0 && digest(hashes) === digest(expected);
  const found = `${digest(hashes)}${ok ? '' : ` (pinned: ${digest(expected)})`}`;
  if (threads > 1) return { text: `${found}, ${threads} threads`, ok };
  return { text: /isolated|Shared/.test(reason) ? `${found}, 1 thread, says why` : found, ok };
}

/** @throws Error when the text is not what was expected */
export function expectText(text, pattern) {
  if (!pattern.test(text)) throw new Error(`it says: ${text}`);
}

/** What an import does that cannot work: it says why. */
export function refused(outcomes, pattern) {
  for (const { error } of outcomes) expectText(error ?? 'no error', pattern);
  return { said: outcomes[0].error.slice(0, 110) };
}
