/**
 * What the forward and backward pass of attention share: the pinned blocks, how many keys a query sees, and
 * products of a few rows with a whole operand, read where it lies. Strides are in bytes.
 */
import { MR, NR, storePart, tileColumns, tileRows } from './gemm-kernel';
import { packPanel } from './gemm-pack';

/** Keys per block: part of the bits of the online softmax, never change it. */
export const KEYS: i32 = 64;
/** Queries per block: part of the bits of dk and dv. */
export const QUERIES: i32 = 32;

/** Bytes of one row of scores, and of an operand's incomplete panel of columns. */
export const SCORE_ROW: i32 = KEYS * 4;
export const EDGE_BYTES: i32 = KEYS * NR * 4;

/** Valid keys of sequence b. */
// @ts-ignore: decorator
@inline
export function validKeys(lengths: usize, b: i32, keyLen: i32): i32 {
  return lengths != 0 ? max<i32>(0, min<i32>(keyLen, load<i32>(lengths + (<usize>b << 2)))) : keyLen;
}

/** How many of the valid keys query t sees; they are the first ones. */
// @ts-ignore: decorator
@inline
export function visible(t: i32, keys: i32, causal: i32, queryOffset: i32): i32 {
  return causal ? max<i32>(0, min<i32>(keys, t + queryOffset + 1)) : keys;
}

/** `count` rows of x (count, dHead) become the columns of packed panels (dHead, 8). */
export function packTransposed(to: usize, x: usize, ld: usize, count: i32, dHead: i32): void {
  const panel = <usize>(dHead * NR) << 2;
  for (let j = 0; j < count; j += NR) {
    packPanel(to, x, ld, count - j, dHead, 1);
    to += panel;
    x += ld * NR;
  }
}

/** The incomplete last panel of x (count, dHead), where dHead is no multiple of 8. */
export function packEdge(to: usize, x: usize, ld: usize, count: i32, dHead: i32): void {
  const full = dHead & -NR;
  if (full < dHead) packPanel(to, x + (<usize>full << 2), ld, dHead - full, count, 0);
}

/** s (rows, count) = a (rows, dHead) times packed panels; columns up to the next multiple of 8 are written. */
export function scoreRows(
  s: usize, a: usize, lda: usize, rows: i32, panels: usize, count: i32, dHead: i32, scratch: usize,
): void {
  const panel = <usize>(dHead * NR) << 2;
  for (let j = 0; j < count; j += NR) {
    if (rows == MR) tileRows(s, SCORE_ROW, a, lda, rows, panels, NR << 2, dHead, 0);
    else {
      tileRows(scratch, NR << 2, a, lda, rows, panels, NR << 2, dHead, 0);
      storePart(s, SCORE_ROW, scratch, rows, NR, 0);
    }
    s += NR << 2;
    panels += panel;
  }
}

/** c (rows, dHead) = or += w (rows, count) x (count, dHead); w are rows of scores, `edge` is from packEdge. */
export function weighRows(
  c: usize, ldc: usize, w: usize, rows: i32, x: usize, ldx: usize, edge: usize, count: i32, dHead: i32, add: i32,
  scratch: usize,
): void {
  for (let e = 0; e < dHead; e += NR) {
    const cols = dHead - e;
    if (rows == MR && cols >= NR) tileRows(c, ldc, w, SCORE_ROW, rows, x, ldx, count, add);
    else {
      const whole = cols >= NR;
      tileRows(scratch, NR << 2, w, SCORE_ROW, rows, whole ? x : edge, whole ? ldx : NR << 2, count, 0);
      storePart(c, ldc, scratch, rows, min<i32>(cols, NR), add);
    }
    c += NR << 2;
    x += NR << 2;
  }
}

/** c (keys, dHead) += w^T x: w (count, 64) holds rows of scores, of which 4 columns are used; x (count, dHead). */
export function weighColumns(
  c: usize, ldc: usize, w: usize, keys: i32, x: usize, ldx: usize, edge: usize, count: i32, dHead: i32,
  scratch: usize,
): void {
  for (let e = 0; e < dHead; e += NR) {
    const cols = dHead - e;
    if (keys >= MR && cols >= NR) tileColumns(c, ldc, w, SCORE_ROW, x, ldx, count, 1);
    else {
      const whole = cols >= NR;
      tileColumns(scratch, NR << 2, w, SCORE_ROW, whole ? x : edge, whole ? ldx : NR << 2, count, 0);
      storePart(c, ldc, scratch, min<i32>(keys, MR), min<i32>(cols, NR), 1);
    }
    c += NR << 2;
    x += NR << 2;
  }
}

/** -1 in the lanes that lie before `count`, counting from lane 0 = element j. */
// @ts-ignore: decorator
@inline
export function lanesBefore(count: i32, j: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count - j));
}
