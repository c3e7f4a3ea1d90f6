import { DataError } from '../errors.js';

/** A source sentence and its translation. */
export type Pair = [source: string, target: string];

/**
 * Sentence pairs from text with one pair a line, source TAB target. `path` is only for messages, which name
 * file and line. Line ends may be LF or CRLF; empty lines at the end are ignored, elsewhere they are errors:
 * a pair that is skipped silently would show nowhere.
 */
export function parsePairs(text: string, path: string): Pair[] {
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (let i = 0; i < lines.length; i++) if (lines[i].endsWith('\r')) lines[i] = lines[i].slice(0, -1);
  while (lines.length > 0 && lines[lines.length - 1] === '') lines.pop();
  if (lines.length === 0) {
    throw new DataError('no sentence pairs: the text is empty', {
      path,
      hint: 'one pair a line, source TAB target',
    });
  }
  return lines.map((line, i): Pair => {
    const columns = line.split('\t');
    const where = { path: `${path}:${i + 1}`, expected: 2, actual: columns.length };
    if (columns.length === 1) {
      throw new DataError('line without a tab', {
        ...where,
        hint: 'write one pair a line, source TAB target',
      });
    }
    if (columns.length > 2) {
      throw new DataError(`line with ${columns.length} columns, a pair has 2`, {
        ...where,
        hint: 'keep two columns, e.g. cut -f1,2',
      });
    }
    const [source, target] = columns;
    if (source.trim() === '' || target.trim() === '') {
      throw new DataError(`empty ${source.trim() === '' ? 'source' : 'target'} side`, {
        path: where.path,
        hint: 'remove the line or fill in the missing side',
      });
    }
    return [source, target];
  });
}
