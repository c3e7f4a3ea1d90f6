/** @file `prenorm train CONFIG`: trains on one's own data, resumable at every checkpoint. */
import { existsSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { CheckpointError, ConfigError, PrenormError } from '../errors.js';
import { readFileChecked, writeFileAtomic } from '../io/files-node.js';
import { makeSchedule } from '../optim/index.js';
import { exp64 } from '../runtime/math.js';
import { currentRuntime } from '../runtime/runtime.js';
import type { Tokenizer } from '../text/index.js';
import { plan, Trainer } from '../train/index.js';
import { EXIT, inConfig, interruptSignal, isAbort } from './errors.js';
import { readJson, writeText } from './files.js';
import { holdFolder } from './folder-lock.js';
import { MetricsLog } from './metrics-log.js';
import { progressBars } from './progress.js';
import {
  type AnyBatch,
  buildModel,
  fingerprint,
  loadCorpus,
  makeBatches,
  makeOptimizer,
  makeTokenizer,
  readTokenizer,
  runFiles,
  trainable,
} from './run-folder.js';
import { type EngineOptions, start } from './start.js';
import { checkTrainConfig, decisive, type TrainConfig } from './train-config.js';

export interface TrainCommandOptions extends EngineOptions {
  out?: string;
  resume?: boolean;
  dryRun?: boolean;
  json?: boolean;
  seed?: number;
}

type RunFiles = ReturnType<typeof runFiles>;

export async function train(configPath: string, options: TrainCommandOptions): Promise<number> {
  const folder = options.out ?? join('runs', basename(configPath).replace(/\.json$/, ''));
  if (options.dryRun) return trainIn(folder, configPath, options);
  const release = await holdFolder(folder);
  try {
    return await trainIn(folder, configPath, options);
  } finally {
    release();
  }
}

async function trainIn(folder: string, configPath: string, options: TrainCommandOptions): Promise<number> {
  await start(options);
  const config = checkTrainConfig(await readJson(configPath), configPath);
  if (options.seed !== undefined) config.seed = options.seed;
  const schedule = inConfig(configPath, () => makeSchedule(config.schedule));
  const files = runFiles(folder);
  const resume = !options.dryRun && checkFolder(folder, files, options.resume === true);

  // Everything that can be refused is refused before anything is written.
  const corpus = await loadCorpus(config, configPath);
  const tokenizer = resume
    ? await readTokenizer(files.tokenizer)
    : await makeTokenizer(config, configPath, corpus);
  currentRuntime().manualSeed(config.seed ?? 0);
  const model = buildModel(config, configPath, tokenizer);
  const { data, validation } = makeBatches(config, corpus, tokenizer, model);
  const optimizer = makeOptimizer(config, configPath, model);
  if (options.dryRun) {
    const memory = plan(trainable(model), data.next());
    const result = {
      parameters: model.numParameters(),
      vocabSize: tokenizer.vocabSize,
      steps: config.steps,
      memory,
    };
    print(
      options,
      result,
      `${result.parameters} parameters, vocabulary ${tokenizer.vocabSize}, ${(memory.peakBytes / 1e6).toFixed(1)} MB at the first batch, ${config.steps} steps`,
    );
    return EXIT.done;
  }
  const bars = progressBars({ quiet: options.json });
  let savedStep = 0;
  let metrics: MetricsLog | undefined;
  const trainer = new Trainer<AnyBatch>({
    model: trainable(model),
    data,
    validation,
    optimizer,
    schedule,
    steps: config.steps,
    labelSmoothing: config.labelSmoothing,
    clipNorm: config.clipNorm,
    accumulate: config.accumulate,
    evalEvery: config.evalEvery,
    checkpointEvery: config.checkpointEvery ?? 100,
    config: { ...decisive(config), dataSha256: fingerprint(corpus) },
    signal: interruptSignal(),
    async onCheckpoint(bytes, step) {
      metrics?.sync(); // no checkpoint may know a step that the log does not
      try {
        await writeFileAtomic(files.checkpoint, bytes, 'checkpoint');
        savedStep = step;
      } catch (error) {
        throw step === config.steps ? lastCheckpointLost(error, savedStep) : error;
      }
    },
  });
  trainer.on('checkpointFailed', ({ error }) => {
    bars.warn(`${error.message}; training goes on, the checkpoint of step ${savedStep} stays`);
  });
  if (resume) {
    trainer.restore(await readFileChecked(files.checkpoint, 'checkpoint'), files.checkpoint);
    if (trainer.step > config.steps) {
      throw new ConfigError(`the run has ${trainer.step} steps already, steps is ${config.steps}`, {
        path: configPath,
        expected: trainer.step,
        actual: config.steps,
        hint: 'raise steps to train on',
      });
    }
    savedStep = trainer.step;
    await writeText(files.config, storedConfig(config, configPath));
  } else await beginRun(files, config, configPath, tokenizer, trainer.save());
  metrics = await MetricsLog.open(files.metrics, trainer.step, bars.warn);
  // Not from the loop below, which a step reaches after its checkpoint.
  trainer.on('step', (m) => metrics?.append(m));

  const bar = bars.add(basename(folder), config.steps, trainer.step);
  let validNll: number | undefined;
  try {
    for await (const m of trainer.run()) {
      if (m.validNll !== undefined) {
        validNll = m.validNll;
        bars.log(`step ${m.step}: loss ${m.loss.toFixed(4)}, valid NLL ${validNll.toFixed(4)}`);
      }
      bar.update(
        m.step,
        `loss ${m.loss.toFixed(3)}${validNll === undefined ? '' : `, valid ${validNll.toFixed(3)}`}`,
      );
    }
  } catch (error) {
    bars.stop();
    if (!isAbort(error)) throw error;
    const lost = savedStep < trainer.step ? `, the last checkpoint is of step ${savedStep}` : '';
    process.stderr.write(`interrupted after step ${trainer.step}${lost}; go on with --resume\n`);
    return EXIT.interrupted;
  } finally {
    metrics.close();
  }
  bar.stop();
  bars.stop();
  // A run that was finished already has no step left to report.
  const nll = validNll ?? trainer.evaluate();
  const loss = trainer.losses[trainer.losses.length - 1];
  const perplexity = exp64(nll);
  print(
    options,
    { steps: trainer.step, loss, validNll: nll, perplexity, hash: trainer.hash(), out: folder },
    `${trainer.step} steps, loss ${loss.toFixed(4)}, valid NLL ${nll.toFixed(4)} (perplexity ${perplexity.toFixed(2)}); the run is in ${folder}`,
  );
  return EXIT.done;
}

/** Whether a run goes on, or begins; refuses what is neither. */
function checkFolder(folder: string, files: RunFiles, wanted: boolean): boolean {
  const isRun = existsSync(files.checkpoint);
  if (wanted && isRun) return true;
  const there = Object.values(files).filter((path) => existsSync(path));
  // The tokenizer is written first: alone, it is what a kill before the first checkpoint leaves.
  if (wanted && there.length === 1 && there[0] === files.tokenizer) return false;
  if (wanted) {
    throw new ConfigError('there is no run to go on with', {
      path: folder,
      hint: 'leave out --resume, or give the folder of the run with --out',
    });
  }
  if (there.length === 0) return false;
  throw new ConfigError(isRun ? 'the folder holds a run already' : `${basename(there[0])} is in the way`, {
    path: folder,
    hint: `${isRun ? 'go on with --resume, or ' : ''}choose another folder with --out`,
  });
}

/** Writes what a run needs to be resumed, its state before step 1 included; all of it, or nothing. */
async function beginRun(
  files: RunFiles,
  config: TrainConfig,
  configPath: string,
  tokenizer: Tokenizer,
  checkpoint: Uint8Array,
): Promise<void> {
  try {
    await writeText(files.tokenizer, `${JSON.stringify(tokenizer.toJSON())}\n`);
    await writeFileAtomic(files.checkpoint, checkpoint, 'checkpoint');
    // Last, because going on writes it anew: killed before or after it, the run can be resumed.
    await writeText(files.config, storedConfig(config, configPath));
  } catch (error) {
    for (const path of Object.values(files)) rmSync(path, { force: true });
    throw error;
  }
}

function storedConfig(config: TrainConfig, configPath: string): string {
  return `${JSON.stringify({ config, configPath: resolve(configPath) }, null, 1)}\n`;
}

function lastCheckpointLost(error: unknown, savedStep: number): unknown {
  if (!(error instanceof PrenormError)) return error;
  return new CheckpointError(
    `${error.message}; the checkpoint of step ${savedStep} stays, go on with --resume`,
    {
      cause: error,
    },
  );
}

export function print(options: { json?: boolean }, value: unknown, line: string): void {
  process.stdout.write(options.json ? `${JSON.stringify(value, null, 1)}\n` : `${line}\n`);
}
