/** @file The best evaluation of a run: what better means, the weights it had, and when waiting for another one ends. */
import { brief, CheckpointError, ConfigError } from '../errors.js';
import type { Json } from '../io/checkpoint-file.js';
import { isJsonObject } from '../json.js';
import type { StateDict } from '../nn/module.js';
import { sameShape } from '../tensor/shape.js';

/** A number of one's own that evaluations measure, such as an accuracy. */
export interface Metric {
  /** What it is called in messages and checkpoints. */
  name: string;
  /** Which values are better. */
  better: 'higher' | 'lower';
  /** Called after each evaluation; the model is in evaluation mode. */
  measure: () => number | Promise<number>;
}

/** When to stop because nothing gets better. */
export interface EarlyStopping {
  /** Evaluations in a row that may be no better than the best before them; then the run ends. */
  patience: number;
  /** By how much an evaluation has to be better to count. Default 0: any improvement does. */
  minDelta?: number;
}

/** The best evaluation so far, and the weights that it had. */
export interface BestWeights {
  /** Steps done by then. */
  step: number;
  /** What was measured then. */
  value: number;
  /** `validNll`, or the name of the trainer's `metric`. */
  metric: string;
  /** A copy, on the JavaScript side: for `model.loadStateDict`. */
  weights: StateDict;
}

/** Why a run ended though it had steps left. */
export interface Stopped {
  reason: 'earlyStopping';
  /** Steps done by then. */
  step: number;
  /** In words. */
  message: string;
}

/** What `validNll` is called where a metric's name stands. */
const NLL = 'validNll';

/** Follows the evaluations of one run. */
export class BestSoFar {
  best: BestWeights | null = null;
  readonly #metric: string;
  readonly #sign: 1 | -1;
  readonly #keeps: boolean;
  readonly #stopping: EarlyStopping | undefined;
  /** Evaluations since the last one that counted as better, what that one was, and the step of the newest. */
  #since = 0;
  #reference: number | null = null;
  #at = 0;

  constructor(metric: Metric | undefined, keeps: boolean, stopping: EarlyStopping | undefined) {
    this.#metric = metric?.name ?? NLL;
    this.#sign = metric?.better === 'higher' ? 1 : -1;
    this.#keeps = keeps;
    this.#stopping = stopping;
  }

  /** Takes an evaluation in; what is not finite is no better than anything. Returns whether it is the best so far. */
  take(step: number, value: number, weights: () => StateDict): boolean {
    const { minDelta = 0 } = this.#stopping ?? {};
    const gain = (than: number | null | undefined): number =>
      Number.isFinite(value) ? (value - (than ?? -this.#sign * Infinity)) * this.#sign : -Infinity;
    this.#at = step;
    if (gain(this.#reference) > minDelta) {
      this.#reference = value;
      this.#since = 0;
    } else this.#since++;
    const isBest = gain(this.best?.value) > 0;
    if (isBest && this.#keeps) this.best = { step, value, metric: this.#metric, weights: weights() };
    return isBest;
  }

  /** Why the run is at its end; null while it is not. It follows from what is kept here, so a resume knows it too. */
  get stopped(): Stopped | null {
    const { patience = Number.POSITIVE_INFINITY } = this.#stopping ?? {};
    if (this.#since < patience) return null;
    const value = this.#reference === null ? 'any' : this.#reference.toPrecision(5);
    const message = `${this.#metric} has not become better than ${value} in ${this.#since} evaluations`;
    return { reason: 'earlyStopping', step: this.#at, message };
  }

  /** For a checkpoint, whose tensors `best.*` are the weights; null before the first evaluation. */
  state(): Json {
    if (this.#at === 0 && !this.best) return null;
    const { best } = this;
    return {
      metric: this.#metric,
      best: best && { step: best.step, value: best.value },
      reference: this.#reference,
      since: this.#since,
      at: this.#at,
    };
  }

  /** @throws CheckpointError when the run went by something else so far */
  checkMetric(saved: SavedBest | null, path: string): void {
    if (!saved || saved.metric === this.#metric) return;
    throw new CheckpointError(
      `its best weights are those by ${saved.metric}, the run here goes by ${this.#metric}`,
      {
        path,
        expected: this.#metric,
        actual: saved.metric,
        hint: 'go on with the metric of the run, or start a new run elsewhere',
      },
    );
  }

  restore(saved: SavedBest | null): void {
    this.best = saved?.best ? { ...saved.best, metric: saved.metric } : null;
    this.#reference = saved?.reference ?? null;
    this.#since = saved?.since ?? 0;
    this.#at = saved?.at ?? 0;
  }
}

/** What a checkpoint says of the evaluations before it. */
export interface SavedBest {
  metric: string;
  best: { step: number; value: number; weights: StateDict } | null;
  reference: number | null;
  since: number;
  at: number;
}

/**
 * @param json of `state()`; undefined in checkpoints of versions that did not write it
 * @param weights tensors `best.*`
 * @throws CheckpointError for anything else
 */
export function readBest(
  json: Json | undefined,
  weights: StateDict,
  model: StateDict,
  path: string,
): SavedBest | null {
  const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
  const isEmpty = json === undefined || json === null;
  const saved = json as unknown as SavedBest;
  const isWritten =
    isEmpty ||
    (isJsonObject(json) &&
      typeof saved.metric === 'string' &&
      isCount(saved.since) &&
      isCount(saved.at) &&
      (saved.reference === null || Number.isFinite(saved.reference)) &&
      (saved.best === null || (isCount(saved.best?.step) && Number.isFinite(saved.best.value))));
  const hasBest = isWritten && !isEmpty && saved.best !== null;
  const fits =
    weights.size === (hasBest ? model.size : 0) &&
    [...weights].every(([name, { shape }]) => sameShape(shape, model.get(name)?.shape ?? [-1]));
  if (!isWritten || !fits) {
    throw new CheckpointError('its best weights are not those of a Trainer', { path, actual: brief(json) });
  }
  if (isEmpty) return null;
  return { ...saved, best: saved.best && { ...saved.best, weights } };
}

/** @throws ConfigError for what is no number; a NaN is one, but never the best */
export async function measure({ name, measure: run }: Metric): Promise<number> {
  const value = await run();
  if (typeof value === 'number') return value;
  throw new ConfigError(`metric.measure must return a number, got ${brief(value)}`, {
    op: 'Trainer',
    actual: value,
    hint: `return ${name} as a number`,
  });
}
