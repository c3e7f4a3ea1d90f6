/**
 * LayerNorm over the last axis of (rows, cols), with the residual addition in front of it fused.
 *
 *   h = x + residual,  out = (h - mean) rstd weight + bias,  rstd = 1 / sqrt(variance + eps)
 *
 * Statistics take two passes, because E[h^2] - E[h]^2 cancels on a large residual stream. The second pass also
 * yields the rounding error c of the mean, c = E[h - mean]: at a mean of 10^4 it is 5e-4 already, so h is
 * centred as (h - mean) - c. Backward recomputes c from the saved, rounded mean.
 */
import { LANES, at, hsum, loadPartial, loadUpTo, rowAt, storePartial } from './simd';

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
    if (residual != 0) {
      addRow(rowAt(sum, r, cols), h, rowAt(residual, r, cols), cols);
      h = rowAt(sum, r, cols);
    }
    const shift = sumRow(h, cols) * inverse;
    const moments = centredSums(h, cols, shift);
    const c = f32x4.extract_lane(moments, 0) * inverse;
    const variance = max<f32>(f32x4.extract_lane(moments, 1) * inverse - c * c, 0);
    const scale = <f32>1 / sqrt<f32>(variance + eps);
    store<f32>(at(mean, r), shift + c);
    store<f32>(at(rstd, r), scale);
    normalizeRow(rowAt(out, r, cols), h, weight, bias, cols, shift, c, scale);
  }
}

/**
 * dx = dsum + J^T dout, dweight += sum over rows of dout xhat, dbias += sum over rows of dout; x holds h.
 * dsum, dweight and dbias may be 0. dx may alias dout or dsum. Rows are summed four at a time, each column alone.
 */
export function layerNormBackward(
  dx: usize, dweight: usize, dbias: usize, dout: usize, dsum: usize, x: usize, mean: usize, rstd: usize,
  weight: usize, rows: i32, cols: i32,
): void {
  const full = rows & -4;
  for (let r = 0; r < full; r += 4) {
    const s0 = rowSums(r, dout, x, mean, rstd, weight, cols);
    const s1 = rowSums(r + 1, dout, x, mean, rstd, weight, cols);
    const s2 = rowSums(r + 2, dout, x, mean, rstd, weight, cols);
    const s3 = rowSums(r + 3, dout, x, mean, rstd, weight, cols);
    // Before dx: it may overwrite dout.
    if (dweight != 0 || dbias != 0) {
      const y = rowAt(dout, r, cols);
      fourRowsOfParameters(dweight, dbias, y, rowAt(x, r, cols), at(mean, r), at(rstd, r), cols, s0, s1, s2, s3);
    }
    gradientRow(r, dx, dout, dsum, x, mean, rstd, weight, cols, s0);
    gradientRow(r + 1, dx, dout, dsum, x, mean, rstd, weight, cols, s1);
    gradientRow(r + 2, dx, dout, dsum, x, mean, rstd, weight, cols, s2);
    gradientRow(r + 3, dx, dout, dsum, x, mean, rstd, weight, cols, s3);
  }
  for (let r = full; r < rows; r++) {
    const sums = rowSums(r, dout, x, mean, rstd, weight, cols);
    if (dweight != 0 || dbias != 0) {
      const y = rowAt(dout, r, cols);
      oneRowOfParameters(dweight, dbias, y, rowAt(x, r, cols), load<f32>(at(mean, r)), load<f32>(at(rstd, r)), cols, sums);
    }
    gradientRow(r, dx, dout, dsum, x, mean, rstd, weight, cols, sums);
  }
}

/** to = x + y */
export function addRow(to: usize, x: usize, y: usize, cols: i32): void {
  const full = cols & -LANES;
  for (let j = 0; j < full; j += LANES) v128.store(at(to, j), f32x4.add(v128.load(at(x, j)), v128.load(at(y, j))));
  const rest = cols - full;
  if (rest) {
    storePartial(at(to, full), f32x4.add(loadPartial(at(x, full), rest), loadPartial(at(y, full), rest)), rest);
  }
}

function sumRow(h: usize, cols: i32): f32 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const full = cols & -16;
  let j = 0;
  for (; j < full; j += 16) {
    s0 = f32x4.add(s0, v128.load(at(h, j)));
    s1 = f32x4.add(s1, v128.load(at(h, j), 16));
    s2 = f32x4.add(s2, v128.load(at(h, j), 32));
    s3 = f32x4.add(s3, v128.load(at(h, j), 48));
  }
  for (; j < cols; j += LANES) s0 = f32x4.add(s0, loadUpTo(at(h, j), cols - j));
  return hsum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** Sums over the row of d = h - shift (lane 0) and of d^2 (lane 1). */
