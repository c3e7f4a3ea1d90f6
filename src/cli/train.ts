/** @file `prenorm train RECIPE`: trains on one's own data, resumable at every checkpoint. */

import { basename, join } from 'node:path';
import { CheckpointError, ConfigError, PrenormError } from '../errors.js';
import { writeFileAtomic, writeFileAtomicNow } from '../io/files-node.js';
import {
  type ClassScores,
  type Decisive,
  encodeRun,
  hasSamples,
  heldOutScores,
  type PreparedRun,
  prepareRun,
  type Recipe,
  type Rescaled,
  readDecisive,
  rescaledWeights,
  type Sources,
} from '../recipe/index.js';
import { exp64 } from '../runtime/math.js';
import { columnsOf, forOutput } from '../terminal/output.js';
import { shorten } from '../terminal/wrap.js';
import { put, tell } from '../terminal/write.js';
import { baseline } from '../train/divergence.js';
import {
  type Evaluation,
  judgeDivergence,
  plan,
  type Sample,
  type StepMetrics,
  Trainer,
  uninformedLoss,
} from '../train/index.js';
import { EXIT, inConfig, interrupted, interruptSignal, isAbort, note, oneLine } from './errors.js';
import { holdFolder } from './folder-lock.js';
import { gradientCheck } from './gradient-check.js';
import { type ProgressBar, progressBars } from './progress.js';
import { type RecipeFile, RunFolder, readRecipe } from './run-folder.js';
import { RunLogs } from './run-logs.js';
import { endOf, RunPageWriter } from './run-page-writer.js';
import { showPage } from './show-page.js';
import { type EngineOptions, start } from './start.js';
import { loadTokenizers } from './tokenizers.js';

export interface TrainCommandOptions extends EngineOptions {
  out?: string;
  resume?: boolean;
  /** Go on under the recipe's schedule, though the run began under another. */
  newSchedule?: boolean;
  dryRun?: boolean;
  /** Compare gradients with those in strict floats every so many steps. */
  arithmeticCheck?: number | true;
  /** A line of progress every so many steps. */
  logEvery?: number;
  /** Show the run's page in the browser. */
  open?: boolean;
  json?: boolean;
  seed?: number;
}

/** Steps between two checkpoints when the recipe does not say. */
const CHECKPOINT_EVERY = 100;

export async function train(path: string, options: TrainCommandOptions): Promise<number> {
  if (options.newSchedule && !options.resume) {
    throw new ConfigError('--new-schedule goes with --resume', {
      op: '--new-schedule',
      hint: "a run that begins has one schedule, the recipe's",
    });
  }
  const folder = new RunFolder(options.out ?? join('runs', basename(path).replace(/\.json$/, '')));
  if (options.dryRun) return trainIn(folder, path, options);
  const release = await holdFolder(folder.path);
  try {
    return await trainIn(folder, path, options);
  } finally {
    release();
  }
}

async function trainIn(folder: RunFolder, path: string, options: TrainCommandOptions): Promise<number> {
  const file = await readRecipe(path);
  // What was asked for stands in place of the recipe's, as a seed does.
  file.recipe.arithmetic = await start({ ...options, otherwise: file.recipe.arithmetic });
  if (options.seed !== undefined) {
    file.recipe.seed = options.seed;
    const { model, data, dropout } = file.recipe.seeds ?? {};
    if ([model, data, dropout].every((seed) => seed !== undefined)) {
      throw new ConfigError('the recipe gives all seeds, so --seed would decide nothing', {
        path,
        hint: 'leave out --seed, or one of model, data and dropout in seeds',
      });
    }
  }
  const resume = !options.dryRun && folder.check(options.resume === true);

  // Everything that can be refused is refused before anything is written.
  const tokenizer = (resume && (await folder.tokenizer())) || undefined;
  const recipe = lookedAfter(file.recipe);
  const sources = options.json ? file.sources : tellingSources(file.sources);
  const run = await inConfig(path, () =>
    prepareRun(recipe, { sources, tokenizer, tokenizers: loadTokenizers }),
  );
  if (options.dryRun) return dryRun(run, options);
  const stored: RecipeFile = { ...file, recipe: { ...run.recipe, weights: file.recipe.weights } };
  return new Training(folder, run, options, path).carryOut(stored, resume);
}

