/**
 * C(m, n) = op(A) op(B), or C += op(A) op(B); op(A) is (m, k), op(B) is (k, n), row strides as stored.
 * C must not overlap A or B.
 *
 * One arithmetic order for every path, so that bits never depend on the path: for each k-block of 256 ascending,
 * acc = +0, then acc = acc + a b for ascending k; the first block replaces C (or adds to it), later ones add.
 * What is packed depends on the global shape alone, and not even that could change a bit. Loops as in BLIS, 5
 * outermost: B goes through the caches in packed panels, A is read where it lies unless it is transposed.
 *
 * In parts: a range of rows (c and a moved on, a smaller m) or of columns of C (c and b moved on, a smaller n)
 * gets the bits of the whole call; multiples of MR and NR lose no time.
 */
import { NR, PANEL_ROW, groupsTimesPanel, rowsTimesPanel, storePart } from './gemm-kernel';
import { packGroups, packPanel } from './gemm-pack';
import { FEW, ROWS, fewRows, fewTimesHalves, packFew, rowTimesRows } from './gemm-row';
import { widenPanel } from './half';
import { storeUpTo } from './simd';

/** Depth of a block of k: part of the bits, never change it. */
const KC: i32 = 256;
/** Rows of A that meet one panel of B after the other: 128 KiB of them stay in the L2 cache. */
const MC: i32 = 128;
/** Columns of B that are packed at a time: 512 KiB. */
const NC: i32 = 512;
/** With few rows one panel at a time is packed, and used while it is in the L1 cache. */
const NC_FEW_ROWS: i32 = NR;
const FEW_ROWS: i32 = 32;
/** With hardly any rows B is read in place; so it is when its block spans no more bytes than the L1 cache holds. */
const DIRECT_ROWS: i32 = 8;
const DIRECT_SPAN: i64 = 16384;

const TILES_BYTES: i32 = MC * NR * 4;
const A_BYTES: i32 = MC * KC * 4;
const B_BYTES: i32 = KC * NC * 4;

/** So deep are a few rows, at most, that lie where A is packed. */
const FEW_DEPTH: i32 = A_BYTES / 16;

/** Bytes of workspace that sgemm and sgemmBatched need at most. */
export function gemmWorkspaceBytes(): i32 {
  return TILES_BYTES + A_BYTES + B_BYTES;
}

/** One matrix product; k = 0 clears C, or leaves it when accumulating. */
export function sgemm(
  c: usize, a: usize, b: usize, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transA: i32, transB: i32, accumulate: i32, workspace: usize,
): void {
  product(c, a, b, m, n, k, lda, ldb, ldc, transA, transB, accumulate, workspace, 0);
}

/** sgemm of a plain A and a B in 16 bits, which is widened while it is packed: the bits of the same B in f32. */
export function sgemmHalf(
  c: usize, a: usize, b: usize, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transB: i32, accumulate: i32, workspace: usize, format: i32,
): void {
  product(c, a, b, m, n, k, lda, ldb, ldc, 0, transB, accumulate, workspace, format);
}

