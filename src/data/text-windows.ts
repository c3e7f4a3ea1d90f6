/**
 * @file One long text as windows for a causal language model. Each epoch starts at a different offset, so that
 * the model does not meet the same cuts again, and takes the windows in a random order. Like sentence
 * batches, an epoch depends on (text, options, epoch) alone, and a cursor of two numbers resumes it.
 */
import { checkInts, checkOptions, integer, seed } from '../checks.js';
import { DataError } from '../errors.js';
import { RandomStream } from '../random.js';
import { type BatchSource, type Cursor, checkCursor, checkCursorRange } from './cursor.js';

/** A batch as `CausalLM` reads it. */
export interface LmBatch {
  batchSize: number;
  seqLen: number;
  /** (B, T) */
  ids: Int32Array;
  /** (B, T): the ids one position later; -1, which the loss skips, behind the end of the text. */
  targets: Int32Array;
  /** Number of targets that are not -1. */
  tokens: number;
}

/** How a text is cut into windows. */
export interface TextWindowsOptions {
  /** Windows of a batch (B). */
  batchSize: number;
  /** Tokens of a window (T). */
  seqLen: number;
  /** Decides the order of the windows, and where in the text an epoch begins. */
  seed: number;
}

const sizes = { batchSize: integer(1), seqLen: integer(1) };

/** Endless shuffled windows over `ids`; every batch is full. */
export class TextWindows implements BatchSource<LmBatch> {
  readonly #ids: Int32Array;
  readonly #options: TextWindowsOptions;
  #epoch = 0;
  #batch = 0;
  #starts: number[];

  constructor(ids: Int32Array, options: TextWindowsOptions) {
    checkOptions('TextWindows', options, { ...sizes, seed });
    checkInts('TextWindows', 'ids', ids);
    const numWindows = Math.floor((ids.length - 1) / options.seqLen);
    if (numWindows < options.batchSize) {
      const found = `${ids.length} tokens give ${Math.max(0, numWindows)} windows of ${options.seqLen}`;
      throw new DataError(`the text is too short: ${found}, a batch needs ${options.batchSize}`, {
        op: 'TextWindows',
        expected: options.batchSize * options.seqLen + 1,
        actual: ids.length,
        hint: 'use a longer text, or a smaller batchSize or seqLen',
      });
    }
    this.#ids = ids;
    this.#options = { ...options };
    this.#starts = this.#planEpoch(0);
  }

  /** Batches in the present epoch; windows that do not fill a batch wait for another epoch's order. */
  get numBatches(): number {
    return Math.floor(this.#starts.length / this.#options.batchSize);
  }

  next(): LmBatch {
    const { batchSize, seqLen } = this.#options;
    const first = this.#batch * batchSize;
    const batch = cutWindows(this.#ids, this.#starts.slice(first, first + batchSize), seqLen);
    this.#batch++;
    if (this.#batch === this.numBatches) {
      this.#starts = this.#planEpoch(this.#epoch + 1);
      this.#epoch++;
      this.#batch = 0;
    }
    return batch;
  }

  state(): Cursor {
    return { epoch: this.#epoch, batch: this.#batch };
  }

  restore(cursor: Cursor): void {
    checkCursor('TextWindows', cursor);
    const starts = this.#planEpoch(cursor.epoch);
    checkCursorRange('TextWindows', cursor, Math.floor(starts.length / this.#options.batchSize));
    this.#starts = starts;
    this.#epoch = cursor.epoch;
    this.#batch = cursor.batch;
  }

  /** Window starts: an offset below one window that still leaves a full batch, then seqLen apart, shuffled. */
  #planEpoch(epoch: number): number[] {
    const { batchSize, seqLen, seed } = this.#options;
    const random = new RandomStream(seed, 'data:text-windows', epoch);
    const spare = this.#ids.length - 1 - batchSize * seqLen;
    const offset = random.nextInt(Math.min(seqLen, spare + 1));
    const starts: number[] = [];
    for (let start = offset; start + seqLen < this.#ids.length; start += seqLen) starts.push(start);
    return random.shuffle(starts);
  }
}

/** The whole text once, in order, every token but the first predicted exactly once: for evaluation. */
export function* evaluationTextWindows(
  ids: Int32Array,
  options: Omit<TextWindowsOptions, 'seed'>,
): Generator<LmBatch, void, undefined> {
  checkOptions('evaluationTextWindows', options, sizes);
  checkInts('evaluationTextWindows', 'ids', ids);
  if (ids.length < 2) {
    throw new DataError(`a text needs two tokens at least, got ${ids.length}`, {
      op: 'evaluationTextWindows',
    });
  }
  const { batchSize, seqLen } = options;
  for (let start = 0; start < ids.length - 1; start += batchSize * seqLen) {
    const starts: number[] = [];
    for (let b = 0; b < batchSize && start + b * seqLen < ids.length - 1; b++)
      starts.push(start + b * seqLen);
    yield cutWindows(ids, starts, seqLen);
  }
}

function cutWindows(text: Int32Array, starts: readonly number[], seqLen: number): LmBatch {
  const batchSize = starts.length;
  const ids = new Int32Array(batchSize * seqLen);
  const targets = new Int32Array(batchSize * seqLen).fill(-1);
  let tokens = 0;
  for (let b = 0; b < batchSize; b++) {
    const count = Math.min(seqLen, text.length - 1 - starts[b]);
    ids.set(text.subarray(starts[b], starts[b] + count), b * seqLen);
    targets.set(text.subarray(starts[b] + 1, starts[b] + 1 + count), b * seqLen);
    tokens += count;
  }
  return { batchSize, seqLen, ids, targets, tokens };
}
