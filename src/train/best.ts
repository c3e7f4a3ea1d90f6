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

/** Where the weights of the best evaluation lie in a checkpoint; null for nowhere. */
type Place = 'best' | 'model' | null;

/** What a checkpoint says of the evaluations before it. */
export interface SavedBest {
  metric: string;
  /** The best evaluation. */
  top: { step: number; value: number } | null;
  weights: Place;
  /** The last evaluation that counted as better, those since, and the step of the newest. */
  reference: number | null;
  since: number;
  at: number;
}

/** Follows the evaluations of one run. */
export class BestSoFar {
  readonly #sign: 1 | -1;
  readonly #keeps: boolean;
  readonly #stopping: EarlyStopping | undefined;
  #state: SavedBest;
  #weights: StateDict | null = null;

  constructor(metric: Metric | undefined, keeps: boolean, stopping: EarlyStopping | undefined) {
    this.#sign = metric?.better === 'higher' ? 1 : -1;
    this.#keeps = keeps;
    this.#stopping = stopping;
    this.#state = empty(metric?.name ?? NLL);
  }

  get best(): BestWeights | null {
    const { top, metric } = this.#state;
    return top && this.#weights && { ...top, metric, weights: this.#weights };
  }

  /** Takes an evaluation in; what is not finite is no better than anything. Returns whether it is the best so far. */
  take(step: number, value: number, weights: () => StateDict): boolean {
    const { minDelta = 0 } = this.#stopping ?? {};
    const state = this.#state;
    const gain = (than: number | null | undefined): number =>
      Number.isFinite(value) ? (value - (than ?? -this.#sign * Infinity)) * this.#sign : -Infinity;
    state.at = step;
    if (gain(state.reference) > minDelta) {
      state.reference = value;
      state.since = 0;
    } else state.since++;
    const isBest = gain(state.top?.value) > 0;
    if (isBest) {
      state.top = { step, value };
      this.#weights = this.#keeps ? weights() : null;
    }
    return isBest;
  }

  /** Why the run is at its end; null while it is not. It follows from what is kept here, so a resume knows it too. */
  get stopped(): Stopped | null {
    const { patience = Number.POSITIVE_INFINITY } = this.#stopping ?? {};
    const { metric, reference, since, at } = this.#state;
    if (since < patience) return null;
    const value = reference === null ? 'any' : reference.toPrecision(5);
    const message = `${metric} has not become better than ${value} in ${since} evaluations`;
    return { reason: 'earlyStopping', step: at, message };
  }

  /** For a checkpoint with these weights: null before the first evaluation, and the weights to put beside them. */
  save(model: StateDict): { state: Json; beside: StateDict } {
    const state = this.#state;
    if (state.at === 0) return { state: null, beside: new Map() };
    const kept = this.#weights;
    // The best are the last after an evaluation that was the best, and then they are stored once.
    const isModel =
      kept !== null && [...model].every(([name, { data }]) => isSame(data, kept.get(name)?.data));
    const weights: Place = isModel ? 'model' : kept && 'best';
    return { state: { ...state, weights }, beside: weights === 'best' && kept ? kept : new Map() };
  }

  /** @throws CheckpointError when the run went by something else so far */
  checkMetric({ metric: saved, at }: SavedBest, path: string): void {
    const { metric } = this.#state;
    if (at === 0 || saved === metric) return;
    throw new CheckpointError(`its best weights are those by ${saved}, the run here goes by ${metric}`, {
      path,
      expected: metric,
      actual: saved,
      hint: 'go on with the metric of the run, or start a new run elsewhere',
    });
  }

  /** @param beside weights of their own in the checkpoint */
  restore(saved: SavedBest, model: StateDict, beside: StateDict): void {
    this.#state = saved.at === 0 ? empty(this.#state.metric) : { ...saved };
    this.#weights = saved.weights && copyOf(saved.weights === 'model' ? model : beside);
  }
}

const empty = (metric: string): SavedBest => ({
  metric,
  top: null,
  weights: null,
  reference: null,
  since: 0,
  at: 0,
});

const isSame = (a: ArrayLike<number>, b: ArrayLike<number> | undefined): boolean =>
  a.length === b?.length && Array.prototype.every.call(a, (value, i) => value === b[i]);

const copyOf = (weights: StateDict): StateDict =>
  new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));

/**
 * @param json of `save()`; undefined in checkpoints of versions that did not write it
 * @param beside tensors `best.*`
 * @throws CheckpointError for anything else
 */
export function readBest(
  json: Json | undefined,
  beside: StateDict,
  model: StateDict,
  path: string,
): SavedBest {
  const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
  const isNumber = (n: unknown): boolean => n === null || Number.isFinite(n);
  const saved = (json ?? empty(NLL)) as unknown as SavedBest;
  const { metric, top, weights, reference, since, at } = saved;
  const isWritten =
    isJsonObject(saved) &&
    typeof metric === 'string' &&
    isCount(since) &&
    isCount(at) &&
    isNumber(reference) &&
    (top === null || (isCount(top?.step) && Number.isFinite(top.value))) &&
    (weights === null || (top !== null && (weights === 'best' || weights === 'model'))) &&
    beside.size === (weights === 'best' ? model.size : 0) &&
    [...beside].every(([name, { shape }]) => sameShape(shape, model.get(name)?.shape ?? [-1]));
  if (isWritten) return saved;
  throw new CheckpointError('its best weights are not those of a Trainer', { path, actual: brief(json) });
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
