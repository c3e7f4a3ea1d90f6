/**
 * LayerNorm over the last axis of (rows, cols), with the residual addition in front of it fused.
 *
 *   h = x + residual,  out = (h - mean) rstd weight + bias,  rstd = 1 / sqrt(variance + eps)
 *
 * Statistics take two passes, because E[h^2] - E[h]^2 cancels on a large residual stream. The second pass also
 * yields the rounding error c of the mean, c = E[h - mean]: at a mean of 10^4 it is 5e-4 already, so h is
 * centred as (h - mean) - c. Backward recomputes c from the saved, rounded mean.
 */
import { CHUNK_ROWS } from './shared';
import { LANES, at, hsum, loadUpTo, rowAt, storeUpTo } from './simd';

/**
 * x, residual, sum, out (rows, cols); mean, rstd (rows). residual = 0: h is x and `sum` stays untouched;
 * otherwise h goes to `sum`. bias may be 0. out and sum may alias x or residual, but not each other.
 */
export function layerNormForward(
  out: usize, sum: usize, mean: usize, rstd: usize, x: usize, residual: usize, weight: usize, bias: usize,
  rows: i32, cols: i32, eps: f32,
): void {
  const inverse = <f32>1 / <f32>cols;
  for (let r = 0; r < rows; r++) {
    let h = rowAt(x, r, cols);
    let total: f32;
    if (residual != 0) {
      const to = rowAt(sum, r, cols);
      total = addRow(to, h, rowAt(residual, r, cols), cols);
      h = to;
    } else total = sumRow(h, cols);
    const shift = total * inverse;
    const moments = centredSums(h, cols, shift);
    const c = f32x4.extract_lane(moments, 0) * inverse;
    const variance = max<f32>(f32x4.extract_lane(moments, 1) * inverse - c * c, 0);
    const scale = <f32>1 / sqrt<f32>(variance + eps);
    store<f32>(at(mean, r), shift + c);
    store<f32>(at(rstd, r), scale);
    const to = rowAt(out, r, cols);
    if (bias != 0) normalizeRow(true, to, h, weight, bias, cols, shift, c, scale);
    else normalizeRow(false, to, h, weight, bias, cols, shift, c, scale);
  }
}

/**
 * dx = dsum + J^T dout; row k of dweights and of dbiases = the sums over the rows of chunk k (32 rows each, r
 * ascending) of dout xhat and of dout; x holds h. dweights, dbiases: (ceil(rows / 32), cols). dsum, dweights and
 * dbiases may be 0. dx may alias dout or dsum.
 */
export function layerNormBackward(
  dx: usize, dweights: usize, dbiases: usize, dout: usize, dsum: usize, x: usize, mean: usize, rstd: usize,
  weight: usize, rows: i32, cols: i32,
): void {
  for (let r = 0; r < rows; r++) {
    const chunk = r / CHUNK_ROWS;
    const dw = dweights != 0 ? rowAt(dweights, chunk, cols) : 0;
    const db = dbiases != 0 ? rowAt(dbiases, chunk, cols) : 0;
    if (r % CHUNK_ROWS == 0) {
      if (dw != 0) memory.fill(dw, 0, (<usize>cols) << 2);
      if (db != 0) memory.fill(db, 0, (<usize>cols) << 2);
    }
    const dy = rowAt(dout, r, cols);
    const h = rowAt(x, r, cols);
    const to = rowAt(dx, r, cols);
    const skip = dsum != 0 ? rowAt(dsum, r, cols) : 0;
    const m = load<f32>(at(mean, r));
    const s = load<f32>(at(rstd, r));
    const sums = rowSums(h, dy, weight, cols, m, s);
    // The usual cases have loops without tests.
    if (dw != 0 && db != 0) {
      if (skip != 0) gradientRow(true, true, true, to, dw, db, dy, skip, h, weight, cols, m, s, sums);
      else gradientRow(true, true, false, to, dw, db, dy, skip, h, weight, cols, m, s, sums);
    } else gradientRow(dw != 0, db != 0, skip != 0, to, dw, db, dy, skip, h, weight, cols, m, s, sums);
  }
}

/** to = x + y, and the sum of its elements, the same bits as sumRow(to). */
export function addRow(to: usize, x: usize, y: usize, cols: i32): f32 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const full = cols & -16;
  let j = 0;
  for (; j < full; j += 16) {
    const h0 = f32x4.add(v128.load(x), v128.load(y));
    const h1 = f32x4.add(v128.load(x, 16), v128.load(y, 16));
    const h2 = f32x4.add(v128.load(x, 32), v128.load(y, 32));
    const h3 = f32x4.add(v128.load(x, 48), v128.load(y, 48));
    v128.store(to, h0);
    v128.store(to, h1, 16);
    v128.store(to, h2, 32);
    v128.store(to, h3, 48);
    s0 = f32x4.add(s0, h0);
    s1 = f32x4.add(s1, h1);
    s2 = f32x4.add(s2, h2);
    s3 = f32x4.add(s3, h3);
    x += 64;
    y += 64;
    to += 64;
  }
  for (; j < cols; j += LANES) {
    const rest = cols - j;
    const h = f32x4.add(loadUpTo(x, rest), loadUpTo(y, rest));
    storeUpTo(to, h, rest);
    s0 = f32x4.add(s0, h);
    x += 16;
    y += 16;
    to += 16;
  }
  return hsum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

