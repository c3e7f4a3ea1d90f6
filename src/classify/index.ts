/**
 * @file Texts to classes by a trained model, and how good it is.
 * @module prenorm/classify
 */
export { type Classification, type ClassifyOptions, classify, type TextOrPair } from './classify.js';
export {
  type ClassificationReport,
  type ClassScore,
  classificationReport,
  describeReport,
  type Labelling,
} from './report.js';
