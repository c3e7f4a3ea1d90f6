/** @file The small tokenizers of test/fixtures/tokenizers as objects, free to be changed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PretrainedTokenizer, tokenizerFrom } from '../../src/tokenizers/index.js';

/** What a tokenizer.json holds, as far as tests change it. */
export interface TokenizerFile {
  added_tokens: Record<string, unknown>[];
  normalizer: unknown;
  pre_tokenizer: Record<string, unknown> | null;
  post_processor: Record<string, unknown> | null;
  decoder: Record<string, unknown> | null;
  model: Record<string, unknown> & { vocab: Record<string, number> };
  [key: string]: unknown;
}

/** A fresh copy of a fixture. */
export function fixture(name: string): TokenizerFile {
  const path = join(import.meta.dirname, '../fixtures/tokenizers', `${name}.json`);
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** The tokenizer of an object. */
export const read = (json: unknown, config?: object): PretrainedTokenizer =>
  tokenizerFrom({
    'tokenizer.json': JSON.stringify(json),
    ...(config === undefined ? {} : { 'tokenizer_config.json': JSON.stringify(config) }),
  });
