/** @file Calls of the attention kernels: sizes and masks, random tensors, forward and backward against the reference. */
import { type KernelHarness, numbers } from './harness.js';

export interface Case {
  batch: number;
  heads: number;
  /** Heads of keys and values; without it as many as of queries. */
  kvHeads?: number;
  queryLen: number;
  keyLen: number;
  dHead: number;
  causal?: number;
  queryOffset?: number;
  lengths?: number[];
  /** Floats between tokens beyond heads * dHead, as in a packed projection. */
  pad?: number;
  /** Tokens of spare capacity per sequence. */
  spare?: number;
  /** 65536 times the probability of dropout. */
  threshold?: number;
  /** Number of the first head. */
  first?: number;
}

interface Shape extends Required<Omit<Case, 'lengths'>> {
  lengths?: number[];
  width: number;
  stride: number;
  scale: number;
}

export function shapeOf(c: Case): Shape {
  const width = c.heads * c.dHead;
  const pad = c.pad ?? 0;
  const scale = 1 / Math.sqrt(c.dHead);
  return {
    causal: 0,
    queryOffset: 0,
    spare: 0,
    threshold: 0,
    first: 0,
    kvHeads: c.heads,
    ...c,
    pad,
    width,
    stride: width + pad,
    scale,
  };
}

export interface Tensors {
  q: ArrayLike<number>;
  k: ArrayLike<number>;
  v: ArrayLike<number>;
}

export function randomTensors(s: Shape): Tensors {
  const keys = s.batch * (s.keyLen + s.spare) * s.stride;
  return {
    q: numbers(s.batch * s.queryLen * s.stride, 1),
    k: numbers(keys, 2),
    v: numbers(keys, 3),
  };
}

/** Allocates everything, runs the forward kernel (against the reference if asked) and returns the addresses. */
export function forward(h: KernelHarness, c: Case, given?: Tensors, compare = true, atol = 3e-6) {
  const s = shapeOf(c);
  const { q: qValues, k: kValues, v: vValues } = given ?? randomTensors(s);
  h.reset();
  const q = h.input('q', qValues);
  const k = h.input('k', kValues);
  const v = h.input('v', vValues);
  const lengths = s.lengths ? h.ints('lengths', s.lengths) : 0;
  const out = h.output('out', s.batch * s.queryLen * s.width);
  const [top, inverse] = ['top', 'inverse'].map((name) => h.output(name, s.batch * s.heads * s.queryLen));
  const work = h.workspace(h.kernels.attentionWorkspaceBytes(s.dHead));
  const mask = [s.threshold, h.ints('rng', [5, 6, 7, 8]), 77, 3, s.first];
  const args = [
    ...[out, top, inverse, q, k, v, lengths, s.batch, s.heads, s.kvHeads],
    ...[
      s.queryLen,
      s.keyLen,
      s.dHead,
      s.stride,
      s.stride,
      s.stride,
      s.width,
      s.keyLen + s.spare,
      s.causal,
      s.queryOffset,
      s.scale,
    ],
    ...[...mask, work],
  ] as Parameters<KernelHarness['kernels']['attentionForward']>;
  if (compare) h.run('attentionForward', args, { atol, rtol: 2e-6 });
  else h.runWasm('attentionForward', args);
  return { s, out, top, inverse, q, k, v, lengths, mask, work };
}

export function backward(
  h: KernelHarness,
  c: Case,
  given?: Tensors & { dout: ArrayLike<number> },
  compare = true,
) {
  const run = forward(h, { ...c, spare: 0 }, given, compare);
  const { s, out, top, inverse, q, k, v, lengths, mask, work } = run;
  const dots = h.workspace(s.batch * s.heads * s.queryLen * 4);
  // What lies between the tokens belongs to others: stale, and compared like everything else.
  const keys = s.batch * s.keyLen * s.stride;
  const dq = h.output('dq', s.batch * s.queryLen * s.stride);
  const dk = h.output('dk', keys);
  const dv = h.output('dv', keys);
  const dout = h.input('dout', given?.dout ?? numbers(s.batch * s.queryLen * s.width, 4));
  const args = [
    ...[dq, dk, dv, dout, q, k, v, out, top, inverse, dots, lengths],
    ...[s.batch, s.heads, s.kvHeads, s.queryLen, s.keyLen, s.dHead],
    ...[s.stride, s.stride, s.stride, s.width, s.causal, s.queryOffset, s.scale, ...mask, work],
  ] as Parameters<KernelHarness['kernels']['attentionBackward']>;
  if (compare) h.run('attentionBackward', args, { atol: 2e-5, rtol: 1e-5 });
  else h.runWasm('attentionBackward', args);
  return { ...run, dots, dq, dk, dv };
}

/** Row t of head 0.. of sequence b, as bits. */
export const rowBits = (h: KernelHarness, s: Shape, out: number, b: number, t: number): Int32Array =>
  h.bits(out + (b * s.queryLen + t) * s.width * 4, s.width);

export const CASES: Case[] = [
  { batch: 1, heads: 1, queryLen: 1, keyLen: 1, dHead: 1 },
  { batch: 2, heads: 2, queryLen: 3, keyLen: 5, dHead: 6, pad: 5 },
  { batch: 2, heads: 1, queryLen: 4, keyLen: 4, dHead: 8, causal: 1 },
  { batch: 2, heads: 2, queryLen: 9, keyLen: 9, dHead: 7, causal: 1, lengths: [9, 4], pad: 3 },
  { batch: 3, heads: 2, queryLen: 5, keyLen: 7, dHead: 16, lengths: [7, 0, 3] },
  { batch: 2, heads: 4, queryLen: 14, keyLen: 14, dHead: 16, lengths: [14, 11], pad: 128 },
  { batch: 1, heads: 1, queryLen: 33, keyLen: 33, dHead: 16, causal: 1 },
  { batch: 1, heads: 2, queryLen: 31, keyLen: 65, dHead: 12, causal: 1, queryOffset: 34 },
  { batch: 1, heads: 1, queryLen: 70, keyLen: 131, dHead: 9, causal: 1, queryOffset: -3 },
  { batch: 2, heads: 1, queryLen: 67, keyLen: 129, dHead: 64, lengths: [64, 129] },
  { batch: 1, heads: 1, queryLen: 6, keyLen: 70, dHead: 128, lengths: [500] },
  {
    batch: 2,
    heads: 4,
    kvHeads: 2,
    queryLen: 37,
    keyLen: 70,
    dHead: 12,
    causal: 1,
    queryOffset: 33,
    lengths: [70, 41],
  },
  { batch: 2, heads: 3, kvHeads: 1, queryLen: 9, keyLen: 9, dHead: 7, lengths: [9, 0], pad: 3 },
  { batch: 1, heads: 6, kvHeads: 2, queryLen: 67, keyLen: 67, dHead: 16, causal: 1, pad: 64 },
  { batch: 1, heads: 2, queryLen: 0, keyLen: 3, dHead: 4 },
  { batch: 1, heads: 2, queryLen: 3, keyLen: 0, dHead: 4 },
];
