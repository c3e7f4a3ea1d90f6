/**
 * @file Oracles of assembly/optimizer.ts, whose head describes `table`, `hyper` and `clip`.
 */
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
    const h = readHyper(heap, (hyper >> 2) + 16 * group);
    for (let i = 0; i < length; i++) {
      const p = (address >> 2) + i;
      heap[p] *= 1 - h.decoupledDecay;
      visit(p, factor * heap[(grads >> 2) + offset + i] + h.weightDecay * heap[p], offset + i, h);
    }
  }
}

function readHyper(heap: Heap, at: number): Hyper {
  return {
    lr: heap[at],
    beta1: heap[at + 1],
    beta2: heap[at + 2],
    eps: heap[at + 3],
    weightDecay: heap[at + 4],
    decoupledDecay: heap[at + 5],
    stepSize: heap[at + 6],
    denomScale: heap[at + 7],
    momentum: heap[at + 8],
    nesterov: heap[at + 9] !== 0,
    rectification: heap[at + 10],
    oneMinusBeta1: heap[at + 11] || 1 - heap[at + 1],
    oneMinusBeta2: heap[at + 12] || 1 - heap[at + 2],
  };
}
