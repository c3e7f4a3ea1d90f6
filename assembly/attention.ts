/**
 * Scaled dot-product attention, per head:  out = softmax(scale q k^T) v,  lse = log of the sum of exponentials.
 *
 * Keys come in blocks of 64, counted from key 0; each row keeps a running maximum m, sum l and unnormalised
 * output (online softmax). A row's sums run over its own visible keys in ascending order and every inner product
 * over ascending k, so its bits depend neither on the batch, nor on padding, nor on the other rows, nor on
 * whether the keys come from a cache: a key that other rows of a tile see enters as an exact zero.
 */
import {
  GROUP, KEYS, QUERIES, SCORE_ROW, TILE_BYTES, lanesBefore, packKeys, packRowsOf, packedBytes, scoreBlock, validKeys,
  visible, weigh,
} from './attention-block';
import { expS, expV, logS } from './math';
import { LANES, at, hmax, hsum, storeUpTo, loadUpTo } from './simd';

export { attentionBackward } from './attention-backward';

/** Queries that share one packing of a block of keys; no part of the bits. */
const ROWS: i32 = 64;

/** Workspace of either pass: keys and values packed (the keys twice), queries, scores twice, a tile, row numbers. */
export function attentionWorkspaceBytes(dHead: i32): i32 {
  const packed = 3 * packedBytes(KEYS, dHead) + 2 * packedBytes(QUERIES, dHead);
  return packed + 2 * ROWS * SCORE_ROW + TILE_BYTES + 2 * ROWS * 4;
}

/**
 * q, out (batch, queryLen, heads dHead) with token strides strideQ, strideOut; k, v likewise, sequence b starting
 * at token b * batchStrideKV; lse (batch, heads, queryLen). lengths (batch) int32: valid keys, 0 = all keyLen.
 * causal: query t sees key j when j <= t + queryOffset. A row that sees no key: zeros, lse 0. Overwrites; no
 * aliasing.
 *
 * In parts, with equal bits: sequences [b, b + n) are the call with every operand moved on by b sequences (q and
 * out by b queryLen tokens, k and v by b batchStrideKV, lse by b heads queryLen, lengths by b unless 0) and
 * batch = n. Within one sequence (batch = 1) heads [h, h + n) are the call with q, k, v, out moved on by h dHead
 * floats, lse by h queryLen, and heads = n.
 */
export function attentionForward(
  out: usize, lse: usize, q: usize, k: usize, v: usize, lengths: usize,
  batch: i32, heads: i32, queryLen: i32, keyLen: i32, dHead: i32,
  strideQ: i32, strideK: i32, strideV: i32, strideOut: i32, batchStrideKV: i32,
  causal: i32, queryOffset: i32, scale: f32, workspace: usize,
): void {
  const rowK = <usize>strideK << 2;
  const rowV = <usize>strideV << 2;
  for (let b = 0; b < batch; b++) {
    const keys = validKeys(lengths, b, keyLen);
    const token = <usize>b * <usize>batchStrideKV;
    for (let h = 0; h < heads; h++) {
      const head = <usize>(h * dHead) << 2;
      const kHead = k + token * rowK + head;
      const vHead = v + token * rowV + head;
      const lseHead = at(lse, (b * heads + h) * queryLen);
      for (let first = 0; first < queryLen; first += ROWS) {
        const t = <usize>b * <usize>queryLen + <usize>first;
        attendBlock(
          out + ((t * <usize>strideOut) << 2) + head, <usize>strideOut << 2, at(lseHead, first),
          q + ((t * <usize>strideQ) << 2) + head, <usize>strideQ << 2, kHead, rowK, vHead, rowV,
          min<i32>(ROWS, queryLen - first), keys, dHead, causal, queryOffset + first, scale, workspace,
        );
      }
    }
  }
}

