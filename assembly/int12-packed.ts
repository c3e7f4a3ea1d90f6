/**
 * Products of a few rows with a matrix that was quantised once, for texts that grow token by token: two bytes of every weight
 * are read, one after the other. The integers, the scales and the orders are those of int12.ts, and so are the bits.
 *
 * A packed matrix has, for each panel of 16 columns and each block of 256 along k, the scales of the columns and then the panel.
 */
import { NR, PANEL_ROW, storePart } from './gemm-kernel';
import { clear } from './gemm';
import { dotTiles, putScaled } from './int12-dot';
import { KC, QUAD, TAIL_BYTES, packColumns, packRowsAlong } from './int12-pack';

/** Rows that meet a panel while it is in the L1 cache; their integers lie in the workspace. */
const ROWS: i32 = 32;
const SCALES_BYTES: usize = <usize>(NR * 4);
const TILES_BYTES: usize = <usize>(ROWS * NR * 4);

/** Bytes of the pairs of 16 columns of a block `kc` deep. */
// @ts-ignore: decorator
@inline
function panelBytes(kc: i32): usize {
  return <usize>((kc + 7) & -8) << 5;
}

/** Bytes of one panel of 16 columns, all blocks of k. */
function columnBytes(k: i32): usize {
  let bytes: usize = 0;
  for (let pc = 0; pc < k; pc += KC) bytes += SCALES_BYTES + panelBytes(min<i32>(k - pc, KC));
  return bytes;
}

/** Bytes of a packed matrix of n columns, k deep. */
export function int12PackedBytes(n: i32, k: i32): i32 {
  return <i32>(columnBytes(k) * <usize>((n + NR - 1) / NR));
}

/** Packs b (n, k), row stride ldb: a matrix stored transposed. In parts: columns from a multiple of 16 on. */
export function int12Pack(to: usize, b: usize, n: i32, k: i32, ldb: i32, workspace: usize): void {
  const row = <usize>ldb << 2;
  for (let j = 0; j < n; j += NR) {
    for (let pc = 0; pc < k; pc += KC) {
      const kc = min<i32>(k - pc, KC);
      const from = b + <usize>j * row + (<usize>pc << 2);
      packColumns(to + SCALES_BYTES, to, from, row, n - j, kc, 1, 0, 0, workspace);
      to += SCALES_BYTES + panelBytes(kc);
    }
  }
}

/**
 * c (m, n) = a (m, k) times a matrix from int12Pack; k = 0 clears c. The workspace is that of gemm.ts: k is at most 8192,
 * because the integers of 32 rows lie there. In parts: rows, or columns from a multiple of 16 on.
 */
export function int12GemmPacked(
  c: usize, a: usize, packed: usize, m: i32, n: i32, k: i32, lda: i32, ldc: i32, workspace: usize,
): void {
  if (k <= 0) {
    clear(c, m, n, ldc);
    return;
  }
  const rowA = <usize>lda << 2;
  const rowC = <usize>ldc << 2;
  const tail = workspace + TILES_BYTES;
  const scales = tail + TAIL_BYTES;
  const quads = scales + <usize>((k + KC - 1) / KC * ROWS * 4);
  for (let i = 0; i < m; i += ROWS) {
    const rows = min<i32>(ROWS, m - i);
    packRows(quads, scales, a + <usize>i * rowA, rowA, rows, k, tail);
    let from = packed;
    for (let j = 0; j < n; j += NR) {
      const cols = min<i32>(n - j, NR);
      const target = c + <usize>i * rowC + (<usize>j << 2);
      const to = cols < NR ? workspace : target;
      const stepC = cols < NR ? PANEL_ROW : rowC;
      let x = quads;
      let rowScales = scales;
      for (let pc = 0; pc < k; pc += KC) {
        const kc = min<i32>(k - pc, KC);
        const pairs = (kc + 1) >> 1;
        const panel = from + SCALES_BYTES;
        if (rows == 1) oneRow(to, x, rowScales, panel, from, pairs, pc > 0 ? 1 : 0);
        else dotTiles(to, stepC, x, rowScales, rows, panel, from, pairs, pc > 0 ? 1 : 0);
        x += quadBytes(kc, rows);
        rowScales += ROWS * 4;
        from = panel + panelBytes(kc);
      }
      if (cols < NR) storePart(target, rowC, workspace, rows, cols, 0);
    }
  }
}

/** Bytes of the quads of `rows` rows, a block `kc` deep. */
// @ts-ignore: decorator
@inline
function quadBytes(kc: i32, rows: i32): usize {
  return (<usize>((kc + 7) & -8) << 3) * <usize>((rows + QUAD - 1) / QUAD);
}

/** All blocks of some rows of a, one behind the other. */
function packRows(to: usize, scales: usize, a: usize, ld: usize, rows: i32, k: i32, tail: usize): void {
  for (let pc = 0; pc < k; pc += KC) {
    const kc = min<i32>(k - pc, KC);
    packRowsAlong(to, scales, a + (<usize>pc << 2), ld, rows, kc, tail);
    to += quadBytes(kc, rows);
    scales += ROWS * 4;
  }
}

/** c (1, 16) = or += one row times a panel: what dotTiles does, without the second row. */
function oneRow(c: usize, a: usize, rowScale: usize, b: usize, scales: usize, pairs: i32, add: i32): void {
  const end = b + <usize>pairs * PANEL_ROW;
  const zero = i32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  for (; b < end; b += PANEL_ROW, a += 16) {
    const x = v128.load32_splat(a);
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(x, v128.load(b)));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(x, v128.load(b, 16)));
    s2 = i32x4.add(s2, i32x4.dot_i16x8_s(x, v128.load(b, 32)));
    s3 = i32x4.add(s3, i32x4.dot_i16x8_s(x, v128.load(b, 48)));
  }
  putScaled(c, s0, s1, s2, s3, v128.load32_splat(rowScale), scales, add);
}
