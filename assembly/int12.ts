/**
 * The products of gemm.ts in exact integers. For each block of 256 along k every row of op(A) and every column of
 * op(B) has one power-of-two scale; its values become integers of at most 2048 in magnitude, rounded to the nearest,
 * ties to even. Products of a block are summed in 32 bits, which cannot overflow, so their order cannot be seen; then
 * C = or += (f32(sum) * scale of the column) * scale of the row, for ascending blocks. Scales never span two rows or
 * two columns of C: a part of a product has the bits of the whole.
 *
 * One exception, for gradients of weights, where k runs over the tokens of a batch: with a transposed A and a plain B,
 * an index of k at which op(A) is zero throughout does not count for the scales of B. What stands in padding then changes
 * no bit. A part of the rows of C has the bits of the whole there if it sees the same zeros.
 *
 * Loops as in gemm.ts, with the blocks of k outermost: both operands are quantised while they are packed.
 * `extmul` chooses between two micro-kernels that give the same bits; which one is faster depends on the processor.
 */
import { NR, PANEL_ROW, storePart } from './gemm-kernel';
import { clear } from './gemm';
import { widenPanel } from './half';
import { dotTiles, dotTrial } from './int12-dot';
import { extmulTiles, extmulTrial } from './int12-extmul';
import { KC, TAIL_BYTES, packAcross, packColumns, packRowsAlong } from './int12-pack';

/** Rows of A that are quantised at a time: 64 KiB. */
const MC: i32 = 128;
/** Columns of B that are quantised at a time: 512 KiB. */
const NC: i32 = 1024;
/** With few rows one panel at a time is packed, and used while it is in the L1 cache. */
const FEW_ROWS: i32 = 32;

const TILES_BYTES: usize = <usize>(MC * NR * 4);
const ROW_SCALES_BYTES: usize = <usize>(MC * 4);
const COLUMN_SCALES_BYTES: usize = <usize>(NC * 4);
const MASK_BYTES: usize = <usize>(KC * 4);
const A_BYTES: usize = <usize>(MC * KC * 2);
const B_BYTES: usize = <usize>(KC * NC * 2);

/**
 * One matrix product; k = 0 clears C, or leaves it when accumulating. C must not overlap A or B. The workspace is
 * that of gemm.ts, `gemmWorkspaceBytes()`, of which this needs a little less.
 */
export function int12Gemm(
  c: usize, a: usize, b: usize, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transA: i32, transB: i32, accumulate: i32, workspace: usize, extmul: i32,
): void {
  product(c, a, b, m, n, k, lda, ldb, ldc, transA, transB, accumulate, workspace, 0, extmul);
}

/** int12Gemm of a plain A and a B in 16 bits, which is widened while it is packed: the bits of the same B in f32. */
export function int12GemmHalf(
  c: usize, a: usize, b: usize, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transB: i32, accumulate: i32, workspace: usize, format: i32, extmul: i32,
): void {
  product(c, a, b, m, n, k, lda, ldb, ldc, 0, transB, accumulate, workspace, format, extmul);
}

function product(
  c: usize, a: usize, b: usize, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transA: i32, transB: i32, accumulate: i32, workspace: usize, format: i32, extmul: i32,
): void {
  if (k <= 0) {
    if (!accumulate) clear(c, m, n, ldc);
    return;
  }
  const rowA = <usize>lda << 2;
  // Of a number of B, as a shift of bytes.
  const wide: usize = format ? 1 : 2;
  const rowB = <usize>ldb << wide;
  const rowC = <usize>ldc << 2;
  const chunk = m <= FEW_ROWS ? NR : NC;
  const tiles = workspace;
  const rowScales = tiles + TILES_BYTES;
  const columnScales = rowScales + ROW_SCALES_BYTES;
  const mask = columnScales + COLUMN_SCALES_BYTES;
  const ones = mask + MASK_BYTES;
  const tail = ones + 64;
  const quads = tail + TAIL_BYTES;
  store<i32>(ones, -1);
  const panels = quads + A_BYTES;
  const widened = panels + B_BYTES;

  for (let pc = 0; pc < k; pc += KC) {
    const kc = min<i32>(k - pc, KC);
    const pairs = (kc + 1) >> 1;
    const add = pc > 0 ? 1 : accumulate;
    const panelBytes = <usize>((kc + 7) & -8) << 5;
    const blockA = a + (transA ? <usize>pc * rowA : <usize>pc << 2);
    const blockB = b + (transB ? <usize>pc << wide : <usize>pc * rowB);
    const stepA = transA ? <usize>4 : rowA;
    const stepB = transB ? rowB : <usize>1 << wide;
    const masked = transA != 0 && transB == 0;
    if (masked) maskOf(mask, blockA, rowA, m, kc);
    // Rows that fit are quantised once for all chunks of columns.
    if (m <= MC) packRows(quads, rowScales, blockA, rowA, m, kc, transA, ones, tail);
    for (let jc = 0; jc < n; jc += chunk) {
      const nc = min<i32>(n - jc, chunk);
      for (let j = 0; j < nc; j += NR) {
        let from = blockB + <usize>(jc + j) * stepB;
        let rowFrom = rowB;
        if (format) {
          rowFrom = widenPanel(widened, from, rowB, nc - j, kc, transB, format);
          from = widened;
        }
        const to = panels + <usize>(j / NR) * panelBytes;
        const scales = columnScales + (<usize>j << 2);
        packColumns(to, scales, from, rowFrom, nc - j, kc, transB, masked ? mask : ones, masked ? 4 : 0, tail);
      }
      for (let ic = 0; ic < m; ic += MC) {
        const mc = min<i32>(m - ic, MC);
        if (m > MC) packRows(quads, rowScales, blockA + <usize>ic * stepA, rowA, mc, kc, transA, ones, tail);
        for (let j = 0; j < nc; j += NR) {
          const cols = min<i32>(nc - j, NR);
          const cBlock = c + <usize>ic * rowC + (<usize>(jc + j) << 2);
          const part = cols < NR;
          const to = part ? tiles : cBlock;
          const stepC = part ? PANEL_ROW : rowC;
          const panel = panels + <usize>(j / NR) * panelBytes;
          const scales = columnScales + (<usize>j << 2);
          tilesOf(to, stepC, quads, rowScales, mc, panel, scales, pairs, part ? 0 : add, extmul);
          if (part) storePart(cBlock, rowC, tiles, mc, cols, add);
        }
      }
    }
  }
}

