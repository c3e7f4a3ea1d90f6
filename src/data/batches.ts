/**
 * @file Sentence pairs in batches of roughly equal token count. An epoch is planned at once: shuffle, sort by
 * length within windows so that little is padded, cut into batches, shuffle the batches. The plan depends on
 * (pairs, options, epoch) alone, so the two numbers of a cursor are all a resume needs.
 */
import { checkInts, checkOptions, integer, oneOf, optional, type Rules, seed } from '../checks.js';
import { DataError } from '../errors.js';
import { RandomStream } from '../random.js';
import { type BatchSource, type Cursor, checkCursor, checkCursorRange } from './cursor.js';

/** A pair as token ids, without the beginning and end marks of the target, which the batch adds. */
export interface TokenPair {
  /** (tokens) */
  source: Int32Array;
  /** (tokens) */
  target: Int32Array;
}

/** A batch as `Transformer` reads it. */
export interface PairBatch {
  /** B, different from batch to batch. */
  batchSize: number;
  /** Length of the padded source, S. */
  sourceLen: number;
  /** Length of the padded target, T. */
  targetLen: number;
  /** (B, S), padded with `padId`. */
  source: Int32Array;
  /** (B) */
  sourceLengths: Int32Array;
  /** (B, T): bos, then the target; padded with `padId`. What the decoder reads. */
  targetInput: Int32Array;
  /** (B, T): the target, then eos; padded with -1, which the loss skips. What the decoder predicts. */
  targetOutput: Int32Array;
  /** (B): target tokens plus one. */
  targetLengths: Int32Array;
  /** Number of target outputs that are not padding. */
  tokens: number;
  /** (B): which pairs these are, as indexes into the list given. */
  indices: Int32Array;
}

/** How pairs become batches. The ids are the tokenizer's. */
export interface PairBatchOptions {
  /** Most tokens of a batch: upper bound of B * S + B * T, padding included. */
  maxTokens: number;
  /** Decides the order of every epoch. */
  seed: number;
  /** Id that rows are padded with. */
  padId: number;
  /** Id that the decoder's input begins with. */
  bosId: number;
  /** Id that the decoder's output ends with. */
  eosId: number;
  /** Pairs sorted by length at a time; smaller mixes lengths more and pads more. Default: the whole epoch. */
  sortWindow?: number;
  /** Longest source, and longest target with its mark, in tokens. Default: what `maxTokens` holds. */
  maxLen?: number;
  /** Whether a pair beyond `maxLen` or `maxTokens` is an error or left out. Default `error`. */
  onTooLong?: 'error' | 'drop';
  /** S and T are rounded up to a multiple of this, so that fewer different shapes occur. Default 1. */
  lengthMultiple?: number;
}

const rules: Rules<PairBatchOptions> = {
  maxTokens: integer(1),
  seed,
  padId: integer(0),
  bosId: integer(0),
  eosId: integer(0),
  sortWindow: optional(integer(1)),
  maxLen: optional(integer(1)),
  onTooLong: optional(oneOf('error', 'drop')),
  lengthMultiple: optional(integer(1)),
};

/** An evaluation has one order: it takes neither a seed nor a window. */
const { seed: _, sortWindow: __, ...evaluationRules } = rules;

/** Which pairs go together in each batch of an epoch, as indexes into `pairs`. */
export function tokenBatches(
  pairs: readonly TokenPair[],
  options: PairBatchOptions,
  epoch: number,
): number[][] {
  const plan = new BatchPlan('tokenBatches', pairs, options);
  return plan.shuffled(epoch);
}

/** Endless shuffled batches, epoch after epoch. */
export class PairBatches implements BatchSource<PairBatch> {
  readonly #pairs: readonly TokenPair[];
  readonly #options: PairBatchOptions;
  readonly #plan: BatchPlan;
  #epoch = 0;
  #batch = 0;
  #batches: number[][];

  constructor(pairs: readonly TokenPair[], options: PairBatchOptions) {
    this.#pairs = pairs;
    this.#options = { ...options };
    this.#plan = new BatchPlan('PairBatches', pairs, this.#options);
    this.#batches = this.#plan.shuffled(0);
  }

