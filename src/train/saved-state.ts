/** @file What a trainer puts into a checkpoint and finds in one, checked, and the messages for what does not fit. */

import { callback, checkOptions, oneOf, optional } from '../checks.js';
import type { Cursor } from '../data/cursor.js';
import { brief, CheckpointError, PrenormError } from '../errors.js';
import { decodeCheckpoint, encodeCheckpoint, type Json } from '../io/checkpoint-file.js';
import type { TensorEntry } from '../io/safetensors.js';
import type { Module, StateDict } from '../nn/module.js';
import type { OptimizerState } from '../optim/optimizer.js';
import type { Schedule } from '../optim/schedules.js';
import { type ArithmeticName, markOf } from '../runtime/arithmetic.js';
import { strictWasmHash } from '../runtime/generated/wasm-hash.js';
import { type BestSoFar, readBest, type SavedBest } from './best.js';
import { modelState } from './model-info.js';
import type { TrainerOptions } from './options.js';

export interface TrainerState {
  step: number;
  config: Json;
  cursor: Cursor;
  rng: { seed: number; step: number; microbatch: number };
  weights: StateDict;
  optimizer: OptimizerState;
  /** As `scheduleState` gives it; undefined in checkpoints of versions that did not write it. */
  schedule: Json | undefined;
  /** The best evaluation so far, and its weights where they are not the last ones. */
  best: SavedBest;
  bestWeights: StateDict;
  losses: ArrayLike<number> & Iterable<number>;
}

/** The bytes of a checkpoint: what a trainer was made of, and how far it has come. */
export function encodeTrainerState<B>(
  { model, optimizer, config, schedule, companions }: TrainerOptions<B>,
  at: { step: number; losses: readonly number[]; best: BestSoFar; cursor: Cursor; seed: number },
): Uint8Array {
  const { step, losses, seed } = at;
  const tensors = new Map<string, TensorEntry>();
  const weights = model.stateDict();
  for (const [name, entry] of weights) tensors.set(`model.${name}`, entry);
  const { state: best, beside } = at.best.save(weights);
  for (const [name, entry] of beside) tensors.set(`best.${name}`, entry);
  const state = optimizer.stateDict();
  for (const [name, values] of Object.entries(state.buffers)) {
    tensors.set(`optimizer.${name}`, { shape: [values.length], data: values });
  }
  tensors.set('losses', { shape: [losses.length], data: Float64Array.from(losses) });
  return encodeCheckpoint({
    tensors,
    step,
    config: (config ?? {}) as Json,
    cursor: { ...at.cursor },
    rng: { seed, step, microbatch: 0 },
    kernelHash: strictWasmHash,
    ...(beside.size === 0 ? {} : { version: 2 }),
    extra: {
      optimizer: { kind: state.kind, step: state.step, lrs: state.lrs },
      schedule: scheduleState(schedule),
      ...markOf(optimizer.runtime.arithmetic),
      ...(best === null ? {} : { best }),
      ...modelState(model, companions),
    },
  });
}

/**
 * @param arithmetic in which the run goes on, where it does
 * @throws CheckpointError when the file is damaged, of a newer version, of another arithmetic, or was not written by a trainer
 */
export function readTrainerState(
  bytes: ArrayBufferView | ArrayBufferLike,
  path: string,
  arithmetic?: ArithmeticName,
): TrainerState {
  const saved = decodeCheckpoint(bytes, path);
  const weights: StateDict = new Map();
  const best: StateDict = new Map();
  // No prototype: a tensor may be called `optimizer.__proto__`.
  const buffers: OptimizerState['buffers'] = Object.create(null);
  for (const [name, { shape, data }] of saved.tensors) {
    if (name === 'losses') continue;
    if (!/^(?:model|best|optimizer)\./.test(name)) {
      throw new CheckpointError(`unexpected tensor ${brief(name)}`, { path });
    }
    // An array of another type would fail halfway through the loading.
    if (!(data instanceof Float32Array || data instanceof Float64Array)) {
      throw new CheckpointError(`tensor ${brief(name)} does not hold floats`, { path });
    }
    if (name.startsWith('model.')) weights.set(name.slice(6), { shape, data });
    else if (name.startsWith('best.')) best.set(name.slice(5), { shape, data });
    else buffers[name.slice(10)] = data;
  }
  const losses = saved.tensors.get('losses')?.data;
  const extra = saved.extra as {
    optimizer?: Omit<OptimizerState, 'buffers'>;
    schedule?: Json;
    arithmetic?: Json;
    best?: Json;
  } | null;
  const optimizer = extra?.optimizer;
  const rng = saved.rng as Partial<TrainerState['rng']> | null;
  const counts = [rng?.seed, rng?.step, rng?.microbatch, optimizer?.step];
  const isWritten =
    losses instanceof Float64Array &&
    losses.length === saved.step &&
    typeof optimizer?.kind === 'string' &&
    Array.isArray(optimizer.lrs) &&
    optimizer.lrs.every((lr) => Number.isFinite(lr) && lr >= 0) &&
    counts.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
  if (!isWritten) {
    throw new CheckpointError('the checkpoint was not written by a Trainer', {
      path,
      expected: 'losses, optimizer state and random position',
      hint: 'read its tensors with decodeCheckpoint',
    });
  }
  if (arithmetic !== undefined) checkArithmetic(arithmetic, extra?.arithmetic, path);
  return {
    step: saved.step,
    config: saved.config,
    cursor: saved.cursor as unknown as Cursor,
    rng: rng as TrainerState['rng'],
    weights,
    optimizer: { kind: optimizer.kind, step: optimizer.step, lrs: optimizer.lrs, buffers },
    schedule: extra?.schedule,
    best: readBest(extra?.best, best, weights, path),
    bestWeights: best,
    losses,
  };
}

