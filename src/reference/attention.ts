/** @file Oracle of assembly/attention.ts: all scores of a row at once, softmax and dropout as in the textbook. */
import { threefry } from '../random.js';

type Heap = Float64Array;

export const attentionWorkspaceBytes = (_heap: Heap, _dHead: number): number => 64;

/** Probabilities of one query row over its visible keys. */
function probabilities(
  heap: Heap,
  q: number,
  k: number,
  strideK: number,
  dHead: number,
  count: number,
  scale: number,
): { p: number[]; top: number; total: number } {
  const s = Array.from({ length: count }, (_, j) => {
    let dot = 0;
    for (let e = 0; e < dHead; e++) dot += heap[q + e] * heap[k + j * strideK + e];
    return dot * scale;
  });
  const top = Math.max(...s);
  const total = s.reduce((sum, v) => sum + Math.exp(v - top), 0);
  return { p: s.map((v) => Math.exp(v - top) / total), top, total };
}

/** What a head's row multiplies its probabilities by: 0 or 1 / (1 - p) for each of `count` keys. */
function dropoutFactors(
  heap: Heap,
  head: number,
  t: number,
  queryLen: number,
  keyLen: number,
  count: number,
  threshold: number,
  rng: number,
  stream: number,
  call: number,
): number[] {
  if (threshold === 0) return new Array(count).fill(1);
  const [seedLow, seedHigh, step, microbatch] = heap.subarray(rng >> 2, (rng >> 2) + 4);
  const group = head * Math.ceil(queryLen / 4) + Math.floor(t / 4);
  return Array.from({ length: count }, (_, j) => {
    const block = (group * Math.ceil(keyLen / 8) + Math.floor(j / 8)) * 4 + (t % 4);
    const words = threefry([block | 0, microbatch, step, stream], [seedLow, seedHigh, call, 0]);
    const bits = (words[(j % 8) >> 1] >>> (16 * (j % 2))) & 0xffff;
    return bits < threshold ? 0 : 65536 / (65536 - threshold);
  });
}

export function attentionForward(
  heap: Heap,
  out: number,
  top: number,
  inverse: number,
  q: number,
  k: number,
  v: number,
  lengths: number,
  batch: number,
  heads: number,
  kvHeads: number,
  queryLen: number,
  keyLen: number,
  dHead: number,
  strideQ: number,
  strideK: number,
  strideV: number,
  strideOut: number,
  batchStrideKV: number,
  causal: number,
  queryOffset: number,
  scale: number,
  threshold: number,
  rng: number,
  stream: number,
  call: number,
  first: number,
  _workspace: number,
): void {
  for (let b = 0; b < batch; b++) {
    const keys = lengths ? Math.min(keyLen, heap[(lengths >> 2) + b]) : keyLen;
    for (let h = 0; h < heads; h++) {
      const shared = Math.floor((h * kvHeads) / heads) * dHead;
      const kh = (k >> 2) + b * batchStrideKV * strideK + shared;
      const vh = (v >> 2) + b * batchStrideKV * strideV + shared;
      for (let t = 0; t < queryLen; t++) {
        const row = (b * queryLen + t) * strideQ + h * dHead + (q >> 2);
        const o = (b * queryLen + t) * strideOut + h * dHead + (out >> 2);
        const r = (b * heads + h) * queryLen + t;
        const count = causal ? Math.max(0, Math.min(keys, t + queryOffset + 1)) : keys;
        heap.fill(0, o, o + dHead);
        heap[(top >> 2) + r] = 0;
        heap[(inverse >> 2) + r] = 0;
        if (count === 0) continue;
        const { p, top: largest, total } = probabilities(heap, row, kh, strideK, dHead, count, scale);
        heap[(top >> 2) + r] = largest;
        heap[(inverse >> 2) + r] = 1 / total;
        const head = first + b * heads + h;
        const factors = dropoutFactors(
          ...([heap, head, t, queryLen, keyLen, count, threshold, rng, stream, call] as const),
        );
        for (let j = 0; j < count; j++)
          for (let e = 0; e < dHead; e++) heap[o + e] += factors[j] * p[j] * heap[vh + j * strideV + e];
      }
    }
  }
}

export function attentionBackward(
  heap: Heap,
  dq: number,
  dk: number,
  dv: number,
  dout: number,
  q: number,
  k: number,
  v: number,
  out: number,
  _top: number,
  _inverse: number,
  _dots: number,
  lengths: number,
  batch: number,
  heads: number,
  kvHeads: number,
  queryLen: number,
  keyLen: number,
  dHead: number,
  strideQ: number,
  strideK: number,
  strideV: number,
  strideOut: number,
  causal: number,
  queryOffset: number,
  scale: number,
  threshold: number,
  rng: number,
  stream: number,
  call: number,
  first: number,
  _workspace: number,
): void {
  for (let b = 0; b < batch; b++) {
    const keys = lengths ? Math.min(keyLen, heap[(lengths >> 2) + b]) : keyLen;
    for (let j = 0; j < keyLen; j++) {
      for (let e = 0; e < kvHeads * dHead; e++) {
        heap[(dk >> 2) + (b * keyLen + j) * strideK + e] = 0;
        heap[(dv >> 2) + (b * keyLen + j) * strideV + e] = 0;
      }
    }
    for (let h = 0; h < heads; h++) {
      const shared = Math.floor((h * kvHeads) / heads) * dHead;
      const kh = b * keyLen * strideK + shared;
      const vh = b * keyLen * strideV + shared;
      for (let t = 0; t < queryLen; t++) {
        const row = (b * queryLen + t) * strideQ + h * dHead;
        const o = (b * queryLen + t) * strideOut + h * dHead;
        const count = causal ? Math.max(0, Math.min(keys, t + queryOffset + 1)) : keys;
        for (let e = 0; e < dHead; e++) heap[(dq >> 2) + row + e] = 0;
        if (count === 0) continue;
        const { p } = probabilities(heap, (q >> 2) + row, (k >> 2) + kh, strideK, dHead, count, scale);
        const head = first + b * heads + h;
        const factors = dropoutFactors(
          ...([heap, head, t, queryLen, keyLen, count, threshold, rng, stream, call] as const),
        );
        let d = 0;
        for (let e = 0; e < dHead; e++) d += heap[(dout >> 2) + o + e] * heap[(out >> 2) + o + e];
        for (let j = 0; j < count; j++) {
          let dp = 0;
          for (let e = 0; e < dHead; e++)
            dp += heap[(dout >> 2) + o + e] * (factors[j] * heap[(v >> 2) + vh + j * strideV + e]);
          const ds = p[j] * (dp - d) * scale;
          for (let e = 0; e < dHead; e++) {
            heap[(dv >> 2) + vh + j * strideV + e] += factors[j] * p[j] * heap[(dout >> 2) + o + e];
            heap[(dq >> 2) + row + e] += ds * heap[(k >> 2) + kh + j * strideK + e];
            heap[(dk >> 2) + kh + j * strideK + e] += ds * heap[(q >> 2) + row + e];
          }
        }
      }
    }
  }
}
