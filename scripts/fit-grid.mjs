/**
 * @file `node scripts/fit-grid.mjs DIR [--sets NAME,…] [--processes 1|2] [--out FOLDER]`: is what `fit`
 * chooses any good? Four data sets of DIR; on each, `fit` beside a grid of 3 rates x 2 widths x 2 depths around the same
 * recipe (tokenizer, batches, schedule, dropout) and at the same steps. Judged is the lowest held-out loss of a run, over
 * the same evaluations. A run is kept in FOLDER (build/fit-grid) under the hash of its recipe and data, so that an
 * interrupted grid goes on where it was. One thread a run. Prints the table of docs/training.md.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fit, Trainer } from '../dist/fit/train.js';
import { init } from '../dist/index.js';
import { noFiles, prepareRun } from '../dist/recipe/index.js';

const SETS = {
  tinyshakespeare: { task: 'lm', path: 'tinyshakespeare/input.txt', steps: 100 },
  'wikitext-2': { task: 'lm', path: 'wikitext-2/valid.txt', steps: 100 },
  'ui-de-en': { task: 'translate', path: 'ui-de-en', steps: 100 },
  trec: { task: 'classify', path: 'trec', steps: 200 },
};
const RATES = [0.001, 0.003, 0.01];
const WIDTHS = [64, 128];
const DEPTHS = [2, 4];
const LIMIT = 1.05;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      sets: { type: 'string', default: Object.keys(SETS).join(',') },
      processes: { type: 'string', default: '1' },
      out: { type: 'string', default: 'build/fit-grid' },
    },
  });
  if (positionals.length !== 1) throw new Error('usage: node scripts/fit-grid.mjs DIR [--sets …]');
  const [dir, processes] = [resolve(positionals[0]), Number(values.processes)];
  if (![1, 2].includes(processes)) throw new Error('--processes is 1 or 2');
  const names = values.sets.split(',');
  for (const name of names)
    if (!SETS[name]) throw new Error(`no set ${name}; there are ${Object.keys(SETS)}`);
  mkdirSync(values.out, { recursive: true });
  const jobs = [];
  for (const name of names) jobs.push(...(await jobsOf(name, dir)));
  await runAll(jobs, values.out, processes);
  return report(names, jobs, values.out);
}

/** The recipe that `fit` chooses, and the grid around it. Taken from `fit` itself, which is stopped before step 1. */
async function jobsOf(name, dir) {
  const { task, path, steps } = SETS[name];
  const data = join(dir, path);
  const stop = new AbortController();
  let recipe;
  await fit({
    ...{ task, data, budget: { steps }, quiet: true, signal: stop.signal },
    onRecipe: (chosen) => {
      recipe = chosen;
      stop.abort();
    },
  }).catch((error) => {
    if (error.name !== 'AbortError') throw error;
  });
  const { model, schedule } = recipe;
  const jobs = [{ name, cell: 'fit', recipe }];
  for (const dModel of WIDTHS) {
    for (const numLayers of DEPTHS) {
      for (const maxLr of RATES) {
        const size = { dModel, numLayers, numHeads: dModel / 32 };
        const changed = { model: { ...model, ...size }, schedule: { ...schedule, maxLr } };
        jobs.push({ name, cell: `${dModel} x ${numLayers} at ${maxLr}`, recipe: { ...recipe, ...changed } });
      }
    }
  }
  const sha256 = hash(
    [data, ...['train.tsv', 'valid.tsv'].map((part) => join(data, part))]
      .filter((file) => /\.\w+$/.test(file) && existsSync(file))
      .map((file) => hash(readFileSync(file)))
      .join(),
  );
  return jobs.map((job) => {
    // What ends a run early is no part of what it computes.
    const { data: read, stopOnDivergence: _, ...rest } = job.recipe;
    const known = { ...rest, data: { ...read, source: sha256 } };
    return { ...job, key: hash(JSON.stringify(known)).slice(0, 24) };
  });
}

