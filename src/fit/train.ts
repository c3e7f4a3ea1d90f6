/**
 * @file The entry `prenorm/train`: the trainer, and `fit` on top of it. The library's own entry has the trainer only.
 * @module prenorm/train
 */
export * from '../train/index.js';
export {
  type ChosenRecipe,
  chooseRecipe,
  type FinetuneTask,
  type FitBudget,
  type FitData,
  type FitFacts,
  type FitMetrics,
  type FitOptions,
  type FitProgress,
  type FitResult,
  type FitTask,
  fit,
  type ModelOfTask,
  planTuning,
  type TuneBase,
  type TuningOptions,
  type TuningPlan,
  tuningTask,
} from './index.js';
