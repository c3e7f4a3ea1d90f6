/** @file `prenorm fit FILE`: chooses a recipe for a text, writes it down, and trains as `prenorm train` does. */

import { existsSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { ConfigError, DataError } from '../errors.js';
import { describeRecipe, type FitBudget, type FitTask, guessTask, planFit } from '../fit/index.js';
import { preparedAccount } from '../fit/origin.js';
import { put } from '../terminal/write.js';
import { firstGiven, inConfig } from './errors.js';
import { makeFolder, readText, writeText } from './files.js';
import { holdFolder } from './folder-lock.js';
import { refuseOtherData } from './run-data.js';
import { RunFolder } from './run-folder.js';
import { workingFolder } from './sources.js';
import { type EngineOptions, start } from './start.js';
import { train } from './train.js';

export interface FitCommandOptions extends EngineOptions {
  task?: FitTask;
  steps?: number;
  minutes?: number;
  out: string;
  /** A line of progress every so many steps. */
  logEvery?: number;
  /** Show the run's page in the browser. */
  open?: boolean;
  resume?: boolean;
  json?: boolean;
  seed?: number;
}

/** What is taken without --steps and --minutes. */
const MINUTES = 5;

export async function fit(input: string, options: FitCommandOptions): Promise<number> {
  const { task: _, steps, minutes, resume, seed, ...engine } = options;
  const path = join(options.out, 'recipe.json');
  if (resume) {
    refuseWithResume(options);
    await refuseOtherData(input, path);
    return train(path, { ...engine, resume });
  }
  if (steps !== undefined && minutes !== undefined) {
    throw new ConfigError('it is steps or minutes, not both', {
      op: '--steps',
      hint: 'leave one of them out',
    });
  }
  const folder = new RunFolder(options.out);
  folder.check(false);
  await start(options);
  const found = await findTask(input, options.task);
  const budget: FitBudget = steps === undefined ? { minutes: minutes ?? MINUTES } : { steps };
  const { recipe } = await inConfig(input, () =>
    // Nothing to save yet: a signal ends the process at once, whatever it computes.
    planFit({ task: found.task, data: resolve(input), budget, seed: seed ?? 0 }),
  );
  const release = await holdFolder(folder.path);
  try {
    folder.check(false);
    await makeFolder(folder.path);
    await writeText(path, `${JSON.stringify(recipe, null, 1)}\n`);
  } finally {
    release();
  }
  if (!options.json) {
    put(`task: ${found.task} (${found.reason})\n${describeRecipe(recipe)}\n`);
    put(`${recipe.steps} steps; the recipe is in ${path}\n`);
  }
  return train(path, engine);
}

function refuseWithResume({ task, steps, minutes, seed }: FitCommandOptions): void {
  const name = firstGiven({ task, steps, minutes, seed });
  if (!name) return;
  throw new ConfigError(`--${name} does not go with --resume`, {
    op: `--${name}`,
    hint: 'the run goes on with the recipe that it began with',
  });
}

/** The task for a kind of data that `prenorm prepare` makes. */
const taskOf: ReadonlyMap<unknown, FitTask> = new Map([
  ['text', 'lm'],
  ['pairs', 'translate'],
  ['labelledTexts', 'classify'],
  ['labelledPairs', 'classify'],
]);

async function findTask(input: string, given?: FitTask): Promise<{ task: FitTask; reason: string }> {
  if (!existsSync(input)) throw new DataError('there is no such file or folder', { path: input });
  if (given) return { task: given, reason: 'as you say' };
  const { dataKind } = (await preparedAccount(input, workingFolder))?.value ?? {};
  const task = taskOf.get(dataKind);
  if (task) return { task, reason: `prepare.json says ${dataKind}` };
  const inFolder = ['text.txt', 'train.tsv']
    .map((name) => join(input, name))
    .find((file) => existsSync(file));
  if (inFolder === undefined && statSync(input).isDirectory()) {
    throw new DataError('the folder has no text.txt and no train.tsv', {
      path: input,
      hint: '`prenorm prepare` makes such a folder',
    });
  }
  const path = inFolder ?? input;
  if (basename(path) === 'text.txt' && inFolder) return { task: 'lm', reason: 'the folder has a text.txt' };
  return guessTask(await readText(path), path);
}
