/**
 * Gradients of attention. Probabilities are computed again from the saved row log-sum-exp, block by block:
 *
 *   p = exp(scale s - lse),  D = dout . out,  ds = scale p (dout v^T - D)
 *   dq = ds k,  dk = ds^T q,  dv = p^T dout
 */
import {
  GROUP, KEYS, QUERIES, SCORE_ROW, TILE_BYTES, firstToSee, lanesBefore, packKeys, packRowsOf, packedBytes, scoreBlock,
  validKeys, visible, weigh,
} from './attention-block';
import { packTransposed } from './gemm-pack';
import { expV } from './math';
import { LANES, at, hsum, loadUpTo, storeUpTo } from './simd';

/** Row stride of transposed scores: one row for each key. */
const TURNED_ROW: usize = QUERIES * 4;

/**
 * Shapes and strides as in attentionForward, with sequence b of k and v starting at token b * keyLen; dq, dk, dv
 * lie like q, k, v and are overwritten (zeros for masked keys and for rows that see no key). No aliasing. Parts as
 * in attentionForward, dq, dk, dv, dout moved on like q, k, v, out.
 */
export function attentionBackward(
  dq: usize, dk: usize, dv: usize, dout: usize, q: usize, k: usize, v: usize, out: usize, lse: usize,
  lengths: usize, batch: i32, heads: i32, queryLen: i32, keyLen: i32, dHead: i32,
  strideQ: i32, strideK: i32, strideV: i32, strideOut: i32,
  causal: i32, queryOffset: i32, scale: f32, workspace: usize,
): void {
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
      gradientHead(
        dq + toQ + head, dk + toK + head, dv + toV + head, dout + toOut + head, q + toQ + head, k + toK + head,
        v + toV + head, out + toOut + head, at(lse, (b * heads + h) * queryLen), rowQ, rowK, rowV, rowOut,
        queryLen, keyLen, keys, dHead, causal, queryOffset, scale, workspace,
      );
    }
  }
}

/** One head: each block of keys is packed once and meets all queries, 32 at a time. */
function gradientHead(
  dq: usize, dk: usize, dv: usize, dout: usize, q: usize, k: usize, v: usize, out: usize, lse: usize,
  rowQ: usize, rowK: usize, rowV: usize, rowOut: usize,
  queryLen: i32, keyLen: i32, keys: i32, dHead: i32, causal: i32, queryOffset: i32, scale: f32, workspace: usize,
): void {
  const keysT = workspace;
  const valuesT = keysT + packedBytes(KEYS, dHead);
  const keyRows = valuesT + packedBytes(KEYS, dHead);
  const rest = keyRows + packedBytes(KEYS, dHead);
  clearRows(dk, rowK, keyLen, dHead);
  clearRows(dv, rowV, keyLen, dHead);
  // Queries that see no key come first; nobody else writes their rows.
  clearRows(dq, rowQ, keys > 0 ? firstToSee(0, queryLen, causal, queryOffset) : queryLen, dHead);
  const reach = queryLen > 0 ? visible(queryLen - 1, keys, causal, queryOffset) : 0;
  for (let start = 0; start < reach; start += KEYS) {
    const span = min<i32>(KEYS, reach - start);
    const toK = <usize>start * rowK;
    const toV = <usize>start * rowV;
    packKeys(keysT, k + toK, rowK, span, dHead);
    packKeys(valuesT, v + toV, rowV, span, dHead);
    packRowsOf(keyRows, k + toK, rowK, span, dHead);
    for (let first = 0; first < queryLen; first += QUERIES) {
      const queries = min<i32>(QUERIES, queryLen - first);
      const seen = min<i32>(span, visible(first + queries - 1, keys, causal, queryOffset) - start);
      if (seen <= 0) continue;
      const toQ = <usize>first * rowQ;
      const toOut = <usize>first * rowOut;
      gradientBlock(
        dq + toQ, dk + toK, dv + toV, dout + toOut, q + toQ, out + toOut, at(lse, first), rowQ, rowK, rowV, rowOut,
        keysT, valuesT, keyRows, span, start, seen, queries, keys, dHead, causal, queryOffset + first, scale, rest,
      );
    }
  }
}

/** At most 32 queries and the `span` keys they see of the `packed` ones; adds to dk and dv, and to dq from the second block of keys on. */
function gradientBlock(
  dq: usize, dk: usize, dv: usize, dout: usize, q: usize, out: usize, lse: usize,
  rowQ: usize, rowK: usize, rowV: usize, rowOut: usize,
  keysT: usize, valuesT: usize, keyRows: usize, packed: i32, start: i32, span: i32,
  queries: i32, keys: i32, dHead: i32, causal: i32, queryOffset: i32, scale: f32, workspace: usize,
): void {
  const queryRows = workspace;
  const doutRows = queryRows + packedBytes(QUERIES, dHead);
  const probabilities = doutRows + packedBytes(QUERIES, dHead);
  const dscores = probabilities + QUERIES * SCORE_ROW;
  const turned = dscores + QUERIES * SCORE_ROW;
  const tile = turned + <usize>KEYS * TURNED_ROW;
  const dots = tile + TILE_BYTES;

  rowDots(dots, dout, out, rowOut, queries, dHead);
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
    for (let r = 0; r < rows; r++) {
      const own = min<i32>(count, visible(i + r, keys, causal, queryOffset) - start);
      const p = probabilities + <usize>((i + r) * SCORE_ROW);
      gradientRow(p, ds + <usize>(r * SCORE_ROW), whole, own, count, scale, at(lse, i + r), at(dots, i + r));
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
  p: usize, ds: usize, whole: i32, own: i32, count: i32, scale: f32, lse: usize, dot: usize,
): void {
  const factor = f32x4.splat(scale);
  const shift = v128.load32_splat(lse);
  const mean = v128.load32_splat(dot);
  let j = 0;
  for (; j < whole; j += LANES) {
    const value = expV(f32x4.sub(f32x4.mul(v128.load(at(p, j)), factor), shift));
    v128.store(at(p, j), value);
    v128.store(at(ds, j), f32x4.mul(f32x4.mul(value, f32x4.sub(v128.load(at(ds, j)), mean)), factor));
  }
  for (; j < count; j += LANES) {
    const mask = lanesBefore(own, j);
    const value = v128.and(expV(f32x4.sub(f32x4.mul(v128.load(at(p, j)), factor), shift)), mask);
    const slope = f32x4.mul(f32x4.mul(value, f32x4.sub(v128.load(at(ds, j)), mean)), factor);
    v128.store(at(p, j), value);
    v128.store(at(ds, j), v128.and(slope, mask));
  }
}

/** dots[i] = sum of x[i] y[i] over dHead. */
function rowDots(dots: usize, x: usize, y: usize, ld: usize, rows: i32, dHead: i32): void {
  for (let i = 0; i < rows; i++) {
    let sum = f32x4.splat(0);
    for (let e = 0; e < dHead; e += LANES) {
      sum = f32x4.add(sum, f32x4.mul(loadUpTo(at(x, e), dHead - e), loadUpTo(at(y, e), dHead - e)));
    }
    store<f32>(at(dots, i), hsum(sum));
    x += ld;
    y += ld;
  }
}

function clearRows(x: usize, ld: usize, rows: i32, dHead: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let e = 0; e < dHead; e += LANES) storeUpTo(at(x, e), f32x4.splat(0), dHead - e);
    x += ld;
  }
}
