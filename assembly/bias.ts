/**
 * Bias with an optional activation, the epilogue of a linear layer: x (rows, cols), bias (cols). The backward takes
 * the activation's gradient and the bias's share of each chunk of rows in one pass over dout.
 */

import { geluGradientRow, geluRow } from './gelu';
import { reluV } from './math';
import { CHUNK_ROWS } from './shared';
import { at, loadPartial, loadUpTo, rowAt, storePartial, storeUpTo } from './simd';

const NONE: i32 = 0;
const RELU: i32 = 1;

/** out = x + bias; out may alias x. */
export function biasForward(out: usize, x: usize, bias: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; r++) addBias(NONE, rowAt(out, r, cols), rowAt(x, r, cols), bias, cols);
}

/** out = max(x + bias, 0); out may alias x. */
export function biasReluForward(out: usize, x: usize, bias: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; r++) addBias(RELU, rowAt(out, r, cols), rowAt(x, r, cols), bias, cols);
}

/**
 * pre = x + bias (what geluBackward needs), out = gelu(pre).
 * One of pre and out may alias x, and never each other.
 */
export function biasGeluForward(out: usize, pre: usize, x: usize, bias: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; r++) {
    addBias(NONE, rowAt(pre, r, cols), rowAt(x, r, cols), bias, cols);
    geluRow(rowAt(out, r, cols), rowAt(pre, r, cols), cols);
  }
}

/**
 * dx = dout where out > 0, else 0; partials[c] = sum of dx over the rows of chunk c, 32 rows each, r ascending.
 * partials: (ceil(rows / 32), cols). dx may alias dout.
 */
export function biasReluBackward(
  dx: usize,
  partials: usize,
  dout: usize,
  out: usize,
  rows: i32,
  cols: i32,
): void {
  for (let start = 0; start < rows; start += CHUNK_ROWS) {
    const end = min<i32>(rows, start + CHUNK_ROWS);
    const sum = rowAt(partials, start / CHUNK_ROWS, cols);
    for (let r = start; r < end; r++) {
      reluGradientRow(rowAt(dx, r, cols), rowAt(dout, r, cols), rowAt(out, r, cols), cols);
      addToSum(sum, rowAt(dx, r, cols), cols, r > start);
    }
  }
}

/** The same for gelu: dx = dout (Phi(pre) + pre phi(pre)). */
export function biasGeluBackward(
  dx: usize,
  partials: usize,
  dout: usize,
  pre: usize,
  rows: i32,
  cols: i32,
): void {
  for (let start = 0; start < rows; start += CHUNK_ROWS) {
    const end = min<i32>(rows, start + CHUNK_ROWS);
    const sum = rowAt(partials, start / CHUNK_ROWS, cols);
    for (let r = start; r < end; r++) {
      geluGradientRow(rowAt(dx, r, cols), rowAt(dout, r, cols), rowAt(pre, r, cols), cols);
      addToSum(sum, rowAt(dx, r, cols), cols, r > start);
    }
  }
}

// @ts-ignore: decorator
@inline
function addBias(activation: i32, out: usize, x: usize, bias: usize, cols: i32): void {
  const full = cols & -8;
  let j = 0;
  for (; j < full; j += 8) {
    const p = at(x, j);
    const q = at(bias, j);
    const o = at(out, j);
    const y0 = f32x4.add(v128.load(p), v128.load(q));
    const y1 = f32x4.add(v128.load(p, 16), v128.load(q, 16));
    v128.store(o, activation == RELU ? reluV(y0) : y0);
    v128.store(o, activation == RELU ? reluV(y1) : y1, 16);
  }
  for (; j < cols; j += 4) {
    const rest = cols - j;
    const y = f32x4.add(loadUpTo(at(x, j), rest), loadUpTo(at(bias, j), rest));
    storeUpTo(at(out, j), activation == RELU ? reluV(y) : y, rest);
  }
}

function reluGradientRow(dx: usize, dout: usize, out: usize, cols: i32): void {
  const zero = f32x4.splat(0);
  const full = cols & -8;
  let j = 0;
  for (; j < full; j += 8) {
    const d0 = v128.and(v128.load(at(dout, j)), f32x4.gt(v128.load(at(out, j)), zero));
    const d1 = v128.and(v128.load(at(dout, j), 16), f32x4.gt(v128.load(at(out, j), 16), zero));
    v128.store(at(dx, j), d0);
    v128.store(at(dx, j), d1, 16);
  }
  for (; j < cols; j += 4) {
    const rest = cols - j;
    storeUpTo(at(dx, j), v128.and(loadUpTo(at(dout, j), rest), f32x4.gt(loadUpTo(at(out, j), rest), zero)), rest);
  }
}

/** sum = x, or sum += x when there is a sum already. */
function addToSum(sum: usize, x: usize, cols: i32, more: bool): void {
  if (!more) {
    memory.copy(sum, x, (<usize>cols) << 2);
    return;
  }
  const full = cols & -8;
  let j = 0;
  for (; j < full; j += 8) {
    const s = at(sum, j);
    const p = at(x, j);
    v128.store(s, f32x4.add(v128.load(s), v128.load(p)));
    v128.store(s, f32x4.add(v128.load(s, 16), v128.load(p, 16)), 16);
  }
  for (; j + 4 <= cols; j += 4) v128.store(at(sum, j), f32x4.add(v128.load(at(sum, j)), v128.load(at(x, j))));
  const rest = cols - j;
  if (rest) storePartial(at(sum, j), f32x4.add(loadPartial(at(sum, j), rest), loadPartial(at(x, j), rest)), rest);
}
