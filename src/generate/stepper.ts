/**
 * @file What every search strategy needs of a model: log-probabilities of the next token for a batch of
 * prefixes, one position at a time, with keys and values of earlier positions kept in caches.
 */

import { logSoftmax } from '../autograd/ops/index.js';
import { KeyValueCache, takeRows } from '../autograd/ops/key-value-cache.js';
import { noGrad } from '../autograd/tape.js';
import { tensor, type Variable } from '../autograd/variable.js';
import { checkInts, checkValue, integer } from '../checks.js';
import { ShapeError } from '../errors.js';
import type { CausalLM, Transformer } from '../nn/models.js';
import type { Module } from '../nn/module.js';
import { CachedLM } from './cached-lm.js';

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
  return {
    get batch() {
      return cached.rows;
    },
    vocabSize,
    step(ids) {
      checkEach('lmStepper.step', 'ids', ids, vocabSize);
      return cached.feed(ids, logProbs, 1);
    },
    reorder(order) {
      checkEach('lmStepper.reorder', 'order', order, cached.rows);
      cached.reorder(order);
    },
    release() {
      cached.release();
    },
  };
}

/**
 * Steps through translations of padded sources (B, S) with their lengths (B). Dropout is off, whatever mode the model
 * is in, and the mode stays.
 * @throws ShapeError for a source that is no whole number of rows; ConfigError for a length beyond it, and for ids and
 * rows there are not
 */
export function translationStepper(model: Transformer, source: Int32Array, lengths: Int32Array): Stepper {
  const runtime = model.runtime();
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
  let rows = lengths.length;
  let sourceLengths = tensor(lengths);
  // Keys and values of the memory are computed once; rows move only when the search reorders them.
  let memoryKVs: Variable[] = compute(model, () => {
    const memory = model.encode(tensor(source, { shape: [rows, sourceLen], dtype: 'i32' }), sourceLengths);
    return model.decoder.layers.map((layer) => layer.multiheadAttn.projectMemory(memory));
  });
  let caches = model.decoder.layers.map(({ selfAttn }) => new KeyValueCache(runtime, rows, selfAttn.kvWidth));
  let position = 0;
  return {
    get batch() {
      return rows;
    },
    vocabSize,
    step(ids) {
      checkEach('translationStepper.step', 'ids', ids, vocabSize);
      return compute(model, () => {
        const x = model.embedding.forward(tensor(ids, { shape: [rows, 1], dtype: 'i32' }), position++);
        return logProbs(
          model.output.forward(model.decoder.forwardCached(x, caches, memoryKVs, { lengths: sourceLengths })),
        );
      });
    },
    reorder(order) {
      checkEach('translationStepper.reorder', 'order', order, rows);
      caches = caches.map((cache) => cache.reorder(order));
      memoryKVs = noGrad(() => memoryKVs.map((kv) => takeRows(kv, order)), runtime);
      const before = sourceLengths.toArray();
      sourceLengths = tensor(Int32Array.from(order, (row) => before[row]));
      rows = order.length;
    },
    release() {
      for (const cache of caches) cache.release();
    },
  };
}

/** Without gradients and without dropout. */
function compute<T>(model: Module, fn: () => T): T {
  return model.evaluating(() => noGrad(fn, model.runtime()));
}

/** A negative id would be a row of zeros, and a row there is not would be foreign memory. */
function checkEach(op: string, name: string, values: ArrayLike<number>, end: number): void {
  const rule = integer(0, end - 1);
  for (let i = 0; i < values.length; i++) checkValue(op, `${name}[${i}]`, values[i], rule);
}

function logProbs(logits: Variable): Float32Array {
  return logSoftmax(logits).toArray() as Float32Array;
}
