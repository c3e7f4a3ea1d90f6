/**
 * @file The library's entry: runtime, tensors, autograd, and the names most programs need.
 * @module prenorm
 */
export * from './autograd/index.js';
export * as data from './data/sources.js';
export {
  CheckpointError,
  ConfigError,
  DataError,
  EnvironmentError,
  type ErrorCode,
  type ErrorFields,
  FormatError,
  MemoryError,
  NumericError,
  type NumericFields,
  PrenormError,
  ShapeError,
} from './errors.js';
export * as generate from './generate/searches.js';
export * as io from './io/formats.js';
export * as nn from './nn/index.js';
export * as optim from './optim/optimizers.js';
export type { Arithmetic, Build, MicroKernel } from './runtime/arithmetic.js';
export { type Capabilities, capabilities } from './runtime/capabilities.js';
export { createRuntime, type InitOptions, init, type WasmSource } from './runtime/init.js';
export {
  currentRuntime,
  type InputArray,
  type MemoryReport,
  manualSeed,
  Runtime,
  withRuntime,
} from './runtime/runtime.js';
export { type DType, type HostArray, type NestedNumbers, type Shape, Tensor } from './tensor/index.js';
export * as text from './text/index.js';
export * as theory from './theory/index.js';
export {
  averageCheckpoints,
  type MemoryPlan,
  plan,
  type StepMetrics,
  Trainer,
  type TrainerOptions,
  type TrainingRun,
} from './train/index.js';
