/**
 * Threefry-4x32-20 (Salmon et al., SC 2011), the generator of src/random.ts, four blocks at a time: lane l of the
 * vectors x0..x3 holds the four words of block b + l.
 *
 * rng: four int32 [seedLow, seedHigh, step, microbatch]; key = (seedLow, seedHigh, call, 0);
 * counter = (block, microbatch, step, stream). A value depends on that and on its index, on nothing drawn before,
 * so that dropout in backward is the same call again and no mask is stored. Fills have call 0.
 */

import { logV } from './math';
import { at, loadUpTo, storeUpTo } from './simd';

const RAW: i32 = 0;
const DROPOUT: i32 = 1;
const UNIFORM: i32 = 2;
const NORMAL: i32 = 3;

const PARITY: i32 = 0x1bd11bda;
const INV_2_24: f32 = 5.9604645e-8;
const HALF_PI: f32 = 1.5707964;

/** out (4 int32) = the block of words for counter (c0..c3) and key (k0..k3). */
export function threefryBlock(
  out: usize,
  c0: i32,
  c1: i32,
  c2: i32,
  c3: i32,
  k0: i32,
  k1: i32,
  k2: i32,
  k3: i32,
): void {
  generate(RAW, out, 0, 4, c0, c1, c2, c3, k0, k1, k2, k3, 0, 0, 0);
}

/**
 * out[i] = (16 random bits of element first + i) < threshold ? 0 : x[i] scale, i < n; first is a multiple of 32 (0
 * for a whole tensor), so that a part of a tensor can be computed alone. Eight elements take one block: word w gives
 * element 2w of the block from its low half and 2w + 1 from its high half. threshold = 65536 p drops with
 * probability p. Backward is the same call on the gradient. `call` numbers the masks that one stream draws at one
 * step and microbatch. out may alias x.
 */
export function dropoutForward(
  out: usize,
  x: usize,
  first: i32,
  n: i32,
  threshold: i32,
  scale: f32,
  rng: usize,
  stream: i32,
  call: i32,
): void {
  fromState(DROPOUT, out, x, first / 8, n, rng, stream, call, threshold, scale, 0);
}

/** dropoutForward with the number of its first block, and n a multiple of 32. */
export function dropoutBlocks(
  out: usize,
  x: usize,
  block: i32,
  n: i32,
  threshold: i32,
  scale: f32,
  rng: usize,
  stream: i32,
  call: i32,
): void {
  fromState(DROPOUT, out, x, block, n, rng, stream, call, threshold, scale, 0);
}

/** out[i] = low + u (high - low), u uniform in [0, 1) with 24 bits: word i mod 4 of block i / 4. */
export function uniformFill(out: usize, n: i32, rng: usize, stream: i32, low: f32, high: f32): void {
  fromState(UNIFORM, out, 0, 0, n, rng, stream, 0, 0, low, high - low);
}

/**
 * out[i] normal with the given mean and deviation, after Box and Muller: words (0, 1) and (2, 3) of block i / 4
 * give a pair each, sqrt(-2 ln u1) (cos, sin)(2 pi u2) with u1 in (0, 1], u2 in [0, 1), 24 bits each.
 */
export function normalFill(out: usize, n: i32, rng: usize, stream: i32, mean: f32, std: f32): void {
  fromState(NORMAL, out, 0, 0, n, rng, stream, 0, 0, mean, std);
}

// @ts-ignore: decorator
@inline
function fromState(
  mode: i32,
  out: usize,
  x: usize,
  block: i32,
  n: i32,
  rng: usize,
  stream: i32,
  call: i32,
  threshold: i32,
  a: f32,
  b: f32,
): void {
  const step = load<i32>(rng, 8);
  const microbatch = load<i32>(rng, 12);
  generate(mode, out, x, n, block, microbatch, step, stream, load<i32>(rng), load<i32>(rng, 4), call, 0, threshold, a, b);
}

