/** @file `prenorm reproduce`: the registered runs of a preset, the verdicts, results.json and report.html. */

import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError } from '../errors.js';
import {
  isPresetName,
  judgeRecords,
  makePreset,
  type OwnData,
  type Preset,
  presetNames,
  type Results,
  type RunRecord,
  type RunSpec,
  readOwnData,
  refuseTooSmall,
  type TranslationRun,
} from '../experiments/index.js';
import { renderClaims, renderReport, renderRuns } from '../report/index.js';
import { renderMachines } from '../report/machines.js';
import { type Arithmetic, markOf } from '../runtime/arithmetic.js';
import { columnsOf, hasColor } from '../terminal/output.js';
import { put, putPainted } from '../terminal/write.js';
import { carryOut } from './carry-out.js';
import { dryRun } from './dry-run.js';
import { EXIT, interrupted } from './errors.js';
import { makeFolder, writeText } from './files.js';
import { holdFolder } from './folder-lock.js';
import { computedBy, madeBy } from './machine.js';
import { type QueueRuns, queueOf } from './queue-of.js';
import { register } from './registration.js';
import { RunStore } from './run-store.js';
import { workingFolder } from './sources.js';
import { type EngineOptions, start } from './start.js';
import { packageVersion } from './version.js';

export interface ReproduceOptions extends EngineOptions {
  /** Default: `quick`; `own` where `data` is given and nothing else says what to run. */
  preset?: string;
  only?: string[];
  out?: string;
  resume?: boolean;
  dryRun?: boolean;
  json?: boolean;
  seed?: number;
  processes?: number;
  data?: string;
  /** Address of the Redis of a queue, which carries out the runs in place of this machine. */
  queue?: string;
  /** Share of the runs that another worker of the queue repeats. */
  verify?: number;
}

export async function reproduce(options: ReproduceOptions): Promise<number> {
  const started = performance.now();
  const name = presetOf(options);
  if (name !== 'own') selectPreset(name, options); // what is asked for wrongly is said before anything begins
  const arithmetic = await start(options);
  const own = name === 'own' ? await ownDataOf(options) : undefined;
  const preset = selectPreset(name, options, own);
  const out = options.out ?? join('runs', preset.name);
  const store = new RunStore(join(out, 'runs'), arithmetic);
  // Data that are not there are said before anything is written or waited for.
  for (const spec of preset.runs) await store.dataHash(spec);
  if (options.dryRun) {
    await dryRun(preset, options);
    return EXIT.done;
  }
  const queue = await queueOf(options, preset.name, preset.runs);
  try {
    const release = await holdFolder(out);
    try {
      return await reproduceInto(store, preset, options, started, queue);
    } finally {
      release();
    }
  } finally {
    await queue?.close();
  }
}

async function reproduceInto(
  store: RunStore,
  preset: Preset,
  options: ReproduceOptions,
  started: number,
  queue: QueueRuns | undefined,
): Promise<number> {
  const out = dirname(store.folder);
  await makeFolder(store.folder);
  if (preset.scale.own) await register(out, preset, await store.dataHash(preset.runs[0]));
  const processes = Math.max(1, options.processes ?? cpus().length);
  const { resume, json: quiet, threads } = options;
  const groups = [{ store, specs: preset.runs }];
  const carried = await carryOut(groups, {
    name: preset.name,
    processes,
    resume,
    quiet,
    threads,
    ...(queue && { execute: queue.execute, where: queue.where }),
  });
  if (!carried) return interrupted();
  const { earlier } = carried;
  const records = preset.runs.map(({ id }) => carried.records.get(id) as RunRecord);
  const seconds = (performance.now() - started) / 1000 + earlier / processes;
  const by = computedBy(groups);
  const lanes = by.computedBy?.machines.length ?? processes;
  const results = { ...collect(preset, store.arithmetic, options, records, lanes, seconds), ...by };
  const text = `${JSON.stringify(results, null, 1)}\n`;
  await writeText(join(out, 'results.json'), text);
  await writeText(join(out, 'report.html'), renderReport(results, packageVersion()));
  const asExpected = results.claims.every((claim) => claim.verdict === claim.expected);
  if (options.json) put(text);
  else {
    const terminal = {
      color: hasColor(process.stdout),
      width: columnsOf(process.stdout),
    };
    putPainted(`\n${renderRuns(results, terminal)}\n\n${renderClaims(results, terminal)}\n\n`);
    put(renderMachines(results.computedBy, terminal.width));
    put(`Report: ${join(out, 'report.html')}\n`);
  }
  return asExpected ? EXIT.done : EXIT.failed;
}

/** The preset that is meant: with data and nothing else, the claims on that data. */
function presetOf({ preset, data, only }: ReproduceOptions): string {
  return preset ?? (data !== undefined && !only?.length ? 'own' : 'quick');
}

