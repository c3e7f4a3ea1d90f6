/**
 * @file Continuing texts, translating, log-probabilities, attention weights; and the searches below them, with a key/value cache.
 * @module prenorm/generate
 */
export {
  type AttendingLayer,
  type AttendingModel,
  type AttentionWeightsOptions,
  attentionWeights,
} from '../nn/attention-weights.js';
export type { TextCodec } from './codec.js';
export type { Generated } from './continuation.js';
export { type GenerateOptions, generate, generateText, type Prompt } from './generate.js';
export { logProbabilities, type TextProbability } from './log-probabilities.js';
export { type GenerationPlan, type GenerationShape, planGeneration } from './plan.js';
export { type NBestOptions, nBestSearch, type ScoredHypothesis } from './search.js';
export * from './searches.js';
export type { MarkedCodec } from './source.js';
export { type ScoredTranslation, type TranslateOptions, type Translation, translate } from './translate.js';
