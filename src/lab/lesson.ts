/**
 * @file What the lesson finds in a run: its questions are answered by the run's own numbers, so that another seed or
 * rate can turn an answer round. Words are in web/lab/lesson-words.ts.
 */
import type { LabConfiguration } from './configuration.js';
import { firstLab } from './configuration.js';
import type { LaneBeginning, LaneEnd } from './lane.js';
import type { RowLayout } from './layout.js';

/** Nats from the loss of letter frequencies within which a lane counts as standing at them. */
export const NEAR = 0.15;
/** Nats below letter frequencies at which a lane counts as trained. */
export const TRAINED = 0.5;
/** A layer has lost its gradient below this share of the last layer's. */
export const FADED = 0.01;
/** Steps over which a loss is a mean: batches differ by more than the lanes do. */
export const MEAN_STEPS = 9;

/** What a lane has shown so far: a `LaneHistory`, or what holds as much. */
export interface LessonHistory {
  readonly beginning: Pick<LaneBeginning, 'shape' | 'references'>;
  readonly layout: RowLayout;
  readonly steps: number;
  /** The row of a step; of step 0 what there was before any. */
  row(step: number): Float64Array | undefined;
}

/** A lane of a run. */
export interface LessonLane {
  readonly history: LessonHistory | null;
  readonly end: LaneEnd | null;
}

/** The lanes that the lesson speaks of, by their place among all. */
export interface LessonRoles {
  /** Post-LN without warm-up. */
  post: number;
  /** Post-LN with warm-up. */
  warmed: number;
  /** Pre-LN without warm-up. */
  pre: number;
}

/** Null where a lane that the lesson speaks of is not there. */
export function rolesOf({ lanes }: Pick<LabConfiguration, 'lanes'>): LessonRoles | null {
  const find = (placement: string, warmed: boolean): number =>
    lanes.findIndex((lane) => lane.placement === placement && lane.warmup > 0 === warmed);
  const roles = { post: find('post', false), warmed: find('post', true), pre: find('pre', false) };
  return Object.values(roles).every((at) => at >= 0) ? roles : null;
}

/** The lesson's lanes at their first rates, in the task, the sizes and with the seed of `lab`. */
export function lessonLab(lab: LabConfiguration): LabConfiguration {
  const [like] = lab.lanes;
  const lanes = firstLab().lanes.map(({ placement, warmup, maxLr, name }) => ({
    ...like,
    placement,
    warmup,
    maxLr,
    name,
  }));
  return { ...lab, lanes };
}

/** The same run but for the largest rate of one lane. */
export function withRate(lab: LabConfiguration, at: number, maxLr: number): LabConfiguration {
  return { ...lab, lanes: lab.lanes.map((lane, place) => (place === at ? { ...lane, maxLr } : lane)) };
}

/** Where a lane is, measured by what letter frequencies alone would give. */
export interface Standing {
  /** Mean of the last steps; NaN where the lane has none. */
  loss: number;
  frequencies: number;
  step: number;
  is: 'above' | 'at' | 'learning' | 'trained' | 'diverged';
}

/** Null before the first step. */
export function standingOf({ history, end }: LessonLane, until = Number.POSITIVE_INFINITY): Standing | null {
  if (!history) return null;
  const step = Math.min(until, history.steps);
  const { frequencies } = history.beginning.references;
  if (end === 'diverged' && step === history.steps)
    return { loss: Number.NaN, frequencies, step: step + 1, is: 'diverged' };
  if (step < 1) return null;
  const first = Math.max(1, step - MEAN_STEPS + 1);
  let sum = 0;
  for (let at = first; at <= step; at++) sum += lossAt(history, at);
  const loss = sum / (step - first + 1);
  const below = frequencies - loss;
  const is = below >= TRAINED ? 'trained' : below > NEAR ? 'learning' : below >= -NEAR ? 'at' : 'above';
  return { loss, frequencies, step, is };
}

function lossAt(history: LessonHistory, step: number): number {
  return (history.row(step) as Float64Array)[history.layout.loss];
}

/** Which layer's gradient fades first. */
export interface Fading {
  /** From 1; null where none fell below a hundredth of the last layer's. */
  layer: number | null;
  /** At which it did so; else the step of the smallest share. */
  step: number;
  /** Its share of the last layer's gradient there. */
  share: number;
  /** Which has the smallest share where none has faded. */
  smallest: number;
  layers: number;
}

/** The first step at which some layer's W2 has lost its gradient; null before the first step. */
export function fadingOf(history: LessonHistory): Fading | null {
  const { places, layers } = matricesOf(history);
  let least: Fading | null = null;
  for (let step = 1; step <= history.steps; step++) {
    const row = history.row(step) as Float64Array;
    const last = row[places[places.length - 1]];
    for (let layer = 1; layer < layers; layer++) {
      const share = row[places[layer - 1]] / last;
      if (!(least && share >= least.share)) least = { layer: null, step, share, smallest: layer, layers };
    }
    if (least && least.share < FADED) return { ...least, layer: least.smallest };
  }
  return least;
}

/** The last layer's gradient in Pre-LN as a share of Post-LN's, at step 1. */
export interface LastLayers {
  measured: number;
  /** The gradient passes one norm, which divides it by √x̄: √(x̄ Post-LN / x̄ Pre-LN), before the first update. */
  theory: number;
}

/** Null before both have made a step. */
export function lastLayersOf(post: LessonHistory, pre: LessonHistory): LastLayers | null {
  const gradient = (history: LessonHistory) => history.row(1)?.[matricesOf(history).places.at(-1) as number];
  const hidden = (history: LessonHistory) =>
    (history.row(0) as Float64Array)[history.layout.hidden + history.layout.layers - 1];
  const [ofPre, ofPost] = [gradient(pre), gradient(post)];
  if (ofPre === undefined || ofPost === undefined) return null;
  return { measured: ofPre / ofPost, theory: Math.sqrt(hidden(post) / hidden(pre)) };
}

/** The answer among `choices` that is nearest to a ratio: half and twice are equally far from one. */
export function nearestOf(choices: readonly number[], ratio: number): number {
  const distance = (choice: number) => Math.max(choice / ratio, ratio / choice);
  return choices.reduce((best, choice) => (distance(choice) < distance(best) ? choice : best));
}

/** Places in a row of ||dL/dW2|| of each layer of the last stack, which is the one below the predictor. */
function matricesOf({ beginning: { shape }, layout }: LessonHistory): { places: number[]; layers: number } {
  const stack = shape.layers[shape.layers.length - 1].stack;
  const places: number[] = [];
  let at = layout.gradients;
  for (const layer of shape.layers) {
    at += layer.blocks.length;
    if (layer.stack === stack) places.push(at - 1);
  }
  return { places, layers: places.length };
}
