/** @file The part of this folder that `prenorm` has as `data`: all but what reads texts of several classes and weighs classes, which `prenorm/data` adds. */
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
  evaluationLabelledPairs,
  type LabelledBatch,
  type LabelledOptions,
  type LabelledPair,
  LabelledPairBatches,
  type LabelledPairs,
  type LabelledTokens,
  type LabelOptions,
  parseLabelledPairs,
} from './labelled-pairs.js';
export {
  evaluationMaskedPairs,
  type MaskedPairBatch,
  MaskedPairBatches,
  type MaskedPairOptions,
  type MaskedTexts,
  type MaskingMarks,
} from './masked-pairs.js';

export { type Pair, parsePairs } from './pairs.js';
export { type DropCount, DropReport, rawLines } from './raw-lines.js';
export { findLeak, type Leak, withoutRepeats } from './repeats.js';
export type { PlannedBatches, RowBatch, RowMarks, RowOptions } from './row-batches.js';
export { evaluationTextWindows, type LmBatch, TextWindows, type TextWindowsOptions } from './text-windows.js';
