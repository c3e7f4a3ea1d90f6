/** @file A tokenizer of `prenorm/text` as a tokenizer.json that other libraries read. */

import { brief, ConfigError, FormatError } from '../errors.js';
import { MAX_PIECE } from '../text/pre-split.js';
import { Tokenizer } from '../text/tokenizer.js';
import { lettersOf } from './byte-letters.js';
import { added } from './known-tokenizers.js';

/**
 * The split into pieces of `Tokenizer`, as a regular expression: runs of letters, of numbers, of other signs, each with
 * the marks behind them and a space in front, and white space. Runs are counted in code points here and in UTF-16 units
 * there: a run of more than 32 characters beyond U+FFFF is cut in another place.
 */
export const PIECE_PATTERN: string = (() => {
  const run = (first: string, rest: string): string =>
    ` ${first}${rest}{0,${MAX_PIECE - 2}}|${first}${rest}{0,${MAX_PIECE - 1}}`;
  return [
    run('[\\p{L}\\p{M}]', '[\\p{L}\\p{M}]'),
    run('\\p{N}', '[\\p{N}\\p{M}]'),
    run('[^\\s\\p{L}\\p{M}\\p{N}]', '[^\\s\\p{L}\\p{N}]'),
    `\\s{1,${MAX_PIECE}}(?= \\S)`,
    `\\s{1,${MAX_PIECE}}`,
  ].join('|');
})();

/**
 * A tokenizer.json with the ids of a trained `Tokenizer`. Two things the format cannot say: a text that spells a special
 * token's name becomes that token, and halves of surrogate pairs become U+FFFD.
 * @throws FormatError when two tokens spell the same bytes, which the format cannot tell apart
 */
export function toTokenizerJSON(tokenizer: Tokenizer): Record<string, unknown> {
  if (!(tokenizer instanceof Tokenizer)) {
    throw new ConfigError(`tokenizer must be a Tokenizer of prenorm/text, got ${brief(tokenizer)}`, {
      op: 'toTokenizerJSON',
      hint: 'a PretrainedTokenizer has toTokenizerJSON() itself; a CharTokenizer has no such form',
    });
  }
  const { specialTokens, vocabSize } = tokenizer;
  const words = Array.from({ length: vocabSize }, (_, id) =>
    id < specialTokens.length ? specialTokens[id] : lettersOf(tokenizer.tokenBytes(id)),
  );
  const vocab = new Map<string, number>();
  words.forEach((word, id) => {
    const before = vocab.get(word);
    if (before !== undefined) {
      throw new FormatError(`the tokens ${before} and ${id} are both written ${brief(word)}`, {
        op: 'toTokenizerJSON',
        hint: 'train the tokenizer with another size, or with other names of special tokens',
      });
    }
    vocab.set(word, id);
  });
  const { merges } = tokenizer.toJSON();
  const pairs = Array.from({ length: merges.length / 2 }, (_, i) => [
    words[merges[2 * i]],
    words[merges[2 * i + 1]],
  ]);
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map(added),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: PIECE_PATTERN }, behavior: 'Isolated', invert: false },
        byteLevel,
      ],
    },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab),
      merges: pairs,
    },
  };
}
