/**
 * @file The training loop: batches, loss, gradients, clipping, update, evaluation, checkpoints. One step is
 * finished before anything is handed out, so leaving the loop at any point leaves a consistent trainer.
 */
import type { Parameter } from '../autograd/variable.js';
import type { Cursor } from '../data/cursor.js';
import { ConfigError, PrenormError } from '../errors.js';
import { Sha256 } from '../io/sha256.js';
import { recompute } from '../nn/recompute.js';
import { withRuntime } from '../runtime/runtime.js';
import { awaitable, type TrainingRun } from './awaitable.js';
import { BatchMean } from './batch-mean.js';
import { BestSoFar, type BestWeights, measure, type Stopped } from './best.js';
import { checkEnd, checkOwner } from './check-options.js';
import { GradientHistory, refuseGradient, refuseLoss, refuseRate } from './diagnose.js';
import { refuseDivergence, uninformedLoss } from './divergence.js';
import { evaluateLoss, evaluationOf, repeatable } from './evaluate.js';
import { layerNorms, trainedLayers } from './layer-norms.js';
import { Listeners } from './listeners.js';
import { MemoryGuard } from './memory-guard.js';
import {
  checkTrainerOptions,
  type Evaluation,
  emitStep,
  type StepMetrics,
  type TrainerEvents,
  type TrainerOptions,
} from './options.js';
import { pause } from './pause.js';
import { RecordedSteps } from './recorded-steps.js';
import {
  checkConfig,
  checkSchedule,
  encodeTrainerState,
  keepsSchedule,
  misfit,
  type RestoreOptions,
  readTrainerState,
} from './saved-state.js';

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
  /** Where the data stood when the step under way began; null between steps. */
  #begun: Cursor | null = null;
  readonly #history = new GradientHistory();
  readonly #guard: MemoryGuard<B>;
  readonly #best: BestSoFar;
  /** Whose gradient norms are measured. */
  readonly #layers: ReadonlyMap<string, readonly Parameter[]>;
  /** Seed of dropout, taken from the runtime at the first step and kept for the whole run. */
  #seed: number | null = null;
  readonly #listeners = new Listeners<TrainerEvents>();

  /**
   * @throws ConfigError for an unknown key or a value out of range, an optimizer over parameters of another model, or
   * a schedule that ends before `steps`, or an interval of what does not happen; DataError for a validation without batches.
   */
  constructor(options: TrainerOptions<B>) {
    checkTrainerOptions(options);
    checkOwner(options.model, options.optimizer);
    checkEnd(options.schedule, options.steps);
    const { validation } = options;
    this.options = validation
      ? { ...options, validation: repeatable('Trainer', 'validation', validation) }
      : options;
    const { model, optimizer, metric, keepBest = validation !== undefined } = this.options;
    if (options.recompute !== undefined) recompute(model, options.recompute);
    this.#best = new BestSoFar(metric, keepBest, options.earlyStopping);
    this.#layers = options.gradNormEvery ? trainedLayers(model, optimizer) : new Map();
    this.#guard = new MemoryGuard(options.model, options.optimizer);
    this.#recorded = new RecordedSteps(options.model, options.optimizer.runtime, options.replay ?? true);
  }

  /** Why steps are not recorded and replayed; null as long as they can be. */
  get replayRefusal(): string | null {
    return this.#recorded.refusal;
  }

  /** The best evaluation so far and its weights; null before the first, and where `keepBest` is false. */
  get best(): BestWeights | null {
    return this.#best.best;
  }

  /** Why the run has ended before `steps`; null unless early stopping ended it. Then `run()` trains no further step. */
  get stopped(): Stopped | null {
    return this.#best.stopped;
  }

  /** Calls `listener` on every event of that kind; returns a function that stops it. */
  on<K extends keyof TrainerEvents>(event: K, listener: (payload: TrainerEvents[K]) => void): () => void {
    return this.#listeners.on(event, listener);
  }

  /**
   * Trains until `steps`, yielding the metrics of each. Breaking out keeps all state; calling `run()` again
   * goes on. `await trainer.run()` trains to the end and gives the last step's metrics. When `signal` aborts, the last
   * finished step is checkpointed and an AbortError is thrown; of a step that accumulates, the batches so far are given up.
   * A run that early stopping has ended trains no further step, unless the trainer's `earlyStopping` has more patience.
   * @throws NumericError naming the first module and op with a NaN or an infinity; with `stopOnDivergence`, when the
   * training has diverged, after a checkpoint.
   * @throws MemoryError before a step that cannot fit.
   */
  run(): TrainingRun {
    return awaitable(this.#steps());
  }

  async *#steps(): AsyncGenerator<StepMetrics, void, void> {
    const { options } = this;
    for (;;) {
      await this.#endDiverged();
      if (this.step >= options.steps || this.stopped) break;
      const metrics = await this.#stepUnlessAborted();
      if (!metrics) {
        await this.#checkpoint('interim');
        throw new DOMException(`training was aborted after step ${this.step}`, 'AbortError');
      }
      const last = this.step === options.steps;
      if (options.validation && (last || (options.evalEvery && this.step % options.evalEvery === 0))) {
        await this.#evaluate(metrics);
      }
      emitStep(this.#listeners, metrics);
      if (options.checkpointEvery && this.step % options.checkpointEvery === 0) {
        await this.#checkpoint(last || this.stopped ? 'final' : 'interim');
      }
      yield metrics;
      await pause();
    }
    if (!this.#finished) {
      this.#finished = true;
      await this.#checkpoint('final');
    }
  }

  /** Adds to the metrics of a step what its evaluation finds. */
  async #evaluate(metrics: StepMetrics): Promise<void> {
    const { model, samples } = this.options;
    Object.assign(metrics, await this.measure());
    const { metric, validNll } = metrics as Evaluation;
    metrics.isBest = this.#best.take(this.step, metric ?? validNll, () => model.stateDict());
    if (samples) metrics.samples = await this.#asideFromTraining(samples);
    if (this.stopped) metrics.stopped = this.stopped;
  }

  async #endDiverged(): Promise<void> {
    const { stopOnDivergence, steps, model } = this.options;
    try {
      if (stopOnDivergence) refuseDivergence(this.losses, steps, uninformedLoss(model));
    } catch (error) {
      await this.#checkpoint('interim');
      throw error;
    }
  }

  /** The next step takes its random position itself. */
  async #asideFromTraining<T>(use: () => T | Promise<T>): Promise<T> {
    const { model, optimizer } = this.options;
    const { training } = model;
    model.eval();
    try {
      return await withRuntime(optimizer.runtime, use);
    } finally {
      model.train(training);
    }
  }

  /** One update; synchronous. A step that throws leaves weights, data cursor and random position as they were. */
  trainStep(): StepMetrics {
    const parts = this.#parts();
    for (;;) {
      const { done, value } = parts.next();
      if (done) return value;
    }
  }

  /** One update, with a turn for others between its batches; null when `signal` aborts before it is done. */
  async #stepUnlessAborted(): Promise<StepMetrics | null> {
    const parts = this.#parts();
    while (!this.options.signal?.aborted) {
      const { done, value } = parts.next();
      if (done) return value;
      await pause();
    }
    parts.return(undefined as never);
    return null;
  }

  /** The parts of one update. Where one fails, or no further one is asked for, all is as it was before the first. */
  *#parts(): Generator<void, StepMetrics, void> {
    const { data, optimizer } = this.options;
    const { runtime } = optimizer;
    this.#refuseInside('trainStep');
    const cursor = data.state();
    const random = runtime.randomPosition;
    this.#begun = cursor;
    const step = this.#trainStep();
    let metrics: StepMetrics | undefined;
    try {
      while (!metrics) {
        const part = withRuntime(runtime, () => step.next());
        if (part.done) metrics = part.value;
        else yield;
      }
      return metrics;
    } catch (error) {
      runtime.endStep(); // the graph of the step that failed
      throw this.#guard.explain(error, this.step + 1);
    } finally {
      this.#begun = null;
      if (!metrics) {
        data.restore(cursor);
        runtime.setRandomPosition(random.step, random.microbatch);
      }
    }
  }

  /** Others have their turn inside a step: what would change what the step is made of has to wait. */
  #refuseInside(op: string): void {
    const hint = 'wait until run() yields or ends';
    if (this.#begun) throw new ConfigError('a step is under way', { op: `Trainer.${op}`, hint });
  }

  *#trainStep(): Generator<void, StepMetrics, void> {
    const { model, data, optimizer, labelSmoothing, clipNorm, accumulate = 1, gradNormEvery } = this.options;
    model.train();
    this.#takeRandomPosition(0);
    const lr = this.options.schedule ? this.options.schedule(this.step + 1) : optimizer.lr;
    if (!Number.isFinite(lr)) refuseRate(lr, this.step + 1);
    const batches = Array.from({ length: accumulate }, () => data.next());
    for (const batch of batches) this.#guard.check(batch, this.step + 1);
    const mean = new BatchMean('Trainer');
    for (const [i, batch] of batches.entries()) {
      if (i > 0) {
        yield;
        // Another may have had a turn.
        model.train();
        this.#takeRandomPosition(i);
      }
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
    const isMeasured = gradNormEvery !== undefined && (this.step + 1) % gradNormEvery === 0;
    const gradNorms = isMeasured ? layerNorms(this.#layers, optimizer) : undefined;
    if (!Number.isFinite(gradNorm)) refuseGradient(this.options, batches, this.#history.before(this, false));
    this.#history.add(gradNorm);
    if (this.options.schedule) optimizer.lr = lr;
    optimizer.step();
    this.step++;
    this.losses.push(loss);
    const metrics = { step: this.step, lr, loss, gradNorm, tokens: mean.total };
    return gradNorms ? { ...metrics, gradNorms } : metrics;
  }

  /** The random position is the trainer's, not the runtime's: trainers may take turns on one runtime. */
  #takeRandomPosition(microbatch: number): void {
    const { runtime } = this.options.optimizer;
    this.#seed ??= runtime.seed;
    if (runtime.seed !== this.#seed) runtime.manualSeed(this.#seed);
    runtime.setRandomPosition(this.step, microbatch);
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
   * All that evaluations measure on `validation`: the loss, bits per byte and the metric.
   * @throws ConfigError without a validation, for bits per byte of a loss without counts, or a metric that is no number
   */
  async measure(): Promise<Evaluation> {
    const { model, validation, validationBytes, metric } = this.options;
    if (!validation) return { validNll: this.evaluate() };
    const found: Evaluation = await evaluationOf(model, validation, validationBytes);
    if (metric) found.metric = await this.#asideFromTraining(() => measure(metric));
    return found;
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

  /**
   * Everything needed to go on bit for bit: weights, the best ones too, moments, rate, random position, data cursor.
   * Called while a step accumulates, it is as of the step before.
   */
  save(): Uint8Array {
    return encodeTrainerState(this.options, {
      step: this.step,
      losses: this.losses,
      best: this.#best,
      cursor: this.#begun ?? this.options.data.state(),
      seed: this.#seed ?? this.options.optimizer.runtime.seed,
    });
  }

  /**
   * Continues from a checkpoint of `save()`. Nothing is changed when it does not fit.
   * @param path what messages call it
   * @throws CheckpointError when it is damaged, of another version, arithmetic or schedule, or of another configuration.
   */
  restore(bytes: ArrayBufferView | ArrayBufferLike, path = 'checkpoint', options: RestoreOptions = {}): void {
    const { model, optimizer, data, config = {}, schedule } = this.options;
    this.#refuseInside('restore');
    const isSame = keepsSchedule(options);
    const saved = readTrainerState(bytes, path, optimizer.runtime.arithmetic);
    if (isSame) checkSchedule(schedule, saved.schedule, path);
    const read = options.read?.(saved.config, config) ?? saved.config;
    if (this.options.config) checkConfig(config, read, path, isSame);
    if (this.options.validation) this.#best.checkMetric(saved.best, path);
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
    this.#best.restore(saved.best, saved.weights, saved.bestWeights);
    this.#seed = saved.rng.seed;
    this.step = saved.step;
    this.losses.length = 0;
    for (const loss of saved.losses) this.losses.push(loss);
    this.#finished = false;
    this.#savedStep = saved.step;
    this.#history.clear();
  }

  /** Gives the memory of model, optimizer and recorded steps back at once; none of them can be used afterwards. */
  free(): void {
    this.#refuseInside('free');
    this.#recorded.free();
    this.options.optimizer.free();
    this.options.model.free();
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
