/** @file What generation needs of a tokenizer. */
import { ConfigError } from '../errors.js';

/**
 * Text to ids and back: `Tokenizer`, `CharTokenizer`, or one of your own. Without `tokenBytes`, the text of ids must be
 * the texts of each one after the other.
 */
export interface TextCodec {
  readonly vocabSize: number;
  /** A text as ids. */
  encode(text: string): Int32Array;
  /** The text of ids. */
  decode(ids: ArrayLike<number>): string;
  /** The bytes of one token, where a character may have its bytes in several. */
  tokenBytes?(id: number): Uint8Array;
  /** The id that ends a text, where there is one. */
  readonly eosId?: number;
  /** All ids that end a text, where there are several. */
  readonly eosIds?: readonly number[];
}

/** What a codec and one with marks have in common for messages. */
const wanted = 'a tokenizer with encode and decode, or null where texts are ids';

/** @throws ConfigError for what is no tokenizer */
export function checkCodec(op: string, tokenizer: TextCodec | null): void {
  if (tokenizer === null) return;
  if (typeof tokenizer?.encode === 'function' && typeof tokenizer.decode === 'function') return;
  throw new ConfigError(`tokenizer must be ${wanted}`, { op, expected: wanted, actual: tokenizer });
}
