/** @file `prenorm reproduce`: the registered runs of a preset, the verdicts, results.json and report.html. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';
import {
  classifyRuns,
  judgeClaims,
  makeFigures,
  makePreset,
  type Preset,
  type PresetName,
  presetNames,
  type Results,
  type RunRecord,
  type RunSpec,
} from '../experiments/index.js';
import { renderClaims, renderReport, renderRuns } from '../report/index.js';
import { strictWasmHash } from '../runtime/generated/wasm.js';
import { log64 } from '../runtime/math.js';
import { dryRun } from './dry-run.js';
import { EXIT, interruptSignal } from './errors.js';
import { loadSplits, makeFolder, readJson, writeText } from './files.js';
import { runPool } from './pool.js';
import { type ProgressBar, progressBars } from './progress.js';
import { type EngineOptions, start } from './start.js';
import { packageVersion } from './version.js';

export interface ReproduceOptions extends EngineOptions {
  preset: string;
  only?: string[];
  out?: string;
  resume?: boolean;
  dryRun?: boolean;
  json?: boolean;
  seed?: number;
  processes?: number;
  data?: string;
}

export async function reproduce(options: ReproduceOptions): Promise<number> {
  const started = performance.now();
  const preset = selectPreset(options);
  await start(options);
  if (options.data) await loadSplits(options.data);
  if (options.dryRun) {
    await dryRun(preset, options);
    return EXIT.done;
  }
  const out = options.out ?? join('runs', preset.name);
  const folder = join(out, 'runs');
  await makeFolder(folder);
  const signal = interruptSignal();
  const records = new Map<string, RunRecord>();
  if (options.resume)
    for (const record of await finishedRuns(folder, preset.runs, options.simd))
      records.set(record.id, record);
  const missing = preset.runs.filter((spec) => !records.has(spec.id));
  const processes = Math.max(1, options.processes ?? cpus().length);
  const bars = progressBars({ quiet: options.json });
  bars.log(
    `${preset.name}: ${missing.length} of ${preset.runs.length} runs to do on ${processes} processes; results go to ${out}`,
  );
  const active = new Map<string, ProgressBar>();
  try {
    await runPool(
      missing,
      { processes, engine: { simd: options.simd, threads: options.threads }, signal },
      {
        onProgress(spec, progress) {
          if (!active.has(spec.id)) active.set(spec.id, bars.add(spec.label, progress.total));
          active.get(spec.id)?.update(progress.done, progress.text);
        },
        async onDone(spec, record) {
          active.get(spec.id)?.stop();
          records.set(spec.id, record);
          await writeText(
            join(folder, `${spec.id}.json`),
            JSON.stringify({ key: specKey(spec, options.simd), record }),
          );
          bars.log(`${String(records.size).padStart(3)}/${preset.runs.length} ${summary(record)}`);
        },
      },
    );
  } catch (error) {
    bars.stop();
    if (signal.aborted) {
      process.stderr.write(
        `interrupted; ${records.size} of ${preset.runs.length} runs are kept, go on with --resume\n`,
      );
      return EXIT.interrupted;
    }
    throw error;
  }
  bars.stop();
  const ordered = preset.runs.map((spec) => records.get(spec.id) as RunRecord);
  const results = collect(preset, options, ordered, processes, (performance.now() - started) / 1000);
  const text = `${JSON.stringify(results, null, 1)}\n`;
  await writeText(join(out, 'results.json'), text);
  await writeText(join(out, 'report.html'), renderReport(results));
  const asExpected = results.claims.every((claim) => claim.verdict === claim.expected);
  if (options.json) process.stdout.write(text);
  else {
    const terminal = {
      color: process.stdout.isTTY === true && !process.env.NO_COLOR,
      width: Math.min(process.stdout.columns ?? 100, 120),
    };
    process.stdout.write(`\n${renderRuns(results, terminal)}\n\n${renderClaims(results, terminal)}\n\n`);
    process.stdout.write(`Report: ${join(out, 'report.html')}\n`);
  }
  return asExpected ? EXIT.done : EXIT.failed;
}

function selectPreset(options: ReproduceOptions): Preset {
  if (!presetNames.includes(options.preset as PresetName)) {
    throw new ConfigError(`there is no preset "${options.preset}"`, {
      op: 'reproduce',
      expected: presetNames,
      actual: options.preset,
      hint: `use one of ${presetNames.join(', ')}`,
    });
  }
  const preset = makePreset(options.preset as PresetName, { seed: options.seed, data: options.data });
  if (preset.name === 'paper' && !options.data) {
    throw new ConfigError('the paper preset needs your copy of IWSLT14 De-En', {
      op: 'reproduce',
      hint: 'give the folder with train.tsv, valid.tsv and test.tsv as --data DIR',
    });
  }
  const { only } = options;
  if (!only?.length) return preset;
  const names = new Set(preset.runs.flatMap((run) => [run.kind, run.id]));
  for (const name of only) {
    if (names.has(name as never) || name === 'fig3') continue;
    throw new ConfigError(`--only does not know "${name}"`, {
      op: 'reproduce',
      expected: [...names],
      actual: name,
      hint: 'use gradients (fig3), translation, or the id of a run as --dry-run lists it',
    });
  }
  const wanted = only.map((name) => (name === 'fig3' ? 'gradients' : name));
  return {
    ...preset,
    runs: preset.runs.filter((run) => wanted.includes(run.kind) || wanted.includes(run.id)),
  };
}

/** What a stored run must agree in to be reused: its specification, the kernels, the package's version. */
function specKey(spec: RunSpec, simd: string): string {
  return createHash('sha256')
    .update(JSON.stringify([spec, simd, strictWasmHash, packageVersion()]))
    .digest('hex');
}

