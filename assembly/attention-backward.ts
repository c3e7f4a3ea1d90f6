/**
 * Gradients of attention. Probabilities are computed again, block by block, from a row's saved maximum and inverse sum:
 *
 *   p = exp(scale s - top) inverse,  D = dout . out,  ds = scale p (dout v^T - D)
 *   dq = ds k,  dk = ds^T q,  dv = p^T dout
 *
 * With dropout, m being 0 or 1 / (1 - p):  ds = scale p (m (dout v^T) - D),  dv = (m p)^T dout.
 *
 * D is summed in the order of dout v^T. So where one key has all the weight (it is the only one, or the others'
 * exponentials are 0), p is 1, out is v in every bit, and ds is exactly 0.
 */
import {
  GROUP, KEYS, QUERIES, SCORE_ROW, TILE_BYTES, firstToSee, lanesBefore, packKeys, packRowsOf, packedBytes, scoreBlock,
  validKeys, visible, weigh,
} from './attention-block';
import {
  DROPOUT_BYTES, applyFactors, drawFactors, dropoutAt, dropoutOfHead, keepScale, scaleKept,
} from './attention-dropout';
import { NR, PANEL_ROW, madd } from './gemm-kernel';
import { packPanel, packTransposed } from './gemm-pack';
import { expV } from './math';
import { LANES, at, storeUpTo } from './simd';

/** Row stride of transposed scores: one row for each key. */
const TURNED_ROW: usize = QUERIES * 4;

/**
 * Shapes and strides as in attentionForward, with sequence b of k and v starting at token b * keyLen; dq, dk, dv
 * lie like q, k, v and are overwritten (zeros for masked keys and for rows that see no key). dots: scratch like top.
 * No aliasing. Dropout as in the forward pass, with the same rng, stream, call and first. Parts as in attentionForward,
 * dq, dk, dv, dout, dots moved on like q, k, v, out, top.
 */
export function attentionBackward(
  dq: usize, dk: usize, dv: usize, dout: usize, q: usize, k: usize, v: usize, out: usize, top: usize, inverse: usize,
  dots: usize, lengths: usize, batch: i32, heads: i32, kvHeads: i32, queryLen: i32, keyLen: i32, dHead: i32,
  strideQ: i32, strideK: i32, strideV: i32, strideOut: i32,
  causal: i32, queryOffset: i32, scale: f32,
  threshold: i32, rng: usize, stream: i32, call: i32, first: i32, workspace: usize,
): void {
  const drop = dropoutAt(workspace, threshold, rng, stream, call);
  const group = heads / kvHeads;
  const rowQ = <usize>strideQ << 2;
  const rowK = <usize>strideK << 2;
  const rowV = <usize>strideV << 2;
  const rowOut = <usize>strideOut << 2;
  for (let b = 0; b < batch; b++) {
    const keys = validKeys(lengths, b, keyLen);
    const toK = <usize>(b * keyLen) * rowK;
    const toV = <usize>(b * keyLen) * rowV;
    const toQ = <usize>(b * queryLen) * rowQ;
    const toOut = <usize>(b * queryLen) * rowOut;
    for (let h = 0; h < heads; h++) {
      const head = <usize>(h * dHead) << 2;
      const kvHead = <usize>(h / group * dHead) << 2;
      const row = (b * heads + h) * queryLen;
      if (drop != 0) dropoutOfHead(drop, first + b * heads + h, queryLen, keyLen);
      gradientHead(
        dq + toQ + head, dk + toK + kvHead, dv + toV + kvHead, dout + toOut + head, q + toQ + head, k + toK + kvHead,
        v + toV + kvHead, out + toOut + head, at(top, row), at(inverse, row), at(dots, row), rowQ, rowK, rowV, rowOut,
        queryLen, keyLen, keys, dHead, causal, queryOffset, scale, drop, h % group == 0, workspace + DROPOUT_BYTES,
      );
    }
  }
}

/**
 * One head: each block of keys is packed once and meets all queries, 32 at a time. `fresh`: the first of the heads that
 * share these keys and values, whose gradients the others add to.
 */
