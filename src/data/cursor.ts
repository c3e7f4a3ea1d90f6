import { brief, DataError } from '../errors.js';

/** A position in the training data: the batch that `next()` returns next. Plain JSON, for checkpoints. */
export interface Cursor {
  /** From 0. */
  epoch: number;
  /** Within the epoch, from 0. */
  batch: number;
}

/** What a training loop needs of a dataset: an endless, resumable sequence of batches. */
export interface BatchSource<Batch> {
  /** The next batch; after the last of an epoch comes the first of another. */
  next(): Batch;
  /** Where `next()` stands. */
  state(): Cursor;
  /**
   * Goes to a cursor.
   * @throws DataError for one that the data does not have.
   */
  restore(cursor: Cursor): void;
}

/** Refuses a cursor that is not a pair of non-negative integers. */
export function checkCursor(op: string, cursor: Cursor): void {
  if (isCount(cursor?.epoch) && isCount(cursor?.batch)) return;
  throw new DataError(`cursor must be {epoch, batch} with integers from 0, got ${brief(cursor)}`, {
    op,
    actual: cursor,
  });
}

/** Refuses a cursor that points behind the last batch of its epoch. */
export function checkCursorRange(op: string, cursor: Cursor, numBatches: number): void {
  if (cursor.batch < numBatches) return;
  throw new DataError(
    `cursor is at batch ${cursor.batch} of epoch ${cursor.epoch}, which has ${numBatches}`,
    {
      op,
      expected: numBatches,
      actual: cursor.batch,
      hint: 'resume with the same data, seed and batch options',
    },
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
