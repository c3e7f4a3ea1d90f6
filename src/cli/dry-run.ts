/** @file `reproduce --dry-run`: the registered table, with memory from `plan()` and time measured on this machine. */

import { cpus } from 'node:os';
import { kindOf, makePreset, type Preset, type RunSpec, type TranslationRun } from '../experiments/index.js';
import { prepareRun } from '../recipe/index.js';
import { formatDuration } from '../report/wording.js';
import { columnsOf, forOutput } from '../terminal/output.js';
import { table } from '../terminal/table.js';
import { put } from '../terminal/write.js';
import { Trainer } from '../train/index.js';
import { memoryOf } from './memory-of.js';
import { workingFolder } from './sources.js';
import { loadTokenizers } from './tokenizers.js';

export async function dryRun(preset: Preset, options: { json?: boolean; processes?: number }): Promise<void> {
  const speed = await measureSpeed();
  const megabytes = memoryOf(workingFolder);
  const rows = [];
  for (const run of preset.runs) {
    const kind = kindOf(run);
    rows.push({
      id: run.id,
      seeds: kind.seeds(run),
      steps: kind.steps(run),
      megabytes: await megabytes(run),
      seconds: Math.ceil(kind.cost(run) * speed),
    });
  }
  const processes = options.processes ?? cpus().length;
  const work = rows.reduce((sum, row) => sum + row.seconds, 0);
  // No lane ends before the longest run does.
  const total = Math.ceil(Math.max(work / Math.max(1, processes), ...rows.map((row) => row.seconds)));
  if (options.json) {
    put(
      `${JSON.stringify({ preset: preset.name, processes, estimatedSeconds: total, budgetSeconds: preset.budgetSeconds, runs: rows }, null, 1)}\n`,
    );
    return;
  }
  const lines = table(
    [
      { title: 'run' },
      { title: 'steps', right: true },
      { title: 'seeds' },
      { title: 'memory', right: true },
      { title: 'time', right: true },
    ],
    rows.map((row) => [
      row.id,
      `${row.steps} steps`,
      seedList(row.seeds),
      row.megabytes === undefined ? '' : `${row.megabytes.toFixed(0)} MB`,
      `${row.seconds} s`,
    ]),
    { columns: columnsOf(process.stdout) },
  );
  const parts = preset.experiments.map(({ experiment, runs }) => `${experiment.name} (${runs.length} runs)`);
  const say = (text: string): void => void put(`${forOutput(text, process.stdout)}\n`);
  say(`${preset.name}: ${preset.description}`);
  say(`${parts.join(', ')}; runs that several share are listed once`);
  put(`${lines.join('\n')}\n`);
  say(
    `${rows.length} runs, about ${formatDuration(total)} on ${processes} processes (budget ${formatDuration(preset.budgetSeconds)})`,
  );
}

/** `301-310`, or the list when it has gaps. */
function seedList(seeds: readonly number[]): string {
  const dense = seeds.length > 2 && seeds.every((seed, i) => seed === seeds[0] + i);
  return dense ? `${seeds[0]}-${seeds[seeds.length - 1]}` : seeds.join(',');
}

/** Seconds here over the seconds that `cost` speaks of, from a few steps of the embedded translation model. */
async function measureSpeed(): Promise<number> {
  const quick = makePreset('quick').runs.find((run): run is TranslationRun => run.kind === 'translation');
  const run = quick as TranslationRun;
  const { options } = await prepareRun(run.recipe, { tokenizers: loadTokenizers });
  const trainer = new Trainer(options);
  for (let i = 0; i < 10; i++) trainer.trainStep();
  const started = performance.now();
  for (let i = 0; i < 20; i++) trainer.trainStep();
  const seconds = (performance.now() - started) / 1000;
  return (seconds / 20) * (run.recipe.steps / kindOf(run).cost({ ...run, decode: null } as RunSpec));
}