function product(
  c: usize, a: usize, b: usize, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transA: i32, transB: i32, accumulate: i32, workspace: usize, format: i32,
): void {
  if (k <= 0) {
    if (!accumulate) clear(c, m, n, ldc);
    return;
  }
  const rowA = <usize>lda << 2;
  // Of a number of B, as a shift of bytes.
  const wide: usize = format ? 1 : 2;
  const rowB = <usize>ldb << wide;
  if (m > 0 && m <= FEW && transA == 0 && transB != 0 && (k & 3) == 0 && n >= ROWS && (m == 1 || k <= FEW_DEPTH)) {
    const whole = n & -ROWS;
    const packed = workspace + TILES_BYTES;
    const few = m == 1 ? a : packed;
    if (m > 1) packFew(packed, a, rowA, m, k);
    const step = <usize>ldc << 2;
    if (format) fewTimesHalves(c, step, few, m, b, rowB, whole, k, KC, accumulate, format, packed + A_BYTES);
    else if (m == 1) rowTimesRows(c, a, b, rowB, whole, k, KC, accumulate);
    else fewRows(c, step, packed, m, b, rowB, whole, k, KC, accumulate);
    if (whole == n) return;
    c += <usize>whole << 2;
    b += <usize>whole * rowB;
    n -= whole;
  }
  const rowC = <usize>ldc << 2;
  const packB = format != 0 || transB != 0 || (m > DIRECT_ROWS && <i64>min<i32>(k, KC) * <i64>rowB > DIRECT_SPAN);
  const chunk = packB && m <= FEW_ROWS ? NC_FEW_ROWS : NC;
  const tiles = workspace;
  const groups = tiles + TILES_BYTES;
  const panels = groups + A_BYTES;

  // Loop 5: columns of C.
  for (let jc = 0; jc < n; jc += chunk) {
    const nc = min<i32>(n - jc, chunk);
    // Loop 4: blocks of k.
    for (let pc = 0; pc < k; pc += KC) {
      const kc = min<i32>(k - pc, KC);
      const add = pc > 0 ? 1 : accumulate;
      const panelBytes = <usize>kc * PANEL_ROW;
      const nextPanel = transB ? rowB * NR : <usize>NR << wide;
      const blockB = b + (transB ? <usize>jc * rowB + (<usize>pc << wide) : <usize>pc * rowB + (<usize>jc << wide));
      // The last panel needs packing where it is incomplete: whole vectors are read of it.
      const direct = packB ? 0 : nc & -NR;
      for (let j = direct; j < nc; j += NR) {
        const to = panels + <usize>((j - direct) / NR) * panelBytes;
        const from = blockB + <usize>(j / NR) * nextPanel;
        if (format) {
          // The place of a transposed A is free.
          const step = widenPanel(groups, from, rowB, nc - j, kc, transB, format);
          packPanel(to, groups, step, nc - j, kc, transB);
        } else packPanel(to, from, rowB, nc - j, kc, transB);
      }
      // Loop 3: rows of C.
      for (let ic = 0; ic < m; ic += MC) {
        const mc = min<i32>(m - ic, MC);
        const blockA = a + (transA ? <usize>pc * rowA + (<usize>ic << 2) : <usize>ic * rowA + (<usize>pc << 2));
        if (transA) packGroups(groups, blockA, rowA, mc, kc);
        // Loop 2: panels of B; loop 1, over rows of A, is in the micro-kernel.
        for (let j = 0; j < nc; j += NR) {
          const cols = min<i32>(nc - j, NR);
          const cBlock = c + <usize>ic * rowC + (<usize>(jc + j) << 2);
          const part = cols < NR;
          const to = part ? tiles : cBlock;
          const stepC = part ? PANEL_ROW : rowC;
          const inPlace = j < direct;
          const panel = inPlace ? blockB + (<usize>j << 2) : panels + <usize>((j - direct) / NR) * panelBytes;
          const stepB = inPlace ? rowB : PANEL_ROW;
          const adding = part ? 0 : add;
          if (transA) groupsTimesPanel(to, stepC, groups, mc, panel, stepB, kc, adding);
          else rowsTimesPanel(to, stepC, blockA, rowA, mc, panel, stepB, kc, adding);
          if (part) storePart(cBlock, rowC, tiles, mc, cols, add);
        }
      }
    }
  }
}

/** `batch` products of one shape; operand z starts z * stride elements after the first. */
export function sgemmBatched(
  c: usize, a: usize, b: usize, batch: i32, strideC: i32, strideA: i32, strideB: i32,
  m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transA: i32, transB: i32, accumulate: i32, workspace: usize,
): void {
  for (let z = 0; z < batch; z++) {
    sgemm(c, a, b, m, n, k, lda, ldb, ldc, transA, transB, accumulate, workspace);
    c += <usize>strideC << 2;
    a += <usize>strideA << 2;
    b += <usize>strideB << 2;
  }
}

export function clear(c: usize, m: i32, n: i32, ldc: i32): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j += 4) storeUpTo(c + (<usize>j << 2), f32x4.splat(0), n - j);
    c += <usize>ldc << 2;
  }
}
