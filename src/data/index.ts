/**
 * @file Batches of pairs, of running text and of masked text; cleaning; the embedded data sets.
 * @module prenorm/data
 */
export {
  balancedWeights,
  type LabelledText,
  type LabelledTexts,
  parseLabelledTexts,
} from './labelled-pairs.js';
export * from './sources.js';
