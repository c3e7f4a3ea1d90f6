/**
 * @file The training loop: batches, loss, gradients, clipping, update, evaluation, checkpoints. One step is
 * finished before anything is handed out, so leaving the loop at any point leaves a consistent trainer.
 */

import type { BatchSource } from '../data/cursor.js';
import { brief, ConfigError, checkKeys, NumericError, PrenormError } from '../errors.js';
import { encodeCheckpoint, type Json } from '../io/checkpoint-file.js';
import { Sha256 } from '../io/sha256.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { Schedule } from '../optim/schedules.js';
import { strictWasmHash } from '../runtime/generated/wasm-hash.js';
import { withRuntime } from '../runtime/runtime.js';
import { BatchMean } from './batch-mean.js';
import { checkEnd, checkIntervals, checkOwner, checkStepOptions } from './check-options.js';
import { GradientHistory, refuseGradient, refuseLoss } from './diagnose.js';
import { evaluateLoss, repeatable } from './evaluate.js';
import { Listeners } from './listeners.js';
import { MemoryGuard } from './memory-guard.js';
import { pause } from './pause.js';
import { RecordedSteps } from './recorded-steps.js';
import {
  checkConfig,
  checkSchedule,
  keepsSchedule,
  misfit,
  type RestoreOptions,
  readTrainerState,
  scheduleState,
} from './saved-state.js';
import type { Trainable } from './trainable.js';

/** What to train, on what, how long, and what happens in between. */
export interface TrainerOptions<B> {
  /** Turns a batch into a loss; models of `prenorm/nn` do, and so may your own. */
  model: Trainable<B>;
  /** Where batches come from; its cursor goes into checkpoints. */
  data: BatchSource<B>;
  /** Over parameters of `model`, all or some; the others stay as they are. */
  optimizer: Optimizer;
  /** Rate per step (1, 2, …); default: the optimizer's own, constant. It must not end at a rate of 0 before `steps`. */
  schedule?: Schedule;
  /** Steps to train in all, counted from the start of the run, resumed or not. */
  steps: number;
  /** Share of the target's probability that is spread over the vocabulary, in [0, 1). Default 0. */
  labelSmoothing?: number;
  /** Largest joint gradient norm; off by default, as in the paper. */
  clipNorm?: number;
  /** Batches per update; the loss is the mean over all their targets, as the loss counts them. Default 1. */
  accumulate?: number;
  /** Fixed-order batches to evaluate on. A generator is read into an array at once. */
  validation?: Iterable<B>;
  /** Evaluate every so many steps, and after the last. Default: only after the last. */
  evalEvery?: number;
  /** Called with checkpoint bytes every `checkpointEvery` steps and when the run ends or is aborted. */
  onCheckpoint?: (bytes: Uint8Array, step: number) => void | Promise<void>;
  /** Steps between two checkpoints. Default: none before the end. */
  checkpointEvery?: number;
  /** Stored in checkpoints and compared on resume; its key `schedule` may change with `{ schedule: 'new' }`. */
  config?: Record<string, unknown>;
  /** Ends `run()` between two steps. */
  signal?: AbortSignal;
  /** Record steps and replay them, to the same bits but faster. Default true. */
  replay?: boolean;
}

/** What one update measured. */
export interface StepMetrics {
  /** Steps done, this one included: 1, 2, …. */
  step: number;
  /** Learning rate of the update. */
  lr: number;
  /** Mean (smoothed) loss per target of this step, before the update. */
  loss: number;
  /** Joint 2-norm of all gradients before clipping. */
  gradNorm: number;
  /** Targets of this step that counted; for a loss without `count`, its batches. */
  tokens: number;
  /** Mean un-smoothed negative log-likelihood per validation token, when it was evaluated after this step. */
  validNll?: number;
}