/** Bytes of a file that takes seconds to become tokens. */
const LARGE = 2e6;

/** Tells of large files, which nothing else is heard of until they are tokens. */
function tellingSources(sources: Sources): Sources {
  return {
    ...sources,
    async read(path) {
      const bytes = await sources.read(path);
      const size = `${(bytes.length / 1e6).toFixed(1)} MB`;
      if (bytes.length >= LARGE) tell(`${path}: making tokens of ${size}\n`);
      return bytes;
    },
  };
}

/** Columns of a map of the layers' gradients over the steps, at least. */
const GRADIENT_COLUMNS = 100;

/** What the command does unless the recipe says otherwise. */
function lookedAfter(recipe: Recipe): Recipe {
  const {
    stopOnDivergence = true,
    samples = recipe.evalEvery !== undefined && hasSamples(recipe),
    gradNormEvery = Math.max(1, Math.floor(recipe.steps / GRADIENT_COLUMNS)),
  } = recipe;
  return { ...recipe, stopOnDivergence, samples, gradNormEvery };
}

function dryRun({ model, options: given, recipe }: PreparedRun, options: TrainCommandOptions): number {
  const { model: trained, data, steps } = given;
  new Trainer(given); // checks what belongs together
  const memory = plan(trained, data.next());
  const { vocabSize } = recipe.model as { vocabSize?: number };
  const summary = model.summary();
  const result = { parameters: model.numParameters(), vocabSize, steps, memory, summary };
  print(
    options,
    result,
    forOutput(
      `${result.parameters} parameters, ${vocabSize === undefined ? '' : `vocabulary ${vocabSize}, `}${(memory.peakBytes / 1e6).toFixed(1)} MB at the first batch, ${steps} steps\n\n${summary}`,
      process.stdout,
    ),
  );
  return EXIT.done;
}

/** One run of the command: a trainer, the folder it writes to, and what people see of it. */
class Training {
  readonly #trainer: Trainer<unknown>;
  readonly #bars;
  #savedStep = 0;
  /** The last step that has been judged too, where it is to be. */
  #finishedStep = 0;
  #logs: RunLogs | undefined;
  #page: RunPageWriter | undefined;
  #evaluation: Evaluation | undefined;
  #check: Awaited<ReturnType<typeof gradientCheck>> | undefined;
  /** When the step under way began. */
  #begun = 0;

