/** @file `PretrainedTokenizer` and what reads one, for who has the class only when there is one. */
import type { Rule } from '../checks.js';
import type { PretrainedTokenizer } from './pretrained-tokenizer.js';
import { isPretrainedJSON } from './saved-form.js';
import type { TokenizerFiles } from './tokenizer-files.js';

/** Whether a value is a `PretrainedTokenizer`, of any copy of the class. */
export function isPretrainedTokenizer(value: unknown): value is PretrainedTokenizer {
  const { encodePair, toJSON } = (value ?? {}) as Partial<PretrainedTokenizer>;
  return (
    typeof encodePair === 'function' && typeof toJSON === 'function' && isPretrainedJSON(toJSON.call(value))
  );
}

/**
 * What reads tokenizers of others: the module `prenorm/tokenizers` as a whole, which is given, so that no page loads it that
 * has none of them.
 */
export interface TokenizerModule {
  readonly PretrainedTokenizer: {
    /** Reads what `toJSON` made. */
    fromJSON(data: unknown): PretrainedTokenizer;
  };
  /** Names of the files that `tokenizerFrom` reads. */
  readonly tokenizerFileNames: readonly string[];
  /** The tokenizer of a model's files. */
  tokenizerFrom(files: TokenizerFiles): PretrainedTokenizer;
}

export const tokenizerModule: Rule = {
  wanted: "the module prenorm/tokenizers (import * as tokenizers from 'prenorm/tokenizers')",
  holds: (value) => {
    const { PretrainedTokenizer: made, tokenizerFrom } = (value ?? {}) as Partial<TokenizerModule>;
    return typeof made?.fromJSON === 'function' && typeof tokenizerFrom === 'function';
  },
};
