/**
 * @file Training, and models that are trained, off the main thread.
 * @module prenorm/worker
 */
export type {
  DataRecipe,
  GroupRecipe,
  ModelRecipe,
  ModuleDataset,
  OptimizerRecipe,
  Recipe,
  Selection,
  TokenizerRecipe,
  TrainingRecipe,
} from '../recipe/index.js';
export type { Logits, ModelBatch, WorkerModelReady } from './model-protocol.js';
export type {
  BestSnapshot,
  Generated,
  GenerateOptions,
  Restored,
  RuntimeOptions,
  Snapshot,
  WorkerReady,
  WorkerRun,
} from './protocol.js';
export { WorkerModel, type WorkerModelOptions } from './worker-model.js';
export type { WorkerSource } from './worker-port.js';
export { WorkerTrainer, type WorkerTrainerEvents, type WorkerTrainerOptions } from './worker-trainer.js';
