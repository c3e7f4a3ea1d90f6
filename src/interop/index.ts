/**
 * @file Pre-trained models of others: folders of Hugging Face in and out.
 * @module prenorm/interop
 */
export type { PretrainedOverrides } from './family.js';
export { type FromPretrainedOptions, fromPretrained, type PretrainedModel } from './pretrained.js';
export type { PretrainedFetcher, PretrainedFile, PretrainedSource } from './source.js';
export { type ToPretrainedOptions, toPretrained } from './to-pretrained.js';
