/**
 * Rows of a table by int32 id, and the adjoint. An id below 0 stands for "no row" (padding).
 */
import { at, loadPartial, loadUpTo, rowAt, storePartial, storeUpTo } from './simd';

/** out[r] = scale weight[ids[r]], (rows, cols); a zero row where ids[r] < 0. Overwrites out. */
export function embeddingForward(
  out: usize,
  weight: usize,
  ids: usize,
  rows: i32,
  cols: i32,
  scale: f32,
): void {
  const factor = f32x4.splat(scale);
  for (let r = 0; r < rows; r++) {
    const id = load<i32>(at(ids, r));
    const to = rowAt(out, r, cols);
    if (id < 0) {
      memory.fill(to, 0, (<usize>cols) << 2);
      continue;
    }
    const from = rowAt(weight, id, cols);
    for (let j = 0; j < cols; j += 4) {
      const rest = cols - j;
      storeUpTo(at(to, j), f32x4.mul(factor, loadUpTo(at(from, j), rest)), rest);
    }
  }
}

/**
 * dweight[ids[r]] += scale dout[r], r ascending; rows with ids[r] < 0 are skipped. dweight and dout have cols columns
 * with row stride ld, so that the columns can be divided.
 */
export function embeddingBackward(
  dweight: usize,
  dout: usize,
  ids: usize,
  rows: i32,
  cols: i32,
  ld: i32,
  scale: f32,
): void {
  const factor = f32x4.splat(scale);
  const full = cols & -4;
  for (let r = 0; r < rows; r++) {
    const id = load<i32>(at(ids, r));
    if (id < 0) continue;
    let from = rowAt(dout, r, ld);
    let to = rowAt(dweight, id, ld);
    for (let j = 0; j < full; j += 4) {
      v128.store(to, f32x4.add(v128.load(to), f32x4.mul(factor, v128.load(from))));
      from += 16;
      to += 16;
    }
    const rest = cols - full;
    if (rest) storePartial(to, f32x4.add(loadPartial(to, rest), f32x4.mul(factor, loadPartial(from, rest))), rest);
  }
}
