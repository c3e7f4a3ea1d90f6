/** @file How probable a model finds a text: token by token, in all, and in bits per byte. */
import { logSoftmax, slice } from '../autograd/ops/index.js';
import { noGrad } from '../autograd/tape.js';
import { tensor, type Variable } from '../autograd/variable.js';
import { checkValue, integer } from '../checks.js';
import { ConfigError, DataError } from '../errors.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { CausalLM, Transformer } from '../nn/models.js';
import { exp64, log64 } from '../runtime/math.js';
import { pause } from '../train/pause.js';
import { encodeBytes } from '../utf8.js';
import { checkCodec, type TextCodec } from './codec.js';
import { encodeSource, type MarkedCodec } from './source.js';
import { windowStep } from './window.js';

/** Log-probabilities of a text. */
export interface TextProbability {
  /** The tokens that were judged. */
  ids: Int32Array<ArrayBuffer>;
  /** Of each, given what stands before it; natural logarithms. */
  logProbs: Float32Array<ArrayBuffer>;
  /** Their sum. */
  total: number;
  /** e^(-total / tokens). */
  perplexity: number;
  /**
   * -total / ln 2 over the bytes (UTF-8) of the text that was judged, so that models with other tokenizers can be
   * compared; null for ids without a tokenizer.
   */
  bitsPerByte: number | null;
}

/** Rows whose log-probabilities over the vocabulary exist at once. */
const ROWS = 64;

/**
 * Log-probabilities of a text under a language model, or of a target given its source, `[source, target]`, under a
 * `Transformer`. A language model says nothing of the first token, which is left out. A text beyond its context is seen
 * as `generate` would have seen it: with the window that the token's place has. Of a target the eos counts too. Dropout
 * is off.
 * @throws ConfigError for what is no such model or no tokenizer
 * @throws DataError for a text of fewer than two tokens, and for a pair that is longer than the model's maxSeqLen
 */
export async function logProbabilities(
  model: LibraryModel,
  tokenizer: TextCodec | MarkedCodec | null,
  text: string | ArrayLike<number> | readonly [string, string],
): Promise<TextProbability> {
  checkCodec(OP, tokenizer);
  if (model instanceof Transformer) return ofPair(model, tokenizer as MarkedCodec, text);
  if (model instanceof CausalLM) return ofText(model, tokenizer, text as string | ArrayLike<number>);
  throw new ConfigError('only a CausalLM and a Transformer give probabilities of texts', {
    op: OP,
    expected: 'CausalLM or Transformer',
    actual: model,
  });
}

const OP = 'logProbabilities';

async function ofText(
  model: CausalLM,
  tokenizer: TextCodec | null,
  text: string | ArrayLike<number>,
): Promise<TextProbability> {
  const { vocabSize, maxSeqLen } = model.config;
  const isText = typeof text === 'string';
  if ((isText && !tokenizer) || (!isText && typeof text?.length !== 'number')) {
    const wanted = tokenizer ? 'a text or ids' : 'ids, because there is no tokenizer';
    throw new ConfigError(`text must be ${wanted}`, { op: OP, expected: wanted, actual: text });
  }
  const given = isText ? (tokenizer as TextCodec).encode(text) : text;
  for (let i = 0; i < given.length; i++) checkValue(OP, `ids[${i}]`, given[i], integer(0, vocabSize - 1));
  const ids = Int32Array.from(given);
  if (ids.length < 2) {
    throw new DataError(`the text has ${ids.length} tokens, at least two are needed`, {
      op: OP,
      expected: 2,
      actual: ids.length,
      hint: 'a language model says nothing of the first token',
    });
  }
  const logProbs = new Float32Array(ids.length - 1);
  // A window of R tokens judges all that no earlier window has, and the token behind it.
  for (let start = 0, judged = 1; judged < ids.length; start += windowStep(maxSeqLen)) {
    const end = Math.min(start + maxSeqLen, ids.length - 1);
    const found = model.evaluating(() =>
      noGrad(() => {
        const x = model.embedding.forward(ofIds(ids.slice(start, end)));
        const h = model.encoder.forward(x, { causal: true }); // (1, T, C)
        return rowProbs(model, h, ids.subarray(judged, end + 1), judged - 1 - start);
      }, model.runtime()),
    );
    logProbs.set(found, judged - 1);
    judged = end + 1;
    await pause();
  }
  const bytes = tokenizer && byteCount(tokenizer, isText ? text : tokenizer.decode(ids), ids[0]);
  return judgement(ids.slice(1), logProbs, bytes);
}

