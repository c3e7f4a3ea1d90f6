/** @file The library's entry: runtime, tensors, autograd, and the names most programs need. */
export * from './autograd/index.js';
export * as data from './data/index.js';
export {
  CheckpointError,
  ConfigError,
  DataError,
  EnvironmentError,
  type ErrorCode,
  FormatError,
  MemoryError,
  NumericError,
  PrenormError,
  ShapeError,
} from './errors.js';
export * as generate from './generate/index.js';
export * as io from './io/index.js';
export * as nn from './nn/index.js';
export * as optim from './optim/index.js';
export { type Capabilities, capabilities } from './runtime/capabilities.js';
export {
  createRuntime,
  currentRuntime,
  type InitOptions,
  init,
  type MemoryReport,
  manualSeed,
  Runtime,
  withRuntime,
} from './runtime/runtime.js';
export { type Shape, Tensor } from './tensor/index.js';
export * as text from './text/index.js';
export * as theory from './theory/index.js';
export {
  averageCheckpoints,
  type MemoryPlan,
  plan,
  type StepMetrics,
  Trainer,
  type TrainerOptions,
} from './train/index.js';