/**
 * Loads the weights of a trainer's checkpoint into a model, for evaluation or generation; returns the step.
 * @throws CheckpointError when the file is damaged or its weights belong to another model; nothing is changed then.
 */
export function loadCheckpointWeights(
  model: Module,
  bytes: ArrayBufferView | ArrayBufferLike,
  path = 'checkpoint',
): number {
  const { weights, step } = readTrainerState(bytes, path);
  try {
    model.loadStateDict(weights);
  } catch (error) {
    throw misfit(error, path);
  }
  return step;
}

/** How `Trainer.restore` treats what may change on purpose. */
export interface RestoreOptions {
  /**
   * `same` refuses another schedule than the checkpoint's; `new` goes on with the trainer's own, for instance one with more
   * `totalSteps`. Two functions of one's own cannot be told apart. Default `same`.
   */
  schedule?: 'same' | 'new';
  /** The stored configuration in the words of this version; `own` is the trainer's. @internal */
  read?: (saved: Json, own: Record<string, unknown>) => Json;
}

/** Whether the schedule has to be that of the checkpoint. */
export function keepsSchedule(options: RestoreOptions): boolean {
  checkOptions('Trainer.restore', options, {
    schedule: optional(oneOf('same', 'new')),
    read: optional(callback),
  });
  return options.schedule !== 'new';
}

/** A schedule as checkpoints have it: its configuration, null for none. */
export function scheduleState(schedule: Schedule | undefined): Json {
  return schedule ? ((schedule.config as Json | undefined) ?? { kind: 'function' }) : null;
}

/**
 * The rest of the run would have other bits, and nothing would say so.
 * @throws CheckpointError for a checkpoint of another arithmetic
 */
export function checkArithmetic(own: ArithmeticName, saved: Json | undefined, path: string): void {
  const here = markOf(own).arithmetic ?? 'strict';
  const there = saved ?? 'strict';
  if (here === there) return;
  throw new CheckpointError(`it was computed in ${brief(there)} arithmetic, and this is ${brief(here)}`, {
    path,
    hint: `go on by init({ arithmetic: ${brief(there)} }), or --arithmetic ${there}`,
  });
}

/** @throws CheckpointError naming what differs from the schedule of the checkpoint */
export function checkSchedule(own: Schedule | undefined, saved: Json | undefined, path: string): void {
  if (saved !== undefined) checkSame('schedule', { schedule: scheduleState(own) }, { schedule: saved }, path);
}

/**
 * @param withSchedule whether the key `schedule` is compared
 * @throws CheckpointError naming the first key in which the two configurations differ
 */
export function checkConfig(
  own: Record<string, unknown>,
  saved: Json,
  path: string,
  withSchedule: boolean,
): void {
  // Through JSON and back, so that what JSON drops (undefined) is no difference.
  const here: Json = JSON.parse(JSON.stringify(own));
  const compared = (config: Json): Json =>
    withSchedule || !isRecord(config) ? config : { ...config, schedule: null };
  checkSame('configuration', compared(here), compared(saved), path);
}

function checkSame(what: string, own: Json, saved: Json, path: string): void {
  const difference = firstDifference(own, saved, '');
  if (!difference) return;
  const [key, here, there] = difference;
  const say = (value: unknown) => (value === undefined ? 'not set' : brief(value));
  const onPurpose = "change it on purpose: restore(bytes, path, { schedule: 'new' }), or --new-schedule";
  const isSchedule = key.split('.')[0] === 'schedule';
  throw new CheckpointError(
    `it was made with another ${what}: ${key || 'all'} is ${say(there)} there, ${say(here)} here`,
    {
      path,
      expected: own,
      actual: saved,
      hint: `resume with the ${what} of the run, or ${isSchedule ? onPurpose : 'start a new run elsewhere'}`,
    },
  );
}

type Difference = [key: string, own: unknown, saved: unknown];

function firstDifference(own: unknown, saved: unknown, at: string): Difference | null {
  if (isRecord(own) && isRecord(saved)) {
    for (const key of new Set([...Object.keys(own), ...Object.keys(saved)])) {
      const found = firstDifference(own[key], saved[key], at ? `${at}.${key}` : key);
      if (found) return found;
    }
    return null;
  }
  if (Array.isArray(own) && Array.isArray(saved) && own.length === saved.length) {
    for (const [i, item] of own.entries()) {
      const found = firstDifference(item, saved[i], `${at}[${i}]`);
      if (found) return found;
    }
    return null;
  }
  return JSON.stringify(own) === JSON.stringify(saved) ? null : [at, own, saved];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The error of a part that a checkpoint did not fit, as one about the checkpoint. */
export function misfit(error: unknown, path: string): unknown {
  if (!(error instanceof PrenormError)) return error;
  const { message, hint, expected, actual } = error;
  const reason = hint ? message.slice(0, -` (${hint})`.length) : message;
  return new CheckpointError(`the checkpoint does not fit: ${reason}`, {
    path,
    expected,
    actual,
    hint: 'resume with the same model, optimizer and data, or start a new run elsewhere',
    cause: error,
  });
}
