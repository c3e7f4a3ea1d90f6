/** @file `reproduce --dry-run`: the registered table, with memory from `plan()` and time measured on this machine. */
import { cpus } from 'node:os';
import { PairBatches } from '../data/index.js';
import {
  costOf,
  executeRun,
  type GradientsRun,
  type Preset,
  prepareOnce,
  type TranslationRun,
} from '../experiments/index.js';
import { batchOptions, buildModel, buildOptimizer } from '../experiments/translation.js';
import { plan, Trainer } from '../train/index.js';
import { loadSplits } from './files.js';

export async function dryRun(preset: Preset, options: { json?: boolean; processes?: number }): Promise<void> {
  const training = preset.runs.find((run): run is TranslationRun => run.kind === 'translation');
  const measured = training
    ? await measureTraining(training)
    : { secondsPerUnit: await measureGradients(preset.runs[0] as GradientsRun), megabytes: 0 };
  const processes = options.processes ?? cpus().length;
  const rows = preset.runs.map((run) => ({
    id: run.id,
    seeds: run.kind === 'translation' ? [run.seed] : run.seeds,
    steps: run.kind === 'translation' ? run.steps : run.seeds.length * run.layers.length,
    megabytes: run.kind === 'translation' ? measured.megabytes : undefined,
    seconds: Math.ceil(costOf(run) * measured.secondsPerUnit),
  }));
  const total = Math.ceil(
    rows.reduce((sum, row) => sum + row.seconds, 0) / Math.max(1, Math.min(processes, rows.length)),
  );
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ preset: preset.name, processes, estimatedSeconds: total, budgetSeconds: preset.budgetSeconds, runs: rows }, null, 1)}\n`,
    );
    return;
  }
  const lines = rows.map(
    (row) =>
      `${row.id.padEnd(40)} ${String(row.steps).padStart(6)} steps  seeds ${row.seeds.join(',').padEnd(22)} ${
        row.megabytes === undefined ? '       ' : `${row.megabytes.toFixed(0).padStart(4)} MB`
      } ${String(row.seconds).padStart(5)} s`,
  );
  process.stdout.write(
    `${preset.name}: ${preset.description}\n${lines.join('\n')}\n${rows.length} runs, about ${total} s on ${processes} processes (budget ${preset.budgetSeconds} s)\n`,
  );
}

/** Memory of one step before it is taken, and the time of a few. */
async function measureTraining(run: TranslationRun): Promise<{ secondsPerUnit: number; megabytes: number }> {
  const data = await prepareOnce(run.data, loadSplits);
  const model = buildModel(run, data);
  const batches = () =>
    new PairBatches(data.train, { ...batchOptions(run.data, data.tokenizer), seed: run.seed });
  const { peakBytes } = plan(model, batches().next());
  const trainer = new Trainer({ model, data: batches(), optimizer: buildOptimizer(run, model), steps: 1000 });
  const warm = run.model.dModel > 256 ? 1 : 10;
  for (let i = 0; i < warm; i++) trainer.trainStep();
  const started = performance.now();
  for (let i = 0; i < warm; i++) trainer.trainStep();
  const perStep = (performance.now() - started) / 1000 / warm;
  return { secondsPerUnit: (perStep * run.steps) / costOf(run), megabytes: peakBytes / 1e6 };
}

/** The time of one model of a gradients run, after one to warm up. */
async function measureGradients(run: GradientsRun): Promise<number> {
  const one = { ...run, layers: run.layers.slice(0, 1), seeds: run.seeds.slice(0, 1) };
  await executeRun(one, { load: loadSplits });
  const started = performance.now();
  await executeRun(one, { load: loadSplits });
  return (performance.now() - started) / 1000 / costOf(one);
}