async function finishedRuns(folder: string, specs: readonly RunSpec[], simd: string): Promise<RunRecord[]> {
  const found: RunRecord[] = [];
  for (const spec of specs) {
    const path = join(folder, `${spec.id}.json`);
    if (!existsSync(path)) continue;
    const stored = (await readJson(path)) as { key?: string; record?: RunRecord } | null;
    if (stored?.key === specKey(spec, simd) && stored.record) found.push(stored.record);
  }
  return found;
}

function summary(record: RunRecord): string {
  const nll = record.finalValidNll === undefined ? '' : `, valid NLL ${record.finalValidNll.toFixed(3)}`;
  const diverged = record.status === 'diverged' ? ', diverged' : '';
  return `${record.label}${nll}${diverged}, ${record.seconds.toFixed(0)} s`;
}

function collect(
  preset: Preset,
  options: ReproduceOptions,
  runs: RunRecord[],
  processes: number,
  seconds: number,
): Results {
  const unigramNll = runs.find((run) => run.unigramNll !== undefined)?.unigramNll ?? null;
  if (unigramNll !== null) classifyRuns(runs, unigramNll);
  const command = `prenorm reproduce --preset ${preset.name}`;
  const kinds = [...new Set(preset.runs.map((run) => run.kind))];
  return {
    format: 'prenorm-results',
    version: 1,
    preset: preset.name,
    command: options.only?.length ? `${command} --only ${options.only.join(' ')}` : command,
    prenorm: packageVersion(),
    kernelHash: strictWasmHash,
    environment: {
      runtime: `Node ${process.version}`,
      platform: `${platform()} ${arch()}`,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      processes,
    },
    seconds,
    budgetSeconds: preset.budgetSeconds,
    settings: settingsOf(preset, unigramNll),
    claims: judgeClaims(runs, { commonRate: preset.commonRate, log: log64, command, only: kinds }),
    figures: makeFigures(runs, unigramNll),
    runs,
  };
}

function settingsOf(preset: Preset, unigramNll: number | null): Results['settings'] {
  const training = preset.runs.find((run) => run.kind === 'translation');
  const settings = [{ name: 'preset', value: `${preset.name}: ${preset.description}` }];
  if (training?.kind === 'translation') {
    const { model, data, steps, labelSmoothing, optimizer } = training;
    settings.push(
      {
        name: 'model',
        value: `encoder-decoder ${model.numLayers}+${model.numLayers}, d ${model.dModel}, dFF ${model.dFF}, ${model.numHeads} heads, dropout ${model.dropout}, tied embeddings`,
      },
      { name: 'initialisation', value: model.init },
      {
        name: 'data',
        value: `${data.name}, joint BPE of ${data.vocabSize}, batches of at most ${data.maxTokens} tokens (padding included)`,
      },
      {
        name: 'training',
        value: `${steps} steps, ${optimizer.kind} ${JSON.stringify(optimizer.betas ?? [])}, label smoothing ${labelSmoothing}, no clipping, no weight decay`,
      },
      { name: 'common maximal rate', value: String(preset.commonRate) },
    );
  }
  if (unigramNll !== null) settings.push({ name: 'unigram NLL U', value: unigramNll.toFixed(4) });
  return settings;
}
