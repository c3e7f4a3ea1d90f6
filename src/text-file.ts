/** @file Texts and JSON among the files of a model's folder: their size is judged before they are read. */
import { DataError } from './errors.js';
import { parseJson } from './json.js';
import { decodeText } from './utf8.js';

/** Larger than any published vocabulary, and the most that a hostile file may make a program read. */
const MAX_TEXT_FILE = 1 << 28;

/** @throws DataError for a file of so many bytes or characters */
export function checkTextSize(size: number, path: string): void {
  if (size <= MAX_TEXT_FILE) return;
  throw new DataError(`${size} bytes, at most ${MAX_TEXT_FILE} are read`, {
    path,
    expected: MAX_TEXT_FILE,
    actual: size,
  });
}

/**
 * The text in a file's bytes.
 * @throws DataError for a file that is too large, or no UTF-8
 */
export function textOf(bytes: Uint8Array, path: string): string {
  checkTextSize(bytes.length, path);
  return decodeText(bytes, path);
}

/**
 * The value in a file's bytes.
 * @throws DataError for a file that is too large, no UTF-8 or no JSON
 */
export const jsonOf = (bytes: Uint8Array, path: string): unknown => parseJson(textOf(bytes, path), path);
