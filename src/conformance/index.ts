export type { Parts } from './item.js';
export { pinned } from './pinned.js';
export {
  type ConformanceOptions,
  type ConformanceResult,
  type ItemResult,
  itemNames,
  runConformance,
} from './run.js';
