import { DataError, FormatError } from '../errors.js';
import { parseStrictJson } from '../json.js';

/** The value of a JSON text. @throws DataError naming file, line and column of what is wrong. */
export function parseJson(text: string, path: string): unknown {
  try {
    return parseStrictJson(text);
  } catch (cause) {
    if (cause instanceof FormatError) throw new DataError(cause.message, { path, cause });
    const { message } = cause as Error;
    if (text.trim() === '') throw new DataError('the file is empty, JSON is expected', { path, cause });
    const before = text.slice(0, positionOf(message, text)).split('\n');
    const reason = message.replace(
      /(?: in JSON)? at position \d+.*$|, ".*" is not valid JSON$|, \.\.\..*$/s,
      '',
    );
    throw new DataError(`not valid JSON: ${reason}`, {
      path: `${path}:${before.length}:${before[before.length - 1].length + 1}`,
      hint: 'JSON has double quotes around keys, no comments and no comma behind the last entry',
      cause,
    });
  }
}

/** Not every message of the engine tells the position; then it is where the text stops being a beginning of JSON. */
function positionOf(message: string, text: string): number {
  const told = message.match(/at position (\d+)/);
  if (told) return Number(told[1]);
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (failsAtToken(text.slice(0, middle))) bad = middle;
    else good = middle;
  }
  return good;
}

function failsAtToken(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return (error as Error).message.startsWith('Unexpected token');
  }
}
