/**
 * @file `init` and `loadModel` for programs that run trained models and never train: smaller kernels, the same bits.
 * @module prenorm/inference
 */
export { type LoadedModel, type LoadModelOptions, loadModel, type ModelSource } from './io/load-model.js';
export type { SavedTokenizer } from './io/saved-tokenizer.js';
export { createRuntime, init } from './runtime/forward.js';
export type { InitOptions, WasmSource } from './runtime/init.js';
export type { Runtime } from './runtime/runtime.js';
export type { TokenizerModule } from './tokenizers/tokenizer-module.js';
