/** @file Where the steps of `fit` are made: a training that is open, in this thread or in a worker. */
import type { ClassScores, Recipe, RecipeModel } from '../recipe/index.js';
import type { Tokenizer } from '../text/index.js';
import type { StepMetrics } from '../train/index.js';

/** A training that is ready, with whatever has to be read and built for it. */
export interface OpenRun {
  /** Tokens to train on, where that is known. */
  readonly tokens: number | null;
  run(): AsyncGenerator<StepMetrics, void, void>;
  /** The model with its best weights, ready for use in this thread, and how good it is at classes, where it has some. */
  finish(): Promise<{ model: RecipeModel; tokenizer: Tokenizer; scores: ClassScores | null }>;
  /** Gives back what the run holds; `finish` is not called after it. */
  close(): void;
}

/** Opens trainings on one data set. */
export interface Place {
  open(recipe: Recipe, signal?: AbortSignal): Promise<OpenRun>;
}
