import { integer, oneOf, optional } from '../../checks.js';
import { uiDeEnTexts } from '../../data/embedded.js';
import {
  evaluationPairBatches,
  type Pair,
  PairBatches,
  parsePairs,
  type TokenPair,
} from '../../data/index.js';
import { DataError } from '../../errors.js';
import { encodeSource } from '../../generate/source.js';
import { resolveConfig } from '../../nn/config.js';
import type { Tokenizer } from '../../text/index.js';
import type { PairsData } from '../data-recipe.js';
import type { Sources } from '../sources.js';
import { bytesOf, withMarks } from '../tokenizers.js';
import {
  type Content,
  checkOrigin,
  contentHash,
  type Divided,
  divide,
  type Parts,
  readContent,
  rowOriginKeys,
  rowOriginRules,
} from './content.js';
import type { DataKind, OpenedData, ReadData, TokenizerMaker } from './kind.js';

const MAX_TOKENS = 1000;

/** What is known of pairs beside their batches. */
export interface OpenedPairs extends OpenedData {
  readonly tokenizer: Tokenizer;
  readonly texts: Parts<Pair[]>;
  /** The same as tokens. */
  readonly pairs: Parts<TokenPair[]>;
}

/** Pairs as they were read. */
export interface ReadPairs extends ReadData {
  readonly content: Content;
  readonly pairs: Parts<Pair[]>;
  /** Where a pair of a part stands in its file. */
  readonly lineOf: Divided<Pair>['lineOf'];
}

/** Sentence pairs. */
export const pairsKind: DataKind<PairsData, ReadPairs> = {
  kind: 'pairs',
  rules: {
    ...rowOriginRules,
    maxTokens: optional(integer(1)),
    onTooLong: optional({ ...oneOf('error', 'drop'), wanted: '"error" or "drop"' }),
  },
  contentKeys: rowOriginKeys,
  models: ['transformer'],
  defaults: { maxTokens: MAX_TOKENS, onTooLong: 'error' },
  check: checkOrigin,
  read: readPairs,
  open: openPairs,
};

/** Reads pairs. */
async function readPairs(data: PairsData, sources: Sources): Promise<ReadPairs> {
  const content = await readContent(
    data,
    {
      kind: 'pairs',
      embedded: { 'ui-de-en': uiDeEnTexts },
      file: 'train.tsv',
      format: 'one pair a line, source TAB target',
    },
    sources,
  );
  const { parts: pairs, lineOf } = divide(content, data, parsePairs);
  return { content, pairs, lineOf, sha256: contentHash([pairs.train, pairs.valid]) };
}

/** Makes pairs tokens; a tokenizer is trained on both sides of the training part. */
async function openPairs(
  data: PairsData,
  { content, pairs: texts, lineOf, sha256 }: ReadPairs,
  make: TokenizerMaker,
): Promise<OpenedPairs> {
  const { onTooLong = 'error' } = data;
  const tokenizer = withMarks(await make(texts.train.flat(), content.source), 'pairs');
  const encode = (part: Pair[]): TokenPair[] =>
    part.map(([source, target]) => ({
      source: encodeSource(tokenizer, source),
      target: tokenizer.encode(target),
    }));
  const { train, valid, test } = texts;
  const pairs: Parts<TokenPair[]> = {
    train: encode(train),
    ...(valid && { valid: encode(valid) }),
    ...(test && { test: encode(test) }),
  };
  const needed = onTooLong === 'error' ? neededFor(Object.values(pairs)) : { tokens: 0, length: 0 };
  const decided =
    data.maxTokens === undefined && needed.tokens > MAX_TOKENS ? { maxTokens: needed.tokens } : undefined;
  const { maxTokens = MAX_TOKENS } = { ...data, ...decided };
  const options = (maxLen: number) => ({
    maxTokens,
    onTooLong,
    maxLen,
    padId: tokenizer.padId,
    bosId: tokenizer.bosId,
    eosId: tokenizer.eosId,
  });
  const fitting = (part: keyof Parts<unknown>, maxLen: number, count?: number): TokenPair[] => {
    const chosen = (pairs[part] as TokenPair[]).slice(0, count);
    if (onTooLong === 'error') {
      checkLengths(chosen, content, part, (row) => lineOf(part, row), { maxTokens, maxLen });
    }
    return chosen;
  };
  return {
    sha256,
    tokenizer,
    texts,
    pairs,
    tokens: pairs.train.reduce((sum, { target }) => sum + target.length + 1, 0),
    ...(decided && { decided }),
    sizes: {
      vocabSize: tokenizer.vocabSize,
      ...(needed.length > defaultMaxSeqLen() && { maxSeqLen: needed.length }),
    },
    heldOut: (['valid', 'test'] as const).filter((part) => pairs[part]),
    train: (seed, maxLen) => new PairBatches(fitting('train', maxLen), { ...options(maxLen), seed }),
    evaluation: (part, maxLen, count) => [
      ...evaluationPairBatches(fitting(part, maxLen, count), options(maxLen)),
    ],
    numExamples: (part) => pairs[part]?.length ?? 0,
    textBytes: (part, maxLen, count) => {
      const batches = evaluationPairBatches(fitting(part, maxLen, count), options(maxLen));
      return [...batches].reduce((sum, { targetOutput }) => sum + bytesOf(tokenizer, targetOutput), 0);
    },
    examples: (count) => (valid ?? []).slice(0, count).map(([text, reference]) => ({ text, reference })),
    oldHashes: () => [sha256],
  };
}

/** What a model takes that is not told how long its rows are. */
const defaultMaxSeqLen = (): number => resolveConfig('pairs', { vocabSize: 1, dModel: 4 }).maxSeqLen;

/** What the longest pair of all parts needs: in a batch, and in a row of the model, bos or eos included. */
function neededFor(parts: readonly (readonly TokenPair[])[]): { tokens: number; length: number } {
  const needed = { tokens: 0, length: 0 };
  for (const { source, target } of parts.flat()) {
    needed.tokens = Math.max(needed.tokens, source.length + target.length + 1);
    needed.length = Math.max(needed.length, source.length, target.length + 1);
  }
  return needed;
}

/** A pair that does not fit is an error with file and line: what is left out silently is missed later. */
function checkLengths(
  pairs: readonly TokenPair[],
  { names }: Content,
  part: keyof Parts<unknown>,
  lineOf: (row: number) => number,
  { maxTokens, maxLen }: { maxTokens: number; maxLen: number },
): void {
  for (const [i, { source, target }] of pairs.entries()) {
    const [longest, tokens] = [Math.max(source.length, target.length + 1), source.length + target.length + 1];
    if (longest <= maxLen && tokens <= maxTokens) continue;
    const file = 'whole' in names ? names.whole : (names[part] ?? names.train);
    const path = `${file}:${lineOf(i)}`;
    if (longest > maxLen) {
      const side = longest === source.length ? 'source' : 'target';
      throw new DataError(`the ${side} has ${longest} tokens, maxSeqLen is ${maxLen}`, {
        path,
        expected: maxLen,
        actual: longest,
        hint: 'raise model.maxSeqLen, or split or remove the line, or set data.onTooLong to "drop"',
      });
    }
    throw new DataError(
      `the pair has ${tokens} tokens, more than a batch may have (maxTokens ${maxTokens})`,
      {
        path,
        expected: maxTokens,
        actual: tokens,
        hint: 'raise data.maxTokens, or split or remove the line, or set data.onTooLong to "drop"',
      },
    );
  }
}
