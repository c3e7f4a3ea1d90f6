/** @file A training in one call: rules that choose a recipe, and the call. */
export {
  type ChosenRecipe,
  chooseRecipe,
  type FitFacts,
  type FitTask,
} from './choose-recipe.js';
export { describeRecipe, type FitMetrics, type FitResult, fit, type ModelOfTask } from './fit.js';
export { guessTask, type TaskGuess } from './guess-task.js';
export type { FitBudget, FitData, FitOptions, FitProgress } from './options.js';
export { type FitPlan, type FitPlanOptions, planFit } from './plan-fit.js';
export { planTuning, type TuningOptions, type TuningPlan, tuningTask } from './plan-tuning.js';
export type { FinetuneTask, TuneBase } from './tune-recipe.js';
