/**
 * Matrices stored in 16 bits a number, widened where they are read: f16 is IEEE half precision, bf16 the upper half of an
 * f32. Both widen exactly, so whatever is computed of one has the bits of the same computation on its values as f32.
 * A block of 16 by 256 is widened at a time; a whole matrix never is.
 */
import { NR, PANEL_ROW } from './gemm-kernel';
import { FORMAT_F16 } from './shared';
import { LANES, at, loadUpTo, storeUpTo } from './simd';

/** 2^112, the bits of it: brings those of an f16, moved to an f32's, to its value, subnormals too. */
const BIAS: i32 = 0x77800000;

/** Four numbers, each in the lower half of a lane, to f32. */
// @ts-ignore: decorator
@inline
function widen(x: v128, format: i32): v128 {
  if (format != FORMAT_F16) return i32x4.shl(x, 16);
  const magnitude = i32x4.shl(v128.and(x, i32x4.splat(0x7fff)), 13);
  // The largest exponent of either is that of infinities and NaNs.
  const top = v128.and(i32x4.ge_s(magnitude, i32x4.splat(0x7c00 << 13)), i32x4.splat(0x7f800000));
  const sign = i32x4.shl(v128.and(x, i32x4.splat(0x8000)), 16);
  return v128.or(v128.or(f32x4.mul(magnitude, i32x4.splat(BIAS)), top), sign);
}

/** `count` numbers. */
export function widenRow(to: usize, from: usize, count: i32, format: i32): void {
  const whole = count & -LANES;
  const zero = i32x4.splat(0);
  for (let j = 0; j < whole; j += LANES) {
    const four = v128.shuffle<i16>(v128.load64_splat(from), zero, 0, 8, 1, 9, 2, 10, 3, 11);
    v128.store(to, widen(four, format));
    from += 8;
    to += 16;
  }
  for (let j = whole; j < count; j++) {
    store<f32>(to, f32x4.extract_lane(widen(i32x4.splat(load<u16>(from)), format), 0));
    from += 2;
    to += 4;
  }
}

/**
 * 16 columns of op(B) as f32, as they are stored: rows of `k` numbers, `ld` bytes apart, with transB, else `k` rows of 16;
 * `cols` of them exist. Of 256 numbers they are 16 KiB. Returns the bytes between two rows of the result.
 */
export function widenPanel(
  to: usize, b: usize, ld: usize, cols: i32, k: i32, transB: i32, format: i32,
): usize {
  const exist = min<i32>(cols, NR);
  const rows = transB ? exist : k;
  const count = transB ? k : exist;
  const step = transB ? <usize>k << 2 : PANEL_ROW;
  for (let i = 0; i < rows; i++) widenRow(to + <usize>i * step, b + <usize>i * ld, count, format);
  return step;
}

/** embeddingForward of a table in 16 bits: out[r] = scale weight[ids[r]], (rows, cols); zeros where ids[r] < 0. */
export function embeddingForwardHalf(
  out: usize, weight: usize, ids: usize, rows: i32, cols: i32, scale: f32, format: i32,
): void {
  const factor = f32x4.splat(scale);
  const row = <usize>cols << 1;
  for (let r = 0; r < rows; r++) {
    const id = load<i32>(at(ids, r));
    if (id < 0) memory.fill(out, 0, row << 1);
    else {
      widenRow(out, weight + <usize>id * row, cols, format);
      for (let j = 0; j < cols; j += LANES) {
        const rest = cols - j;
        storeUpTo(at(out, j), f32x4.mul(factor, loadUpTo(at(out, j), rest)), rest);
      }
    }
    out += row << 1;
  }
}
