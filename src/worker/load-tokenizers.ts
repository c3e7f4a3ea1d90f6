/** @file What reads tokenizers of others, in the worker: loaded where there is one. */
import type { TokenizerModule } from '../tokenizers/tokenizer-module.js';

export const loadTokenizers = (): Promise<TokenizerModule> => import('../tokenizers/index.js');
