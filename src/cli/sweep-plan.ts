/** @file Whether the runs of a sweep can be built, and what they take: memory by `plan()`, time by a few steps. */
import { cpus } from 'node:os';
import { openOnce, type RecipeRun } from '../experiments/kinds/recipe.js';
import type { Recipe, Sources } from '../recipe/index.js';
import { prepareOn } from '../recipe/prepare.js';
import { formatDuration } from '../report/wording.js';
import { capabilities } from '../runtime/capabilities.js';
import { labelOf, shortNames } from '../sweep/fields.js';
import { isSeed } from '../sweep/results.js';
import { columnsOf, forOutput } from '../terminal/output.js';
import { table } from '../terminal/table.js';
import { put } from '../terminal/write.js';
import { plan, Trainer } from '../train/index.js';
import { inConfig } from './errors.js';
import { fileSources } from './sources.js';
import { type EngineOptions, start } from './start.js';
import type { Sweep } from './sweep-grid.js';
import { loadTokenizers } from './tokenizers.js';

/** Milliseconds of steps that are timed for each shape, at least one step. */
const TIMED = 400;
const MOST_TIMED = 20;

/** Megabytes and seconds of one run. */
interface Cost {
  megabytes: number;
  seconds: number;
}

/** What decides whether a run can be built: all but its seeds and its rates. */
function buildKey({ seed: _, seeds: __, schedule, ...recipe }: Recipe): string {
  const { maxLr: ___, minLr: ____, ...shape } = (schedule ?? {}) as Record<string, unknown>;
  const { lr: _____, ...optimizer } = recipe.optimizer as Record<string, unknown>;
  return JSON.stringify({ ...recipe, optimizer, schedule: shape });
}

/** What decides how long a step takes: not how many there are, nor at what rate. */
function shapeKey({ model, data, tokenizer, accumulate, trainable, arithmetic, optimizer }: Recipe): string {
  return JSON.stringify([model, data, tokenizer, accumulate, trainable, arithmetic, optimizer.kind]);
}

/** The trainer of a run, on a runtime of its arithmetic. */
async function trainerOf({ recipe }: RecipeRun, sources: Sources, threads: EngineOptions['threads']) {
  const { arithmetic = 'strict' } = recipe;
  if (capabilities().arithmetic !== arithmetic) await start({ arithmetic, threads });
  const opened = await openOnce(recipe, { sources, tokenizers: loadTokenizers });
  const { options } = await prepareOn({ ...recipe, keepBest: false }, opened, sources);
  return new Trainer(options);
}

/**
 * Builds every run that is not like another one, before anything is written: what cannot be trained is refused here.
 * @throws ConfigError naming the run
 */
export async function checkBuilds(
  path: string,
  { runs, folder }: Sweep,
  engine: EngineOptions,
): Promise<void> {
  const sources = fileSources(folder);
  const seen = new Set<string>();
  for (const run of runs) {
    const key = buildKey(run.recipe);
    if (seen.has(key)) continue;
    seen.add(key);
    const trainer = await inConfig(`${path}: ${run.label}`, () => trainerOf(run, sources, engine.threads));
    trainer.free();
  }
}

/** What each run takes; runs of one shape are measured once. */
async function costs({ runs, folder }: Sweep, threads: EngineOptions['threads']): Promise<Cost[]> {
  const sources = fileSources(folder);
  const known = new Map<string, { megabytes: number; step: number; evaluation: number }>();
  const made: Cost[] = [];
  for (const run of runs) {
    const { steps, evalEvery = steps } = run.recipe;
    const key = shapeKey(run.recipe);
    const found = known.get(key) ?? (await measured(run, sources, threads));
    known.set(key, found);
    const evaluations = Math.floor(steps / evalEvery) + (steps % evalEvery === 0 ? 0 : 1);
    made.push({ megabytes: found.megabytes, seconds: steps * found.step + evaluations * found.evaluation });
  }
  return made;
}

async function measured(run: RecipeRun, sources: Sources, threads: EngineOptions['threads']) {
  const trainer = await trainerOf(run, sources, threads);
  const { model, data, validation } = trainer.options;
  const megabytes = plan(model, data.next()).peakBytes / 1e6;
  const { steps } = trainer.options;
  // The first step also records what the others replay.
  if (steps > 1) trainer.trainStep();
  const begun = performance.now();
  let count = 0;
  do {
    trainer.trainStep();
    count++;
  } while (performance.now() - begun < TIMED && count < Math.min(MOST_TIMED, steps - 1));
  const step = (performance.now() - begun) / 1000 / count;
  trainer.free();
  // A batch without its backward is about a third of a step.
  const batches = validation ? [...validation].length : 0;
  return { megabytes, step, evaluation: (batches * step) / 3 };
}

/** `--dry-run`: a row for each setting, with steps, memory and time. */
export async function sweepDryRun(
  sweep: Sweep,
  options: { json?: boolean; processes?: number } & Pick<EngineOptions, 'threads'>,
): Promise<void> {
  const { name, runs, fields, twice } = sweep;
  const all = await costs(sweep, options.threads);
  const processes = Math.max(1, options.processes ?? cpus().length);
  const work = all.reduce((sum, { seconds }) => sum + seconds, 0);
  // No lane ends before the longest run does.
  const total = Math.max(work / processes, ...all.map(({ seconds }) => seconds));
  const most = Math.max(...all.map(({ megabytes }) => megabytes));
  if (options.json) {
    const rows = runs.map(({ id, label, recipe }, at) => ({
      id,
      label,
      steps: recipe.steps,
      ...all[at],
      recipe,
    }));
    const plan = { sweep: name, processes, estimatedSeconds: total, megabytes: most, twice, runs: rows };
    put(`${JSON.stringify(plan, null, 1)}\n`);
    return;
  }
  const settings = fields.filter(({ name }) => !isSeed(name));
  const short = shortNames(fields.map(({ name }) => name));
  const groups = new Map<string, { count: number; steps: number } & Cost>();
  for (const [at, { recipe }] of runs.entries()) {
    const label = labelOf(recipe, settings, short);
    const { count = 0, seconds = 0 } = groups.get(label) ?? {};
    const { megabytes, seconds: own } = all[at];
    groups.set(label, { count: count + 1, steps: recipe.steps, megabytes, seconds: seconds + own });
  }
  const right = true;
  const lines = table(
    [
      { title: 'setting' },
      { title: 'runs', right },
      { title: 'steps', right },
      { title: 'memory', right },
      { title: 'time', right },
    ],
    [...groups].map(([label, { count, steps, megabytes, seconds }]) => [
      label,
      String(count),
      String(steps),
      `${megabytes.toFixed(0)} MB`,
      formatDuration(seconds),
    ]),
    { columns: columnsOf(process.stdout) },
  );
  const again = twice > 0 ? ` (${twice} that are another one again are left out)` : '';
  const closing = `${runs.length} runs${again}, about ${formatDuration(total)} on ${processes} processes, at most ${(most * Math.min(processes, runs.length)).toFixed(0)} MB at once`;
  put(`${lines.join('\n')}\n${forOutput(closing, process.stdout)}\n`);
}
