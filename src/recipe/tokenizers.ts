/** @file Tokenizers as recipes name them. */
import { brief, ConfigError } from '../errors.js';
import { parseStrictJson } from '../json.js';
import { type CharTokenizer, decodeText, Tokenizer, trainBPE, trainChars } from '../text/index.js';
import { readTokenizer } from '../text/read-tokenizer.js';

export { readTokenizer } from '../text/read-tokenizer.js';

import type { TokenizerRecipe } from './recipe.js';
import type { Sources } from './sources.js';

/** What a run and generation need of a tokenizer; one of your own may come from a data module. */
export interface TextCodec {
  vocabSize: number;
  /** A text as ids. */
  encode(text: string): Int32Array;
  /** The text of ids. */
  decode(ids: ArrayLike<number>): string;
  /** For files; without it a run's folder has no tokenizer. */
  toJSON?(): unknown;
}

/** The tokenizer of a recipe; `texts` are those to train it on, `source` where they came from. */
export async function makeTokenizer(
  recipe: TokenizerRecipe,
  texts: readonly string[],
  source: string | null,
  sources: Sources,
): Promise<CharTokenizer | Tokenizer> {
  if (recipe.kind === 'saved') {
    if ('json' in recipe) return readTokenizer(recipe.json, 'tokenizer.json');
    const path = sources.resolve(recipe.path);
    return readTokenizer(await readJson(sources, path), path);
  }
  if (recipe.kind === 'chars') return trainChars(texts.join('\n'), recipe.maxVocab);
  return (
    (await prepared(recipe.vocabSize, source, sources)) ?? trainBPE(texts, { vocabSize: recipe.vocabSize })
  );
}

/** The one that `prenorm prepare` has stored beside the texts, when it has the wanted size. */
async function prepared(
  vocabSize: number,
  source: string | null,
  sources: Sources,
): Promise<Tokenizer | null> {
  if (source === null) return null;
  const [made, path] = ['prepare.json', 'tokenizer.json'].map((name) => sources.join(source, name));
  if (!sources.exists(made) || !sources.exists(path)) return null;
  const stored = readTokenizer(await readJson(sources, path), path);
  return stored instanceof Tokenizer && stored.vocabSize === vocabSize ? stored : null;
}

async function readJson(sources: Sources, path: string): Promise<unknown> {
  return parseStrictJson(decodeText(await sources.read(path), path));
}

/** A tokenizer with the marks that rows and pairs need. */
export function withMarks(tokenizer: TextCodec, kind: string): Tokenizer {
  if (tokenizer instanceof Tokenizer) return tokenizer;
  throw new ConfigError(`data of kind ${kind} needs a tokenizer with marks for begin, end and padding`, {
    op: 'tokenizer',
    expected: 'bpe, or a saved one of that kind',
    actual: brief(tokenizer.constructor?.name),
    hint: 'use { "kind": "bpe", "vocabSize": 1000 }',
  });
}

/** Bytes of the text that ids spell; marks, and -1 for what is no target, have none. */
export function bytesOf(tokenizer: Tokenizer, ids: Int32Array): number {
  let sum = 0;
  for (const id of ids) if (id >= 0) sum += tokenizer.tokenBytes(id).length;
  return sum;
}
