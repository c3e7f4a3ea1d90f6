/** @file `prenorm train --arithmetic-check`: how far gradients are from those in strict floats, in lines and a file. */
import type { PreparedRun } from '../recipe/index.js';
import { buildModel } from '../recipe/models.js';
import { ArithmeticCheck } from '../train/arithmetic-check.js';
import type { Trainable, Trainer } from '../train/index.js';
import { inConfig } from './errors.js';
import type { progressBars } from './progress.js';
import type { RunLogs } from './run-logs.js';

/** Checks of a run, where none is asked for at an interval. */
const CHECKS = 10;

/**
 * Makes what is called after every step.
 * @param every steps between two checks, or true for ten in all
 * @throws ConfigError for a run in strict floats
 */
export async function gradientCheck(
  trainer: Trainer<unknown>,
  { recipe }: PreparedRun,
  every: number | true,
): Promise<(logs: RunLogs, bars: ReturnType<typeof progressBars>) => void> {
  const build = () => buildModel(recipe.model, 0) as Trainable<never> as Trainable<unknown>;
  const check = await inConfig('--arithmetic-check', () => ArithmeticCheck.create(trainer, build));
  const interval = every === true ? Math.ceil(recipe.steps / CHECKS) : every;
  return (logs, bars) => {
    if (trainer.step % interval !== 0) return;
    const found = check.measure();
    logs.appendCheck(found);
    const { step, median, worst, tensor } = found;
    bars.log(
      `step ${step}: gradients differ from those in strict floats by ${percent(median)} (median), at most ${percent(worst)} (${tensor})`,
    );
  };
}

const percent = (part: number): string => `${(100 * part).toPrecision(2)} %`;
