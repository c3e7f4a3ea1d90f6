/**
 * @file Oracles of assembly/optimizer.ts, whose head describes `table`, `hyper` and `clip`.
 */
import {
  HYPER_BETA1,
  HYPER_BETA2,
  HYPER_DECOUPLED_DECAY,
  HYPER_DENOM_SCALE,
  HYPER_EPS,
  HYPER_FIELDS,
  HYPER_LR,
  HYPER_MOMENTUM,
  HYPER_NESTEROV,
  HYPER_ONE_MINUS_BETA1,
  HYPER_ONE_MINUS_BETA2,
  HYPER_RECTIFICATION,
  HYPER_STEP_SIZE,
  HYPER_WEIGHT_DECAY,
} from '../runtime/generated/shared.js';

type Heap = Float64Array;

interface Hyper {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  decoupledDecay: number;
  stepSize: number;
  denomScale: number;
  momentum: number;
  nesterov: boolean;
  rectification: number;
  oneMinusBeta1: number;
  oneMinusBeta2: number;
}

export function sgdStep(
  heap: Heap,
  table: number,
  numSegments: number,
  grads: number,
  momentumBuffer: number,
  hyper: number,
  clip: number,
): void {
  forEachElement(heap, table, numSegments, grads, hyper, clip, (p, g, flat, h) => {
    let step = g;
    if (momentumBuffer !== 0 && h.momentum !== 0) {
      const slot = (momentumBuffer >> 2) + flat;
      heap[slot] = h.momentum * heap[slot] + g;
      step = h.nesterov ? g + h.momentum * heap[slot] : heap[slot];
    }
    heap[p] -= h.lr * step;
  });
}

export function adamStep(
  heap: Heap,
  table: number,
  numSegments: number,
  grads: number,
  m: number,
  v: number,
  hyper: number,
  clip: number,
): void {
  forEachElement(heap, table, numSegments, grads, hyper, clip, (p, g, flat, h) => {
    const [mean, square] = updateMoments(heap, m, v, flat, g, h);
    heap[p] -= (h.stepSize * mean) / (Math.sqrt(square) * h.denomScale + h.eps);
  });
}

export function radamStep(
  heap: Heap,
  table: number,
  numSegments: number,
  grads: number,
  m: number,
  v: number,
  hyper: number,
  clip: number,
): void {
  forEachElement(heap, table, numSegments, grads, hyper, clip, (p, g, flat, h) => {
    const [mean, square] = updateMoments(heap, m, v, flat, g, h);
    const adaptive = h.rectification < 0 ? 1 : (h.rectification * h.denomScale) / (Math.sqrt(square) + h.eps);
    heap[p] -= h.stepSize * mean * adaptive;
  });
}

export function clipScale(heap: Heap, out: number, sumSquares: number, maxNorm: number): void {
  heap[out >> 2] = Math.min(1, maxNorm / (Math.sqrt(heap[sumSquares >> 2]) + 1e-6));
}

function updateMoments(
  heap: Heap,
  m: number,
  v: number,
  flat: number,
  g: number,
  h: Hyper,
): [mean: number, square: number] {
  const ms = (m >> 2) + flat;
  const vs = (v >> 2) + flat;
  heap[ms] += h.oneMinusBeta1 * (g - heap[ms]);
  heap[vs] = h.beta2 * heap[vs] + h.oneMinusBeta2 * g * g;
  return [heap[ms], heap[vs]];
}

/** Visits parameter slot, final gradient and flat index; the decoupled decay is applied already. */
function forEachElement(
  heap: Heap,
  table: number,
  numSegments: number,
  grads: number,
  hyper: number,
  clip: number,
  visit: (p: number, g: number, flat: number, h: Hyper) => void,
): void {
  const factor = clip === 0 ? 1 : heap[clip >> 2];
  for (let s = 0; s < numSegments; s++) {
    const [address, offset, length, group] = heap.subarray((table >> 2) + 4 * s, (table >> 2) + 4 * s + 4);
    const h = readHyper(heap, (hyper >> 2) + HYPER_FIELDS * group);
    for (let i = 0; i < length; i++) {
      const p = (address >> 2) + i;
      heap[p] *= 1 - h.decoupledDecay;
      visit(p, factor * heap[(grads >> 2) + offset + i] + h.weightDecay * heap[p], offset + i, h);
    }
  }
}

function readHyper(heap: Heap, at: number): Hyper {
  return {
    lr: heap[at + HYPER_LR],
    beta1: heap[at + HYPER_BETA1],
    beta2: heap[at + HYPER_BETA2],
    eps: heap[at + HYPER_EPS],
    weightDecay: heap[at + HYPER_WEIGHT_DECAY],
    decoupledDecay: heap[at + HYPER_DECOUPLED_DECAY],
    stepSize: heap[at + HYPER_STEP_SIZE],
    denomScale: heap[at + HYPER_DENOM_SCALE],
    momentum: heap[at + HYPER_MOMENTUM],
    nesterov: heap[at + HYPER_NESTEROV] !== 0,
    rectification: heap[at + HYPER_RECTIFICATION],
    oneMinusBeta1: heap[at + HYPER_ONE_MINUS_BETA1] || 1 - heap[at + HYPER_BETA1],
    oneMinusBeta2: heap[at + HYPER_ONE_MINUS_BETA2] || 1 - heap[at + HYPER_BETA2],
  };
}
