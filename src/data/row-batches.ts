/**
 * @file Rows of one or two segments (first mark, segment, end mark, segment, end mark), and their division into
 * batches. What masked language models and their classifiers read.
 */
import { anything, checkValue, integer, optional, type Rules, seed } from '../checks.js';
import { ConfigError } from '../errors.js';
import type { RandomStream } from '../random.js';
import { type BatchSource, type Cursor, checkCursor, checkCursorRange } from './cursor.js';

/** Ids that stand beside the text's own; see `maskedMarks` of the tokenizers. */
export interface RowMarks {
  /** Rows are padded with it. */
  padId: number;
  /** Stands first in every row ([CLS]). */
  clsId: number;
  /** Ends every segment ([SEP]). */
  sepId: number;
}

/** How rows of one or two segments are cut and batched. */
export interface RowOptions {
  /** Ids that stand beside the text's own; see `maskedMarks` of the tokenizers. */
  marks: RowMarks;
  /** Decides the order of every epoch, and what is masked. */
  seed: number;
  /** Longest row in tokens, marks included; of two segments the longer one is cut at its end, and of equal ones the second. */
  maxLen: number;
  /** Most rows of a batch; this or `maxTokens` is needed. Default: as many as `maxTokens` holds. */
  batchSize?: number;
  /** Most tokens of a batch, padding included; this or `batchSize` is needed. Default: no bound. */
  maxTokens?: number;
  /** Rows are padded to a multiple of this, so that few different shapes occur. Default 8. */
  lengthMultiple?: number;
}

/** A batch of rows, as `MaskedLM` and `TextClassifier` read it. */
export interface RowBatch {
  batchSize: number;
  seqLen: number;
  /** (B, T), padded with `padId`. */
  ids: Int32Array;
  /** (B) */
  lengths: Int32Array;
  /** (B, T): 0 up to the first end mark, 1 behind it. */
  segments: Int32Array;
}

export const rowRules: Rules<RowOptions> = {
  marks: anything,
  seed,
  maxLen: integer(5), // three marks and a token on each side
  batchSize: optional(integer(1)),
  maxTokens: optional(integer(1)),
  lengthMultiple: optional(integer(1)),
};

/** Marks, and what the rules of single options cannot say. */
export function checkRowOptions(op: string, options: RowOptions): void {
  const { marks, maxLen, batchSize, maxTokens } = options;
  for (const name of ['padId', 'clsId', 'sepId'] as const)
    checkValue(op, `marks.${name}`, marks?.[name], integer(0));
  if (batchSize === undefined && maxTokens === undefined) {
    throw new ConfigError('give batchSize or maxTokens, or both', {
      op,
      expected: 'a bound of the batch',
      actual: options,
    });
  }
  if (maxTokens !== undefined) checkValue(op, 'maxTokens', maxTokens, integer(padded(maxLen, options)));
}

/** How many tokens of each segment fit into `maxLen` with their marks. */
export function fitSegments(first: number, second: number, maxLen: number): [first: number, second: number] {
  const room = maxLen - 2 - (second > 0 ? 1 : 0);
  if (first + second <= room) return [first, second];
  // The longer one gives way until they are equal, then both do.
  const half = Math.floor(room / 2);
  if (second <= half) return [room - second, second];
  if (first <= room - half) return [first, room - first];
  return [room - half, half];
}

/** Tokens of a row after cutting, marks included. */
export function rowLength(first: number, second: number, maxLen: number): number {
  const [a, b] = fitSegments(first, second, maxLen);
  return a + b + 2 + (b > 0 ? 1 : 0);
}

function padded(length: number, { lengthMultiple = 8, maxLen }: RowOptions): number {
  return Math.min(maxLen, Math.ceil(length / lengthMultiple) * lengthMultiple);
}

/**
 * Rows in batches of similar length. With `random`: shuffled, sorted by length (stable, so equal ones stay shuffled),
 * cut, and the batches shuffled; without, in order of length.
 */
export function planRows(
  lengths: ArrayLike<number>,
  options: RowOptions,
  random: RandomStream | null,
): number[][] {
  const { batchSize = Infinity, maxTokens = Infinity } = options;
  const order = Array.from(lengths, (_, i) => i);
  random?.shuffle(order);
  order.sort((a, b) => padded(lengths[a], options) - padded(lengths[b], options));
  const batches: number[][] = [];
  let current: number[] = [];
  for (const row of order) {
    // By rising length, so a row is as long as its batch would become.
    const full = (current.length + 1) * padded(lengths[row], options) > maxTokens;
    if (full || current.length === batchSize) {
      batches.push(current);
      current = [];
    }
    current.push(row);
  }
  if (current.length > 0) batches.push(current);
  return random ? random.shuffle(batches) : batches;
}

/** Rows as arrays; an empty second segment means a row of one. */
export function collateRows(
  rows: readonly (readonly [first: Int32Array, second: Int32Array])[],
  options: RowOptions,
): RowBatch {
  const { marks, maxLen } = options;
  const lengths = Int32Array.from(rows, ([a, b]) => rowLength(a.length, b.length, maxLen));
  const batchSize = rows.length;
  const seqLen = padded(
    lengths.reduce((a, b) => Math.max(a, b)),
    options,
  );
  const ids = new Int32Array(batchSize * seqLen).fill(marks.padId);
  const segments = new Int32Array(batchSize * seqLen);
  rows.forEach(([first, second], b) => {
    const [na, nb] = fitSegments(first.length, second.length, maxLen);
    let at = b * seqLen;
    ids[at++] = marks.clsId;
    ids.set(first.subarray(0, na), at);
    at += na;
    ids[at++] = marks.sepId;
    segments.fill(1, at, (b + 1) * seqLen);
    if (nb === 0) return;
    ids.set(second.subarray(0, nb), at);
    ids[at + nb] = marks.sepId;
  });
  return { batchSize, seqLen, ids, lengths, segments };
}

/** An endless sequence of planned epochs; what an epoch holds is the subclass's. */
export abstract class PlannedBatches<Batch> implements BatchSource<Batch> {
  #epoch = 0;
  #batch = 0;
  #batches: (() => Batch)[] = [];

  protected constructor(readonly op: string) {}

  /** The batches of an epoch, a function of its number alone; at least one. */
  protected abstract plan(epoch: number): (() => Batch)[];

  /** For the end of the subclass's constructor. */
  protected begin(): void {
    this.#batches = this.plan(0);
  }

  /** Batches in the present epoch. */
  get numBatches(): number {
    return this.#batches.length;
  }

  next(): Batch {
    const batch = this.#batches[this.#batch]();
    if (this.#batch + 1 === this.#batches.length) {
      this.#batches = this.plan(this.#epoch + 1);
      this.#epoch++;
      this.#batch = 0;
    } else this.#batch++;
    return batch;
  }

  state(): Cursor {
    return { epoch: this.#epoch, batch: this.#batch };
  }

  restore(cursor: Cursor): void {
    checkCursor(this.op, cursor);
    const batches = this.plan(cursor.epoch);
    checkCursorRange(this.op, cursor, batches.length);
    this.#batches = batches;
    this.#epoch = cursor.epoch;
    this.#batch = cursor.batch;
  }
}
