/**
 * What the forward and backward pass of attention share: the pinned blocks, how many keys a query sees, and
 * products with packed operands in which what nobody sees is skipped. Strides are in bytes.
 */
import { NR, PANEL_ROW, rowsTimesPanel, storePart } from './gemm-kernel';
import { packPanel } from './gemm-pack';

/** Keys per block: part of the bits of the online softmax, never change it. */
export const KEYS: i32 = 64;
/** Queries per block of the backward pass: part of the bits of dk and dv. */
export const QUERIES: i32 = 32;
/** Rows that share a count of keys when they weigh values; the lanes of a vector, for keys that weigh queries. */
export const GROUP: i32 = 4;

/** Bytes of one row of scores, and of a scratch tile for a group's incomplete columns. */
export const SCORE_ROW: i32 = KEYS * 4;
export const TILE_BYTES: i32 = GROUP * NR * 4;

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

/** The first of `queries` rows that sees key j; earlier ones have nothing but zeros there. */
// @ts-ignore: decorator
@inline
export function firstToSee(j: i32, queries: i32, causal: i32, queryOffset: i32): i32 {
  return causal ? min<i32>(queries, max<i32>(0, j - queryOffset)) : 0;
}

/** Bytes of `rows` packed rows of one head. */
// @ts-ignore: decorator
@inline
export function packedBytes(rows: i32, dHead: i32): i32 {
  return rows * ((dHead + NR - 1) & -NR) * 4;
}

/** x (count, dHead) as panels of 16 columns (count, 16). */
export function packRowsOf(to: usize, x: usize, ld: usize, count: i32, dHead: i32): void {
  for (let e = 0; e < dHead; e += NR) {
    packPanel(to, x, ld, dHead - e, count, 0);
    to += <usize>count * PANEL_ROW;
    x += PANEL_ROW;
  }
}

/** x (count, dHead) as panels of 16 of its rows: (dHead, 16). */
export function packKeys(to: usize, x: usize, ld: usize, count: i32, dHead: i32): void {
  for (let j = 0; j < count; j += NR) {
    packPanel(to, x, ld, count - j, dHead, 1);
    to += <usize>dHead * PANEL_ROW;
    x += ld * NR;
  }
}

/**
 * s (queries, count) = a (queries, dHead) times keys from packKeys, the first of which is key `start`; in whole
 * panels, from the first row on that sees a key of the panel.
 */
export function scoreBlock(
  s: usize, a: usize, lda: usize, queries: i32, panels: usize, start: i32, count: i32, dHead: i32,
  causal: i32, queryOffset: i32,
): void {
  for (let j = 0; j < count; j += NR) {
    const skip = firstToSee(start + j, queries, causal, queryOffset);
    const to = s + <usize>(skip * SCORE_ROW);
    rowsTimesPanel(to, SCORE_ROW, a + <usize>skip * lda, lda, queries - skip, panels, PANEL_ROW, dHead, 0);
    s += PANEL_ROW;
    panels += <usize>dHead * PANEL_ROW;
  }
}

/**
 * c (rows, dHead) = or += w (rows, count) x, where x is row `from` and following of what packRowsOf made of
 * `packed` rows. Incomplete columns need rows <= GROUP.
 */
export function weigh(
  c: usize, ldc: usize, w: usize, ldw: usize, rows: i32, x: usize, packed: i32, from: i32, count: i32, dHead: i32,
  add: i32, tile: usize,
): void {
  x += <usize>from * PANEL_ROW;
  for (let e = 0; e < dHead; e += NR) {
    const cols = dHead - e;
    if (cols >= NR) rowsTimesPanel(c, ldc, w, ldw, rows, x, PANEL_ROW, count, add);
    else {
      rowsTimesPanel(tile, PANEL_ROW, w, ldw, rows, x, PANEL_ROW, count, 0);
      storePart(c, ldc, tile, rows, cols, add);
    }
    c += PANEL_ROW;
    x += <usize>packed * PANEL_ROW;
  }
}

/** -1 in the lanes that lie before `count`, counting from lane 0 = element j. */
// @ts-ignore: decorator
@inline
export function lanesBefore(count: i32, j: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count - j));
}
