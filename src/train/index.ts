/**
 * @file The trainer, the memory plan, evaluation, averaging, tuning of norms.
 * @module prenorm/train
 */
export { averageCheckpoints } from './average.js';
export type { TrainingRun } from './awaitable.js';
export type { BestWeights, EarlyStopping, Metric, Stopped } from './best.js';
export { type Divergence, type DivergenceOptions, judgeDivergence, uninformedLoss } from './divergence.js';
export { type BatchesLoss, bitsPerByte, evaluateBatches, evaluateLoss } from './evaluate.js';
export type { ModelCompanions } from './model-info.js';
export { cyclicTuning, normParameters, normShift, rescaleNorms } from './norm-tuning.js';
export type {
  Evaluation,
  Sample,
  StepEvents,
  StepMetrics,
  TrainerEvents,
  TrainerOptions,
} from './options.js';
export { type MemoryPlan, plan } from './plan.js';
export { loadCheckpointWeights, type RestoreOptions } from './saved-state.js';
export type { BatchLoss, Trainable } from './trainable.js';
export { Trainer } from './trainer.js';
