/** @file The words of a model and their ids, as a file has them. */
import { brief, FormatError } from '../errors.js';
import { isJsonObject } from '../json.js';
import { refusal } from '../json-part.js';

/** Ids are rows of an embedding: more are a slip or an attack. */
export const MAX_ID: number = (1 << 24) - 1;

/** What turns a piece into ids. */
export interface SubwordModel {
  /** Word to id. */
  readonly ids: ReadonlyMap<string, number>;
  /** Adds the ids of a piece of a text. */
  encode(piece: string, out: number[]): void;
}

/**
 * `{ word: id, … }` as a map.
 * @throws FormatError for a bad id, two words of one id, and no word at all
 */
export function readVocabulary(value: unknown, path: string): Map<string, number> {
  if (!isJsonObject(value)) throw refusal(path, 'must be an object of words and ids', value);
  const ids = new Map<string, number>();
  const taken = new Set<number>();
  for (const [word, id] of Object.entries(value)) {
    if (!isId(id)) throw refusal(`${path}[${brief(word)}]`, `must be a whole number from 0 to ${MAX_ID}`, id);
    if (taken.has(id)) {
      throw new FormatError(`the id ${id} of ${brief(word)} belongs to another word`, { path, actual: id });
    }
    taken.add(id);
    ids.set(word, id);
  }
  if (ids.size === 0) throw refusal(path, 'must have words', value);
  return ids;
}

export const isId = (id: unknown): id is number =>
  typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= MAX_ID;

/** UTF-16 units of the longest word: what a search for words has to try. */
export function longestWord(ids: ReadonlyMap<string, number>): number {
  let longest = 0;
  for (const word of ids.keys()) longest = Math.max(longest, word.length);
  return longest;
}

/** @throws FormatError when `word` is a text that is not in the vocabulary */
export function idOf(ids: ReadonlyMap<string, number>, word: string, path: string): number {
  const id = ids.get(word);
  if (id !== undefined) return id;
  throw new FormatError(`${brief(word)} is not in the vocabulary`, { path, actual: word });
}

/** `<0x00>` to `<0xFF>`, by which a model without all characters spells bytes. */
export const BYTE_WORDS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);

/** Ids of `BYTE_WORDS`; null where the vocabulary has no such word. */
export const byteIds = (ids: ReadonlyMap<string, number>): readonly (number | null)[] =>
  BYTE_WORDS.map((word) => ids.get(word) ?? null);
