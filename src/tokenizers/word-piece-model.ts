/** @file WordPiece: the longest word that fits, again and again, from the left (Devlin et al., 2019). */
import type { JsonPart } from '../json-part.js';
import { idOf, longestWord, readVocabulary, type SubwordModel } from './vocabulary.js';

/** What a file says beside the words. */
export interface WordPieceOptions {
  unknown: string;
  /** In front of what does not begin a word. */
  prefix: string;
  /** Code points; longer words are unknown. */
  maxLength: number;
}

/** Made by `readWordPiece` or from the lines of vocab.txt. */
export class WordPieceModel implements SubwordModel {
  readonly ids: ReadonlyMap<string, number>;
  readonly #unknown: number;
  readonly #options: WordPieceOptions;
  readonly #longest: number;

  /** @throws FormatError when the unknown word is not among the words */
  constructor(ids: ReadonlyMap<string, number>, options: WordPieceOptions, path: string) {
    this.ids = ids;
    this.#unknown = idOf(ids, options.unknown, path);
    this.#options = options;
    this.#longest = longestWord(ids);
  }

  encode(piece: string, out: number[]): void {
    const { prefix, maxLength } = this.#options;
    const start = out.length;
    if (piece.length > maxLength && [...piece].length > maxLength) {
      out.push(this.#unknown);
      return;
    }
    for (let at = 0; at < piece.length; ) {
      const front = at > 0 ? prefix : '';
      let end = Math.min(piece.length, at + this.#longest - front.length);
      let id: number | undefined;
      for (; end > at; end--) {
        id = this.ids.get(front + piece.slice(at, end));
        if (id !== undefined) break;
      }
      if (id === undefined) {
        out.length = start;
        out.push(this.#unknown);
        return;
      }
      out.push(id);
      at = end;
    }
  }
}

/** Longer words would cost the square of their length. */
const MAX_LENGTH = 1000;

/** `model` of type WordPiece. */
export function readWordPiece(part: JsonPart): WordPieceModel {
  const ids = readVocabulary(part.take('vocab'), part.at('vocab'));
  const options = {
    unknown: part.text('unk_token', '[UNK]'),
    prefix: part.text('continuing_subword_prefix', '##'),
    maxLength: part.whole('max_input_chars_per_word', 1, MAX_LENGTH, 100),
  };
  return new WordPieceModel(ids, options, part.at('unk_token'));
}
