export {
  evaluationPairBatches,
  type PairBatch,
  PairBatches,
  type PairBatchOptions,
  type TokenPair,
  tokenBatches,
} from './batches.js';
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
export { evaluationTextWindows, type LmBatch, TextWindows, type TextWindowsOptions } from './text-windows.js';
