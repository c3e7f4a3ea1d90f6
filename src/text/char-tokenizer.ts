/**
 * @file A tokenizer of characters (Unicode code points): id 0 stands for every character it does not know, the others
 * are in the order of their code points. Small vocabularies train fast; nothing is looked up in Unicode's tables.
 */
import { checkValue, idList, integer, text as textRule } from '../checks.js';
import { brief, DataError, FormatError } from '../errors.js';
import { isJsonObject } from '../json.js';

/** What a file of it holds. */
export interface CharTokenizerJSON {
  format: 'prenorm-chars';
  version: 1;
  /** The characters of the ids 1, 2, … as one string. */
  chars: string;
}

const UNKNOWN = '\uFFFD';

/** The `maxVocab - 1` most frequent characters of a text; among equally frequent ones the smaller code points. */
export function trainChars(text: string, maxVocab = 512): CharTokenizer {
  checkValue('trainChars', 'text', text, textRule);
  checkValue('trainChars', 'maxVocab', maxVocab, integer(2));
  const counts = new Map<number, number>();
  for (const char of text) {
    const point = char.codePointAt(0) as number;
    counts.set(point, (counts.get(point) ?? 0) + 1);
  }
  const kept = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, maxVocab - 1);
  return new CharTokenizer(kept.map(([point]) => point));
}

/** Made by `trainChars` or `CharTokenizer.fromJSON`; immutable. */
export class CharTokenizer {
  /** Number of ids, the unknown character's included. */
  readonly vocabSize: number;
  readonly #ids = new Map<number, number>();
  readonly #chars: readonly string[];

  /** @throws FormatError for a code point twice, or one that is none */
  constructor(codePoints: readonly number[]) {
    const sorted = [...codePoints].sort((a, b) => a - b);
    for (const point of sorted) {
      if (!Number.isInteger(point) || point < 0 || point > 0x10ffff || this.#ids.has(point)) {
        throw new FormatError(`${brief(point)} is no code point, or is there twice`, { op: 'CharTokenizer' });
      }
      this.#ids.set(point, this.#ids.size + 1);
    }
    this.#chars = [UNKNOWN, ...sorted.map((point) => String.fromCodePoint(point))];
    this.vocabSize = this.#chars.length;
  }

  /** One id per character, (characters). */
  encode(text: string): Int32Array {
    checkValue('CharTokenizer.encode', 'text', text, textRule);
    const ids = new Int32Array(text.length);
    let n = 0;
    for (const char of text) ids[n++] = this.#ids.get(char.codePointAt(0) as number) ?? 0;
    return ids.slice(0, n);
  }

  /**
   * The text of ids; id 0 becomes U+FFFD.
   * @throws DataError for an id outside [0, vocabSize)
   */
  decode(ids: ArrayLike<number>): string {
    checkValue('CharTokenizer.decode', 'ids', ids, idList);
    return Array.from(ids, (id, i) => {
      const char = this.#chars[id];
      if (char !== undefined) return char;
      throw new DataError(`id ${brief(id)} at position ${i} is not in [0, ${this.vocabSize})`, {
        op: 'CharTokenizer.decode',
        expected: this.vocabSize,
        actual: id,
      });
    }).join('');
  }

  /** What `JSON.stringify` writes and `fromJSON` reads. */
  toJSON(): CharTokenizerJSON {
    return { format: 'prenorm-chars', version: 1, chars: this.#chars.slice(1).join('') };
  }

  /**
   * Reads what `toJSON` made, as an object.
   * @throws FormatError when it is something else
   */
  static fromJSON(data: unknown): CharTokenizer {
    if (!isJsonObject(data) || data.format !== 'prenorm-chars' || data.version !== 1) {
      throw new FormatError('not a tokenizer of characters', { op: 'CharTokenizer.fromJSON' });
    }
    if (typeof data.chars !== 'string') {
      throw new FormatError('"chars" must be a string', { op: 'CharTokenizer.fromJSON', actual: data.chars });
    }
    return new CharTokenizer(Array.from(data.chars, (char) => char.codePointAt(0) as number));
  }
}
