/**
 * @file JSON of files nobody vouches for. `JSON.parse` alone keeps the last of two equal keys silently, and a
 * small file of brackets makes it build a gigabyte of arrays; so the text is measured before it is parsed.
 */
import { brief, DataError, FormatError } from './errors.js';

/** Far beyond any file of ours, and shallow enough for every function that walks a value by recursion. */
export const MAX_JSON_DEPTH = 64;
/** Objects, arrays and strings together; plain numbers cost no more than their text. */
export const MAX_JSON_PARTS = 4_000_000;
/** Of all objects together: each different key costs an engine far more than its text. */
export const MAX_JSON_KEYS = 1_000_000;

/**
 * The value of a JSON text.
 * @throws SyntaxError as `JSON.parse` does
 * @throws FormatError when it is nested too deep, has too many parts or keys, or a key stands twice in one object
 */
export function parseStrictJson(text: string, maxParts = MAX_JSON_PARTS): unknown {
  measure(text, maxParts);
  const value = JSON.parse(text) as unknown;
  const duplicate = findDuplicateKey(text);
  if (duplicate === undefined) return value;
  throw new FormatError(`the key ${brief(duplicate)} stands twice in one object`, { actual: duplicate });
}

/** Whether a value is a JSON object: neither null nor an array. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const [QUOTE, COMMA, COLON, OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN, CLOSE] = [
  34, 44, 58, 91, 92, 93, 123, 125,
];

/** Needs no valid JSON; what it counts is right for valid JSON. */
function measure(text: string, maxParts: number): void {
  let depth = 0;
  let parts = 0;
  let keys = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) {
      i = endOfString(text, i);
      parts++;
    } else if (unit === OPEN || unit === OPEN_LIST) {
      parts++;
      if (++depth > MAX_JSON_DEPTH) {
        throw new FormatError(`JSON nested deeper than ${MAX_JSON_DEPTH} levels`, {
          expected: MAX_JSON_DEPTH,
        });
      }
    } else if (unit === CLOSE || unit === CLOSE_LIST) depth--;
    else if (unit === COLON && ++keys > MAX_JSON_KEYS) {
      throw new FormatError(`JSON of more than ${MAX_JSON_KEYS} keys`, { expected: MAX_JSON_KEYS });
    }
    if (parts > maxParts) {
      throw new FormatError(`JSON of more than ${maxParts} objects, lists and texts`, { expected: maxParts });
    }
  }
}

/** The first key that occurs twice in one object. The text is valid JSON. */
function findDuplicateKey(text: string): string | undefined {
  // Per open bracket: the keys of an object so far, or undefined for a list.
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === OPEN) {
      open.push(new Set());
      expectsKey = true;
    } else if (unit === OPEN_LIST) {
      open.push(undefined);
      expectsKey = false;
    } else if (unit === CLOSE || unit === CLOSE_LIST) {
      open.pop();
      expectsKey = false;
    } else if (unit === COMMA) expectsKey = open[open.length - 1] !== undefined;
    else if (unit === QUOTE) {
      const start = i;
      i = endOfString(text, i);
      if (!expectsKey) continue;
      expectsKey = false;
      const key = JSON.parse(text.slice(start, i + 1)) as string;
      const keys = open[open.length - 1] as Set<string>;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

/** Index of the quote that closes the string opened at `i`; the text's end when none does. */
function endOfString(text: string, i: number): number {
  for (i++; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) return i;
    if (unit === BACKSLASH) i++;
  }
  return text.length;
}

/**
 * The value of a file's JSON text.
 * @throws DataError naming file, line and column of what is wrong
 */
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