  constructor(
    readonly folder: RunFolder,
    readonly run: PreparedRun,
    readonly options: TrainCommandOptions,
    /** The recipe, as it was named. */
    readonly path: string,
  ) {
    const signal = interruptSignal(() => this.#saveAtOnce());
    this.#bars = progressBars({ quiet: options.json, logEvery: options.logEvery });
    this.#trainer = new Trainer({
      ...run.options,
      checkpointEvery: run.recipe.checkpointEvery ?? CHECKPOINT_EVERY,
      signal,
      onCheckpoint: (bytes, step) => this.#keep(bytes, step),
    });
    this.#trainer.on('checkpointFailed', ({ error }) => {
      this.#bars.warn(`${error.message}; training goes on, the checkpoint of step ${this.#savedStep} stays`);
    });
    // Not from the loop, which a step reaches after its checkpoint.
    this.#trainer.on('step', (m) => {
      this.#finishedStep = m.step;
      const seconds = (performance.now() - this.#begun) / 1000;
      this.#logs?.append(m, m.validNll === undefined && seconds > 0 ? seconds : undefined);
      if (this.#logs) this.#check?.(this.#logs, this.#bars);
    });
  }

  async carryOut(file: RecipeFile, resume: boolean): Promise<number> {
    const { folder, run } = this;
    const { arithmeticCheck } = this.options;
    if (arithmeticCheck) this.#check = await gradientCheck(this.#trainer, run, arithmeticCheck);
    if (resume) await this.#restore(file);
    else await folder.begin(file, run.data.tokenizer, this.#trainer.save());
    const { warn } = this.#bars;
    this.#logs = await RunLogs.open(folder.files, this.#trainer.step, warn);
    const { history } = this.#logs;
    const page = new RunPageWriter(folder, history, run, { ...this.options, path: this.path }, warn);
    this.#page = page;
    await page.refresh(this.#savedStep);
    if (this.options.open) await showPage(folder.files.report);
    const bar = this.#bars.add(basename(folder.path), run.recipe.steps, this.#trainer.step);
    try {
      await this.#train(bar);
    } catch (error) {
      bar.stop();
      this.#bars.stop();
      await page.write(endOf(error, this.#savedStep));
      if (!isAbort(error)) throw error;
      const { step } = this.#trainer;
      const lost = this.#savedStep < step ? `, the last checkpoint is of step ${this.#savedStep}` : '';
      tell(`interrupted after step ${step}${lost}; go on with --resume\n`);
      return interrupted();
    } finally {
      this.#logs.close();
    }
    bar.stop();
    this.#bars.stop();
    return this.#report(page);
  }

  async #restore(file: RecipeFile): Promise<void> {
    const { folder, run } = this;
    const trainer = this.#trainer;
    trainer.restore(await folder.checkpoint(), folder.files.checkpoint, {
      schedule: this.options.newSchedule ? 'new' : 'same',
      read: (saved, own) => readDecisive(saved, own as Decisive, run.data),
    });
    const { steps } = run.recipe;
    if (trainer.step > steps) {
      throw new ConfigError(`the run has ${trainer.step} steps already, steps is ${steps}`, {
        path: file.path,
        expected: trainer.step,
        actual: steps,
        hint: 'raise steps to train on',
      });
    }
    this.#savedStep = trainer.step;
    await folder.goOn(file, run.data.tokenizer);
  }

  async #keep(bytes: Uint8Array, step: number): Promise<void> {
    this.#logs?.sync(); // no checkpoint may know a step that the log does not
    try {
      await writeFileAtomic(this.folder.files.checkpoint, bytes, 'checkpoint');
      this.#savedStep = step;
      await this.folder.writeModel(encodeRun(this.run, this.#trainer));
    } catch (error) {
      throw step === this.run.recipe.steps || this.#trainer.stopped
        ? lastCheckpointLost(error, this.#savedStep)
        : error;
    }
  }

  /** The last finished step, when there is no time for more; the model follows from it. */
  #saveAtOnce(): void {
    const { step } = this.#trainer;
    if (step === this.#savedStep || step !== this.#finishedStep) return;
    try {
      this.#logs?.sync();
      writeFileAtomicNow(this.folder.files.checkpoint, this.#trainer.save(), 'checkpoint');
      tell(`interrupted after step ${step}; go on with --resume\n`);
    } catch (error) {
      note((error as Error).message);
    }
  }

  async #train(bar: ProgressBar): Promise<void> {
    this.#begun = performance.now();
    for await (const m of this.#trainer.run()) {
      if (m.validNll !== undefined) this.#showEvaluation(m);
      const { validNll } = this.#evaluation ?? {};
      const valid = validNll === undefined ? '' : `, valid ${validNll.toFixed(3)}`;
      bar.update(m.step, `loss ${m.loss.toFixed(3)}${valid}`);
      await this.#page?.refresh(this.#savedStep);
      this.#begun = performance.now();
    }
  }

  #showEvaluation({ step, loss, isBest, samples = [], ...evaluation }: StepMetrics): void {
    this.#evaluation = evaluation as Evaluation;
    const { validNll, metric } = this.#evaluation;
    const value = metric === undefined ? '' : `, ${this.run.recipe.metric} ${metric.toFixed(4)}`;
    this.#bars.log(
      `step ${step}: loss ${loss.toFixed(4)}, valid NLL ${validNll.toFixed(4)}${value}${isBest ? ' (best so far)' : ''}`,
    );
    for (const sample of samples) this.#bars.log(sampleLine(sample, this.run.recipe.model.kind));
  }

  async #report(page: RunPageWriter): Promise<number> {
    const trainer = this.#trainer;
    const { stopped, best } = trainer;
    // A run that was finished already has no step left to report.
    const hasValid = trainer.options.validation !== undefined;
    const found = this.#evaluation ?? (hasValid ? await trainer.measure() : undefined);
    const nll = found?.validNll;
    const loss = trainer.losses[trainer.losses.length - 1];
    const perplexity = nll === undefined ? undefined : exp64(nll);
    const rescaled = rescaledWeights(this.run, best?.weights ?? null);
    const scores = heldOutScores(this.run, rescaled?.weights ?? best?.weights);
    const hash = trainer.hash();
    print(
      this.options,
      {
        steps: trainer.step,
        loss,
        validNll: nll,
        perplexity,
        bitsPerByte: found?.bitsPerByte,
        metric: found?.metric,
        best: best && { step: best.step, metric: best.metric, value: best.value },
        ...(scores && { classification: scores }),
        ...(rescaled && { rescaled: { lambda: rescaled.lambda, tried: rescaled.tried } }),
        stopped: stopped?.message,
        hash,
        out: this.folder.path,
      },
      forOutput(
        `${trainer.step} steps, loss ${loss.toFixed(4)}${this.#validText(found, perplexity)}; the run is in ${this.folder.path}${rescaledText(rescaled)}${scoresText(scores)}`,
        process.stdout,
      ),
    );
    if (stopped) note(`stopped early: ${stopped.message}`);
    const { loss: uninformed, whose } = baseline(trainer.losses, uninformedLoss(this.run.model));
    const judged = judgeDivergence(trainer.losses, {
      ...(Number.isFinite(uninformed) ? { uninformed } : {}),
      ...(nll === undefined ? {} : { validNll: nll }),
    });
    const savedStep = this.#savedStep;
    if (!judged.diverged && perplexity !== Number.POSITIVE_INFINITY) {
      const state = stopped
        ? ({ state: 'stopped', message: stopped.message } as const)
        : ({ state: 'finished' } as const);
      await page.write({ ...state, savedStep, hash });
      return EXIT.done;
    }
    const why = judged.diverged
      ? `its last tenth of the steps has a mean loss of ${judged.lastLoss.toPrecision(4)}, ${whose} has ${uninformed.toPrecision(4)}`
      : `its valid NLL ${nll?.toPrecision(4)} is beyond any perplexity`;
    await page.write({ state: 'diverged', message: why, savedStep, hash });
    note(`the run has diverged: ${why} (lower the rate, warm up, or clip gradients)`);
    return EXIT.failed;
  }

  #validText(found: Evaluation | undefined, perplexity: number | undefined): string {
    if (!found) return '';
    const { validNll, bitsPerByte, metric } = found;
    const { best } = this.#trainer;
    const bits = bitsPerByte === undefined ? '' : `, ${bitsPerByte.toFixed(3)} bits per byte`;
    const value = metric === undefined ? '' : `, ${this.run.recipe.metric} ${metric.toFixed(4)}`;
    const isLast = !best || best.step === this.#trainer.step;
    const kept = isLast ? '' : `, best ${best.metric} ${best.value.toFixed(4)} at step ${best.step}`;
    return `, valid NLL ${validNll.toFixed(4)} (perplexity ${perplexity?.toFixed(2)}${bits})${value}${kept}`;
  }
}

