/**
 * Packing for the micro-kernels. A panel holds 16 columns of op(B), side by side for each k; what is missing of them
 * is zero. A group holds 8 rows of a transposed A likewise. Nothing beyond the matrices is read. Strides are in bytes.
 */
import { GROUP, GROUP_ROW, NR, PANEL_ROW } from './gemm-kernel';
import { LANES, loadUpTo } from './simd';

/** One panel (k, 16) of op(B); `cols` of its columns exist. */
export function packPanel(to: usize, b: usize, ld: usize, cols: i32, k: i32, transB: i32): void {
  if (transB) {
    for (let j = 0; j < NR; j += LANES) {
      transpose(to, PANEL_ROW, b, ld, cols - j, k);
      to += 16;
      b += ld * LANES;
    }
  } else if (cols >= NR) {
    for (let p = 0; p < k; p++) {
      v128.store(to, v128.load(b));
      v128.store(to, v128.load(b, 16), 16);
      v128.store(to, v128.load(b, 32), 32);
      v128.store(to, v128.load(b, 48), 48);
      b += ld;
      to += PANEL_ROW;
    }
  } else {
    for (let p = 0; p < k; p++) {
      for (let j = 0; j < NR; j += LANES) {
        const rest = cols - j;
        v128.store(to + (<usize>j << 2), rest > 0 ? loadUpTo(b + (<usize>j << 2), rest) : f32x4.splat(0));
      }
      b += ld;
      to += PANEL_ROW;
    }
  }
}

/** A stored transposed, a (k, rows): groups of 8 rows side by side for each k, zeros for rows that are missing. */
export function packGroups(to: usize, a: usize, ld: usize, rows: i32, k: i32): void {
  const whole = rows & -GROUP;
  const nextGroup = <usize>k * GROUP_ROW;
  for (let p = 0; p < k; p++) {
    let group = to;
    let from = a;
    for (let i = 0; i < whole; i += GROUP) {
      v128.store(group, v128.load(from));
      v128.store(group, v128.load(from, 16), 16);
      group += nextGroup;
      from += GROUP_ROW;
    }
    if (whole < rows) {
      const rest = rows - whole;
      v128.store(group, loadUpTo(from, rest));
      v128.store(group, rest > LANES ? loadUpTo(from + 16, rest - LANES) : f32x4.splat(0), 16);
    }
    a += ld;
    to += GROUP_ROW;
  }
}

/** x (rows, cols) becomes `to` (cols, rows), whose row stride must have room for rows rounded up to 4. */
export function packTransposed(to: usize, step: usize, x: usize, ld: usize, rows: i32, cols: i32): void {
  for (let i = 0; i < rows; i += LANES) {
    transpose(to, step, x, ld, rows - i, cols);
    to += 16;
    x += ld * LANES;
  }
}

/** Four rows of the source, k long: `to[p * step] = (src[0][p], .., src[3][p])`. */
function transpose(to: usize, step: usize, src: usize, ld: usize, rows: i32, k: i32): void {
  if (rows <= 0) {
    for (let p = 0; p < k; p++) {
      v128.store(to, f32x4.splat(0));
      to += step;
    }
    return;
  }
  // Missing rows repeat the last one.
  const src1 = rows > 1 ? src + ld : src;
  const src2 = rows > 2 ? src1 + ld : src1;
  const src3 = rows > 3 ? src2 + ld : src2;
  const whole = <usize>(k & -LANES) << 2;
  const end = <usize>k << 2;
  let p: usize = 0;
  for (; p < whole; p += 16) {
    const r0 = v128.load(src + p);
    const r1 = v128.load(src1 + p);
    const r2 = v128.load(src2 + p);
    const r3 = v128.load(src3 + p);
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
  for (; p < end; p += 4) {
    store<f32>(to, load<f32>(src + p));
    store<f32>(to, load<f32>(src1 + p), 4);
    store<f32>(to, load<f32>(src2 + p), 8);
    store<f32>(to, load<f32>(src3 + p), 12);
    to += step;
  }
}
