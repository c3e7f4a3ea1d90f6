/**
 * @file Models as files, checkpoints, safetensors, storage in the browser.
 * @module prenorm/io
 */

export type { TokenizerModule } from '../tokenizers/tokenizer-module.js';
export * from './formats.js';
export { type LoadedModel, type LoadModelOptions, loadModel, type ModelSource } from './load-model.js';
export { type SaveModelOptions, saveModel } from './model-file.js';
export type { SavedTokenizer } from './saved-tokenizer.js';
