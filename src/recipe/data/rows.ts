/** @file What the kinds have in common whose batches are rows of one text or two: how rows are cut and batched. */
import { integer, optional, type Rules } from '../../checks.js';
import type { RowBounds, TextOrigin } from '../data-recipe.js';
import { originRules } from './content.js';

/** Keys of every kind of rows. */
export const rowRules: Rules<TextOrigin & RowBounds> = {
  ...originRules,
  batchSize: optional(integer(1)),
  maxTokens: optional(integer(1)),
  maxLen: optional({ ...integer(1), wanted: 'a positive integer, the longest row' }),
  lengthMultiple: optional(integer(1)),
};
export const rowDefaults = { lengthMultiple: 8 };
/** Rows of a batch, and the longest row that is not cut, where the recipe does not say. */
const BATCH_SIZE = 32;
export const MAX_LEN = 256;

/** The bounds that the recipe leaves to the data; `longest` is the longest row of the training part. */
export function decidedBounds(
  { batchSize, maxTokens, maxLen }: RowBounds,
  longest: number,
): Record<string, number> {
  return {
    ...(batchSize === undefined && maxTokens === undefined ? { batchSize: BATCH_SIZE } : {}),
    // Three marks and a token on each side fit at least.
    ...(maxLen === undefined ? { maxLen: Math.min(MAX_LEN, Math.max(5, longest)) } : {}),
  };
}

/** The bounds of the recipe, and of what it leaves out. */
export function boundsOf(data: RowBounds, decided: Record<string, number>): RowBounds & { maxLen: number } {
  const { batchSize, maxTokens, maxLen, lengthMultiple } = { ...data, ...decided };
  return {
    maxLen: maxLen as number,
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(lengthMultiple === undefined ? {} : { lengthMultiple }),
  };
}