/** Events of `Trainer.on` and their payloads; `step` also comes out of `run()`. `bytes` is the size of the file. */
export interface TrainerEvents {
  step: StepMetrics;
  evaluate: { step: number; validNll: number };
  checkpoint: { step: number; bytes: number };
  /** A checkpoint could not be written and training goes on; `savedStep` is the last one that was, if any. */
  checkpointFailed: { step: number; error: PrenormError; savedStep: number | null };
}

/** The batches of a step are made before its first backward, so there is a limit. */
const MAX_ACCUMULATE = 65536;

const optionKeys = [
  'model',
  'data',
  'optimizer',
  'schedule',
  'steps',
  'labelSmoothing',
  'clipNorm',
  'accumulate',
  'validation',
  'evalEvery',
  'onCheckpoint',
  'checkpointEvery',
  'config',
  'signal',
  'replay',
] as const;

/**
 * Trains a model: batches, loss, gradients, clipping, update, evaluation, checkpoints. With the same options and
 * seed the weights are the same, bit for bit, with or without threads, replay and resume.
 */
export class Trainer<B> {
  readonly options: TrainerOptions<B>;
  /** Steps done. */
  step = 0;
  /** Loss of every step so far: what a run's hash is made of. */
  readonly losses: number[] = [];
  #finished = false;
  readonly #recorded: RecordedSteps<B>;
  #savedStep: number | null = null;
  readonly #history = new GradientHistory();
  readonly #guard: MemoryGuard<B>;
  /** Seed of dropout, taken from the runtime at the first step and kept for the whole run. */
  #seed: number | null = null;
  readonly #listeners = new Listeners<TrainerEvents>();

  /**
   * @throws ConfigError for an unknown key or a value out of range, an optimizer over parameters of another model, or
   * a schedule that ends before `steps`, or an interval of what does not happen; DataError for a validation without batches.
   */
  constructor(options: TrainerOptions<B>) {
    checkKeys('Trainer', options, optionKeys);
    for (const key of ['steps', 'accumulate', 'evalEvery', 'checkpointEvery'] as const) {
      const value = options[key];
      if (value !== undefined && !(Number.isInteger(value) && value >= 1)) {
        throw new ConfigError(`${key} must be a positive integer, got ${brief(value)}`, {
          op: 'Trainer',
          actual: value,
        });
      }
    }
    if ((options.accumulate ?? 1) > MAX_ACCUMULATE) {
      throw new ConfigError(`accumulate must be at most ${MAX_ACCUMULATE}, got ${options.accumulate}`, {
        op: 'Trainer',
        expected: MAX_ACCUMULATE,
        actual: options.accumulate,
      });
    }
    checkStepOptions(options);
    checkOwner(options.model, options.optimizer);
    checkEnd(options.schedule, options.steps);
    checkIntervals(options);
    const { validation } = options;
    this.options = validation
      ? { ...options, validation: repeatable('Trainer', 'validation', validation) }
      : options;
    this.#guard = new MemoryGuard(options.model, options.optimizer);
    this.#recorded = new RecordedSteps(options.model, options.optimizer.runtime, options.replay ?? true);
  }

  /** Why steps are not recorded and replayed; null as long as they can be. */
  get replayRefusal(): string | null {
    return this.#recorded.refusal;
  }

  /** Calls `listener` on every event of that kind; returns a function that stops it. */
  on<K extends keyof TrainerEvents>(event: K, listener: (payload: TrainerEvents[K]) => void): () => void {
    return this.#listeners.on(event, listener);
  }

