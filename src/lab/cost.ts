/**
 * @file What a lane costs, before it runs: bytes from the plan of its real model, seconds from the operations of a step
 * and what this device does of them in a second.
 */
import { buildRun, type OpenedData, openData, type Recipe } from '../recipe/index.js';
import { createRuntime } from '../runtime/init.js';
import { withRuntime } from '../runtime/runtime.js';
import { plan, type Trainable } from '../train/index.js';
import type { LabConfiguration, LaneConfiguration } from './configuration.js';
import { Lane } from './lane.js';
import { SNAPSHOT_EVERY } from './layout.js';
import { tasks } from './settings.js';

/** Of one lane. */
export interface LaneCost {
  /** Bytes that its runtime will take at most. */
  bytes: number;
  parameters: number;
}

/** What this device does. */
export interface LaneSpeed {
  /** Of one step, the instruments and their share of a snapshot included. */
  seconds: number;
}

/** A program, its kernels and what a worker takes before it has a model. */
const WORKER_BYTES = 12e6;
/** More is refused before a model is built to be planned. */
const MOST_PARAMETERS = 60e6;
/** Vocabulary of the tasks, where it is not yet known. */
const VOCABULARY = { chars: 61, text: 128, translate: 1000, reverse: 259, pairs: 1000 } as const;
const UNTIMED = 3;
const TIMED_MS = 250;

/** Numbers of the model, roughly: enough to refuse what is absurd and to guess seconds. */
export function roughParameters(lab: LabConfiguration, lane: LaneConfiguration): number {
  const { width, layers } = lane;
  const perLayer = 12 * width * width;
  const stacks = tasks[lab.task].model === 'transformer' ? 2.33 : 1;
  return stacks * layers * perLayer + VOCABULARY[lab.task] * width;
}

/** Whether it is worth planning at all. */
export function isAbsurd(lab: LabConfiguration, lane: LaneConfiguration): boolean {
  return roughParameters(lab, lane) > MOST_PARAMETERS;
}

/** Operations of one step: six a parameter and token, and attention's products. */
export function stepOperations(lab: LabConfiguration, lane: LaneConfiguration): number {
  const { batch, length, width, layers } = lane;
  const tokens = batch * length;
  return 6 * tokens * roughParameters(lab, lane) + 6 * layers * tokens * length * width;
}

/** Bytes that the page keeps of a lane's steps: rows of float64, and a snapshot every ten steps. */
export function historyBytes(lab: LabConfiguration, lane: LaneConfiguration): number {
  const isPair = tasks[lab.task].model === 'transformer';
  const blocks = lane.layers * (isPair ? 5 : 2);
  const layers = lane.layers * (isPair ? 2 : 1);
  const row = 8 * (6 + 2 * blocks + 2 * layers);
  const attention = 4 * lane.heads * lane.layers * (isPair ? 3 : 1) * 24 * 24;
  const snapshots = Math.ceil(lab.steps / SNAPSHOT_EVERY) + 1;
  return lab.steps * row + Math.min(snapshots * attention, SNAPSHOT_BYTES);
}

/** Attention beyond this is thinned out: every other snapshot goes. */
export const SNAPSHOT_BYTES = 12e6;

/** @throws what the recipe is refused with; MemoryError where not even the model fits */
export async function laneCost(recipe: Recipe): Promise<LaneCost> {
  const runtime = await createRuntime({ arithmetic: recipe.arithmetic ?? 'strict' });
  const data = await openedOnce(recipe);
  return withRuntime(runtime, () => {
    const { model, options } = buildRun(recipe, data);
    const moments = recipe.optimizer.kind === 'sgd' ? 1 : 2;
    const { peakBytes } = plan(model as Trainable<unknown>, options.data.next(), moments);
    return { bytes: peakBytes + WORKER_BYTES, parameters: model.numParameters() };
  });
}

let opened: { key: string; data: Promise<OpenedData> } | null = null;

/** The data of the recipe before, where it is the same: settings of the model change more often. */
function openedOnce({ data, tokenizer }: Recipe): Promise<OpenedData> {
  const key = JSON.stringify({ data, tokenizer });
  if (opened?.key !== key) opened = { key, data: openData({ data, tokenizer }) };
  return opened.data;
}

/** How long a step takes here. */
export async function laneSpeed(recipe: Recipe): Promise<LaneSpeed> {
  const lane = await Lane.open({ ...recipe, steps: 1000 });
  for (let step = 0; step < UNTIMED; step++) lane.train();
  const begun = performance.now();
  let steps = 0;
  while (performance.now() - begun < TIMED_MS && lane.train()) steps++;
  const each = (performance.now() - begun) / 1000 / steps;
  const before = performance.now();
  lane.snapshot();
  const seconds = each + (performance.now() - before) / 1000 / SNAPSHOT_EVERY;
  lane.free();
  return { seconds };
}
