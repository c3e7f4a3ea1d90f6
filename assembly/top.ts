/** The greatest of a row, greatest first: what a search goes on with, so that the host need not read the others. */
import { at } from './simd';

/**
 * values, ids (rows, count): the `count` greatest of each row of x (rows, cols) and where they stand, greatest first, of
 * equal ones the first; count is at most cols. A NaN is no greater than anything.
 */
export function greatestRows(values: usize, ids: usize, x: usize, rows: i32, cols: i32, count: i32): void {
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < count; j++) insert(values, ids, j, load<f32>(at(x, j)), j);
    const last = at(values, count - 1);
    let j = count;
    for (; j + 4 <= cols; j += 4) {
      const four = v128.load(at(x, j));
      if (!v128.any_true(f32x4.gt(four, v128.load32_splat(last)))) continue;
      for (let lane = 0; lane < 4; lane++) {
        const value = load<f32>(at(x, j + lane));
        if (value > load<f32>(last)) insert(values, ids, count - 1, value, j + lane);
      }
    }
    for (; j < cols; j++) {
      const value = load<f32>(at(x, j));
      if (value > load<f32>(last)) insert(values, ids, count - 1, value, j);
    }
    values += <usize>count << 2;
    ids += <usize>count << 2;
    x += <usize>cols << 2;
  }
}

/** Puts a value behind those of the first `held` that are no smaller; place `held` is free or to be lost. */
function insert(values: usize, ids: usize, held: i32, value: f32, id: i32): void {
  let to = held;
  for (; to > 0 && load<f32>(at(values, to - 1)) < value; to--) {
    store<f32>(at(values, to), load<f32>(at(values, to - 1)));
    store<i32>(at(ids, to), load<i32>(at(ids, to - 1)));
  }
  store<f32>(at(values, to), value);
  store<i32>(at(ids, to), id);
}