function hash(content) {
  return createHash('sha256').update(content).digest('hex');
}

const fileOf = (out, { key }) => join(out, `${key}.json`);

async function runAll(jobs, out, processes) {
  const left = jobs.filter((job) => !existsSync(fileOf(out, job)));
  console.log(`${jobs.length} runs, ${jobs.length - left.length} of them done`);
  const worker = async () => {
    for (let job = left.shift(); job; job = left.shift()) {
      const result = await inChild(job);
      const file = fileOf(out, job);
      writeFileSync(`${file}.new`, JSON.stringify(result));
      renameSync(`${file}.new`, file);
      const { best, step, seconds } = result;
      console.log(
        `${job.name}, ${job.cell}: held-out ${best.toFixed(4)} at step ${step}, ${seconds.toFixed(0)} s of a core, ${left.length} to go`,
      );
    }
  };
  await Promise.all(Array.from({ length: processes }, worker));
}

function inChild(job) {
  return new Promise((done, failed) => {
    const child = fork(fileURLToPath(import.meta.url));
    child.once('message', (result) => {
      child.kill();
      done(result);
    });
    child.once('exit', (code) =>
      failed(new Error(`${job.name}, ${job.cell}: a run ended with code ${code}`)),
    );
    child.send(job);
  });
}

async function carryOut({ recipe }) {
  await init();
  const begun = process.cpuUsage();
  const { options, model } = await prepareRun(recipe, { sources: files });
  const trainer = new Trainer(options);
  let [best, step] = [Number.POSITIVE_INFINITY, 0];
  try {
    for await (const metrics of trainer.run()) {
      if (metrics.validNll !== undefined && metrics.validNll < best)
        [best, step] = [metrics.validNll, metrics.step];
    }
  } catch (error) {
    if (error.code !== 'NUMERIC') throw error;
  }
  const { user, system } = process.cpuUsage(begun);
  return { best, step, seconds: (user + system) / 1e6, parameters: model.numParameters() };
}

const files = {
  ...noFiles,
  canRead: true,
  exists: existsSync,
  join,
  read: async (path) => new Uint8Array(readFileSync(path)),
};

function report(names, jobs, out) {
  const rows = names.map((name) => {
    const [chosen, ...cells] = jobs
      .filter((job) => job.name === name)
      .map((job) => ({ ...job, ...JSON.parse(readFileSync(fileOf(out, job), 'utf8')) }));
    const best = cells.reduce((a, b) => (b.best < a.best ? b : a));
    const worst = cells.reduce((a, b) => (b.best > a.best ? b : a));
    const seconds = cells.reduce((sum, cell) => sum + cell.seconds, chosen.seconds);
    return { name, chosen, best, worst, ratio: chosen.best / best.best, seconds };
  });
  console.log(
    '\n| set | steps | `fit` chose | its held-out loss | best of the grid | worst | `fit` / best | |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const { name, chosen, best, worst, ratio } of rows) {
    const { model, schedule } = chosen.recipe;
    const own = `${model.dModel} x ${model.numLayers} at ${schedule.maxLr}`;
    const shown = (cell) => `${cell.best.toFixed(4)} (${cell.cell})`;
    console.log(
      `| ${name} | ${chosen.recipe.steps} | ${own} | ${chosen.best.toFixed(4)} | ${shown(best)} | ${shown(worst)} | ${ratio.toFixed(3)} | ${ratio <= LIMIT ? 'met' : 'missed'} |`,
    );
  }
  const minutes = rows.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  console.log(`\n${minutes.toFixed(1)} minutes of one core in all`);
  return rows.every(({ ratio }) => ratio <= LIMIT) ? 0 : 1;
}

if (process.send)
  process.once('message', (/** @type {any} */ job) => carryOut(job).then((result) => process.send?.(result)));
else process.exitCode = await main();
