/**
 * Softmax and log-softmax over the last axis. A row is reduced over its own valid length from its first
 * element on, so its bits depend neither on padding, nor on cols, nor on other rows.
 */

import { expV, logS } from './math';
import { at, hsum, loadPartial, loadUpTo, rowAt, storePartial, storeUpTo } from './simd';
import { CHUNK, expRow, rowMax } from './softmax-row';

/**
 * out[r, j] = exp(x[r, j] - max) / sum over j < lengths[r / rowsPerLength], and 0 beyond; a row of length 0 is
 * all zeros. lengths = 0: every row has `cols` valid elements. x, out: (rows, cols); out may alias x.
 */
export function softmaxForward(
  out: usize,
  x: usize,
  lengths: usize,
  rows: i32,
  cols: i32,
  rowsPerLength: i32,
): void {
  for (let r = 0; r < rows; r++) {
    const length =
      lengths == 0 ? cols : max<i32>(0, min<i32>(cols, load<i32>(at(lengths, r / rowsPerLength))));
    const from = rowAt(x, r, cols);
    const to = rowAt(out, r, cols);
    if (length > 0) {
      const sum = expRow(to, from, length, rowMax(from, length));
      scaleRow(to, length, 1 / sum);
    }
    memory.fill(at(to, length), 0, (<usize>(cols - length)) << 2);
  }
}

/** dx = out (dout - sum_j dout_j out_j), (rows, cols). Masked elements have out = 0 and so dx = 0. dx may alias dout. */
export function softmaxBackward(dx: usize, dout: usize, out: usize, rows: i32, cols: i32): void {
  const full = cols & -4;
  for (let r = 0; r < rows; r++) {
    const to = rowAt(dx, r, cols);
    const dy = rowAt(dout, r, cols);
    const y = rowAt(out, r, cols);
    let total: f32 = 0;
    for (let start = 0; start < cols; start += CHUNK) {
      const end = min<i32>(cols, start + CHUNK);
      const pairs = start + ((end - start) & -8);
      let sum0 = f32x4.splat(0);
      let sum1 = f32x4.splat(0);
      let j = start;
      for (; j < pairs; j += 8) {
        sum0 = f32x4.add(sum0, f32x4.mul(v128.load(at(dy, j)), v128.load(at(y, j))));
        sum1 = f32x4.add(sum1, f32x4.mul(v128.load(at(dy, j), 16), v128.load(at(y, j), 16)));
      }
      for (; j < end; j += 4) {
        const rest = end - j;
        sum0 = f32x4.add(sum0, f32x4.mul(loadUpTo(at(dy, j), rest), loadUpTo(at(y, j), rest)));
      }
      total += hsum(f32x4.add(sum0, sum1));
    }
    const mean = f32x4.splat(total);
    for (let j = 0; j < full; j += 4) {
      v128.store(at(to, j), f32x4.mul(v128.load(at(y, j)), f32x4.sub(v128.load(at(dy, j)), mean)));
    }
    const rest = cols - full;
    if (rest) {
      const shifted = f32x4.sub(loadPartial(at(dy, full), rest), mean);
      storePartial(at(to, full), f32x4.mul(loadPartial(at(y, full), rest), shifted), rest);
    }
  }
}

/** out = (x - max) - log(sum exp(x - max)), (rows, cols); out may alias x. */
export function logSoftmaxForward(out: usize, x: usize, rows: i32, cols: i32): void {
  if (cols == 0) return;
  for (let r = 0; r < rows; r++) {
    const from = rowAt(x, r, cols);
    const to = rowAt(out, r, cols);
    const top = rowMax(from, cols);
    const shift = f32x4.splat(top);
    const logSum = f32x4.splat(logS(expRow(0, from, cols, top)));
    for (let j = 0; j < cols; j += 4) {
      const rest = cols - j;
      storeUpTo(at(to, j), f32x4.sub(f32x4.sub(loadUpTo(at(from, j), rest), shift), logSum), rest);
    }
  }
}

/** dx = dout - exp(out) sum_j dout_j, (rows, cols); dx may alias dout or out. */
export function logSoftmaxBackward(dx: usize, dout: usize, out: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; r++) {
    const to = rowAt(dx, r, cols);
    const dy = rowAt(dout, r, cols);
    const y = rowAt(out, r, cols);
    let total: f32 = 0;
    for (let start = 0; start < cols; start += CHUNK) {
      const end = min<i32>(cols, start + CHUNK);
      let sum = f32x4.splat(0);
      for (let j = start; j < end; j += 4) sum = f32x4.add(sum, loadUpTo(at(dy, j), end - j));
      total += hsum(sum);
    }
    const factor = f32x4.splat(total);
    for (let j = 0; j < cols; j += 4) {
      const rest = cols - j;
      const p = expV(loadUpTo(at(y, j), rest));
      storeUpTo(at(to, j), f32x4.sub(loadUpTo(at(dy, j), rest), f32x4.mul(p, factor)), rest);
    }
  }
}

/** x *= factor for n elements */
function scaleRow(x: usize, n: i32, factor: f32): void {
  const scale = f32x4.splat(factor);
  const full = n & -16;
  let j = 0;
  for (; j < full; j += 16) {
    const p = at(x, j);
    v128.store(p, f32x4.mul(v128.load(p), scale));
    v128.store(p, f32x4.mul(v128.load(p, 16), scale), 16);
    v128.store(p, f32x4.mul(v128.load(p, 32), scale), 32);
    v128.store(p, f32x4.mul(v128.load(p, 48), scale), 48);
  }
  for (; j < n; j += 4) storeUpTo(at(x, j), f32x4.mul(loadUpTo(at(x, j), n - j), scale), n - j);
}
