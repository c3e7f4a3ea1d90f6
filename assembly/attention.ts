/**
 * Scaled dot-product attention, per head:  out = softmax(scale q k^T) v.  For the backward pass each row leaves its
 * maximum and the inverse of its sum, apart: exp(score - log-sum-exp) would lose what a large maximum rounds away.
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
import { DROPOUT_BYTES, applyFactors, drawFactors, dropoutAt, dropoutOfHead, scaleKept } from './attention-dropout';
import { expV } from './math';
import { LANES, at, loadUpTo, storeUpTo } from './simd';

export { attentionBackward } from './attention-backward';

/** Queries that share one packing of a block of keys; no part of the bits. */
const ROWS: i32 = 64;

/** Workspace of either pass: dropout, keys and values packed (the keys twice), queries, scores twice, a tile, row numbers. */
export function attentionWorkspaceBytes(dHead: i32): i32 {
  const packed = 3 * packedBytes(KEYS, dHead) + 2 * packedBytes(QUERIES, dHead);
  return DROPOUT_BYTES + packed + 2 * ROWS * SCORE_ROW + TILE_BYTES + 2 * ROWS * 4;
}

/**
 * q, out (batch, queryLen, heads dHead) with token strides strideQ, strideOut; k, v likewise with kvHeads, sequence b starting
 * at token b * batchStrideKV. kvHeads divides heads: each of its heads serves heads / kvHeads queries' heads in a row. top, inverse (batch, heads, queryLen): a row's largest scale s, and 1 over its sum of
 * exp(scale s - top). lengths (batch) int32: valid keys, 0 = all keyLen. causal: query t sees key j when
 * j <= t + queryOffset. A row that sees no key: zeros, in top and inverse too. Overwrites; no aliasing.
 * threshold = 65536 p drops probabilities with probability p and scales the rest by 1 / (1 - p); rng, stream and call
 * as in dropoutForward, `first` the number of the first head (0 for a whole tensor). 0: none is, and nothing is read.
 *
 * In parts, with equal bits: sequences [b, b + n) are the call with every operand moved on by b sequences (q and
 * out by b queryLen tokens, k and v by b batchStrideKV, top and inverse by b heads queryLen, lengths by b unless 0, first
 * by b heads) and batch = n. Within one sequence (batch = 1) heads [h, h + n) are the call with q, k, v, out moved on by h dHead
 * floats, top and inverse by h queryLen, first by h, and heads = kvHeads = n, where kvHeads is heads.
 */
export function attentionForward(
  out: usize, top: usize, inverse: usize, q: usize, k: usize, v: usize, lengths: usize,
  batch: i32, heads: i32, kvHeads: i32, queryLen: i32, keyLen: i32, dHead: i32,
  strideQ: i32, strideK: i32, strideV: i32, strideOut: i32, batchStrideKV: i32,
  causal: i32, queryOffset: i32, scale: f32,
  threshold: i32, rng: usize, stream: i32, call: i32, first: i32, workspace: usize,
): void {
  const drop = dropoutAt(workspace, threshold, rng, stream, call);
  const group = heads / kvHeads;
  const rowK = <usize>strideK << 2;
  const rowV = <usize>strideV << 2;
  for (let b = 0; b < batch; b++) {
    const keys = validKeys(lengths, b, keyLen);
    const token = <usize>b * <usize>batchStrideKV;
    for (let h = 0; h < heads; h++) {
      const head = <usize>(h * dHead) << 2;
      const kvHead = <usize>(h / group * dHead) << 2;
      const kHead = k + token * rowK + kvHead;
      const vHead = v + token * rowV + kvHead;
      const row = (b * heads + h) * queryLen;
      if (drop != 0) dropoutOfHead(drop, first + b * heads + h, queryLen, keyLen);
      for (let i = 0; i < queryLen; i += ROWS) {
        const t = <usize>b * <usize>queryLen + <usize>i;
        attendBlock(
          out + ((t * <usize>strideOut) << 2) + head, <usize>strideOut << 2, at(top, row + i),
          at(inverse, row + i),
          q + ((t * <usize>strideQ) << 2) + head, <usize>strideQ << 2, kHead, rowK, vHead, rowV,
          min<i32>(ROWS, queryLen - i), keys, dHead, causal, queryOffset + i, scale, drop, i,
          workspace + DROPOUT_BYTES,
        );
      }
    }
  }
}