/** `batch` products of one shape; operand z starts z * stride elements after the first. */
export function int12GemmBatched(
  c: usize, a: usize, b: usize, batch: i32, strideC: i32, strideA: i32, strideB: i32,
  m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transA: i32, transB: i32, accumulate: i32, workspace: usize, extmul: i32,
): void {
  for (let z = 0; z < batch; z++) {
    int12Gemm(c, a, b, m, n, k, lda, ldb, ldc, transA, transB, accumulate, workspace, extmul);
    c += <usize>strideC << 2;
    a += <usize>strideA << 2;
    b += <usize>strideB << 2;
  }
}

/** int12Gemm over those of the rows [first, first + m) of C that lie below count[0]; c and a point at row `first`. */
export function int12GemmValidRows(
  c: usize, a: usize, b: usize, count: usize, first: i32, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transA: i32, transB: i32, accumulate: i32, workspace: usize, extmul: i32,
): void {
  const valid = min<i32>(m, load<i32>(count) - first);
  if (valid > 0)
    int12Gemm(c, a, b, valid, n, k, lda, ldb, ldc, transA, transB, accumulate, workspace, extmul);
}

/** int12GemmHalf over those of the rows [first, first + m) of C that lie below count[0]; c and a point at row `first`. */
export function int12GemmValidRowsHalf(
  c: usize, a: usize, b: usize, count: usize, first: i32, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transB: i32, accumulate: i32, workspace: usize, format: i32, extmul: i32,
): void {
  const valid = min<i32>(m, load<i32>(count) - first);
  if (valid > 0)
    int12GemmHalf(c, a, b, valid, n, k, lda, ldb, ldc, transB, accumulate, workspace, format, extmul);
}

/** int12Gemm whose sum runs over those of the indices [first, first + k) that lie below count[0]. */
export function int12GemmValidDepth(
  c: usize, a: usize, b: usize, count: usize, first: i32, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transA: i32, transB: i32, accumulate: i32, workspace: usize, extmul: i32,
): void {
  const valid = max<i32>(0, min<i32>(k, load<i32>(count) - first));
  int12Gemm(c, a, b, m, n, valid, lda, ldb, ldc, transA, transB, accumulate, workspace, extmul);
}

/** Does the arithmetic of one micro-kernel, with nothing around it, for hosts to time. The result means nothing. */
export function int12Trial(rounds: i32, extmul: i32): i32 {
  if (isDefined(i32x4.extmul_low_i16x8_s)) {
    if (extmul) return i32x4.extract_lane(extmulTrial(rounds), 0);
  }
  return i32x4.extract_lane(dotTrial(rounds), 0);
}

/** A compiler without extmul instructions has one micro-kernel, which gives the same bits. */
function tilesOf(
  c: usize, ldc: usize, quads: usize, rowScales: usize, m: i32, panel: usize, scales: usize, pairs: i32, add: i32,
  extmul: i32,
): void {
  if (isDefined(i32x4.extmul_low_i16x8_s)) {
    if (extmul) {
      extmulTiles(c, ldc, quads, rowScales, m, panel, scales, pairs, add);
      return;
    }
  }
  dotTiles(c, ldc, quads, rowScales, m, panel, scales, pairs, add);
}

/** mask[p] = -1 where a row p of the stored A (k, m) holds anything but zeros, else 0. Rows seldom have to be read whole. */
function maskOf(mask: usize, a: usize, ld: usize, m: i32, k: i32): void {
  const end = <usize>m << 2;
  const whole = <usize>(m & -4) << 2;
  for (let p = 0; p < k; p++) {
    let at: usize = 0;
    // Shifted left, a negative zero is zero too.
    while (at < whole && !v128.any_true(i32x4.shl(v128.load(a + at), 1))) at += 16;
    if (at >= whole) while (at < end && load<i32>(a + at) << 1 == 0) at += 4;
    store<i32>(mask, at < end ? -1 : 0);
    mask += 4;
    a += ld;
  }
}

/** Rows of op(A) in groups of four: quads[group][pair of k][4 rows][2]. */
function packRows(
  to: usize, scales: usize, a: usize, ld: usize, rows: i32, k: i32, transA: i32, ones: usize, tail: usize,
): void {
  if (!transA) {
    packRowsAlong(to, scales, a, ld, rows, k, tail);
    return;
  }
  const quadBytes = <usize>((k + 7) & -8) << 3;
  for (let i = 0; i < rows; i += NR) {
    packAcross(to, 16, quadBytes, scales + (<usize>i << 2), a + (<usize>i << 2), ld, rows - i, k, ones, 0);
    to += quadBytes * 4;
  }
}
