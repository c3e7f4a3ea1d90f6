/** @file The sentence that is watched: of what is held out, short enough to be drawn. */
import type { LmBatch, PairBatch } from '../data/index.js';
import { DataError } from '../errors.js';
import type { OpenedData, OpenedPairs, OpenedText, TextCodec } from '../recipe/index.js';
import { log64 } from '../runtime/math.js';

const MOST_TOKENS = 24;

/** One row, and its tokens as people read them. */
export interface Sentence {
  batch: LmBatch | PairBatch;
  source: readonly string[];
  /** What the decoder reads; empty without one. */
  target: readonly string[];
}

/**
 * The first sentence held out that fits, or the beginning of the text held out.
 * @throws DataError where nothing is held out
 */
export function sentenceOf(data: OpenedData, maxSeqLen: number): Sentence {
  const held = data.heldOut.includes('valid') ? data.evaluation('valid', maxSeqLen) : [];
  const codec = data.tokenizer as TextCodec;
  const [first] = held as (LmBatch | PairBatch)[];
  if (!first) {
    throw new DataError('the data is too short: nothing of it is left to watch the model by', {
      op: 'lab',
      hint: 'use a longer text, or more pairs',
    });
  }
  if (!('source' in first)) {
    const seqLen = Math.min(MOST_TOKENS, first.seqLen);
    const ids = first.ids.slice(0, seqLen);
    const targets = first.targets.slice(0, seqLen);
    return {
      batch: { batchSize: 1, seqLen, ids, targets, tokens: seqLen },
      source: spelled(codec, ids),
      target: [],
    };
  }
  const rows = (held as PairBatch[]).flatMap((batch) =>
    Array.from({ length: batch.batchSize }, (_, row) => rowOf(batch, row)),
  );
  const fits = ({ sourceLen, targetLen }: PairBatch) =>
    sourceLen >= 6 && targetLen >= 6 && longest(sourceLen, targetLen) <= MOST_TOKENS;
  const chosen =
    rows.find(fits) ?? rows.reduce((a, b) => (b.sourceLen + b.targetLen < a.sourceLen + a.targetLen ? b : a));
  return {
    batch: chosen,
    source: spelled(codec, chosen.source),
    target: spelled(codec, chosen.targetInput),
  };
}

function longest(a: number, b: number): number {
  return Math.max(a, b);
}

/** One row of a batch without its padding. */
function rowOf(batch: PairBatch, row: number): PairBatch {
  const sourceLen = batch.sourceLengths[row];
  const targetLen = batch.targetLengths[row];
  const part = (ids: Int32Array, wide: number, length: number) => ids.slice(row * wide, row * wide + length);
  return {
    ...batch,
    batchSize: 1,
    sourceLen,
    targetLen,
    source: part(batch.source, batch.sourceLen, sourceLen),
    sourceLengths: Int32Array.of(sourceLen),
    targetInput: part(batch.targetInput, batch.targetLen, targetLen),
    targetLengths: Int32Array.of(targetLen),
    targetOutput: part(batch.targetOutput, batch.targetLen, targetLen),
    tokens: targetLen,
  };
}

function spelled(codec: TextCodec, ids: Int32Array): string[] {
  return Array.from(ids, (id) => codec.decode(Int32Array.of(id)) || '·');
}

/** Losses that mark what a model knows, in nats per token. */
export interface References {
  /** Every token equally likely: ln of the vocabulary. */
  nothing: number;
  /** How often each token comes, and nothing else: the entropy of the training targets. */
  frequencies: number;
}

export function referencesOf(data: OpenedData): References {
  const vocabSize = data.sizes.vocabSize as number;
  const counts = new Float64Array(vocabSize);
  if ('ids' in data) for (const id of (data as OpenedText).ids) counts[id]++;
  else {
    const { pairs, tokenizer } = data as OpenedPairs;
    for (const { target } of pairs.train) {
      for (const id of target) counts[id]++;
      counts[tokenizer.eosId]++;
    }
  }
  let total = 0;
  for (const count of counts) total += count;
  let entropy = 0;
  for (const count of counts) if (count > 0) entropy -= (count / total) * log64(count / total);
  return { nothing: log64(vocabSize), frequencies: entropy };
}
