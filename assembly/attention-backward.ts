/**
 * Gradients of attention. Probabilities are computed again from the saved row log-sum-exp, block by block:
 *
 *   p = exp(scale s - lse),  D = dout . out,  ds = scale p (dout v^T - D)
 *   dq = ds k,  dk = ds^T q,  dv = p^T dout
 */
import {
  EDGE_BYTES, KEYS, QUERIES, SCORE_ROW, lanesBefore, packEdge, packTransposed, scoreRows, validKeys, visible,
  weighColumns, weighRows,
} from './attention-block';
import { MR, NR, TILE_BYTES } from './gemm-kernel';
import { expV } from './math';
import { LANES, at, hsum, loadUpTo, storeUpTo } from './simd';

/**
 * Shapes and strides as in attentionForward, with sequence b of k and v starting at token b * keyLen; dq, dk, dv
 * lie like q, k, v and are overwritten (zeros for masked keys and for rows that see no key). No aliasing.
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
    const token = <usize>b * <usize>keyLen;
    for (let h = 0; h < heads; h++) {
      const head = <usize>(h * dHead) << 2;
      const toK = token * rowK + head;
      const toV = token * rowV + head;
      clearRows(dk + toK, rowK, keyLen, dHead);
      clearRows(dv + toV, rowV, keyLen, dHead);
      for (let first = 0; first < queryLen; first += QUERIES) {
        const t = <usize>b * <usize>queryLen + <usize>first;
        const toQ = t * rowQ + head;
        const toOut = t * rowOut + head;
        gradientBlock(
          dq + toQ, dk + toK, dv + toV, dout + toOut, q + toQ, k + toK, v + toV, out + toOut,
          at(lse, (b * heads + h) * queryLen + first), rowQ, rowK, rowV, rowOut,
          min<i32>(QUERIES, queryLen - first), keys, dHead, causal, queryOffset + first, scale, workspace,
        );
      }
    }
  }
}

/** At most 32 queries of one head; adds to dk and dv, overwrites dq. */
function gradientBlock(
  dq: usize, dk: usize, dv: usize, dout: usize, q: usize, k: usize, v: usize, out: usize, lse: usize,
  rowQ: usize, rowK: usize, rowV: usize, rowOut: usize,
  queries: i32, keys: i32, dHead: i32, causal: i32, queryOffset: i32, scale: f32, workspace: usize,
): void {
  const panels = <usize>(KEYS * dHead * 4);
  const keysT = workspace;
  const valuesT = keysT + panels;
  const edgeOfK = valuesT + panels;
  const edgeOfQ = edgeOfK + EDGE_BYTES;
  const edgeOfDout = edgeOfQ + EDGE_BYTES;
  const probabilities = edgeOfDout + EDGE_BYTES;
  const dscores = probabilities + QUERIES * SCORE_ROW;
  const tile = dscores + QUERIES * SCORE_ROW;
  const dots = tile + TILE_BYTES;

  clearRows(dq, rowQ, queries, dHead);
  rowDots(dots, dout, out, rowOut, queries, dHead);
  packEdge(edgeOfQ, q, rowQ, queries, dHead);
  packEdge(edgeOfDout, dout, rowOut, queries, dHead);
  const reach = visible(queries - 1, keys, causal, queryOffset);
  for (let start = 0; start < reach; start += KEYS) {
    const span = min<i32>(KEYS, reach - start);
    const kBlock = k + <usize>start * rowK;
    packTransposed(keysT, kBlock, rowK, span, dHead);
    packTransposed(valuesT, v + <usize>start * rowV, rowV, span, dHead);
    packEdge(edgeOfK, kBlock, rowK, span, dHead);
    for (let i = 0; i < queries; i += MR) {
      const rows = min<i32>(MR, queries - i);
      const count = min<i32>(span, visible(i + rows - 1, keys, causal, queryOffset) - start);
      const p = probabilities + <usize>(i * SCORE_ROW);
      const ds = dscores + <usize>(i * SCORE_ROW);
      if (count > 0) {
        scoreRows(p, q + <usize>i * rowQ, rowQ, rows, keysT, count, dHead, tile);
        scoreRows(ds, dout + <usize>i * rowOut, rowOut, rows, valuesT, count, dHead, tile);
      }
      for (let r = 0; r < rows; r++) {
        const own = min<i32>(count, visible(i + r, keys, causal, queryOffset) - start);
        const offset = <usize>(r * SCORE_ROW);
        gradientRow(p + offset, ds + offset, own, span, scale, load<f32>(at(lse, i + r)), load<f32>(at(dots, i + r)));
      }
      if (count > 0) weighRows(dq + <usize>i * rowQ, rowQ, ds, rows, kBlock, rowK, edgeOfK, count, dHead, 1, tile);
    }
    for (let j = 0; j < span; j += MR) {
      // Queries before the first one that sees key j have nothing but zeros in this column.
      const skip = causal ? min<i32>(queries, max<i32>(0, start + j - queryOffset)) : 0;
      const from = <usize>(skip * SCORE_ROW + (j << 2));
      const edge = <usize>(skip * NR) << 2;
      const rest = span - j;
      weighColumns(
        dv + <usize>(start + j) * rowV, rowV, probabilities + from, rest, dout + <usize>skip * rowOut, rowOut,
        edgeOfDout + edge, queries - skip, dHead, tile,
      );
      weighColumns(
        dk + <usize>(start + j) * rowK, rowK, dscores + from, rest, q + <usize>skip * rowQ, rowQ,
        edgeOfQ + edge, queries - skip, dHead, tile,
      );
    }
  }
}

/** One row: scores become probabilities, their gradients the gradients of the scores; zeros from `own` to `span`. */
function gradientRow(p: usize, ds: usize, own: i32, span: i32, scale: f32, lse: f32, dot: f32): void {
  const factor = f32x4.splat(scale);
  const shift = f32x4.splat(lse);
  const mean = f32x4.splat(dot);
  let j = 0;
  for (; j < own; j += LANES) {
    const mask = lanesBefore(own, j);
    const value = v128.and(expV(f32x4.sub(f32x4.mul(v128.load(at(p, j)), factor), shift)), mask);
    const slope = f32x4.mul(f32x4.mul(value, f32x4.sub(v128.load(at(ds, j)), mean)), factor);
    v128.store(at(p, j), value);
    v128.store(at(ds, j), v128.and(slope, mask));
  }
  for (; j < span; j += LANES) {
    v128.store(at(p, j), f32x4.splat(0));
    v128.store(at(ds, j), f32x4.splat(0));
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