/** n elements from the blocks c0, c0 + 1, ...; what is made of the words depends on the mode. */
function generate(
  mode: i32,
  out: usize,
  x: usize,
  n: i32,
  c0: i32,
  c1: i32,
  c2: i32,
  c3: i32,
  k0: i32,
  k1: i32,
  k2: i32,
  k3: i32,
  threshold: i32,
  a: f32,
  b: f32,
): void {
  const key0 = i32x4.splat(k0);
  const key1 = i32x4.splat(k1);
  const key2 = i32x4.splat(k2);
  const key3 = i32x4.splat(k3);
  const key4 = i32x4.splat(PARITY ^ k0 ^ k1 ^ k2 ^ k3);
  const perGroup = mode == DROPOUT ? 32 : 16;
  const factor = f32x4.splat(a);
  const limit = i16x8.splat(<i16>threshold);
  // A threshold of 65536 does not fit into 16 bits: everything is dropped.
  const always = threshold > 65535 ? i32x4.splat(-1) : i32x4.splat(0);
  for (let i = 0; i < n; i += perGroup) {
    const block = c0 + (i / perGroup) * 4;
    let x0 = i32x4.add(i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3)), key0);
    let x1 = i32x4.add(i32x4.splat(c1), key1);
    let x2 = i32x4.add(i32x4.splat(c2), key2);
    let x3 = i32x4.add(i32x4.splat(c3), key3);
    // Twenty rounds, written out: a word of the key that depends on a loop's counter would cost more than a round.
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 10), x0);
    x3 = v128.xor(rotate(x3, 26), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 11), x0);
    x1 = v128.xor(rotate(x1, 21), x2);
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 13), x0);
    x3 = v128.xor(rotate(x3, 27), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 23), x0);
    x1 = v128.xor(rotate(x1, 5), x2);
    x0 = i32x4.add(x0, key1);
    x1 = i32x4.add(x1, key2);
    x2 = i32x4.add(x2, key3);
    x3 = i32x4.add(i32x4.add(x3, key4), i32x4.splat(1));
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 6), x0);
    x3 = v128.xor(rotate(x3, 20), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 17), x0);
    x1 = v128.xor(rotate(x1, 11), x2);
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 25), x0);
    x3 = v128.xor(rotate(x3, 10), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 18), x0);
    x1 = v128.xor(rotate(x1, 20), x2);
    x0 = i32x4.add(x0, key2);
    x1 = i32x4.add(x1, key3);
    x2 = i32x4.add(x2, key4);
    x3 = i32x4.add(i32x4.add(x3, key0), i32x4.splat(2));
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 10), x0);
    x3 = v128.xor(rotate(x3, 26), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 11), x0);
    x1 = v128.xor(rotate(x1, 21), x2);
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 13), x0);
    x3 = v128.xor(rotate(x3, 27), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 23), x0);
    x1 = v128.xor(rotate(x1, 5), x2);
    x0 = i32x4.add(x0, key3);
    x1 = i32x4.add(x1, key4);
    x2 = i32x4.add(x2, key0);
    x3 = i32x4.add(i32x4.add(x3, key1), i32x4.splat(3));
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 6), x0);
    x3 = v128.xor(rotate(x3, 20), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 17), x0);
    x1 = v128.xor(rotate(x1, 11), x2);
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 25), x0);
    x3 = v128.xor(rotate(x3, 10), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 18), x0);
    x1 = v128.xor(rotate(x1, 20), x2);
    x0 = i32x4.add(x0, key4);
    x1 = i32x4.add(x1, key0);
    x2 = i32x4.add(x2, key1);
    x3 = i32x4.add(i32x4.add(x3, key2), i32x4.splat(4));
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 10), x0);
    x3 = v128.xor(rotate(x3, 26), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 11), x0);
    x1 = v128.xor(rotate(x1, 21), x2);
    x0 = i32x4.add(x0, x1);
    x2 = i32x4.add(x2, x3);
    x1 = v128.xor(rotate(x1, 13), x0);
    x3 = v128.xor(rotate(x3, 27), x2);
    x0 = i32x4.add(x0, x3);
    x2 = i32x4.add(x2, x1);
    x3 = v128.xor(rotate(x3, 23), x0);
    x1 = v128.xor(rotate(x1, 5), x2);
    x0 = i32x4.add(x0, key0);
    x1 = i32x4.add(x1, key1);
    x2 = i32x4.add(x2, key2);
    x3 = i32x4.add(i32x4.add(x3, key3), i32x4.splat(5));
    if (mode == NORMAL) {
      // Words become normals while pairs still lie in the same lane.
      const radius01 = radius(x0);
      const radius23 = radius(x2);
      const scale = f32x4.splat(b);
      const mean = f32x4.splat(a);
      x0 = f32x4.add(mean, f32x4.mul(scale, f32x4.mul(radius01, circle(x1, 1))));
      x1 = f32x4.add(mean, f32x4.mul(scale, f32x4.mul(radius01, circle(x1, 0))));
      x2 = f32x4.add(mean, f32x4.mul(scale, f32x4.mul(radius23, circle(x3, 1))));
      x3 = f32x4.add(mean, f32x4.mul(scale, f32x4.mul(radius23, circle(x3, 0))));
    }
    // Transposed: y_l holds the four words of block l.
    const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
    const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
    const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
    const y0 = v128.shuffle<i64>(low01, low23, 0, 2);
    const y1 = v128.shuffle<i64>(low01, low23, 1, 3);
    const y2 = v128.shuffle<i64>(high01, high23, 0, 2);
    const y3 = v128.shuffle<i64>(high01, high23, 1, 3);
    const rest = n - i;
    const to = at(out, i);
    if (mode == DROPOUT) {
      const from = at(x, i);
      if (rest >= 32) {
        dropEight(to, from, v128.or(i16x8.lt_u(y0, limit), always), factor);
        dropEight(to + 32, from + 32, v128.or(i16x8.lt_u(y1, limit), always), factor);
        dropEight(to + 64, from + 64, v128.or(i16x8.lt_u(y2, limit), always), factor);
        dropEight(to + 96, from + 96, v128.or(i16x8.lt_u(y3, limit), always), factor);
        continue;
      }
      drop(to, from, y0, threshold, a, rest);
      drop(to + 32, from + 32, y1, threshold, a, rest - 8);
      drop(to + 64, from + 64, y2, threshold, a, rest - 16);
      drop(to + 96, from + 96, y3, threshold, a, rest - 24);
    } else if (mode == UNIFORM) {
      storeUpTo(to, uniform(y0, a, b), rest);
      storeUpTo(to + 16, uniform(y1, a, b), rest - 4);
      storeUpTo(to + 32, uniform(y2, a, b), rest - 8);
      storeUpTo(to + 48, uniform(y3, a, b), rest - 12);
    } else {
      storeUpTo(to, y0, rest);
      storeUpTo(to + 16, y1, rest - 4);
      storeUpTo(to + 32, y2, rest - 8);
      storeUpTo(to + 48, y3, rest - 12);
    }
  }
}