function sumRow(h: usize, cols: i32): f32 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const full = cols & -16;
  let j = 0;
  for (; j < full; j += 16) {
    s0 = f32x4.add(s0, v128.load(h));
    s1 = f32x4.add(s1, v128.load(h, 16));
    s2 = f32x4.add(s2, v128.load(h, 32));
    s3 = f32x4.add(s3, v128.load(h, 48));
    h += 64;
  }
  for (; j < cols; j += LANES) {
    s0 = f32x4.add(s0, loadUpTo(h, cols - j));
    h += 16;
  }
  return hsum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** Sums over the row of d = h - shift (lane 0) and of d^2 (lane 1). */
function centredSums(h: usize, cols: i32, shift: f32): v128 {
  const centre = f32x4.splat(shift);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, q0 = s0, q1 = s0, q2 = s0, q3 = s0;
  const full = cols & -16;
  let j = 0;
  for (; j < full; j += 16) {
    const d0 = f32x4.sub(v128.load(h), centre);
    const d1 = f32x4.sub(v128.load(h, 16), centre);
    const d2 = f32x4.sub(v128.load(h, 32), centre);
    const d3 = f32x4.sub(v128.load(h, 48), centre);
    s0 = f32x4.add(s0, d0);
    s1 = f32x4.add(s1, d1);
    s2 = f32x4.add(s2, d2);
    s3 = f32x4.add(s3, d3);
    q0 = f32x4.add(q0, f32x4.mul(d0, d0));
    q1 = f32x4.add(q1, f32x4.mul(d1, d1));
    q2 = f32x4.add(q2, f32x4.mul(d2, d2));
    q3 = f32x4.add(q3, f32x4.mul(d3, d3));
    h += 64;
  }
  for (; j < cols; j += LANES) {
    const d = centred(h, cols - j, centre);
    s0 = f32x4.add(s0, d);
    q0 = f32x4.add(q0, f32x4.mul(d, d));
    h += 16;
  }
  const s = hsum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  const q = hsum(f32x4.add(f32x4.add(q0, q1), f32x4.add(q2, q3)));
  return f32x4.replace_lane(f32x4.splat(s), 1, q);
}

// @ts-ignore: decorator
@inline
function normalizeRow(
  hasBias: bool, out: usize, h: usize, weight: usize, bias: usize, cols: i32, mean: f32, c: f32, rstd: f32,
): void {
  const centre = f32x4.splat(mean);
  const error = f32x4.splat(c);
  const scale = f32x4.splat(rstd);
  const full = cols & -8;
  let j = 0;
  for (; j < full; j += 8) {
    const h0 = f32x4.sub(f32x4.sub(v128.load(h), centre), error);
    const h1 = f32x4.sub(f32x4.sub(v128.load(h, 16), centre), error);
    let y0 = f32x4.mul(f32x4.mul(h0, scale), v128.load(weight));
    let y1 = f32x4.mul(f32x4.mul(h1, scale), v128.load(weight, 16));
    if (hasBias) {
      y0 = f32x4.add(y0, v128.load(bias));
      y1 = f32x4.add(y1, v128.load(bias, 16));
      bias += 32;
    }
    v128.store(out, y0);
    v128.store(out, y1, 16);
    h += 32;
    weight += 32;
    out += 32;
  }
  for (; j < cols; j += LANES) {
    const rest = cols - j;
    const d = f32x4.sub(f32x4.sub(loadUpTo(h, rest), centre), error);
    let y = f32x4.mul(f32x4.mul(d, scale), loadUpTo(weight, rest));
    if (hasBias) {
      y = f32x4.add(y, loadUpTo(bias, rest));
      bias += 16;
    }
    storeUpTo(out, y, rest);
    h += 16;
    weight += 16;
    out += 16;
  }
}