/** How far the norms in the file of the model have gone, in a line of its own. */
function rescaledText(rescaled: Rescaled | null): string {
  if (!rescaled) return '';
  const tried = rescaled.tried.map(({ lambda, validNll }) => `${lambda}: ${validNll.toFixed(4)}`);
  const judged = tried.length > 0 ? ` (valid NLL of ${tried.join(', ')})` : '';
  return `\nmodel.safetensors: norms rescaled by ${rescaled.lambda}${judged}`;
}

/** How good the file of the model is at classes, in a line of its own. */
function scoresText(scores: ClassScores | null): string {
  if (!scores) return '';
  const { accuracy, macroF1 } = scores;
  return `\nmodel.safetensors: accuracy ${accuracy.toFixed(4)}, macro F1 ${macroF1.toFixed(4)} on what is held out`;
}

/** A sample in one line of the terminal. */
function sampleLine({ prompt, text, reference }: Sample, kind: string): string {
  const right = reference === undefined ? '' : ` (${reference})`;
  const line = oneLine(`${prompt}${kind === 'causalLM' ? '' : ' -> '}${text}${right}`);
  return `  ${shorten(line, Math.min(columnsOf(process.stderr), 100) - 4)}`;
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
  put(options.json ? `${JSON.stringify(value, null, 1)}\n` : `${line}\n`);
}
