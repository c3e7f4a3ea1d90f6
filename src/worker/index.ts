/**
 * @file Training off the main thread.
 * @module prenorm/worker
 */
export type {
  DatasetSpec,
  Generated,
  GenerateOptions,
  ModelSpec,
  OptimizerSpec,
  Plain,
  Restored,
  RunConfig,
  Snapshot,
  TokenizerSpec,
  WorkerReady,
} from './protocol.js';
export type { WorkerSource } from './worker-port.js';
export { WorkerTrainer, type WorkerTrainerEvents, type WorkerTrainerOptions } from './worker-trainer.js';
