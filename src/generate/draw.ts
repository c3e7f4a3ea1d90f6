/** @file One token from the scores of all: the most probable, or one drawn behind the filters. Ties go to the smaller id. */
import { NumericError } from '../errors.js';
import { exp64 } from '../runtime/math.js';

/**
 * What is left to draw from. The filters come in this order, each on what the one before has left:
 *
 * 1. scores are divided by `temperature`;
 * 2. `topK`: the k most probable;
 * 3. `topP`: the fewest of the most probable whose probabilities sum to at least p of what is left;
 * 4. `minP`: those at least p times as probable as the most probable.
 *
 * The most probable token always stays.
 */
export interface Filters {
  /** Above 0. */
  temperature: number;
  topK?: number;
  topP?: number;
  minP?: number;
}

/** The id of the greatest score. */
export function argmax(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i;
  return best;
}

/** @throws NumericError when the scores of a model are none */
export function mostProbable(logits: Float32Array): number {
  const best = argmax(logits);
  if (!Number.isFinite(logits[best])) throw noScores(logits[best]);
  return best;
}

const noScores = (actual: number): NumericError =>
  new NumericError('the model gives no numbers as logits', {
    op: 'generate',
    actual,
    hint: 'it has diverged: use earlier weights',
  });

/**
 * The token at `u` in [0, 1) of the probabilities that softmax(scores / temperature) has behind the filters, most
 * probable first. Scores may be logits or log-probabilities.
 */
export function draw(scores: Float32Array, filters: Filters, u: number): number {
  const { temperature, topK = scores.length, topP = 1, minP = 0 } = filters;
  const ids = ranked(scores, topK);
  const top = scores[ids[0]];
  const weights = new Float64Array(ids.length);
  let sum = 0;
  for (let i = 0; i < ids.length; i++) {
    weights[i] = exp64((scores[ids[i]] - top) / temperature);
    sum += weights[i];
  }
  if (!(sum > 0 && sum < Infinity)) throw noScores(top);
  let kept = ids.length;
  if (topP < 1 || minP > 0) {
    const wanted = topP * sum;
    for (kept = 0, sum = 0; kept < ids.length; kept++) {
      // Weights fall from 1, the most probable token's.
      if (kept > 0 && ((topP < 1 && sum >= wanted) || weights[kept] < minP)) break;
      sum += weights[kept];
    }
  }
  let rest = u * sum;
  for (let i = 0; i < kept; i++) {
    rest -= weights[i];
    if (rest < 0) return ids[i];
  }
  return ids[kept - 1];
}

/** Up to so many places the best are found by insertion, which costs less than sorting all. */
const FEW = 64;

/** The ids of the `count` greatest scores, greatest first. */
export function ranked(scores: Float32Array, count: number): Int32Array {
  const n = scores.length;
  const keys = new Uint32Array(n);
  const signed = new Int32Array(keys.buffer);
  new Float32Array(keys.buffer).set(scores);
  // The bits of a float as a number that falls as the score rises; -0 is 0.
  for (let id = 0; id < n; id++) {
    const bits = signed[id];
    keys[id] = bits > 0 ? 0x7fffffff - bits : bits << 1 === 0 ? 0x7fffffff : bits;
  }
  return count <= FEW && count < n ? smallest(keys, count) : sorted(keys).slice(0, count);
}

/** The places of the `count` smallest keys, in order. */
function smallest(keys: Uint32Array, count: number): Int32Array {
  const best = new Int32Array(count);
  for (let i = 0; i < keys.length; i++) {
    let at = Math.min(i, count);
    if (at === count && keys[i] >= keys[best[count - 1]]) continue;
    for (at = Math.min(at, count - 1); at > 0 && keys[best[at - 1]] > keys[i]; at--) best[at] = best[at - 1];
    best[at] = i;
  }
  return best;
}

const DIGIT = 11;

/** The places of all keys in order, equal ones in the order they stand: a radix sort, linear in a vocabulary. */
function sorted(keys: Uint32Array): Int32Array {
  let from = Int32Array.from(keys.keys());
  let to = new Int32Array(keys.length);
  for (let shift = 0; shift < 32; shift += DIGIT) {
    const starts = new Int32Array((1 << DIGIT) + 1);
    const mask = (1 << DIGIT) - 1;
    for (let i = 0; i < keys.length; i++) starts[((keys[i] >>> shift) & mask) + 1]++;
    for (let digit = 0; digit < mask; digit++) starts[digit + 1] += starts[digit];
    for (let i = 0; i < from.length; i++) to[starts[(keys[from[i]] >>> shift) & mask]++] = from[i];
    [from, to] = [to, from];
  }
  return from;
}
