/**
 * @file The trainer, the memory plan, evaluation, averaging, tuning of norms.
 * @module prenorm/train
 */
export { averageCheckpoints } from './average.js';
export { evaluateLoss } from './evaluate.js';
export { cyclicTuning, normParameters, normShift, rescaleNorms } from './norm-tuning.js';
export { type MemoryPlan, plan } from './plan.js';
export { loadCheckpointWeights } from './saved-state.js';
export type { Trainable } from './trainable.js';
export { type StepMetrics, Trainer, type TrainerEvents, type TrainerOptions } from './trainer.js';
