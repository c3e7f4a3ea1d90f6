/** @file Multi-head attention as nodes: heads apart, norms of queries and keys, rotary positions, keys of fewer heads. */
import type { Parameter } from '../../autograd/variable.js';
import type { MultiHeadAttention } from '../../nn/attention.js';
import type { Norm } from '../../nn/layers.js';
import type { Graph, Value } from './graph.js';
import { linear, normOf, unitLength } from './layers.js';

/** Keys and values of all positions, each (B, heads of keys, S, dHead). */
export type KeysAndValues = readonly [keys: Value, values: Value];

/** What attention over the own positions is told. */
export interface SelfContext {
  /** Added to the scores, (B or 1, 1, T or 1, S): 0 where a query sees the key. null: it sees all. */
  mask: Value | null;
  /** Cosines and sines of the positions' angles, each (B or 1, 1, T, dHead / 2); null without rotary positions. */
  angles: readonly [cosines: Value, sines: Value] | null;
  /** Those of the positions before. */
  past: KeysAndValues | null;
}

/** x (B, T, C) to (B, T, C), and the keys and values that the next positions will see. */
export function selfAttention(
  g: Graph,
  attention: MultiHeadAttention,
  x: Value,
  { mask, angles, past }: SelfContext,
): { out: Value; present: KeysAndValues } {
  const { dModel: c, kvWidth: d } = attention;
  const [q, k, v] = g.split(project(g, attention, x, [0, c + 2 * d]), [c, d, d]);
  let query = queryHeads(g, attention, q);
  let [keys, values]: KeysAndValues = memoryHeads(g, attention, k, v);
  if (angles) [query, keys] = [turned(g, attention, query, angles), turned(g, attention, keys, angles)];
  if (past) {
    keys = g.op('Concat', [past[0], keys], { axis: { i: 2 } });
    values = g.op('Concat', [past[1], values], { axis: { i: 2 } });
  }
  return { out: attend(g, attention, query, [keys, values], mask), present: [keys, values] };
}

/** Queries from x (B, T, C) over keys and values as `memoryOf` makes them. */
export function crossAttention(
  g: Graph,
  attention: MultiHeadAttention,
  x: Value,
  memory: KeysAndValues,
  mask: Value,
): Value {
  const q = project(g, attention, x, [0, attention.dModel]);
  return attend(g, attention, queryHeads(g, attention, q), memory, mask);
}

/** Keys and values of what the encoder gave (B, S, C). */
export function memoryOf(g: Graph, attention: MultiHeadAttention, memory: Value): KeysAndValues {
  const { dModel: c, kvWidth: d } = attention;
  const [k, v] = g.split(project(g, attention, memory, [c, c + 2 * d]), [d, d]);
  return memoryHeads(g, attention, k, v);
}

/** A part of the packed projection. */
function project(
  g: Graph,
  { inProjWeight, inProjBias }: MultiHeadAttention,
  x: Value,
  rows: readonly [number, number],
): Value {
  const isAll = rows[1] - rows[0] === inProjWeight.shape[0];
  const y = g.op('MatMul', [x, g.matrix(inProjWeight, isAll ? undefined : rows)]);
  return inProjBias ? g.add(y, g.elements(inProjBias, rows)) : y;
}

const queryHeads = (g: Graph, attention: MultiHeadAttention, q: Value): Value =>
  headsOf(g, attention, q, attention.numHeads, attention.qNorm, attention.perHead, (h) => {
    const { qkL2, dModel, numHeads } = attention;
    if (!qkL2) return h;
    const factor = () => Float32Array.of(qkGain(g, qkL2.g) * Math.fround(Math.sqrt(dModel / numHeads)));
    return g.mul(unitLength(g, qkL2, h), g.floats(`${qkL2.g.path} sqrt(dHead)`, [1], factor));
  });

const qkGain = (g: Graph, parameter: Parameter): number => g.valuesOf(parameter)[0];

function memoryHeads(g: Graph, attention: MultiHeadAttention, k: Value, v: Value): KeysAndValues {
  const { numKVHeads, kNorm, vNorm, qkL2, perHead } = attention;
  const keys = headsOf(g, attention, k, numKVHeads, kNorm, perHead, (h) =>
    qkL2 ? unitLength(g, qkL2, h) : h,
  );
  return [keys, headsOf(g, attention, v, numKVHeads, vNorm, true)];
}

/** (B, T, count · dHead) to (B, count, T, dHead), with a norm over each head or over all of them. */
function headsOf(
  g: Graph,
  { dModel, numHeads }: MultiHeadAttention,
  x: Value,
  count: number,
  norm: Norm | null,
  perHead: boolean,
  each: (h: Value) => Value = (h) => h,
): Value {
  const whole = norm && !perHead ? normOf(g, norm).forward(x) : x;
  const apart = g.reshape(whole, [0, 0, count, dModel / numHeads]);
  const normed = norm && perHead ? normOf(g, norm).forward(apart) : apart;
  return g.transpose(each(normed), [0, 2, 1, 3]);
}

/** Components i and i + dHead / 2 are a pair that is turned. */
function turned(
  g: Graph,
  { dModel, numHeads }: MultiHeadAttention,
  x: Value,
  [cosines, sines]: readonly [Value, Value],
): Value {
  const half = dModel / numHeads / 2;
  const [low, high] = g.split(x, [half, half]);
  const first = g.op('Sub', [g.mul(low, cosines), g.mul(high, sines)]);
  const second = g.add(g.mul(high, cosines), g.mul(low, sines));
  return g.op('Concat', [first, second], { axis: { i: -1 } });
}

/** From heads of queries (B, H, T, dHead) to the output (B, T, C). */
function attend(
  g: Graph,
  attention: MultiHeadAttention,
  query: Value,
  memory: KeysAndValues,
  mask: Value | null,
): Value {
  const { dModel, numHeads, numKVHeads, headGain, innerNorm, outProj } = attention;
  const dHead = dModel / numHeads;
  const group = numHeads / numKVHeads;
  let q = g.scale(query, 1 / Math.sqrt(dHead));
  let [k, v] = memory;
  let seen = mask;
  let flip = [0, 1, 3, 2];
  // Heads of queries that share one of keys are an axis of their own, over which keys and values are the same.
  if (group > 1) {
    q = g.reshape(q, [0, numKVHeads, group, -1, dHead]);
    [k, v, seen] = [g.unsqueeze(k, 2), g.unsqueeze(v, 2), mask && g.unsqueeze(mask, 2)];
    flip = [0, 1, 2, 4, 3];
  }
  const scores = g.op('MatMul', [q, g.transpose(k, flip)]);
  const shares = g.op('Softmax', [seen ? g.add(scores, seen) : scores], { axis: { i: -1 } });
  let heads = g.op('MatMul', [shares, v]);
  if (group > 1) heads = g.reshape(heads, [0, numHeads, -1, dHead]);
  let h = g.reshape(g.transpose(heads, [0, 2, 1, 3]), [0, 0, dModel]);
  if (headGain) {
    const each = () => {
      const gains = g.valuesOf(headGain);
      return Float32Array.from({ length: dModel }, (_, i) => gains[Math.floor(i / dHead)]);
    };
    h = g.mul(h, g.floats(`${headGain.path} of each component`, [dModel], each));
  }
  return linear(g, outProj, innerNorm ? normOf(g, innerNorm).forward(h) : h);
}
