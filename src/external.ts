/**
 * @file The library with its kernels in a file of their own (`prenorm/kernels.wasm`) instead of inlined.
 * @module prenorm/external
 */
export * from './index.js';
export { createRuntime, init } from './runtime/external.js';