function gradientHead(
  dq: usize, dk: usize, dv: usize, dout: usize, q: usize, k: usize, v: usize, out: usize, top: usize, inverse: usize,
  dots: usize, rowQ: usize, rowK: usize, rowV: usize, rowOut: usize,
  queryLen: i32, keyLen: i32, keys: i32, dHead: i32, causal: i32, queryOffset: i32, scale: f32,
  drop: usize, fresh: bool, workspace: usize,
): void {
  const keysT = workspace;
  const valuesT = keysT + packedBytes(KEYS, dHead);
  const keyRows = valuesT + packedBytes(KEYS, dHead);
  const rest = keyRows + packedBytes(KEYS, dHead);
  if (fresh) {
    clearRows(dk, rowK, keyLen, dHead);
    clearRows(dv, rowV, keyLen, dHead);
  }
  // Queries that see no key come first; nobody else writes their rows.
  clearRows(dq, rowQ, keys > 0 ? firstToSee(0, queryLen, causal, queryOffset) : queryLen, dHead);
  const reach = queryLen > 0 ? visible(queryLen - 1, keys, causal, queryOffset) : 0;
  if (reach > 0) rowDots(dots, dout, out, rowOut, queryLen, dHead, rest);
  for (let start = 0; start < reach; start += KEYS) {
    const span = min<i32>(KEYS, reach - start);
    const toK = <usize>start * rowK;
    const toV = <usize>start * rowV;
    packKeys(keysT, k + toK, rowK, span, dHead);
    packKeys(valuesT, v + toV, rowV, span, dHead);
    if (drop != 0) scaleKept(drop, valuesT, packedBytes(dHead, span));
    packRowsOf(keyRows, k + toK, rowK, span, dHead);
    for (let first = 0; first < queryLen; first += QUERIES) {
      const queries = min<i32>(QUERIES, queryLen - first);
      const seen = min<i32>(span, visible(first + queries - 1, keys, causal, queryOffset) - start);
      if (seen <= 0) continue;
      const toQ = <usize>first * rowQ;
      const toOut = <usize>first * rowOut;
      gradientBlock(
        dq + toQ, dk + toK, dv + toV, dout + toOut, q + toQ, at(top, first), at(inverse, first), at(dots, first),
        rowQ, rowK, rowV, rowOut, keysT, valuesT, keyRows, span, start, seen, queries, keys, dHead, causal,
        queryOffset + first, scale, drop, first, rest,
      );
    }
  }
}

/**
 * At most 32 queries, the first of which is row t, and the `span` keys they see of the `packed` ones; adds to dk and dv,
 * and to dq from the second block of keys on.
 */
function gradientBlock(
  dq: usize, dk: usize, dv: usize, dout: usize, q: usize, top: usize, inverse: usize, dots: usize,
  rowQ: usize, rowK: usize, rowV: usize, rowOut: usize,
  keysT: usize, valuesT: usize, keyRows: usize, packed: i32, start: i32, span: i32,
  queries: i32, keys: i32, dHead: i32, causal: i32, queryOffset: i32, scale: f32,
  drop: usize, t: i32, workspace: usize,
): void {
  const queryRows = workspace;
  const doutRows = queryRows + packedBytes(QUERIES, dHead);
  const probabilities = doutRows + packedBytes(QUERIES, dHead);
  const dscores = probabilities + QUERIES * SCORE_ROW;
  const turned = dscores + QUERIES * SCORE_ROW;
  const tile = turned + <usize>KEYS * TURNED_ROW;

  packRowsOf(queryRows, q, rowQ, queries, dHead);
  packRowsOf(doutRows, dout, rowOut, queries, dHead);
  scoreBlock(probabilities, q, rowQ, queries, keysT, start, span, dHead, causal, queryOffset);
  scoreBlock(dscores, dout, rowOut, queries, valuesT, start, span, dHead, causal, queryOffset);
  for (let i = 0; i < queries; i += GROUP) {
    const rows = min<i32>(GROUP, queries - i);
    const count = min<i32>(span, visible(i + rows - 1, keys, causal, queryOffset) - start);
    if (count <= 0) continue;
    const ds = dscores + <usize>(i * SCORE_ROW);
    const whole = max<i32>(0, min<i32>(count, visible(i, keys, causal, queryOffset) - start)) & -LANES;
    if (drop != 0) {
      drawFactors(drop, t + i, start, count);
      applyFactors(drop, ds, rows, count, 1);
    }
    for (let r = 0; r < rows; r++) {
      const own = min<i32>(count, visible(i + r, keys, causal, queryOffset) - start);
      const p = probabilities + <usize>((i + r) * SCORE_ROW);
      gradientRow(
        p, ds + <usize>(r * SCORE_ROW), whole, own, count, scale, at(top, i + r), at(inverse, i + r), at(dots, i + r),
      );
    }
    if (drop != 0) {
      applyFactors(drop, probabilities + <usize>(i * SCORE_ROW), rows, count, keepScale(drop));
    }
    weigh(dq + <usize>i * rowQ, rowQ, ds, SCORE_ROW, rows, keyRows, packed, 0, count, dHead, start > 0 ? 1 : 0, tile);
  }
  weighQueries(dv, rowV, probabilities, turned, doutRows, start, span, queries, dHead, causal, queryOffset, tile);
  weighQueries(dk, rowK, dscores, turned, queryRows, start, span, queries, dHead, causal, queryOffset, tile);
}