/** At most 64 queries of one head, the first of which is row t, against all keys they see. */
function attendBlock(
  out: usize, rowOut: usize, top: usize, inverse: usize,
  q: usize, rowQ: usize, k: usize, rowK: usize, v: usize, rowV: usize,
  queries: i32, keys: i32, dHead: i32, causal: i32, queryOffset: i32, scale: f32,
  drop: usize, t: i32, workspace: usize,
): void {
  const keysT = workspace;
  const values = keysT + packedBytes(KEYS, dHead);
  const scores = values + packedBytes(KEYS, dHead);
  const tile = scores + ROWS * SCORE_ROW;
  const tops = tile + TILE_BYTES;
  const sums = tops + ROWS * 4;
  for (let i = 0; i < queries; i += LANES) {
    v128.store(at(tops, i), f32x4.splat(-Infinity));
    v128.store(at(sums, i), f32x4.splat(0));
  }
  const reach = visible(queries - 1, keys, causal, queryOffset);
  for (let start = 0; start < reach; start += KEYS) {
    const span = min<i32>(KEYS, reach - start);
    packKeys(keysT, k + <usize>start * rowK, rowK, span, dHead);
    packRowsOf(values, v + <usize>start * rowV, rowV, span, dHead);
    if (drop != 0) scaleKept(drop, values, packedBytes(span, dHead));
    scoreBlock(scores, q, rowQ, queries, keysT, start, span, dHead, causal, queryOffset);
    for (let i = 0; i < queries; i += GROUP) {
      const rows = min<i32>(GROUP, queries - i);
      const count = min<i32>(span, visible(i + rows - 1, keys, causal, queryOffset) - start);
      if (count <= 0) continue;
      const to = out + <usize>i * rowOut;
      const weights = scores + <usize>(i * SCORE_ROW);
      softmaxGroup(
        weights, at(tops, i), at(sums, i), to, rowOut, rows, i, count, keys, dHead, causal, queryOffset, scale, start,
        tile,
      );
      if (drop != 0) {
        drawFactors(drop, t + i, start, count);
        applyFactors(drop, weights, rows, count, 1);
      }
      weigh(to, rowOut, weights, SCORE_ROW, rows, values, span, 0, count, dHead, start > 0 ? 1 : 0, tile);
    }
  }
  for (let i = 0; i < queries; i += GROUP) {
    finishGroup(
      out + <usize>i * rowOut, rowOut, at(top, i), at(inverse, i), at(tops, i), at(sums, i), queries - i, dHead,
    );
  }
}

/**
 * Turns the scores of four rows into exponentials of scale s - m, zeros beyond what a row sees, and brings the rows'
 * running maximum, sum and output to the new m. Four together because their sums and maxima are lanes of one vector
 * then; rows that do not exist are scratch. Row i sees no more keys than row i + 1.
 */
