/** @file A tokenizer of any kind from its JSON; what reads those of others is given, or loaded where there is one. */
import { checkValue } from '../checks.js';
import { ConfigError, DataError } from '../errors.js';
import type { CharTokenizer } from '../text/char-tokenizer.js';
import { readTokenizer } from '../text/read-tokenizer.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { PretrainedTokenizer } from '../tokenizers/pretrained-tokenizer.js';
import { isPretrainedJSON } from '../tokenizers/saved-form.js';
import { type TokenizerModule, tokenizerModule } from '../tokenizers/tokenizer-module.js';

/** A tokenizer that a file can hold. */
export type SavedTokenizer = Tokenizer | CharTokenizer | PretrainedTokenizer;

/** The module, or what loads it. */
export type TokenizerLoader = TokenizerModule | (() => Promise<TokenizerModule>);

/** @throws ConfigError where none is given */
export async function tokenizersOf(op: string, given: TokenizerLoader | undefined): Promise<TokenizerModule> {
  if (given !== undefined) {
    const module = typeof given === 'function' ? await given() : given;
    checkValue(op, 'tokenizers', module, tokenizerModule);
    return module;
  }
  throw new ConfigError('the tokenizer is one of prenorm/tokenizers, which is not given', {
    op,
    expected: 'the option tokenizers',
    hint: "import * as tokenizers from 'prenorm/tokenizers', and give { tokenizers }",
  });
}

/**
 * A tokenizer from what `toJSON()` made.
 * @throws DataError for anything else; ConfigError for one of others without what reads it
 */
export async function savedTokenizer(
  json: unknown,
  path: string,
  op: string,
  tokenizers: TokenizerLoader | undefined,
): Promise<SavedTokenizer> {
  if (!isPretrainedJSON(json)) return readTokenizer(json, path);
  const { PretrainedTokenizer } = await tokenizersOf(op, tokenizers);
  try {
    return PretrainedTokenizer.fromJSON(json);
  } catch (cause) {
    throw new DataError(`not a tokenizer: ${(cause as Error).message}`, { path, cause });
  }
}