  /**
   * Trains until `steps`, yielding the metrics of each. Breaking out keeps all state; calling `run()` again
   * goes on. When `signal` aborts, the last finished step is checkpointed and an AbortError is thrown.
   * @throws NumericError naming the first module and op with a NaN or an infinity.
   * @throws MemoryError before a step that cannot fit.
   */
  async *run(): AsyncGenerator<StepMetrics, void, void> {
    const { options } = this;
    while (this.step < options.steps) {
      if (options.signal?.aborted) {
        await this.#checkpoint('interim');
        throw new DOMException(`training was aborted after step ${this.step}`, 'AbortError');
      }
      const metrics = this.trainStep();
      const last = this.step === options.steps;
      if (options.validation && (last || (options.evalEvery && this.step % options.evalEvery === 0))) {
        metrics.validNll = this.evaluate();
        this.#listeners.emit('evaluate', { step: this.step, validNll: metrics.validNll });
      }
      this.#listeners.emit('step', metrics);
      if (options.checkpointEvery && this.step % options.checkpointEvery === 0) {
        await this.#checkpoint(last ? 'final' : 'interim');
      }
      yield metrics;
      await pause();
    }
    if (!this.#finished) {
      this.#finished = true;
      await this.#checkpoint('final');
    }
  }

  /** One update; synchronous. A step that throws leaves weights, data cursor and random position as they were. */
  trainStep(): StepMetrics {
    const { data, optimizer } = this.options;
    const cursor = data.state();
    const random = optimizer.runtime.randomPosition;
    try {
      return withRuntime(optimizer.runtime, () => this.#trainStep());
    } catch (error) {
      optimizer.runtime.endStep(); // the graph of the step that failed
      data.restore(cursor);
      optimizer.runtime.setRandomPosition(random.step, random.microbatch);
      throw this.#guard.explain(error, this.step + 1);
    }
  }

  #trainStep(): StepMetrics {
    const { model, data, optimizer, labelSmoothing, clipNorm, accumulate = 1 } = this.options;
    model.train();
    this.#takeRandomPosition();
    const lr = this.options.schedule ? this.options.schedule(this.step + 1) : optimizer.lr;
    if (!Number.isFinite(lr)) {
      throw new NumericError(`the learning rate of step ${this.step + 1} is ${lr}`, {
        op: 'Trainer',
        expected: 'a finite number',
        actual: lr,
        hint: 'check maxLr and the schedule',
      });
    }
    const batches = Array.from({ length: accumulate }, () => data.next());
    for (const batch of batches) this.#guard.check(batch, this.step + 1);
    const mean = new BatchMean('Trainer');
    for (const [i, batch] of batches.entries()) {
      const { loss, count = 1 } = this.#recorded.run(batch, labelSmoothing, {
        begin: () => {
          if (i === 0) optimizer.zeroGrad();
        },
        weigh: (count) => mean.weigh(count),
        check: (value, begun) => {
          if (!Number.isFinite(value))
            refuseLoss(this.options, batch, value, this.#history.before(this, i === 0 && !begun));
        },
      });
      mean.add(loss * count);
    }
    const loss = mean.value();
    optimizer.scaleGrads(mean.scale);
    const gradNorm = clipNorm ? optimizer.clipGradNorm(clipNorm) : optimizer.gradNorm();
    if (!Number.isFinite(gradNorm)) refuseGradient(this.options, batches, this.#history.before(this, false));
    this.#history.add(gradNorm);
    if (this.options.schedule) optimizer.lr = lr;
    optimizer.step();
    this.step++;
    this.losses.push(loss);
    return { step: this.step, lr, loss, gradNorm, tokens: mean.total };
  }

  /** The random position is the trainer's, not the runtime's: trainers may take turns on one runtime. */
  #takeRandomPosition(): void {
    const { runtime } = this.options.optimizer;
    this.#seed ??= runtime.seed;
    if (runtime.seed !== this.#seed) runtime.manualSeed(this.#seed);
    runtime.setRandomPosition(this.step, 0);
  }

  /**
   * Mean un-smoothed negative log-likelihood per target over these batches, by default those of `validation`.
   * @throws ConfigError when there are neither; DataError when there is no batch, or every target is ignored.
   */
  evaluate(batches: Iterable<B> | undefined = this.options.validation): number {
    if (batches) return evaluateLoss(this.options.model, batches);
    throw new ConfigError('there is nothing to evaluate on', {
      op: 'Trainer.evaluate',
      hint: 'pass batches, or give the trainer a validation',
    });
  }

