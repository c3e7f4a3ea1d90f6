/**
 * C(m, n) = op(A) op(B), or C += op(A) op(B); op(A) is (m, k), op(B) is (k, n), row strides as stored.
 * C must not overlap A or B.
 *
 * One arithmetic order for every path, so that bits never depend on the path: for each k-block of 256 ascending,
 * acc = +0, then acc = acc + a b for ascending k; the first block replaces C (or adds to it), later ones add.
 * What is packed, and which micro-kernel runs, depends on the global shape alone. Loops as in BLIS, 5 outermost.
 */
import { MR, NR, TILE_BYTES, storePart, tileColumns, tileRows } from './gemm-kernel';
import { packPanel, packStrip } from './gemm-pack';
import { storeUpTo } from './simd';

/** Depth of a block of k: part of the bits, never change it. */
const KC: i32 = 256;
/** Rows of A and columns of B that are packed at a time: they stay in the L2 and L3 caches. */
const MC: i32 = 96;
const NC: i32 = 1024;
/** With few rows, B is packed in short pieces that are still in the L1 cache when used. */
const NC_FEW_ROWS: i32 = 32;
const FEW_ROWS: i32 = 16;
/** An unpacked operand whose k-block spans more bytes than this would evict itself from the L1 cache. */
const DIRECT_SPAN: i32 = 16384;
/** Up to so many columns packing A costs more than it saves. */
const DIRECT_COLS: i32 = 64;

const PANEL_BYTES: i32 = KC * NR * 4;
const STRIP_BYTES: i32 = KC * MR * 4;
const A_BYTES: i32 = KC * MC * 4;
const B_BYTES: i32 = KC * NC * 4;

/** Bytes of workspace that sgemm and sgemmBatched need at most. */
export function gemmWorkspaceBytes(): i32 {
  return TILE_BYTES + PANEL_BYTES + STRIP_BYTES + A_BYTES + B_BYTES;
}

/** One matrix product; k = 0 clears C, or leaves it when accumulating. */
export function sgemm(
  c: usize, a: usize, b: usize, m: i32, n: i32, k: i32, lda: i32, ldb: i32, ldc: i32,
  transA: i32, transB: i32, accumulate: i32, workspace: usize,
): void {
  if (k <= 0) {
    if (!accumulate) clear(c, m, n, ldc);
    return;
  }
  const rowA = <usize>lda << 2;
  const rowB = <usize>ldb << 2;
  const rowC = <usize>ldc << 2;
  const depth = min<i32>(k, KC);
  const packA = transA ? spans(depth, lda) : n > DIRECT_COLS;
  const packB = transB ? true : m > FEW_ROWS && spans(depth, ldb);
  const chunk = packB && m <= FEW_ROWS ? NC_FEW_ROWS : NC;

  const tile = workspace;
  const edgePanel = tile + TILE_BYTES;
  const edgeStrip = edgePanel + PANEL_BYTES;
  const stripsOfA = edgeStrip + STRIP_BYTES;
  const panelsOfB = stripsOfA + A_BYTES;

  // Loop 5: columns of C.
  for (let jc = 0; jc < n; jc += chunk) {
    const nc = min<i32>(n - jc, chunk);
    // Loop 4: blocks of k.
    for (let pc = 0; pc < k; pc += KC) {
      const kc = min<i32>(k - pc, KC);
      const add = pc > 0 ? 1 : accumulate;
      const blockB = transB ? b + <usize>jc * rowB + (<usize>pc << 2) : b + <usize>pc * rowB + (<usize>jc << 2);
      const nextPanel = transB ? rowB * NR : <usize>(NR << 2);
      const panelBytes = <usize>(kc * NR) << 2;
      // Without packing B still needs its incomplete panel, of which whole vectors are read.
      for (let j = packB ? 0 : nc & -NR; j < nc; j += NR) {
        const to = packB ? panelsOfB + <usize>(j / NR) * panelBytes : edgePanel;
        packPanel(to, blockB + <usize>(j / NR) * nextPanel, rowB, nc - j, kc, transB);
      }
      // Loop 3: rows of C.
      for (let ic = 0; ic < m; ic += MC) {
        const mc = min<i32>(m - ic, MC);
        const blockA = transA ? a + <usize>pc * rowA + (<usize>ic << 2) : a + <usize>ic * rowA + (<usize>pc << 2);
        const nextStrip = transA ? <usize>(MR << 2) : rowA * MR;
        const stripBytes = <usize>(kc * MR) << 2;
        // So does a transposed A; a plain one is read float by float.
        for (let i = packA ? 0 : transA ? mc & -MR : mc; i < mc; i += MR) {
          const to = packA ? stripsOfA + <usize>(i / MR) * stripBytes : edgeStrip;
          packStrip(to, blockA + <usize>(i / MR) * nextStrip, rowA, mc - i, kc, transA);
        }
        // Loop 2: panels of B.
        for (let j = 0; j < nc; j += NR) {
          const cols = min<i32>(nc - j, NR);
          const packed = packB || cols < NR;
          let panel = blockB + <usize>(j / NR) * nextPanel;
          if (packed) panel = packB ? panelsOfB + <usize>(j / NR) * panelBytes : edgePanel;
          const stepB = packed ? <usize>(NR << 2) : rowB;
          const cTop = c + <usize>ic * rowC + (<usize>(jc + j) << 2);
          // Loop 1: strips of A.
          for (let i = 0; i < mc; i += MR) {
            const rows = min<i32>(mc - i, MR);
            const part = rows < MR || cols < NR;
            const cTile = cTop + <usize>i * rowC;
            const to = part ? tile : cTile;
            const stepC = part ? <usize>(NR << 2) : rowC;
            const toAdd = part ? 0 : add;
            if (packA) {
              tileColumns(to, stepC, stripsOfA + <usize>(i / MR) * stripBytes, MR << 2, panel, stepB, kc, toAdd);
            } else if (!transA) {
              tileRows(to, stepC, blockA + <usize>i * rowA, rowA, rows, panel, stepB, kc, toAdd);
            } else if (rows == MR) {
              tileColumns(to, stepC, blockA + (<usize>i << 2), rowA, panel, stepB, kc, toAdd);
            } else {
              tileColumns(to, stepC, edgeStrip, MR << 2, panel, stepB, kc, toAdd);
            }
            if (part) storePart(cTile, rowC, tile, rows, cols, add);
          }
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

// @ts-ignore: decorator
@inline
function spans(depth: i32, ld: i32): bool {
  return <i64>depth * <i64>ld * 4 > DIRECT_SPAN;
}

function clear(c: usize, m: i32, n: i32, ldc: i32): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j += 4) storeUpTo(c + (<usize>j << 2), f32x4.splat(0), n - j);
    c += <usize>ldc << 2;
  }
}
