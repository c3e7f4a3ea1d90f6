/**
 * @file Fixed trainings whose hashes are pinned: does this host compute the right bits?
 * @module prenorm/conformance
 */
export type { Parts } from './item.js';
export { type Pinned, type PinnedHashes, pinned } from './pinned.js';
export {
  type ConformanceOptions,
  type ConformanceResult,
  type ItemResult,
  itemNames,
  pinnedFor,
  runConformance,
} from './run.js';
