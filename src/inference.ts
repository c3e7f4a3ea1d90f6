/**
 * @file `init` for programs that run trained models and never train: smaller kernels, the same bits.
 * @module prenorm/inference
 */
export { createRuntime, init } from './runtime/forward.js';
export type { InitOptions, Runtime, WasmSource } from './runtime/runtime.js';
