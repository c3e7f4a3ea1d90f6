/**
 * Loops of GELU and its gradient: geluV and geluDerivativeV of math.ts, bit for bit, with the thirty constants
 * made once before the loop (see `opaque` there) instead of at every use.
 */
import {
  EXP_2,
  EXP_3,
  EXP_4,
  EXP_5,
  EXP_6,
  EXP_MIN,
  EXP_ROUND,
  expWith,
  geluDerivativeV,
  geluV,
  INV_SQRT_TWO_PI,
  LN2_HIGH,
  LN2_LOW,
  LOG2_E,
  opaque,
  PHI_0,
  PHI_1,
  PHI_2,
  PHI_3,
  PHI_4,
  PHI_5,
  PHI_6,
  PHI_7,
  PHI_8,
  PHI_END,
} from './math';
import { at, loadPartial, storePartial } from './simd';

/** out = x Phi(x) for n elements; out may alias x. */
export function geluRow(out: usize, x: usize, n: i32): void {
  const full = n & -4;
  if (full > 0) geluVectors(out, x, full);
  const rest = n - full;
  if (rest) storePartial(at(out, full), geluV(loadPartial(at(x, full), rest)), rest);
}

/** dx = dout (Phi(x) + x phi(x)) for n elements; dx may alias dout or x. */
export function geluGradientRow(dx: usize, dout: usize, x: usize, n: i32): void {
  const full = n & -4;
  if (full > 0) geluGradientVectors(dx, dout, x, full);
  const rest = n - full;
  if (rest) {
    const slope = geluDerivativeV(loadPartial(at(x, full), rest));
    storePartial(at(dx, full), f32x4.mul(loadPartial(at(dout, full), rest), slope), rest);
  }
}

function geluVectors(out: usize, x: usize, n: i32): void {
  const none = n >>> 31;
  const log2e = opaque(LOG2_E, none);
  const round = opaque(EXP_ROUND, none);
  const ln2High = opaque(LN2_HIGH, none);
  const ln2Low = opaque(LN2_LOW, none);
  const c6 = opaque(EXP_6, none);
  const c5 = opaque(EXP_5, none);
  const c4 = opaque(EXP_4, none);
  const c3 = opaque(EXP_3, none);
  const c2 = opaque(EXP_2, none);
  const one = opaque(1, none);
  const lowest = opaque(EXP_MIN, none);
  const end = opaque(PHI_END, none);
  const p0 = opaque(PHI_0, none);
  const p1 = opaque(PHI_1, none);
  const p2 = opaque(PHI_2, none);
  const p3 = opaque(PHI_3, none);
  const p4 = opaque(PHI_4, none);
  const p5 = opaque(PHI_5, none);
  const p6 = opaque(PHI_6, none);
  const p7 = opaque(PHI_7, none);
  const p8 = opaque(PHI_8, none);
  let i = 0;
  do {
    const h = v128.load(at(x, i));
    const a = f32x4.pmin(f32x4.abs(h), end);
    const a2 = f32x4.mul(a, a);
    const a4 = f32x4.mul(a2, a2);
    const low = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(p3, a), p2), a2), f32x4.add(f32x4.mul(p1, a), p0));
    const middle = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(p7, a), p6), a2), f32x4.add(f32x4.mul(p5, a), p4));
    const log = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(p8, a4), middle), a4), low);
    const tail = expWith(log, log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    const phi = v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(h, f32x4.splat(0)));
    v128.store(at(out, i), f32x4.mul(h, phi));
    i += 4;
  } while (i < n);
}

function geluGradientVectors(dx: usize, dout: usize, x: usize, n: i32): void {
  const none = n >>> 31;
  const log2e = opaque(LOG2_E, none);
  const round = opaque(EXP_ROUND, none);
  const ln2High = opaque(LN2_HIGH, none);
  const ln2Low = opaque(LN2_LOW, none);
  const c6 = opaque(EXP_6, none);
  const c5 = opaque(EXP_5, none);
  const c4 = opaque(EXP_4, none);
  const c3 = opaque(EXP_3, none);
  const c2 = opaque(EXP_2, none);
  const one = opaque(1, none);
  const lowest = opaque(EXP_MIN, none);
  const end = opaque(PHI_END, none);
  const p0 = opaque(PHI_0, none);
  const p1 = opaque(PHI_1, none);
  const p2 = opaque(PHI_2, none);
  const p3 = opaque(PHI_3, none);
  const p4 = opaque(PHI_4, none);
  const p5 = opaque(PHI_5, none);
  const p6 = opaque(PHI_6, none);
  const p7 = opaque(PHI_7, none);
  const p8 = opaque(PHI_8, none);
  const half = opaque(-0.5, none);
  const inverse = opaque(INV_SQRT_TWO_PI, none);
  let i = 0;
  do {
    const h = v128.load(at(x, i));
    const a = f32x4.pmin(f32x4.abs(h), end);
    const a2 = f32x4.mul(a, a);
    const a4 = f32x4.mul(a2, a2);
    const low = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(p3, a), p2), a2), f32x4.add(f32x4.mul(p1, a), p0));
    const middle = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(p7, a), p6), a2), f32x4.add(f32x4.mul(p5, a), p4));
    const log = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(p8, a4), middle), a4), low);
    const tail = expWith(log, log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    const phi = v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(h, f32x4.splat(0)));
    const exponent = f32x4.mul(f32x4.mul(h, h), half);
    const density = expWith(exponent, log2e, round, ln2High, ln2Low, c6, c5, c4, c3, c2, one, lowest);
    const slope = f32x4.add(phi, f32x4.mul(f32x4.mul(h, density), inverse));
    v128.store(at(dx, i), f32x4.mul(v128.load(at(dout, i)), slope));
    i += 4;
  } while (i < n);
}