/** With g = dy weight: lane 0 the error c of the mean, lane 1 E[g], lane 2 E[g xhat]. */
function rowSums(h: usize, dy: usize, weight: usize, cols: i32, mean: f32, rstd: f32): v128 {
  const centre = f32x4.splat(mean);
  let d0 = f32x4.splat(0), d1 = d0, g0 = d0, g1 = d0, p0 = d0, p1 = d0;
  const full = cols & -8;
  let j = 0;
  for (; j < full; j += 8) {
    const a0 = f32x4.sub(v128.load(h), centre);
    const a1 = f32x4.sub(v128.load(h, 16), centre);
    const b0 = f32x4.mul(v128.load(dy), v128.load(weight));
    const b1 = f32x4.mul(v128.load(dy, 16), v128.load(weight, 16));
    d0 = f32x4.add(d0, a0);
    d1 = f32x4.add(d1, a1);
    g0 = f32x4.add(g0, b0);
    g1 = f32x4.add(g1, b1);
    p0 = f32x4.add(p0, f32x4.mul(a0, b0));
    p1 = f32x4.add(p1, f32x4.mul(a1, b1));
    h += 32;
    dy += 32;
    weight += 32;
  }
  for (; j < cols; j += LANES) {
    const rest = cols - j;
    const a = centred(h, rest, centre);
    const b = f32x4.mul(loadUpTo(dy, rest), loadUpTo(weight, rest));
    d0 = f32x4.add(d0, a);
    g0 = f32x4.add(g0, b);
    p0 = f32x4.add(p0, f32x4.mul(a, b));
    h += 16;
    dy += 16;
    weight += 16;
  }
  const inverse = <f32>1 / <f32>cols;
  const c = hsum(f32x4.add(d0, d1)) * inverse;
  const g = hsum(f32x4.add(g0, g1));
  const p = hsum(f32x4.add(p0, p1));
  const sums = f32x4.replace_lane(f32x4.splat(c), 1, g * inverse);
  return f32x4.replace_lane(sums, 2, (p - c * g) * rstd * inverse);
}

/**
 * dx = (g - E[g] - xhat E[g xhat]) rstd + dsum for one row, and the row's share dw += dy xhat, db += dy while
 * both are at hand.
 */
// @ts-ignore: decorator
@inline
function gradientRow(
  hasWeight: bool, hasBias: bool, hasSkip: bool, to: usize, dw: usize, db: usize, dy: usize, skip: usize, h: usize,
  weight: usize, cols: i32, mean: f32, rstd: f32, sums: v128,
): void {
  const centre = f32x4.splat(mean);
  const scale = f32x4.splat(rstd);
  const error = v128.shuffle<i32>(sums, sums, 0, 0, 0, 0);
  const meanG = v128.shuffle<i32>(sums, sums, 1, 1, 1, 1);
  const meanP = v128.shuffle<i32>(sums, sums, 2, 2, 2, 2);
  const full = cols & -8;
  let j = 0;
  for (; j < full; j += 8) {
    const y0 = v128.load(dy);
    const y1 = v128.load(dy, 16);
    const x0 = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(h), centre), error), scale);
    const x1 = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(h, 16), centre), error), scale);
    const g0 = f32x4.sub(f32x4.mul(y0, v128.load(weight)), meanG);
    const g1 = f32x4.sub(f32x4.mul(y1, v128.load(weight, 16)), meanG);
    let d0 = f32x4.mul(f32x4.sub(g0, f32x4.mul(x0, meanP)), scale);
    let d1 = f32x4.mul(f32x4.sub(g1, f32x4.mul(x1, meanP)), scale);
    if (hasSkip) {
      d0 = f32x4.add(d0, v128.load(skip));
      d1 = f32x4.add(d1, v128.load(skip, 16));
      skip += 32;
    }
    v128.store(to, d0);
    v128.store(to, d1, 16);
    if (hasWeight) {
      v128.store(dw, f32x4.add(v128.load(dw), f32x4.mul(y0, x0)));
      v128.store(dw, f32x4.add(v128.load(dw, 16), f32x4.mul(y1, x1)), 16);
      dw += 32;
    }
    if (hasBias) {
      v128.store(db, f32x4.add(v128.load(db), y0));
      v128.store(db, f32x4.add(v128.load(db, 16), y1), 16);
      db += 32;
    }
    dy += 32;
    h += 32;
    weight += 32;
    to += 32;
  }
  for (; j < cols; j += LANES) {
    const rest = cols - j;
    const y = loadUpTo(dy, rest);
    const xhat = f32x4.mul(f32x4.sub(f32x4.sub(loadUpTo(h, rest), centre), error), scale);
    const g = f32x4.sub(f32x4.mul(y, loadUpTo(weight, rest)), meanG);
    let d = f32x4.mul(f32x4.sub(g, f32x4.mul(xhat, meanP)), scale);
    if (hasSkip) d = f32x4.add(d, loadUpTo(skip, rest));
    storeUpTo(to, d, rest);
    if (hasWeight) storeUpTo(dw, f32x4.add(loadUpTo(dw, rest), f32x4.mul(y, xhat)), rest);
    if (hasBias) storeUpTo(db, f32x4.add(loadUpTo(db, rest), y), rest);
    dy += 16;
    h += 16;
    weight += 16;
    to += 16;
    skip += 16;
    dw += 16;
    db += 16;
  }
}

/** Up to four floats at p, minus the centre; lanes beyond `count` are zero. */
// @ts-ignore: decorator
@inline
function centred(p: usize, count: i32, centre: v128): v128 {
  const d = f32x4.sub(loadUpTo(p, count), centre);
  return v128.and(d, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count)));
}
