/**
 * @file What every search strategy needs of a model: log-probabilities of the next token for a batch of
 * prefixes, one position at a time, with keys and values of earlier positions kept in caches.
 */

import { checkInts, checkValue, integer } from '../checks.js';
import { ShapeError } from '../errors.js';
import type { CausalLM, Transformer } from '../nn/models.js';
import type { HostArray } from '../tensor/tensor.js';
import { CachedLM, READ_AT_ONCE } from './cached-lm.js';
import { CachedTranslation } from './cached-translation.js';
import { LOG_PROBS, mostProbable, NOTHING } from './scores.js';

/** Of every row, most probable first; of equal ones the smaller id comes first. */
export interface BestTokens {
  /** (batch, count) */
  ids: Int32Array;
  /** Their log-probabilities, (batch, count). */
  logProbs: Float32Array;
  /** That of the token asked for, (batch). */
  also: Float32Array;
}

/**
 * A model that gives log-probabilities of the next token for `batch` rows; `lmStepper` and `translationStepper`
 * make one, with caches.
 */
export interface Stepper {
  /** Rows it has now. */
  readonly batch: number;
  readonly vocabSize: number;
  /** Feeds one token per row; returns log-probabilities (batch, vocabSize) of the next. */
  step(ids: Int32Array): Float32Array;
  /**
   * As `step`, for those that go on with the most probable tokens alone: of each row the `count` most probable, and what a
   * search asks of one more token, `also`. Without it a search uses `step`.
   */
  best?(ids: Int32Array, count: number, also: number): BestTokens;
  /**
   * Reads ids (batch, T) behind which nothing is asked for, several at once: a prompt but its last token. Without it a search
   * uses `step`.
   */
  read?(ids: Int32Array): void;
  /** Row i goes on from the former row order[i]; rows may be dropped or repeated. */
  reorder(order: Int32Array): void;
  /** Gives the caches back at once; without it the garbage collector does, some time. */
  release?(): void;
}

/**
 * Steps through a language model, `batch` rows of it. Dropout is off, whatever mode the model is in, and the mode stays.
 * @throws ConfigError for a `batch` that is no positive integer, and for ids and rows there are not
 */
export function lmStepper(model: CausalLM, batch: number): Stepper {
  checkValue('lmStepper', 'batch', batch, integer(1));
  const { vocabSize } = model.config;
  const cached = new CachedLM(model, batch);
  const stepper: Stepper = stepperOver('lmStepper', cached, vocabSize);
  stepper.read = (ids) => {
    const { rows } = cached;
    const count = ids.length / rows;
    checkValue('lmStepper.read', 'ids for each row', count, integer(0));
    const all = idsOf('lmStepper.read', ids, ids.length, vocabSize);
    for (let from = 0; from < count; from += READ_AT_ONCE) {
      const end = Math.min(count, from + READ_AT_ONCE);
      const part = new Int32Array(rows * (end - from));
      for (let row = 0; row < rows; row++)
        part.set(all.subarray(row * count + from, row * count + end), row * (end - from));
      cached.feed(part, NOTHING, end - from);
    }
  };
  return stepper;
}

/**
 * Steps through translations of padded sources (B, S) with their lengths (B). Dropout is off, whatever mode the model
 * is in, and the mode stays.
 * @throws ShapeError for a source that is no whole number of rows; ConfigError for a length beyond it, and for ids and
 * rows there are not
 */
export function translationStepper(model: Transformer, source: Int32Array, lengths: Int32Array): Stepper {
  const { vocabSize } = model.config;
  const sourceLen = source.length / lengths.length;
  if (!Number.isInteger(sourceLen)) {
    throw new ShapeError(`a source of ${source.length} ids does not divide into ${lengths.length} rows`, {
      op: 'translationStepper',
      expected: lengths.length,
      actual: source.length,
    });
  }
  checkInts('translationStepper', 'source', source);
  checkEach('translationStepper', 'lengths', lengths, sourceLen + 1);
  return stepperOver('translationStepper', new CachedTranslation(model, source, lengths), vocabSize);
}

/** Checks what it is given, and feeds it to the model. */
function stepperOver(op: string, cached: CachedLM | CachedTranslation, vocabSize: number): Stepper {
  return {
    get batch() {
      return cached.rows;
    },
    vocabSize,
    step(ids) {
      const read = idsOf(`${op}.step`, ids, cached.rows, vocabSize);
      return cached.feed(read, LOG_PROBS)[0] as Float32Array;
    },
    best(ids, count, also) {
      checkBest(`${op}.best`, count, also, vocabSize);
      const read = idsOf(`${op}.best`, ids, cached.rows, vocabSize);
      return bestOf(cached.feed(read, mostProbable(count, also)));
    },
    reorder(order) {
      checkEach(`${op}.reorder`, 'order', order, cached.rows);
      cached.follow(order);
    },
    release() {
      cached.release();
    },
  };
}

/** One id for each row. A negative one would be a row of zeros. */
function idsOf(op: string, ids: ArrayLike<number>, rows: number, vocabSize: number): Int32Array {
  checkEach(op, 'ids', ids, vocabSize);
  if (ids.length === rows) return Int32Array.from(ids);
  throw new ShapeError(`${rows} rows need ${rows} ids, got ${ids.length}`, {
    op,
    expected: rows,
    actual: ids.length,
  });
}

/** A row there is not would be foreign memory. */
function checkEach(op: string, name: string, values: ArrayLike<number>, end: number): void {
  const rule = integer(0, end - 1);
  for (let i = 0; i < values.length; i++) checkValue(op, `${name}[${i}]`, values[i], rule);
}

function checkBest(op: string, count: number, also: number, vocabSize: number): void {
  checkValue(op, 'count', count, integer(1, vocabSize));
  checkValue(op, 'also', also, integer(0, vocabSize - 1));
}

const bestOf = ([ids, logProbs, also]: HostArray[]): BestTokens => ({
  ids: ids as Int32Array,
  logProbs: logProbs as Float32Array,
  also: also as Float32Array,
});
