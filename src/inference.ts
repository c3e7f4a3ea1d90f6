/** @file `init` for programs that run trained models and never train: smaller kernels, the same bits. */

export { createRuntime, init } from './runtime/forward.js';
export type { InitOptions } from './runtime/runtime.js';