/** Bytes behind the first token. */
function byteCount(tokenizer: TextCodec, text: string, first: number): number {
  const begin = tokenizer.tokenBytes
    ? tokenizer.tokenBytes(first).length
    : encodeBytes(String.fromCodePoint(text.codePointAt(0) ?? 0)).length;
  return encodeBytes(text).length - begin;
}

function ofPair(model: Transformer, tokenizer: MarkedCodec, pair: unknown): TextProbability {
  const { maxSeqLen } = model.config;
  if (!Array.isArray(pair) || pair.length !== 2 || pair.some((side) => typeof side !== 'string')) {
    const wanted = 'a source and a target, [string, string]';
    throw new ConfigError(`pair must be ${wanted}`, { op: OP, expected: wanted, actual: pair });
  }
  if (!tokenizer || !Number.isInteger(tokenizer.bosId) || !Number.isInteger(tokenizer.eosId)) {
    const wanted = 'a tokenizer with bosId and eosId';
    throw new ConfigError(`tokenizer must be ${wanted}`, { op: OP, expected: wanted, actual: tokenizer });
  }
  const [source, target] = pair as [string, string];
  const from = encodeSource(tokenizer, source);
  const to = tokenizer.encode(target, { eos: true });
  for (const [name, length] of [
    ['source', from.length],
    ['target', to.length],
  ] as const) {
    if (length <= maxSeqLen) continue;
    throw new DataError(`the ${name} has ${length} tokens, more than the model's maxSeqLen ${maxSeqLen}`, {
      op: OP,
      expected: maxSeqLen,
      actual: length,
      hint: 'split it',
    });
  }
  const found = model.evaluating(() =>
    noGrad(() => {
      const memory = model.encode(ofIds(from), null);
      const input = Int32Array.of(tokenizer.bosId, ...to.subarray(0, -1));
      const h = model.decoder.forward(model.embedding.forward(ofIds(input)), memory, {}, {});
      return rowProbs(model, h, to, 0);
    }, model.runtime()),
  );
  return judgement(to, found, encodeBytes(target).length);
}

const ofIds = (ids: Int32Array): Variable => tensor(ids, { shape: [1, ids.length], dtype: 'i32' });

/** Log-probabilities of `targets` at the rows of h (1, T, C) from `first` on. */
function rowProbs(
  model: CausalLM | Transformer,
  h: Variable,
  targets: Int32Array,
  first: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(targets.length);
  const { vocabSize } = model.config;
  for (let from = 0; from < targets.length; from += ROWS) {
    const rows = Math.min(ROWS, targets.length - from);
    const block = noGrad(() => {
      const logits = model.output.forward(slice(h, 1, first + from, first + from + rows));
      return logSoftmax(logits).toArray();
    }, model.runtime());
    for (let row = 0; row < rows; row++) out[from + row] = block[row * vocabSize + targets[from + row]];
  }
  return out;
}

function judgement(
  ids: Int32Array<ArrayBufferLike>,
  logProbs: Float32Array<ArrayBuffer>,
  bytes: number | null,
): TextProbability {
  let total = 0;
  for (const logProb of logProbs) total += logProb;
  return {
    ids: Int32Array.from(ids),
    logProbs,
    total,
    perplexity: exp64(-total / logProbs.length),
    bitsPerByte: bytes === null || bytes === 0 ? null : -total / log64(2) / bytes,
  };
}
