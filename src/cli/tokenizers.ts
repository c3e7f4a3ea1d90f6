/** @file What reads tokenizers of others, loaded where a run, a file or a folder has one. */
import type { HalfType } from '../half.js';
import { type LoadedModel, modelFrom } from '../io/load-model.js';
import { readSource } from '../io/model-source.js';
import type { TokenizerModule } from '../tokenizers/tokenizer-module.js';
import * as tuning from '../tuning/merge.js';

export const loadTokenizers = (): Promise<TokenizerModule> => import('../tokenizers/index.js');

/** `loadModel`, whatever the tokenizer. */
export async function loadModelFile(path: string, dtype?: HalfType): Promise<LoadedModel> {
  return modelFrom(await readSource(path, undefined), { tokenizers: loadTokenizers, tuning, dtype });
}
