/** @file `prenorm/worker`: training off the main thread. */
export type {
  DatasetSpec,
  Generated,
  GenerateOptions,
  ModelSpec,
  OptimizerSpec,
  Restored,
  RunConfig,
  Snapshot,
  TokenizerSpec,
  WorkerReady,
} from './protocol.js';
export type { WorkerSource } from './worker-port.js';
export { WorkerTrainer, type WorkerTrainerEvents, type WorkerTrainerOptions } from './worker-trainer.js';