/** At most 64 queries of one head against all keys they see. */
function attendBlock(
  out: usize, rowOut: usize, lse: usize, q: usize, rowQ: usize, k: usize, rowK: usize, v: usize, rowV: usize,
  queries: i32, keys: i32, dHead: i32, causal: i32, queryOffset: i32, scale: f32, workspace: usize,
): void {
  const keysT = workspace;
  const values = keysT + packedBytes(KEYS, dHead);
  const scores = values + packedBytes(KEYS, dHead);
  const tile = scores + ROWS * SCORE_ROW;
  const tops = tile + TILE_BYTES;
  const sums = tops + ROWS * 4;
  for (let i = 0; i < queries; i++) {
    store<f32>(at(tops, i), -Infinity);
    store<f32>(at(sums, i), 0);
  }
  const reach = visible(queries - 1, keys, causal, queryOffset);
  for (let start = 0; start < reach; start += KEYS) {
    const span = min<i32>(KEYS, reach - start);
    packKeys(keysT, k + <usize>start * rowK, rowK, span, dHead);
    packRowsOf(values, v + <usize>start * rowV, rowV, span, dHead);
    scoreBlock(scores, q, rowQ, queries, keysT, start, span, dHead, causal, queryOffset);
    for (let i = 0; i < queries; i += GROUP) {
      const rows = min<i32>(GROUP, queries - i);
      const count = min<i32>(span, visible(i + rows - 1, keys, causal, queryOffset) - start);
      if (count <= 0) continue;
      const to = out + <usize>i * rowOut;
      const weights = scores + <usize>(i * SCORE_ROW);
      for (let r = 0; r < rows; r++) {
        const own = min<i32>(count, visible(i + r, keys, causal, queryOffset) - start);
        const row = weights + <usize>(r * SCORE_ROW);
        const old = to + <usize>r * rowOut;
        softmaxRow(row, own, count, scale, at(tops, i + r), at(sums, i + r), old, dHead, start);
      }
      weigh(to, rowOut, weights, SCORE_ROW, rows, values, span, 0, count, dHead, start > 0 ? 1 : 0, tile);
    }
  }
  for (let i = 0; i < queries; i++) {
    const seen = visible(i, keys, causal, queryOffset) > 0;
    const sum = load<f32>(at(sums, i));
    store<f32>(at(lse, i), seen ? load<f32>(at(tops, i)) + logS(sum) : 0);
    const factor = f32x4.splat(seen ? <f32>1 / sum : 0);
    const row = out + <usize>i * rowOut;
    for (let e = 0; e < dHead; e += LANES) {
      // Nothing was written to a row that sees no key: whatever is there must not be multiplied.
      const value = seen ? f32x4.mul(loadUpTo(at(row, e), dHead - e), factor) : f32x4.splat(0);
      storeUpTo(at(row, e), value, dHead - e);
    }
  }
}

/**
 * Turns `own` scores into exponentials of scale s - m, zeros from there to `count`, and brings the row's running
 * maximum, sum and output to the new m.
 */
function softmaxRow(
  s: usize, own: i32, count: i32, scale: f32, topAt: usize, sumAt: usize, out: usize, dHead: i32, start: i32,
): void {
  if (own > 0) {
    const factor = f32x4.splat(scale);
    const none = f32x4.splat(-Infinity);
    const whole = own & -LANES;
    let best = none;
    let j = 0;
    for (; j < whole; j += LANES) best = f32x4.pmax(best, f32x4.mul(v128.load(at(s, j)), factor));
    if (j < own) {
      const last = v128.bitselect(f32x4.mul(v128.load(at(s, j)), factor), none, lanesBefore(own, j));
      best = f32x4.pmax(best, last);
    }
    const before = load<f32>(topAt);
    const top = max<f32>(before, hmax(best));
    const shift = f32x4.splat(top);
    let total = f32x4.splat(0);
    for (j = 0; j < whole; j += LANES) {
      const value = expV(f32x4.sub(f32x4.mul(v128.load(at(s, j)), factor), shift));
      v128.store(at(s, j), value);
      total = f32x4.add(total, value);
    }
    if (j < own) {
      const score = f32x4.sub(f32x4.mul(v128.load(at(s, j)), factor), shift);
      const value = v128.and(expV(score), lanesBefore(own, j));
      v128.store(at(s, j), value);
      total = f32x4.add(total, value);
    }
    let sum = hsum(total);
    if (start > 0) {
      const shrink = expS(before - top);
      sum = load<f32>(sumAt) * shrink + sum;
      const shrinks = f32x4.splat(shrink);
      for (let e = 0; e < dHead; e += LANES) {
        const p = at(out, e);
        storeUpTo(p, f32x4.mul(loadUpTo(p, dHead - e), shrinks), dHead - e);
      }
    }
    store<f32>(topAt, top);
    store<f32>(sumAt, sum);
  }
  for (let j = (max<i32>(own, 0) + 3) & -LANES; j < count; j += LANES) v128.store(at(s, j), f32x4.splat(0));
}