// @ts-ignore: decorator
@inline
function rotate(v: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(v, bits), i32x4.shr_u(v, 32 - bits));
}

/** Eight elements; `dropped` holds 16 bits for each. */
// @ts-ignore: decorator
@inline
function dropEight(to: usize, from: usize, dropped: v128, factor: v128): void {
  const low = v128.shuffle<i16>(dropped, dropped, 0, 0, 1, 1, 2, 2, 3, 3);
  const high = v128.shuffle<i16>(dropped, dropped, 4, 4, 5, 5, 6, 6, 7, 7);
  v128.store(to, v128.andnot(f32x4.mul(v128.load(from), factor), low));
  v128.store(to, v128.andnot(f32x4.mul(v128.load(from, 16), factor), high), 16);
}

/** Up to eight elements; the vector of words is the eight 16-bit numbers in the order of the elements. */
// @ts-ignore: decorator
@inline
function drop(to: usize, from: usize, words: v128, threshold: i32, scale: f32, rest: i32): void {
  if (rest <= 0) return;
  const factor = f32x4.splat(scale);
  const dropped = threshold > 65535 ? i32x4.splat(-1) : i16x8.lt_u(words, i16x8.splat(<i16>threshold));
  const low = v128.shuffle<i16>(dropped, dropped, 0, 0, 1, 1, 2, 2, 3, 3);
  storeUpTo(to, v128.andnot(f32x4.mul(loadUpTo(from, rest), factor), low), rest);
  if (rest <= 4) return;
  const high = v128.shuffle<i16>(dropped, dropped, 4, 4, 5, 5, 6, 6, 7, 7);
  storeUpTo(to + 16, v128.andnot(f32x4.mul(loadUpTo(from + 16, rest - 4), factor), high), rest - 4);
}