function centredSums(h: usize, cols: i32, shift: f32): v128 {
  const centre = f32x4.splat(shift);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  const full = cols & -8;
  let j = 0;
  for (; j < full; j += 8) {
    const d0 = f32x4.sub(v128.load(at(h, j)), centre);
    const d1 = f32x4.sub(v128.load(at(h, j), 16), centre);
    s0 = f32x4.add(s0, d0);
    s1 = f32x4.add(s1, d1);
    q0 = f32x4.add(q0, f32x4.mul(d0, d0));
    q1 = f32x4.add(q1, f32x4.mul(d1, d1));
  }
  for (; j < cols; j += LANES) {
    const d = centred(at(h, j), cols - j, centre);
    s0 = f32x4.add(s0, d);
    q0 = f32x4.add(q0, f32x4.mul(d, d));
  }
  return f32x4.replace_lane(f32x4.splat(hsum(f32x4.add(s0, s1))), 1, hsum(f32x4.add(q0, q1)));
}

function normalizeRow(
  out: usize, h: usize, weight: usize, bias: usize, cols: i32, mean: f32, c: f32, rstd: f32,
): void {
  const centre = f32x4.splat(mean);
  const error = f32x4.splat(c);
  const scale = f32x4.splat(rstd);
  const full = cols & -LANES;
  for (let j = 0; j < full; j += LANES) {
    const xhat = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(at(h, j)), centre), error), scale);
    let y = f32x4.mul(xhat, v128.load(at(weight, j)));
    if (bias != 0) y = f32x4.add(y, v128.load(at(bias, j)));
    v128.store(at(out, j), y);
  }
  const rest = cols - full;
  if (rest) {
    const xhat = f32x4.mul(f32x4.sub(f32x4.sub(loadPartial(at(h, full), rest), centre), error), scale);
    let y = f32x4.mul(xhat, loadPartial(at(weight, full), rest));
    if (bias != 0) y = f32x4.add(y, loadPartial(at(bias, full), rest));
    storePartial(at(out, full), y, rest);
  }
}

/** For row r, with g = dout weight: lane 0 the error c of the mean, lane 1 E[g], lane 2 E[g xhat]. */
function rowSums(r: i32, dout: usize, x: usize, mean: usize, rstd: usize, weight: usize, cols: i32): v128 {
  const h = rowAt(x, r, cols);
  const dy = rowAt(dout, r, cols);
  const centre = v128.load32_splat(at(mean, r));
  let d0 = f32x4.splat(0), d1 = d0, g0 = d0, g1 = d0, p0 = d0, p1 = d0;
  const full = cols & -8;
  let j = 0;
  for (; j < full; j += 8) {
    const a0 = f32x4.sub(v128.load(at(h, j)), centre);
    const a1 = f32x4.sub(v128.load(at(h, j), 16), centre);
    const b0 = f32x4.mul(v128.load(at(dy, j)), v128.load(at(weight, j)));
    const b1 = f32x4.mul(v128.load(at(dy, j), 16), v128.load(at(weight, j), 16));
    d0 = f32x4.add(d0, a0);
    d1 = f32x4.add(d1, a1);
    g0 = f32x4.add(g0, b0);
    g1 = f32x4.add(g1, b1);
    p0 = f32x4.add(p0, f32x4.mul(a0, b0));
    p1 = f32x4.add(p1, f32x4.mul(a1, b1));
  }
  for (; j < cols; j += LANES) {
    const rest = cols - j;
    const a = centred(at(h, j), rest, centre);
    const b = f32x4.mul(loadUpTo(at(dy, j), rest), loadUpTo(at(weight, j), rest));
    d0 = f32x4.add(d0, a);
    g0 = f32x4.add(g0, b);
    p0 = f32x4.add(p0, f32x4.mul(a, b));
  }
  const inverse = <f32>1 / <f32>cols;
  const c = hsum(f32x4.add(d0, d1)) * inverse;
  const g = hsum(f32x4.add(g0, g1));
  const p = hsum(f32x4.add(p0, p1));
  let sums = f32x4.replace_lane(f32x4.splat(c), 1, g * inverse);
  sums = f32x4.replace_lane(sums, 2, (p - c * g) * load<f32>(at(rstd, r)) * inverse);
  return sums;
}

/** dx = (g - E[g] - xhat E[g xhat]) rstd + dsum for row r. */
function gradientRow(
  r: i32, dx: usize, dout: usize, dsum: usize, x: usize, mean: usize, rstd: usize, weight: usize, cols: i32,
  sums: v128,
): void {
  const to = rowAt(dx, r, cols);
  const dy = rowAt(dout, r, cols);
  const skip = rowAt(dsum, r, cols);
  const h = rowAt(x, r, cols);
  const centre = v128.load32_splat(at(mean, r));
  const scale = v128.load32_splat(at(rstd, r));
  const error = v128.shuffle<i32>(sums, sums, 0, 0, 0, 0);
  const meanG = v128.shuffle<i32>(sums, sums, 1, 1, 1, 1);
  const meanP = v128.shuffle<i32>(sums, sums, 2, 2, 2, 2);
  const full = cols & -LANES;
  for (let j = 0; j < full; j += LANES) {
    const xhat = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(at(h, j)), centre), error), scale);
    const g = f32x4.mul(v128.load(at(dy, j)), v128.load(at(weight, j)));
    let d = f32x4.mul(f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(xhat, meanP)), scale);
    if (dsum != 0) d = f32x4.add(d, v128.load(at(skip, j)));
    v128.store(at(to, j), d);
  }
  const rest = cols - full;
  if (rest) {
    const xhat = f32x4.mul(f32x4.sub(f32x4.sub(loadPartial(at(h, full), rest), centre), error), scale);
    const g = f32x4.mul(loadPartial(at(dy, full), rest), loadPartial(at(weight, full), rest));
    let d = f32x4.mul(f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(xhat, meanP)), scale);
    if (dsum != 0) d = f32x4.add(d, loadPartial(at(skip, full), rest));
    storePartial(at(to, full), d, rest);
  }
}

