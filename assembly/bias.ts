/**
 * Bias with an optional activation, the epilogue of a linear layer: x (rows, cols), bias (cols).
 */

import { geluV, reluV } from './math';
import { at, loadPartial, loadUpTo, rowAt, storePartial, storeUpTo } from './simd';

/** out = x + bias; out may alias x. */
export function biasForward(out: usize, x: usize, bias: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; r++) {
    const xr = rowAt(x, r, cols);
    const outr = rowAt(out, r, cols);
    for (let j = 0; j < cols; j += 4) {
      const rest = cols - j;
      storeUpTo(at(outr, j), f32x4.add(loadUpTo(at(xr, j), rest), loadUpTo(at(bias, j), rest)), rest);
    }
  }
}

/** out = max(x + bias, 0); out may alias x. */
export function biasReluForward(out: usize, x: usize, bias: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; r++) {
    const xr = rowAt(x, r, cols);
    const outr = rowAt(out, r, cols);
    for (let j = 0; j < cols; j += 4) {
      const rest = cols - j;
      storeUpTo(at(outr, j), reluV(f32x4.add(loadUpTo(at(xr, j), rest), loadUpTo(at(bias, j), rest))), rest);
    }
  }
}

/**
 * pre = x + bias (what geluBackward needs), out = gelu(pre).
 * One of pre and out may alias x, and never each other.
 */
export function biasGeluForward(out: usize, pre: usize, x: usize, bias: usize, rows: i32, cols: i32): void {
  const full = cols & -4;
  for (let r = 0; r < rows; r++) {
    const xr = rowAt(x, r, cols);
    const outr = rowAt(out, r, cols);
    const prer = rowAt(pre, r, cols);
    let j = 0;
    for (; j < full; j += 4) {
      const h = f32x4.add(v128.load(at(xr, j)), v128.load(at(bias, j)));
      v128.store(at(prer, j), h);
      v128.store(at(outr, j), geluV(h));
    }
    if (j < cols) {
      const rest = cols - j;
      const h = f32x4.add(loadPartial(at(xr, j), rest), loadPartial(at(bias, j), rest));
      storePartial(at(prer, j), h, rest);
      storePartial(at(outr, j), geluV(h), rest);
    }
  }
}