// @ts-ignore: decorator
@inline
function uniform(words: v128, low: f32, range: f32): v128 {
  const u = f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(words, 8)), f32x4.splat(INV_2_24));
  return f32x4.add(f32x4.splat(low), f32x4.mul(u, f32x4.splat(range)));
}

/** sqrt(-2 ln u) with u = ((word >>> 8) + 1) / 2^24 */
// @ts-ignore: decorator
@inline
function radius(words: v128): v128 {
  const count = i32x4.add(i32x4.shr_u(words, 8), i32x4.splat(1));
  const u = f32x4.mul(f32x4.convert_i32x4_s(count), f32x4.splat(INV_2_24));
  return f32x4.sqrt(f32x4.mul(f32x4.splat(-2), logV(u)));
}

/** cos (quarter = 1) or sin (quarter = 0) of 2 pi u, u = (word >>> 8) / 2^24; absolute error below 2e-7. */
// @ts-ignore: decorator
@inline
function circle(words: v128, quarter: i32): v128 {
  // 4u = quadrant + d with |d| <= 1/2, all exact
  const turns = f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(words, 8)), f32x4.splat(4 * INV_2_24));
  const nearest = f32x4.nearest(turns);
  const quadrant = i32x4.add(i32x4.trunc_sat_f32x4_s(nearest), i32x4.splat(quarter));
  const r = f32x4.mul(f32x4.sub(turns, nearest), f32x4.splat(HALF_PI));
  const z = f32x4.mul(r, r);
  let s = f32x4.add(f32x4.mul(f32x4.splat(1.0 / 362880), z), f32x4.splat(-1.0 / 5040));
  s = f32x4.add(f32x4.mul(s, z), f32x4.splat(1.0 / 120));
  s = f32x4.add(f32x4.mul(s, z), f32x4.splat(-1.0 / 6));
  const sine = f32x4.add(r, f32x4.mul(f32x4.mul(r, z), s));
  let c = f32x4.add(f32x4.mul(f32x4.splat(-1.0 / 3628800), z), f32x4.splat(1.0 / 40320));
  c = f32x4.add(f32x4.mul(c, z), f32x4.splat(-1.0 / 720));
  c = f32x4.add(f32x4.mul(c, z), f32x4.splat(1.0 / 24));
  c = f32x4.add(f32x4.mul(c, z), f32x4.splat(-0.5));
  const cosine = f32x4.add(f32x4.splat(1), f32x4.mul(z, c));
  const odd = i32x4.ne(v128.and(quadrant, i32x4.splat(1)), i32x4.splat(0));
  const value = v128.bitselect(cosine, sine, odd);
  return v128.xor(value, i32x4.shl(v128.and(quadrant, i32x4.splat(2)), 30));
}
