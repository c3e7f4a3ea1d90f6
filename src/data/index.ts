/**
 * @file Batches of pairs, of running text and of masked text; cleaning; the embedded data sets.
 * @module prenorm/data
 */
export {
  evaluationPairBatches,
  type PairBatch,
  PairBatches,
  type PairBatchOptions,
  type TokenPair,
  tokenBatches,
} from './batches.js';
export {
  alignedExamples,
  type CleanOptions,
  type ColumnOptions,
  cleanExamples,
  columnExamples,
  HOLD_OUT,
  holdOut,
  normalizedExamples,
  type RawExample,
} from './clean.js';
export type { BatchSource, Cursor } from './cursor.js';
export {
  type Digits,
  loadDigits,
  loadKjv,
  loadUiDeEn,
  type PairSplits,
} from './embedded.js';
export {
  balancedWeights,
  evaluationLabelledPairs,
  type LabelledBatch,
  type LabelledOptions,
  type LabelledPair,
  LabelledPairBatches,
  type LabelledPairs,
  type LabelledText,
  type LabelledTexts,
  type LabelledTokens,
  type LabelOptions,
  parseLabelledPairs,
  parseLabelledTexts,
} from './labelled-pairs.js';
export {
  evaluationMaskedPairs,
  type MaskedPairBatch,
  MaskedPairBatches,
  type MaskedPairOptions,
  type MaskedTexts,
} from './masked-pairs.js';

export { type Pair, parsePairs } from './pairs.js';
export { type DropCount, DropReport, rawLines } from './raw-lines.js';
export { findLeak, type Leak, withoutRepeats } from './repeats.js';
export type { PlannedBatches, RowBatch, RowMarks, RowOptions } from './row-batches.js';
export { evaluationTextWindows, type LmBatch, TextWindows, type TextWindowsOptions } from './text-windows.js';
