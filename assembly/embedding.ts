/**
 * Rows of a table by int32 id, and the adjoint. An id below 0 stands for "no row" (padding).
 */
import { at, loadUpTo, rowAt, storeUpTo } from './simd';

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

/** dweight[ids[r]] += scale dout[r], r ascending; rows with ids[r] < 0 are skipped. */
export function embeddingBackward(
  dweight: usize,
  dout: usize,
  ids: usize,
  rows: i32,
  cols: i32,
  scale: f32,
): void {
  const factor = f32x4.splat(scale);
  for (let r = 0; r < rows; r++) {
    const id = load<i32>(at(ids, r));
    if (id < 0) continue;
    const from = rowAt(dout, r, cols);
    const to = rowAt(dweight, id, cols);
    for (let j = 0; j < cols; j += 4) {
      const rest = cols - j;
      const term = f32x4.mul(factor, loadUpTo(at(from, j), rest));
      storeUpTo(at(to, j), f32x4.add(loadUpTo(at(to, j), rest), term), rest);
    }
  }
}