function softmaxGroup(
  s: usize, tops: usize, sums: usize, out: usize, rowOut: usize, rows: i32, i: i32, count: i32, keys: i32, dHead: i32,
  causal: i32, queryOffset: i32, scale: f32, start: i32, tile: usize,
): void {
  const factor = f32x4.splat(scale);
  const none = f32x4.splat(-Infinity);
  // Up to here all four rows see every key.
  const whole = max<i32>(0, min<i32>(count, visible(i, keys, causal, queryOffset) - start)) & -LANES;
  for (let r = 0; r < GROUP; r++) {
    const row = s + <usize>(r * SCORE_ROW);
    let best = none;
    let j = 0;
    for (; j < whole; j += LANES) best = f32x4.pmax(best, f32x4.mul(v128.load(at(row, j)), factor));
    const own = min<i32>(count, visible(i + r, keys, causal, queryOffset) - start);
    for (; j < count; j += LANES) {
      best = f32x4.pmax(best, v128.bitselect(f32x4.mul(v128.load(at(row, j)), factor), none, lanesBefore(own, j)));
    }
    v128.store(tile + (<usize>r << 4), best);
  }
  transposeTile(tile);
  const before = v128.load(tops);
  const best = f32x4.pmax(
    f32x4.pmax(v128.load(tile), v128.load(tile, 32)), f32x4.pmax(v128.load(tile, 16), v128.load(tile, 48)),
  );
  const top = f32x4.pmax(before, best);
  v128.store(tops, top);
  for (let r = 0; r < GROUP; r++) {
    const row = s + <usize>(r * SCORE_ROW);
    const shift = v128.load32_splat(at(tops, r));
    let total = f32x4.splat(0);
    let j = 0;
    for (; j < whole; j += LANES) {
      const value = expV(f32x4.sub(f32x4.mul(v128.load(at(row, j)), factor), shift));
      v128.store(at(row, j), value);
      total = f32x4.add(total, value);
    }
    const own = min<i32>(count, visible(i + r, keys, causal, queryOffset) - start);
    for (; j < count; j += LANES) {
      const score = f32x4.sub(f32x4.mul(v128.load(at(row, j)), factor), shift);
      const value = v128.and(expV(score), lanesBefore(own, j));
      v128.store(at(row, j), value);
      total = f32x4.add(total, value);
    }
    v128.store(tile + (<usize>r << 4), total);
  }
  transposeTile(tile);
  // The order of hsum.
  let sum = f32x4.add(
    f32x4.add(v128.load(tile), v128.load(tile, 32)), f32x4.add(v128.load(tile, 16), v128.load(tile, 48)),
  );
  if (start > 0) {
    const shrink = expV(f32x4.sub(before, top));
    sum = f32x4.add(f32x4.mul(v128.load(sums), shrink), sum);
    v128.store(tile, shrink);
    for (let r = 0; r < rows; r++) {
      const shrinks = v128.load32_splat(at(tile, r));
      const row = out + <usize>r * rowOut;
      for (let e = 0; e < dHead; e += LANES) {
        const p = at(row, e);
        storeUpTo(p, f32x4.mul(loadUpTo(p, dHead - e), shrinks), dHead - e);
      }
    }
  }
  v128.store(sums, sum);
}

/** out / sum, and what the backward pass needs, for up to four rows; a sum is 0 where a row saw no key. */
function finishGroup(
  out: usize, rowOut: usize, top: usize, inverse: usize, tops: usize, sums: usize, rows: i32, dHead: i32,
): void {
  const sum = v128.load(sums);
  const blind = f32x4.eq(v128.load(tops), f32x4.splat(-Infinity));
  const factors = v128.andnot(f32x4.div(f32x4.splat(1), sum), blind);
  storeUpTo(top, v128.andnot(v128.load(tops), blind), rows);
  storeUpTo(inverse, factors, rows);
  v128.store(sums, factors);
  for (let r = 0; r < min<i32>(rows, GROUP); r++) {
    const factor = v128.load32_splat(at(sums, r));
    const seen = load<f32>(at(tops, r)) != -Infinity;
    const row = out + <usize>r * rowOut;
    for (let e = 0; e < dHead; e += LANES) {
      // Nothing was written to a row that sees no key: whatever is there must not be multiplied.
      const value = seen ? f32x4.mul(loadUpTo(at(row, e), dHead - e), factor) : f32x4.splat(0);
      storeUpTo(at(row, e), value, dHead - e);
    }
  }
}

// @ts-ignore: decorator
@inline
function transposeTile(tile: usize): void {
  const r0 = v128.load(tile);
  const r1 = v128.load(tile, 16);
  const r2 = v128.load(tile, 32);
  const r3 = v128.load(tile, 48);
  const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(tile, v128.shuffle<i64>(t0, t1, 0, 2));
  v128.store(tile, v128.shuffle<i64>(t0, t1, 1, 3), 16);
  v128.store(tile, v128.shuffle<i64>(t2, t3, 0, 2), 32);
  v128.store(tile, v128.shuffle<i64>(t2, t3, 1, 3), 48);
}
