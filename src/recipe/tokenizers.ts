/** @file Tokenizers as recipes name them. */
import { type RowCodec, rowCodec } from '../classify/row-codec.js';
import { brief, ConfigError } from '../errors.js';
import {
  type SavedTokenizer,
  savedTokenizer,
  type TokenizerLoader,
  tokenizersOf,
} from '../io/saved-tokenizer.js';
import { isJsonObject, parseStrictJson } from '../json.js';
import { decodeText, Tokenizer, trainBPE, trainChars } from '../text/index.js';
import { readTokenizer } from '../text/read-tokenizer.js';
import { isPretrainedTokenizer } from '../tokenizers/tokenizer-module.js';

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
  tokenizers?: TokenizerLoader,
): Promise<SavedTokenizer> {
  if (recipe.kind === 'saved') {
    if ('json' in recipe) return savedTokenizer(recipe.json, 'tokenizer.json', OP, tokenizers);
    return tokenizerAt(sources.resolve(recipe.path), sources, tokenizers);
  }
  if (recipe.kind === 'chars') return trainChars(texts.join('\n'), recipe.maxVocab);
  return (
    (await prepared(recipe.vocabSize, source, sources)) ?? trainBPE(texts, { vocabSize: recipe.vocabSize })
  );
}

const OP = 'tokenizer';

/** Of a file of ours, or of a model of others: its tokenizer.json, or its folder. */
async function tokenizerAt(
  path: string,
  sources: Sources,
  given: TokenizerLoader | undefined,
): Promise<SavedTokenizer> {
  const whole = ['tokenizer.json', 'vocab.json', 'vocab.txt'].some((name) =>
    sources.exists(sources.join(path, name)),
  );
  const file = whole ? sources.join(path, 'tokenizer.json') : path;
  if (sources.exists(file) || !whole) {
    const json = await readJson(sources, file);
    if (!isJsonObject(json) || !isJsonObject(json.model)) return savedTokenizer(json, file, OP, given);
  }
  const { tokenizerFileNames, tokenizerFrom } = await tokenizersOf(OP, given);
  const files: Record<string, Uint8Array> = {};
  const [, folder, name] = /^(.*?)[/\\]?([^/\\]*)$/.exec(path) as RegExpExecArray;
  if (!whole && name !== 'tokenizer.json')
    return tokenizerFrom({ 'tokenizer.json': await sources.read(path) });
  for (const one of tokenizerFileNames) {
    const at = sources.join(whole ? path : folder || '.', one);
    if (sources.exists(at)) files[one] = await sources.read(at);
  }
  return tokenizerFrom(files);
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

/** What makes rows of labelled texts: by a tokenizer of ours with marks, or a pretrained one like BERT's. */
export const rowsBy = (tokenizer: TextCodec, kind: string): RowCodec =>
  rowCodec('tokenizer', isPretrainedTokenizer(tokenizer) ? tokenizer : withMarks(tokenizer, kind));

/** Bytes of the text that ids spell; marks, and -1 for what is no target, have none. */
export function bytesOf(tokenizer: Pick<Tokenizer, 'tokenBytes'>, ids: Int32Array): number {
  let sum = 0;
  for (const id of ids) if (id >= 0) sum += tokenizer.tokenBytes(id).length;
  return sum;
}
