/**
 * RMSNorm over the last axis of (rows, cols), with the residual addition in front of it fused.
 *
 *   h = x + residual,  out = h rstd weight,  rstd = 1 / sqrt(E[h^2] + eps)
 */
import { addRow } from './layernorm';
import { CHUNK_ROWS } from './shared';
import { LANES, at, hsum, loadPartial, loadUpTo, rowAt, storePartial } from './simd';

/**
 * x, residual, sum, out (rows, cols); rstd (rows). residual = 0: h is x and `sum` stays untouched; otherwise h
 * goes to `sum`. out and sum may alias x or residual, but not each other.
 */
export function rmsNormForward(
  out: usize, sum: usize, rstd: usize, x: usize, residual: usize, weight: usize, rows: i32, cols: i32, eps: f32,
): void {
  const inverse = <f32>1 / <f32>cols;
  for (let r = 0; r < rows; r++) {
    let h = rowAt(x, r, cols);
    if (residual != 0) {
      addRow(rowAt(sum, r, cols), h, rowAt(residual, r, cols), cols);
      h = rowAt(sum, r, cols);
    }
    const scale = <f32>1 / sqrt<f32>(squareSum(h, cols) * inverse + eps);
    store<f32>(at(rstd, r), scale);
    scaleRow(rowAt(out, r, cols), h, weight, cols, scale);
  }
}

/**
 * dx = dsum + J^T dout; row k of dweights = the sum of dout h rstd over the rows of chunk k (32 rows each, r
 * ascending); x holds h. dweights: (ceil(rows / 32), cols). dsum and dweights may be 0. dx may alias dout or dsum.
 */
export function rmsNormBackward(
  dx: usize, dweights: usize, dout: usize, dsum: usize, x: usize, rstd: usize, weight: usize, rows: i32, cols: i32,
): void {
  for (let r = 0; r < rows; r++) {
    const dw = dweights != 0 ? rowAt(dweights, r / CHUNK_ROWS, cols) : 0;
    if (dw != 0 && r % CHUNK_ROWS == 0) memory.fill(dw, 0, (<usize>cols) << 2);
    const skip = dsum != 0 ? rowAt(dsum, r, cols) : 0;
    const dy = rowAt(dout, r, cols);
    const h = rowAt(x, r, cols);
    gradientRow(rowAt(dx, r, cols), dw, dy, skip, h, load<f32>(at(rstd, r)), weight, cols);
  }
}

function squareSum(h: usize, cols: i32): f32 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const full = cols & -16;
  let j = 0;
  for (; j < full; j += 16) {
    const p = at(h, j);
    const h0 = v128.load(p);
    const h1 = v128.load(p, 16);
    const h2 = v128.load(p, 32);
    const h3 = v128.load(p, 48);
    s0 = f32x4.add(s0, f32x4.mul(h0, h0));
    s1 = f32x4.add(s1, f32x4.mul(h1, h1));
    s2 = f32x4.add(s2, f32x4.mul(h2, h2));
    s3 = f32x4.add(s3, f32x4.mul(h3, h3));
  }
  for (; j < cols; j += LANES) {
    const value = loadUpTo(at(h, j), cols - j);
    s0 = f32x4.add(s0, f32x4.mul(value, value));
  }
  return hsum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

function scaleRow(out: usize, h: usize, weight: usize, cols: i32, rstd: f32): void {
  const scale = f32x4.splat(rstd);
  const full = cols & -LANES;
  for (let j = 0; j < full; j += LANES) {
    v128.store(at(out, j), f32x4.mul(f32x4.mul(v128.load(at(h, j)), scale), v128.load(at(weight, j))));
  }
  const rest = cols - full;
  if (rest) {
    const xhat = f32x4.mul(loadPartial(at(h, full), rest), scale);
    storePartial(at(out, full), f32x4.mul(xhat, loadPartial(at(weight, full), rest)), rest);
  }
}

/** With g = dy weight and xhat = h rstd: dx = (g - xhat E[g xhat]) rstd + dsum; dw += dy xhat. */
function gradientRow(
  to: usize, dw: usize, dy: usize, skip: usize, h: usize, rstd: f32, weight: usize, cols: i32,
): void {
  let s0 = f32x4.splat(0), s1 = s0;
  const pairs = cols & -8;
  let j = 0;
  for (; j < pairs; j += 8) {
    const g0 = f32x4.mul(v128.load(at(dy, j)), v128.load(at(weight, j)));
    const g1 = f32x4.mul(v128.load(at(dy, j), 16), v128.load(at(weight, j), 16));
    s0 = f32x4.add(s0, f32x4.mul(g0, v128.load(at(h, j))));
    s1 = f32x4.add(s1, f32x4.mul(g1, v128.load(at(h, j), 16)));
  }
  for (; j < cols; j += LANES) {
    const rest = cols - j;
    const g = f32x4.mul(loadUpTo(at(dy, j), rest), loadUpTo(at(weight, j), rest));
    s0 = f32x4.add(s0, f32x4.mul(g, loadUpTo(at(h, j), rest)));
  }
  const scale = f32x4.splat(rstd);
  const mean = f32x4.splat((hsum(f32x4.add(s0, s1)) * rstd) / <f32>cols);
  const full = cols & -LANES;
  for (j = 0; j < full; j += LANES) {
    const y = v128.load(dy);
    const xhat = f32x4.mul(v128.load(h), scale);
    let d = f32x4.mul(f32x4.sub(f32x4.mul(y, v128.load(weight)), f32x4.mul(xhat, mean)), scale);
    if (skip != 0) {
      d = f32x4.add(d, v128.load(skip));
      skip += 16;
    }
    v128.store(to, d);
    if (dw != 0) {
      v128.store(dw, f32x4.add(v128.load(dw), f32x4.mul(y, xhat)));
      dw += 16;
    }
    dy += 16;
    h += 16;
    weight += 16;
    to += 16;
  }
  const rest = cols - full;
  if (rest) {
    const y = loadPartial(dy, rest);
    const xhat = f32x4.mul(loadPartial(h, rest), scale);
    let d = f32x4.mul(f32x4.sub(f32x4.mul(y, loadPartial(weight, rest)), f32x4.mul(xhat, mean)), scale);
    if (skip != 0) d = f32x4.add(d, loadPartial(skip, rest));
    storePartial(to, d, rest);
    if (dw != 0) storePartial(dw, f32x4.add(loadPartial(dw, rest), f32x4.mul(y, xhat)), rest);
  }
}
