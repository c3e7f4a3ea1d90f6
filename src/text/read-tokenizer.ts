/** @file A tokenizer of either kind from its JSON. */
import { DataError } from '../errors.js';
import { isJsonObject } from '../json.js';
import { CharTokenizer } from './char-tokenizer.js';
import { Tokenizer } from './tokenizer.js';

/**
 * A tokenizer from what `toJSON()` made.
 * @throws DataError for anything else
 */
export function readTokenizer(json: unknown, path: string): CharTokenizer | Tokenizer {
  try {
    const isChars = isJsonObject(json) && json.format === 'prenorm-chars';
    return isChars ? CharTokenizer.fromJSON(json) : Tokenizer.fromJSON(json as never);
  } catch (error) {
    throw new DataError(`not a tokenizer: ${(error as Error).message}`, { path, cause: error });
  }
}