/** c (span, dHead) += s^T x, for each group of keys from the first query on that sees one of them. */
function weighQueries(
  c: usize, ldc: usize, s: usize, turned: usize, x: usize, start: i32, span: i32, queries: i32, dHead: i32,
  causal: i32, queryOffset: i32, tile: usize,
): void {
  packTransposed(turned, TURNED_ROW, s, SCORE_ROW, queries, span);
  for (let j = 0; j < span; j += GROUP) {
    const skip = firstToSee(start + j, queries, causal, queryOffset);
    if (skip == queries) break;
    const weights = turned + <usize>j * TURNED_ROW + (<usize>skip << 2);
    const rows = min<i32>(GROUP, span - j);
    weigh(c + <usize>j * ldc, ldc, weights, TURNED_ROW, rows, x, queries, skip, queries - skip, dHead, 1, tile);
  }
}

/**
 * One row: scores become probabilities, their gradients the gradients of the scores; zeros from `own` to `count`.
 * Up to `whole`, the same for the rows of a group, no mask is needed.
 */
// @ts-ignore: decorator
@inline
function gradientRow(
  p: usize, ds: usize, whole: i32, own: i32, count: i32, scale: f32, top: usize, inverse: usize, dot: usize,
): void {
  const factor = f32x4.splat(scale);
  const shift = v128.load32_splat(top);
  const share = v128.load32_splat(inverse);
  const mean = v128.load32_splat(dot);
  let j = 0;
  for (; j < whole; j += LANES) {
    const value = f32x4.mul(expV(f32x4.sub(f32x4.mul(v128.load(at(p, j)), factor), shift)), share);
    v128.store(at(p, j), value);
    v128.store(at(ds, j), f32x4.mul(f32x4.mul(value, f32x4.sub(v128.load(at(ds, j)), mean)), factor));
  }
  for (; j < count; j += LANES) {
    const mask = lanesBefore(own, j);
    const weight = f32x4.mul(expV(f32x4.sub(f32x4.mul(v128.load(at(p, j)), factor), shift)), share);
    const value = v128.and(weight, mask);
    const slope = f32x4.mul(f32x4.mul(value, f32x4.sub(v128.load(at(ds, j)), mean)), factor);
    v128.store(at(p, j), value);
    v128.store(at(ds, j), v128.and(slope, mask));
  }
}

/** dots[i] = sum of x[i] y[i] over dHead, in ascending order and rounded like an element of rowsTimesPanel. */
function rowDots(dots: usize, x: usize, y: usize, ld: usize, rows: i32, dHead: i32, workspace: usize): void {
  const other = workspace + packedBytes(NR, dHead);
  const end = workspace + <usize>dHead * PANEL_ROW;
  for (let i = 0; i < rows; i += NR) {
    const count = rows - i;
    packPanel(workspace, x, ld, count, dHead, 1);
    packPanel(other, y, ld, count, dHead, 1);
    let s0 = f32x4.splat(0);
    let s1 = s0, s2 = s0, s3 = s0;
    let q = other;
    for (let p = workspace; p < end; p += PANEL_ROW) {
      s0 = madd(s0, v128.load(p), v128.load(q));
      s1 = madd(s1, v128.load(p, 16), v128.load(q, 16));
      s2 = madd(s2, v128.load(p, 32), v128.load(q, 32));
      s3 = madd(s3, v128.load(p, 48), v128.load(q, 48));
      q += PANEL_ROW;
    }
    storeUpTo(at(dots, i), s0, count);
    storeUpTo(at(dots, i + 4), s1, count - 4);
    storeUpTo(at(dots, i + 8), s2, count - 8);
    storeUpTo(at(dots, i + 12), s3, count - 12);
    x += ld * NR;
    y += ld * NR;
  }
}

function clearRows(x: usize, ld: usize, rows: i32, dHead: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let e = 0; e < dHead; e += LANES) storeUpTo(at(x, e), f32x4.splat(0), dHead - e);
    x += ld;
  }
}
