/** @file `model` of tokenizer.json, which has a type in newer files and has to be told by its keys in older ones. */
import { brief, FormatError } from '../errors.js';
import { JsonPart } from '../json-part.js';
import { readBPE } from './bpe-model.js';
import { readUnigram } from './unigram-model.js';
import type { SubwordModel } from './vocabulary.js';
import { readWordPiece } from './word-piece-model.js';

const READERS: Readonly<Record<string, (part: JsonPart) => SubwordModel>> = {
  BPE: readBPE,
  WordPiece: readWordPiece,
  Unigram: readUnigram,
};

/** @throws FormatError for another type */
export function readModel(value: unknown, path: string): SubwordModel {
  const part = new JsonPart(value, path);
  const type = part.take('type') ?? guess(value as Record<string, unknown>);
  if (typeof type !== 'string' || !Object.hasOwn(READERS, type)) {
    throw new FormatError(`there is no model ${brief(type)} here`, {
      path: part.at('type'),
      expected: Object.keys(READERS),
      actual: type,
      hint: 'known are BPE, WordPiece and Unigram',
    });
  }
  const model = READERS[type](part);
  part.finish();
  return model;
}

function guess(model: Record<string, unknown>): string {
  if (Array.isArray(model.vocab)) return 'Unigram';
  return 'merges' in model ? 'BPE' : 'WordPiece';
}
