/**
 * @file Pre-trained models of others: folders of Hugging Face in and out.
 * @module prenorm/interop
 */
export type { PretrainedOverrides } from './family.js';
export {
  type FromPretrainedOptions,
  fromPretrained,
  type PretrainedModel,
  type ToPretrainedOptions,
  toPretrained,
} from './pretrained.js';
export type { PretrainedFetcher, PretrainedFile, PretrainedSource } from './source.js';
