/**
 * RMSNorm over the last axis of (rows, cols), with the residual addition in front of it fused.
 *
 *   h = x + residual,  out = h rstd weight,  rstd = 1 / sqrt(E[h^2] + eps)
 */
import { addRow } from './layernorm';
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
 * dx = dsum + J^T dout, dweight += sum over rows of dout h rstd; x holds h. dsum and dweight may be 0. dx may
 * alias dout or dsum. Rows are summed four at a time, each column alone.
 */
export function rmsNormBackward(
  dx: usize, dweight: usize, dout: usize, dsum: usize, x: usize, rstd: usize, weight: usize, rows: i32, cols: i32,
): void {
  for (let r = 0; r < rows; r += 4) {
    const end = min<i32>(rows, r + 4);
    // Before dx: it may overwrite dout.
    if (dweight != 0) {
      if (end - r == 4) fourRowsOfWeight(dweight, rowAt(dout, r, cols), rowAt(x, r, cols), at(rstd, r), cols);
      else for (let i = r; i < end; i++) oneRowOfWeight(dweight, rowAt(dout, i, cols), rowAt(x, i, cols), at(rstd, i), cols);
    }
    for (let i = r; i < end; i++) {
      const skip = dsum != 0 ? rowAt(dsum, i, cols) : 0;
      gradientRow(rowAt(dx, i, cols), rowAt(dout, i, cols), skip, rowAt(x, i, cols), at(rstd, i), weight, cols);
    }
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

/** With g = dout weight and xhat = h rstd: dx = (g - xhat E[g xhat]) rstd + dsum. */
function gradientRow(to: usize, dy: usize, skip: usize, h: usize, rstd: usize, weight: usize, cols: i32): void {
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
  const scale = v128.load32_splat(rstd);
  const mean = f32x4.splat((hsum(f32x4.add(s0, s1)) * load<f32>(rstd)) / <f32>cols);
  const full = cols & -LANES;
  for (j = 0; j < full; j += LANES) {
    const g = f32x4.mul(v128.load(at(dy, j)), v128.load(at(weight, j)));
    const xhat = f32x4.mul(v128.load(at(h, j)), scale);
    let d = f32x4.mul(f32x4.sub(g, f32x4.mul(xhat, mean)), scale);
    if (skip != 0) d = f32x4.add(d, v128.load(at(skip, j)));
    v128.store(at(to, j), d);
  }
  const rest = cols - full;
  if (rest) {
    const g = f32x4.mul(loadPartial(at(dy, full), rest), loadPartial(at(weight, full), rest));
    const xhat = f32x4.mul(loadPartial(at(h, full), rest), scale);
    let d = f32x4.mul(f32x4.sub(g, f32x4.mul(xhat, mean)), scale);
    if (skip != 0) d = f32x4.add(d, loadPartial(at(skip, full), rest));
    storePartial(at(to, full), d, rest);
  }
}

function fourRowsOfWeight(dweight: usize, dy: usize, h: usize, rstd: usize, cols: i32): void {
  const row = rowAt(0, 1, cols);
  const r0 = v128.load32_splat(rstd);
  const r1 = v128.load32_splat(rstd, 4);
  const r2 = v128.load32_splat(rstd, 8);
  const r3 = v128.load32_splat(rstd, 12);
  for (let j = 0; j < cols; j += LANES) {
    const rest = cols - j;
    let p = at(dy, j);
    let q = at(h, j);
    const g0 = share(p, q, r0, rest);
    p += row;
    q += row;
    const g1 = share(p, q, r1, rest);
    p += row;
    q += row;
    const g2 = share(p, q, r2, rest);
    p += row;
    q += row;
    const g3 = share(p, q, r3, rest);
    addTo(at(dweight, j), f32x4.add(f32x4.add(g0, g1), f32x4.add(g2, g3)), rest);
  }
}

function oneRowOfWeight(dweight: usize, dy: usize, h: usize, rstd: usize, cols: i32): void {
  const scale = v128.load32_splat(rstd);
  for (let j = 0; j < cols; j += LANES) addTo(at(dweight, j), share(at(dy, j), at(h, j), scale, cols - j), cols - j);
}

/** dout h rstd for up to four elements. */
// @ts-ignore: decorator
@inline
function share(dy: usize, h: usize, scale: v128, rest: i32): v128 {
  if (rest >= LANES) return f32x4.mul(v128.load(dy), f32x4.mul(v128.load(h), scale));
  return f32x4.mul(loadPartial(dy, rest), f32x4.mul(loadPartial(h, rest), scale));
}

// @ts-ignore: decorator
@inline
function addTo(p: usize, value: v128, rest: i32): void {
  if (rest >= LANES) v128.store(p, f32x4.add(v128.load(p), value));
  else storePartial(p, f32x4.add(loadPartial(p, rest), value), rest);
}
