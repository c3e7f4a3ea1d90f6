/** @file Where tokens stand, and which of them see which. */
import type { Graph, Value } from './graph.js';
import { TYPE } from './schema.js';

/** Beside it every score is nothing; an infinity would make a row that sees no key NaN. */
const UNSEEN = -1e30;

/** Positions (1, T) from 0 on. */
export function positionsOf(g: Graph, ids: Value): Value {
  return g.unsqueeze(g.op('Range', [g.int(0), g.size(ids, 1), g.int(1)]), 0);
}

/** (B, S) of 1 and 0 to what is added to scores, (B, 1, 1, S). */
export function seen(g: Graph, given: Value): Value {
  return penalty(g, g.unsqueeze(g.op('Cast', [given], { to: { i: TYPE.bool } }), 1, 2));
}

const penalty = (g: Graph, isSeen: Value): Value => g.op('Where', [isSeen, g.float(0), g.float(UNSEEN)]);

/**
 * Tokens that see themselves and those before: what is added to scores, (B or 1, 1, T, S), and their positions (B or 1, T).
 * @param given (B, S) of 1 and 0, whose zeros are padding that takes no position; null where there is none
 * @param past whether there are positions before these, which `given` tells then; or keys of them, (B, H, P, dHead)
 */
export function seenBefore(
  g: Graph,
  ids: Value,
  given: Value | null,
  past: boolean | Value,
): { mask: Value; places: () => Value } {
  const count = g.size(ids, 1);
  const one = g.int(1);
  const zero = g.int(0);
  let [before, total] = [zero, count];
  if (given !== null && past) {
    total = g.size(given, 1);
    before = g.op('Sub', [total, count]);
  } else if (typeof past === 'string') {
    before = g.size(past, 2);
    total = g.add(before, count);
  }
  const own = g.op('Range', [before, total, one]); // (T)
  const keys = g.unsqueeze(g.op('Range', [zero, total, one]), 0); // (1, S)
  const causal = g.op('LessOrEqual', [keys, g.unsqueeze(own, 1)]); // (T, S)
  if (given === null)
    return { mask: penalty(g, g.unsqueeze(causal, 0, 1)), places: () => g.unsqueeze(own, 0) };
  const isText = g.unsqueeze(g.op('Cast', [given], { to: { i: TYPE.bool } }), 1, 2);
  const mask = penalty(g, g.op('And', [causal, isText]));
  const places = () => {
    // The place of a token is the number of those before it that are no padding.
    const counted = g.op('Sub', [g.op('CumSum', [given, one]), one]);
    const all = g.op('Clip', [counted, zero]);
    return past ? g.op('Gather', [all, own], { axis: { i: 1 } }) : all;
  };
  return { mask, places };
}