  /**
   * A full or read-only disk must not end a long run: the next checkpoint may succeed. So a typed error of
   * `onCheckpoint` becomes an event while training goes on, unless nobody listens or it is the last checkpoint.
   */
  async #checkpoint(kind: 'interim' | 'final'): Promise<void> {
    const { onCheckpoint } = this.options;
    if (!onCheckpoint) return;
    const { step } = this;
    const bytes = this.save();
    try {
      await onCheckpoint(bytes, step);
    } catch (error) {
      const heard = this.#listeners.count('checkpointFailed');
      if (kind === 'final' || !heard || !(error instanceof PrenormError)) throw error;
      this.#listeners.emit('checkpointFailed', { step, error, savedStep: this.#savedStep });
      return;
    }
    this.#savedStep = step;
    this.#listeners.emit('checkpoint', { step, bytes: bytes.length });
  }

  /** Everything needed to go on bit for bit: weights, moments, rate, random position, data cursor. */
  save(): Uint8Array {
    const { model, optimizer, data, config, schedule } = this.options;
    const tensors = new Map<
      string,
      { shape: readonly number[]; data: Float32Array | Float64Array | Int32Array }
    >();
    for (const [name, entry] of model.stateDict()) tensors.set(`model.${name}`, entry);
    const state = optimizer.stateDict();
    for (const [name, values] of Object.entries(state.buffers)) {
      tensors.set(`optimizer.${name}`, { shape: [values.length], data: values });
    }
    tensors.set('losses', { shape: [this.losses.length], data: Float64Array.from(this.losses) });
    return encodeCheckpoint({
      tensors,
      step: this.step,
      config: (config ?? {}) as Json,
      cursor: { ...data.state() },
      rng: { seed: this.#seed ?? optimizer.runtime.seed, step: this.step, microbatch: 0 },
      kernelHash: strictWasmHash,
      extra: {
        optimizer: { kind: state.kind, step: state.step, lrs: state.lrs },
        schedule: scheduleState(schedule),
      },
    });
  }

  /**
   * Continues from a checkpoint of `save()`. Nothing is changed when it does not fit.
   * @param path what messages call it
   * @throws CheckpointError when it is damaged, of another version, of another schedule, or of another configuration.
   */
  restore(bytes: Uint8Array, path = 'checkpoint', options: RestoreOptions = {}): void {
    const { model, optimizer, data, config = {}, schedule } = this.options;
    const isSame = keepsSchedule(options);
    const saved = readTrainerState(bytes, path);
    if (isSame) checkSchedule(schedule, saved.schedule, path);
    const read = options.read?.(saved.config, config) ?? saved.config;
    if (this.options.config) checkConfig(config, read, path, isSame);
    // Each part checks itself before it changes anything; what an earlier part changed is put back.
    const cursor = data.state();
    const weights = model.stateDict();
    try {
      data.restore(saved.cursor);
      model.loadStateDict(saved.weights);
      optimizer.loadStateDict(saved.optimizer);
    } catch (error) {
      data.restore(cursor);
      model.loadStateDict(weights);
      throw misfit(error, path);
    }
    this.#seed = saved.rng.seed;
    this.step = saved.step;
    this.losses.length = 0;
    for (const loss of saved.losses) this.losses.push(loss);
    this.#finished = false;
    this.#savedStep = saved.step;
    this.#history.clear();
  }

  /** SHA-256 over all losses and the current weights: equal hashes mean the same run, bit for bit. */
  hash(): string {
    const hash = new Sha256();
    hash.update(new Uint8Array(Float64Array.from(this.losses).buffer));
    for (const [, parameter] of this.options.model.namedParameters()) {
      const values = parameter.toArray();
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    return hash.hex();
  }
}
