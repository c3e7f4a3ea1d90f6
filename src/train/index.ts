/**
 * @file The trainer, the memory plan, evaluation, averaging, tuning of norms.
 * @module prenorm/train
 */
export { averageCheckpoints } from './average.js';
export { type Divergence, type DivergenceOptions, judgeDivergence } from './divergence.js';
export { evaluateLoss } from './evaluate.js';
export { cyclicTuning, normParameters, normShift, rescaleNorms } from './norm-tuning.js';
export { type MemoryPlan, plan } from './plan.js';
export { loadCheckpointWeights, type RestoreOptions } from './saved-state.js';
export type { BatchLoss, Trainable } from './trainable.js';
export { type StepMetrics, Trainer, type TrainerEvents, type TrainerOptions } from './trainer.js';