  /** Batches in the present epoch. */
  get numBatches(): number {
    return this.#batches.length;
  }

  /** Pairs left out because they were too long. */
  get numDropped(): number {
    return this.#plan.numDropped;
  }

  next(): PairBatch {
    const batch = collate(this.#pairs, this.#batches[this.#batch], this.#options);
    this.#batch++;
    if (this.#batch === this.#batches.length) {
      this.#batches = this.#plan.shuffled(this.#epoch + 1);
      this.#epoch++;
      this.#batch = 0;
    }
    return batch;
  }

  state(): Cursor {
    return { epoch: this.#epoch, batch: this.#batch };
  }

  restore(cursor: Cursor): void {
    checkCursor('PairBatches', cursor);
    const batches = this.#plan.shuffled(cursor.epoch);
    checkCursorRange('PairBatches', cursor, batches.length);
    this.#batches = batches;
    this.#epoch = cursor.epoch;
    this.#batch = cursor.batch;
  }
}

/** Every pair once, in a fixed order (by length, so that little is padded): for evaluation. */
export function* evaluationPairBatches(
  pairs: readonly TokenPair[],
  options: Omit<PairBatchOptions, 'seed' | 'sortWindow'>,
): Generator<PairBatch, void, undefined> {
  checkOptions<typeof options>('evaluationPairBatches', options, evaluationRules);
  const plan = new BatchPlan('evaluationPairBatches', pairs, { ...options, seed: 0 });
  for (const batch of plan.fixed()) yield collate(pairs, batch, options);
}

class BatchPlan {
  readonly numDropped: number;
  readonly #usable: number[] = [];
  readonly #sourceLengths: Int32Array;
  readonly #targetLengths: Int32Array;
  readonly #options: PairBatchOptions;

  constructor(op: string, pairs: readonly TokenPair[], options: PairBatchOptions) {
    checkOptions(op, options, rules);
    this.#options = options;
    this.#sourceLengths = Int32Array.from(pairs, (pair) => pair.source.length);
    this.#targetLengths = Int32Array.from(pairs, (pair) => pair.target.length + 1);
    for (let i = 0; i < pairs.length; i++) {
      checkInts(op, `pair ${i + 1}: source`, pairs[i].source);
      checkInts(op, `pair ${i + 1}: target`, pairs[i].target);
      if (this.#accepts(op, i)) this.#usable.push(i);
    }
    this.numDropped = pairs.length - this.#usable.length;
    if (this.#usable.length === 0) {
      throw new DataError(
        pairs.length === 0 ? 'no sentence pairs' : `all ${pairs.length} pairs are too long and were dropped`,
        { op, hint: pairs.length === 0 ? 'the corpus is empty' : 'raise maxLen or maxTokens' },
      );
    }
  }

  shuffled(epoch: number): number[][] {
    const { seed, sortWindow = this.#usable.length } = this.#options;
    const random = new RandomStream(seed, 'data:pair-batches', epoch);
    const order = random.shuffle([...this.#usable]);
    const sorted: number[] = [];
    for (let start = 0; start < order.length; start += sortWindow) {
      const window = this.#sort(order.slice(start, start + sortWindow));
      // Up, then down, so that a batch across two windows holds similar lengths too.
      for (const index of (start / sortWindow) % 2 === 0 ? window : window.reverse()) sorted.push(index);
    }
    return random.shuffle(this.#cut(sorted));
  }

  fixed(): number[][] {
    return this.#cut(this.#sort([...this.#usable]));
  }

  /** By target length, then source length. Sorting is stable, so equal lengths keep their shuffled order. */
  #sort(indices: number[]): number[] {
    const s = this.#sourceLengths;
    const t = this.#targetLengths;
    return indices.sort((a, b) => t[a] - t[b] || s[a] - s[b]);
  }

  /** Cuts where one pair more would exceed `maxTokens`. */
  #cut(indices: number[]): number[][] {
    const batches: number[][] = [];
    let current: number[] = [];
    let sourceLen = 0;
    let targetLen = 0;
    for (const index of indices) {
      const nextSourceLen = Math.max(sourceLen, padTo(this.#sourceLengths[index], this.#options));
      const nextTargetLen = Math.max(targetLen, padTo(this.#targetLengths[index], this.#options));
      if ((current.length + 1) * (nextSourceLen + nextTargetLen) > this.#options.maxTokens) {
        batches.push(current);
        current = [];
        sourceLen = padTo(this.#sourceLengths[index], this.#options);
        targetLen = padTo(this.#targetLengths[index], this.#options);
      } else {
        sourceLen = nextSourceLen;
        targetLen = nextTargetLen;
      }
      current.push(index);
    }
    batches.push(current);
    return batches;
  }

  /** Whether pair `index` fits; throws where the options ask for an error. Pairs count from 1 in messages. */
  #accepts(op: string, index: number): boolean {
    const { maxTokens, maxLen = maxTokens, onTooLong = 'error' } = this.#options;
    const source = this.#sourceLengths[index];
    const target = this.#targetLengths[index];
    if (source === 0 || target === 1) {
      throw new DataError(`pair ${index + 1} has an empty ${source === 0 ? 'source' : 'target'}`, { op });
    }
    const padded = padTo(source, this.#options) + padTo(target, this.#options);
    if (source <= maxLen && target <= maxLen && padded <= maxTokens) return true;
    if (onTooLong === 'drop') return false;
    if (source > maxLen || target > maxLen) {
      const [side, actual] = source > maxLen ? ['source', source] : ['target (with its end mark)', target];
      throw new DataError(`pair ${index + 1}: ${side} has ${actual} tokens, maxLen is ${maxLen}`, {
        op,
        expected: maxLen,
        actual,
        hint: "shorten the pair, raise maxLen, or set onTooLong: 'drop'",
      });
    }
    throw new DataError(`pair ${index + 1} needs ${padded} tokens, maxTokens is ${maxTokens}`, {
      op,
      expected: maxTokens,
      actual: padded,
      hint: "raise maxTokens, or set onTooLong: 'drop'",
    });
  }
}

/** A length as it is padded: up to `lengthMultiple`, but never beyond the positions a model has. */
function padTo(length: number, options: Pick<PairBatchOptions, 'lengthMultiple' | 'maxLen'>): number {
  const { lengthMultiple = 1, maxLen } = options;
  const padded = Math.ceil(length / lengthMultiple) * lengthMultiple;
  return maxLen !== undefined && length <= maxLen && padded > maxLen ? maxLen : padded;
}

function collate(
  pairs: readonly TokenPair[],
  indices: readonly number[],
  options: Omit<PairBatchOptions, 'seed'>,
): PairBatch {
  const { padId, bosId, eosId } = options;
  const batchSize = indices.length;
  const sourceLengths = Int32Array.from(indices, (index) => pairs[index].source.length);
  const targetLengths = Int32Array.from(indices, (index) => pairs[index].target.length + 1);
  const sourceLen = padTo(
    sourceLengths.reduce((a, b) => Math.max(a, b)),
    options,
  );
  const targetLen = padTo(
    targetLengths.reduce((a, b) => Math.max(a, b)),
    options,
  );
  const source = new Int32Array(batchSize * sourceLen).fill(padId);
  const targetInput = new Int32Array(batchSize * targetLen).fill(padId);
  const targetOutput = new Int32Array(batchSize * targetLen).fill(-1);
  let tokens = 0;
  for (let b = 0; b < batchSize; b++) {
    const pair = pairs[indices[b]];
    const row = b * targetLen;
    source.set(pair.source, b * sourceLen);
    targetInput[row] = bosId;
    targetInput.set(pair.target, row + 1);
    targetOutput.set(pair.target, row);
    targetOutput[row + pair.target.length] = eosId;
    tokens += targetLengths[b];
  }
  return {
    batchSize,
    sourceLen,
    targetLen,
    source,
    sourceLengths,
    targetInput,
    targetOutput,
    targetLengths,
    tokens,
    indices: Int32Array.from(indices),
  };
}
