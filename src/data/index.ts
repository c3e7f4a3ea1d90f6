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
  type SplitLoader,
} from './embedded.js';
export { type Pair, parsePairs } from './pairs.js';
export { type DropCount, DropReport, rawLines } from './raw-lines.js';
export { evaluationTextWindows, type LmBatch, TextWindows, type TextWindowsOptions } from './text-windows.js';
