/** @file What `fit` takes, and the check of it. */
import {
  abortSignal,
  anything,
  callback,
  checkOptions,
  flag,
  oneOf,
  optional,
  type Rules,
  seed,
} from '../checks.js';
import { brief, ConfigError, checkKeys } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { Recipe, TextContent } from '../recipe/index.js';
import type { StepMetrics } from '../train/index.js';
import type { WorkerSource } from '../worker/index.js';
import type { FitTask } from './choose-recipe.js';

/**
 * What to learn from. Content as such, as a recipe's `data.text` takes it: running text; or lines, source TAB target, or
 * text TAB label, or text TAB text TAB label. Or lists: of texts, of `[source, target]`, of `[text, label]`; a row of
 * other than two is refused; tabs and line breaks in them become
 * spaces (but for running text, whose texts are joined by line breaks). In Node a string without a line break that
 * is the name of a file or folder stands for what is in it; in a folder of `prenorm prepare`, prepare.json says whether a
 * text has several labels.
 */
export type FitData = TextContent | readonly string[] | readonly (readonly string[])[];

/** How long to train: steps, or minutes, which are turned into steps once, before step 1. */
export type FitBudget =
  | {
      /** Updates in all. */
      steps: number;
    }
  | {
      /** Minutes of training, above 0 and at most 44640 (a month), measured on this machine and turned into steps. */
      minutes: number;
    };

/** Where a training stands. */
export interface FitProgress extends StepMetrics {
  /** Steps in all. */
  steps: number;
  /** Seconds left at the speed so far. */
  secondsLeft: number;
}

/** What `fit` takes. */
export interface FitOptions<T extends FitTask = FitTask> {
  /** What to train: a language model (`lm`), a translator or a classifier of texts. */
  task: T;
  /**
   * What to learn from: a text, lines source TAB target or text TAB label, as a string, bytes or a Blob; or a list of texts,
   * of `[source, target]`, of `[text, label]`; in Node also the name of a file or folder.
   */
  data: FitData;
  /** How long to train: one of its two keys. */
  budget: FitBudget;
  /** Seed of initial values, data order and dropout. Default 0. */
  seed?: number;
  /** Train in a worker: `true`, or where trainer-worker.js lies, as `WorkerTrainerOptions.worker`. Default false. */
  worker?: boolean | WorkerSource;
  /** Ends the training after the step under way, with an AbortError. */
  signal?: AbortSignal;
  /** Called with the recipe before step 1. */
  onRecipe?: (recipe: Recipe) => void;
  /** Called after every step. */
  onProgress?: (progress: FitProgress) => void;
  /** Do not print the recipe, which else goes to `console.log`. Default false. */
  quiet?: boolean;
}

const isWorker = (value: unknown): boolean =>
  typeof value === 'boolean' ||
  typeof value === 'string' ||
  typeof value === 'function' ||
  value instanceof URL;

const RULES: Rules<FitOptions> = {
  task: oneOf('lm', 'translate', 'classify'),
  data: anything,
  budget: { wanted: 'an object with steps or minutes', holds: isJsonObject },
  seed: optional(seed),
  worker: optional({ wanted: 'true, false, or a worker as WorkerTrainer takes it', holds: isWorker }),
  signal: optional(abortSignal),
  onRecipe: optional(callback),
  onProgress: optional(callback),
  quiet: optional(flag),
};

/** @throws ConfigError naming the key, what is required and what came */
export function checkFitOptions(options: FitOptions): void {
  checkOptions('fit', options, RULES);
  checkBudget(options.budget);
}

/** @throws ConfigError for what is neither steps nor minutes, or both */
function checkBudget(budget: FitBudget): void {
  checkKeys('fit: budget', budget, ['steps', 'minutes']);
  const { steps, minutes } = budget as { steps?: unknown; minutes?: unknown };
  const given = [steps, minutes].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new ConfigError('budget must be given by steps or by minutes', {
      op: 'fit',
      expected: '{ steps } or { minutes }',
      actual: given.length === 0 ? 'neither' : 'both',
    });
  }
  const isWhole = Number.isSafeInteger(steps) && (steps as number) >= 1;
  if (steps !== undefined && !isWhole) {
    throw new ConfigError(`budget.steps must be a positive integer, got ${brief(steps)}`, {
      op: 'fit',
      actual: steps,
    });
  }
  const isTime = typeof minutes === 'number' && minutes > 0 && minutes <= MAX_MINUTES;
  if (minutes !== undefined && !isTime) {
    throw new ConfigError(
      `budget.minutes must be above 0 and at most ${MAX_MINUTES}, got ${brief(minutes)}`,
      {
        op: 'fit',
        actual: minutes,
      },
    );
  }
}

/** A month. */
const MAX_MINUTES = 44_640;
