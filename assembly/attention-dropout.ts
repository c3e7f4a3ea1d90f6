/**
 * Dropout of attention's probabilities. The factors 0 and 1 of four rows and up to 64 keys are drawn when they are
 * needed, in the backward pass again, and are kept nowhere; the values are what is scaled, by 1 / (1 - p), so that a row
 * with one key of all the weight still gets a gradient of exactly 0 for its score.
 *
 * Key j of row t of head n = b heads + h: block ((n ceil(queryLen / 4) + floor(t / 4)) ceil(keyLen / 8) + floor(j / 8)) 4
 * + t mod 4 of the generator, its 16 bits j mod 8 (word w gives 2w from its low half and 2w + 1 from its high half).
 */
import { GROUP, KEYS, SCORE_ROW } from './attention-block';
import { dropoutBlocks } from './random';
import { LANES, at } from './simd';

/** Keys whose bits one block of the generator gives. */
const OCTET: i32 = 8;
const FACTORS: i32 = GROUP * KEYS * 4;
/** Bytes: the factors, octet by octet (rows, 8), and what they are drawn from. */
export const DROPOUT_BYTES: i32 = FACTORS + 64;

/** Notes what masks are drawn from; 0 when nothing is dropped (threshold 0). threshold = 65536 p, below 65536. */
export function dropoutAt(to: usize, threshold: i32, rng: usize, stream: i32, call: i32): usize {
  if (threshold == 0) return 0;
  store<i32>(to, threshold, FACTORS);
  store<i32>(to, <i32>rng, FACTORS + 4);
  store<i32>(to, stream, FACTORS + 8);
  store<i32>(to, call, FACTORS + 12);
  return to;
}

/** From here on the factors are those of this head. */
export function dropoutOfHead(drop: usize, head: i32, queryLen: i32, keyLen: i32): void {
  const perGroup = ((keyLen + OCTET - 1) / OCTET) * GROUP;
  store<i32>(drop, perGroup, FACTORS + 16);
  store<i32>(drop, head * ((queryLen + GROUP - 1) / GROUP) * perGroup, FACTORS + 20);
}

/** What is kept is scaled by this. */
export function keepScale(drop: usize): f32 {
  const kept: i32 = 65536 - load<i32>(drop, FACTORS);
  return <f32>65536 / <f32>kept;
}

/** x (bytes / 4), padding included, times 1 / (1 - p). */
export function scaleKept(drop: usize, x: usize, bytes: i32): void {
  const scale = f32x4.splat(keepScale(drop));
  for (let end = x + bytes; x < end; x += 16) v128.store(x, f32x4.mul(v128.load(x), scale));
}

/** Draws the factors of rows t to t + 3 for keys `start` to start + count; t is a multiple of 4, start of 64. */
export function drawFactors(drop: usize, t: i32, start: i32, count: i32): void {
  const n = ((count + OCTET - 1) / OCTET) * GROUP * OCTET;
  const one = f32x4.splat(1);
  for (let i = 0; i < n; i += LANES) v128.store(at(drop, i), one);
  const block = load<i32>(drop, FACTORS + 20) + (t / GROUP) * load<i32>(drop, FACTORS + 16) + (start / OCTET) * GROUP;
  dropoutBlocks(
    drop, drop, block, n, load<i32>(drop, FACTORS), 1, load<i32>(drop, FACTORS + 4), load<i32>(drop, FACTORS + 8),
    load<i32>(drop, FACTORS + 12),
  );
}

/** Rows of scores times the factors drawn last and `scale`; up to the next eighth column. */
export function applyFactors(drop: usize, s: usize, rows: i32, count: i32, scale: f32): void {
  const factor = f32x4.splat(scale);
  for (let r = 0; r < rows; r++) {
    const row = s + <usize>(r * SCORE_ROW);
    for (let j = 0; j < count; j += OCTET) {
      const f = at(drop, j * GROUP + r * OCTET);
      const p = at(row, j);
      v128.store(p, f32x4.mul(f32x4.mul(v128.load(p), v128.load(f)), factor));
      v128.store(p, f32x4.mul(f32x4.mul(v128.load(p, 16), v128.load(f, 16)), factor), 16);
    }
  }
}