/** What lies in the folder of `--data`, where it is enough. */
async function ownDataOf({ data }: ReproduceOptions): Promise<OwnData> {
  if (data === undefined) {
    throw new ConfigError('the own preset is about your data', {
      op: 'reproduce',
      hint: 'give a folder with train.tsv (pairs) or text.txt (a text) as --data DIR',
    });
  }
  const own = await readOwnData(data, workingFolder);
  refuseTooSmall(own);
  return own;
}

function selectPreset(name: string, options: ReproduceOptions, own?: OwnData): Preset {
  if (!isPresetName(name)) {
    throw new ConfigError(`there is no preset "${name}"`, {
      op: 'reproduce',
      expected: presetNames,
      actual: name,
      hint: `use one of ${presetNames.join(', ')}`,
    });
  }
  const { seed, data, only } = options;
  const preset = makePreset(name, { seed, data, only, ...(own && { own }) });
  if (data !== undefined && !own) refuseUnreadData(preset, options);
  const needed = { multi30k: 'Multi30k De-En', paper: 'IWSLT14 De-En' }[name as string];
  if (needed && !options.data) {
    throw new ConfigError(`the ${preset.name} preset needs your copy of ${needed}`, {
      op: 'reproduce',
      hint: 'give the folder with train.tsv, valid.tsv and test.tsv as --data DIR',
    });
  }
  return preset;
}

/** @throws ConfigError for data that none of the chosen runs reads */
function refuseUnreadData({ name, runs }: Preset, { seed, data, only }: ReproduceOptions): void {
  const without = makePreset(name as Parameters<typeof makePreset>[0], { seed, only });
  if (JSON.stringify(runs) !== JSON.stringify(without.runs)) return;
  throw new ConfigError('none of the chosen runs reads pairs of sentences', {
    op: '--data',
    actual: data,
    hint: 'leave it out, or choose runs that translate with --only',
  });
}

function collect(
  preset: Preset,
  arithmetic: Arithmetic,
  options: ReproduceOptions,
  runs: RunRecord[],
  processes: number,
  seconds: number,
): Results {
  const { unigramNll, claims, figures, advice } = judgeRecords(preset, runs);
  const how = arithmetic === 'strict' ? '' : ` --arithmetic ${arithmetic}`;
  const data = preset.scale.own ? ` --data ${preset.scale.own.source}` : '';
  const command = `prenorm reproduce --preset ${preset.name}${data}${how}`;
  const secondsOf = (own: readonly RunSpec[]) => {
    const ids = new Set(own.map(({ id }) => id));
    return runs.reduce((sum, run) => (ids.has(run.id) ? sum + run.seconds : sum), 0);
  };
  return {
    format: 'prenorm-results',
    version: 1,
    preset: preset.name,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    command: options.only?.length ? `${command} --only ${options.only.join(' ')}` : command,
    ...madeBy(arithmetic, processes),
    ...markOf(arithmetic),
    seconds,
    budgetSeconds: preset.budgetSeconds,
    settings: [
      ...settingsOf(preset, unigramNll),
      ...(arithmetic === 'strict' ? [] : [{ name: 'arithmetic', value: arithmetic }]),
    ],
    experiments: preset.experiments.map(({ experiment, runs: own, whole }) => ({
      name: experiment.name,
      title: experiment.title,
      runs: own.map(({ id }) => id),
      seconds: secondsOf(own),
      ...(whole ? { partial: true } : {}),
    })),
    claims,
    ...(advice && { advice }),
    figures,
    runs,
  };
}

function settingsOf(preset: Preset, unigramNll: number | null): Results['settings'] {
  const training = preset.runs.find((run): run is TranslationRun => run.kind === 'translation');
  const settings = [{ name: 'preset', value: `${preset.name}: ${preset.description}` }];
  if (training) {
    const { model, data, tokenizer, steps, labelSmoothing, optimizer } = training.recipe;
    const { vocabSize } = tokenizer as { vocabSize: number };
    const { betas = [] } = optimizer as { betas?: readonly number[] };
    settings.push(
      {
        name: 'model',
        value: `encoder-decoder ${model.numLayers}+${model.numLayers}, d ${model.dModel}, dFF ${model.dFF}, ${model.numHeads} heads, dropout ${model.dropout}, tied embeddings`,
      },
      { name: 'initialisation', value: model.init ?? 'fairseq' },
      {
        name: 'data',
        value: `${data.source}, joint BPE of ${vocabSize}, batches of at most ${data.maxTokens} tokens (padding included)`,
      },
      {
        name: 'training',
        value: `${steps} steps, ${optimizer.kind} ${JSON.stringify(betas)}, label smoothing ${labelSmoothing}, no clipping, no weight decay`,
      },
      { name: 'common maximal rate', value: String(preset.commonRate) },
    );
  }
  const { own } = preset.scale;
  if (own) {
    const unit = own.kind === 'pairs' ? 'pairs of sentences' : 'windows of 64 characters';
    settings.push({
      name: 'your data',
      value: `${own.source}: ${own.examples} ${unit}, ${own.heldOut} of them held out; the margin needs ${own.needed}`,
    });
  }
  if (unigramNll !== null) settings.push({ name: 'unigram NLL U', value: unigramNll.toFixed(4) });
  return settings;
}