/** Adds the share of rows 0 to 3 of dy and h to dweight and dbias; lane 0 of a `sums` is the row's c. */
function fourRowsOfParameters(
  dweight: usize, dbias: usize, dy: usize, h: usize, mean: usize, rstd: usize, cols: i32,
  sums0: v128, sums1: v128, sums2: v128, sums3: v128,
): void {
  const row = rowAt(0, 1, cols);
  const full = cols & -LANES;
  const m0 = v128.load32_splat(mean);
  const m1 = v128.load32_splat(mean, 4);
  const m2 = v128.load32_splat(mean, 8);
  const m3 = v128.load32_splat(mean, 12);
  const r0 = v128.load32_splat(rstd);
  const r1 = v128.load32_splat(rstd, 4);
  const r2 = v128.load32_splat(rstd, 8);
  const r3 = v128.load32_splat(rstd, 12);
  const c0 = v128.shuffle<i32>(sums0, sums0, 0, 0, 0, 0);
  const c1 = v128.shuffle<i32>(sums1, sums1, 0, 0, 0, 0);
  const c2 = v128.shuffle<i32>(sums2, sums2, 0, 0, 0, 0);
  const c3 = v128.shuffle<i32>(sums3, sums3, 0, 0, 0, 0);
  for (let j = 0; j < cols; j += LANES) {
    const rest = cols - j;
    let p = at(dy, j);
    const y0 = j < full ? v128.load(p) : loadPartial(p, rest);
    p += row;
    const y1 = j < full ? v128.load(p) : loadPartial(p, rest);
    p += row;
    const y2 = j < full ? v128.load(p) : loadPartial(p, rest);
    p += row;
    const y3 = j < full ? v128.load(p) : loadPartial(p, rest);
    if (dbias != 0) addTo(at(dbias, j), f32x4.add(f32x4.add(y0, y1), f32x4.add(y2, y3)), rest);
    if (dweight == 0) continue;
    p = at(h, j);
    const h0 = j < full ? v128.load(p) : loadPartial(p, rest);
    p += row;
    const h1 = j < full ? v128.load(p) : loadPartial(p, rest);
    p += row;
    const h2 = j < full ? v128.load(p) : loadPartial(p, rest);
    p += row;
    const h3 = j < full ? v128.load(p) : loadPartial(p, rest);
    const g0 = f32x4.mul(y0, f32x4.mul(f32x4.sub(f32x4.sub(h0, m0), c0), r0));
    const g1 = f32x4.mul(y1, f32x4.mul(f32x4.sub(f32x4.sub(h1, m1), c1), r1));
    const g2 = f32x4.mul(y2, f32x4.mul(f32x4.sub(f32x4.sub(h2, m2), c2), r2));
    const g3 = f32x4.mul(y3, f32x4.mul(f32x4.sub(f32x4.sub(h3, m3), c3), r3));
    addTo(at(dweight, j), f32x4.add(f32x4.add(g0, g1), f32x4.add(g2, g3)), rest);
  }
}

function oneRowOfParameters(
  dweight: usize, dbias: usize, dy: usize, h: usize, mean: f32, rstd: f32, cols: i32, sums: v128,
): void {
  const centre = f32x4.splat(mean);
  const scale = f32x4.splat(rstd);
  const error = v128.shuffle<i32>(sums, sums, 0, 0, 0, 0);
  for (let j = 0; j < cols; j += LANES) {
    const rest = cols - j;
    const y = loadUpTo(at(dy, j), rest);
    if (dbias != 0) addTo(at(dbias, j), y, rest);
    if (dweight == 0) continue;
    const xhat = f32x4.mul(f32x4.sub(f32x4.sub(loadUpTo(at(h, j), rest), centre), error), scale);
    addTo(at(dweight, j), f32x4.mul(y, xhat), rest);
  }
}

/** Up to four floats at p, minus the centre; lanes beyond `count` are zero. */
// @ts-ignore: decorator
@inline
function centred(p: usize, count: i32, centre: v128): v128 {
  const d = f32x4.sub(loadUpTo(p, count), centre);
  return v128.and(d, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count)));
}

// @ts-ignore: decorator
@inline
function addTo(p: usize, value: v128, rest: i32): void {
  if (rest >= LANES) v128.store(p, f32x4.add(v128.load(p), value));
  else storePartial(p, f32x4.add(loadPartial(p, rest), value), rest);
}
