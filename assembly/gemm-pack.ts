/**
 * Packing for the micro-kernels: an operand is cut into groups of four rows (of A) or columns (of B), and a
 * group is laid out with its four values side by side for each k. A strip of A is one group, a panel of B two.
 * Missing members of a group repeat the last one or are zero: nothing beyond the matrix is read. Strides are in
 * bytes.
 */
import { NR } from './gemm-kernel';
import { LANES, loadUpTo } from './simd';

/** Group members are rows of the source, k runs along them: `to[p] = (src[0][p], .., src[3][p])`. */
function packRows(to: usize, step: usize, src: usize, ld: usize, members: i32, k: i32): void {
  if (members <= 0) {
    clear(to, step, k);
    return;
  }
  const d1 = members > 1 ? ld : 0;
  const d2 = members > 2 ? d1 + ld : d1;
  const d3 = members > 3 ? d2 + ld : d2;
  let p = 0;
  for (; p + 4 <= k; p += 4) {
    const r0 = v128.load(src);
    const r1 = v128.load(src + d1);
    const r2 = v128.load(src + d2);
    const r3 = v128.load(src + d3);
    src += 16;
    const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
    const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
    const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
    const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(t0, t1, 0, 2));
    to += step;
    v128.store(to, v128.shuffle<i64>(t0, t1, 1, 3));
    to += step;
    v128.store(to, v128.shuffle<i64>(t2, t3, 0, 2));
    to += step;
    v128.store(to, v128.shuffle<i64>(t2, t3, 1, 3));
    to += step;
  }
  for (; p < k; p++) {
    store<f32>(to, load<f32>(src));
    store<f32>(to, load<f32>(src + d1), 4);
    store<f32>(to, load<f32>(src + d2), 8);
    store<f32>(to, load<f32>(src + d3), 12);
    src += 4;
    to += step;
  }
}

/** Group members are neighbours in each row of the source: `to[p] = src[p][0..3]`. */
function packColumns(to: usize, step: usize, src: usize, ld: usize, members: i32, k: i32): void {
  if (members <= 0) {
    clear(to, step, k);
    return;
  }
  if (members >= LANES) {
    for (let p = 0; p < k; p++) {
      v128.store(to, v128.load(src));
      src += ld;
      to += step;
    }
    return;
  }
  for (let p = 0; p < k; p++) {
    v128.store(to, loadUpTo(src, members));
    src += ld;
    to += step;
  }
}

/** One panel (k, 8) of op(B); `cols` of its columns exist. */
export function packPanel(to: usize, b: usize, ld: usize, cols: i32, k: i32, transB: i32): void {
  const step: usize = NR << 2;
  if (transB) {
    packRows(to, step, b, ld, cols, k);
    packRows(to + 16, step, b + ld * 4, ld, cols - LANES, k);
  } else {
    packColumns(to, step, b, ld, cols, k);
    packColumns(to + 16, step, b + 16, ld, cols - LANES, k);
  }
}

/** One strip (4, k) of op(A); `rows` of its rows exist. */
export function packStrip(to: usize, a: usize, ld: usize, rows: i32, k: i32, transA: i32): void {
  if (transA) packColumns(to, 16, a, ld, rows, k);
  else packRows(to, 16, a, ld, rows, k);
}

function clear(to: usize, step: usize, k: i32): void {
  for (let p = 0; p < k; p++) {
    v128.store(to, f32x4.splat(0));
    to += step;
  }
}
