/**
 * Attention of one query per sequence, which is what a token costs when text is generated. Keys and values are read once,
 * where they lie: packing them, as attention.ts does for queries that share them, would take longer than the products.
 * Blocks and orders are those of attention.ts, and so are the bits.
 */
import { KEYS, lanesBefore } from './attention-block';
import { madd } from './gemm-kernel';
import { fourSteps } from './gemm-row';
import { expV } from './math';
import { LANES, at, hmax, hsum, loadUpTo, storeUpTo } from './simd';

/**
 * The keys and values of new tokens, columns [c, c + width) of x (batch, cols), become token place[0] of the first
 * `batch` sequences of kv (…, capacity, width).
 */
export function appendTokens(
  kv: usize, x: usize, place: usize, batch: i32, cols: i32, c: i32, width: i32, capacity: i32,
): void {
  const token = load<i32>(place);
  for (let b = 0; b < batch; b++) {
    const row = <usize>b * <usize>capacity + <usize>token;
    memory.copy(kv + ((row * <usize>width) << 2), x + ((<usize>b * <usize>cols + <usize>c) << 2), <usize>width << 2);
  }
}

/**
 * q, out (batch, heads dHead) with row strides strideQ, strideOut; kv (sequences, capacity, 2 kvHeads dHead), keys before
 * values. Row b sees the first counts[b * stepCount] + more keys. Its key j is token j of sequence pages[b * stepRow + j *
 * stepKey], or, with pages = 0, of sequence first + b. A row that sees no key: zeros. Overwrites; no aliasing. In parts:
 * rows [b, b + n) are the call with q, out, counts and pages moved on by b rows, first by b, and batch = n.
 */
export function attentionRows(
  out: usize, q: usize, kv: usize, counts: usize, pages: usize, first: i32, batch: i32, heads: i32, kvHeads: i32,
  dHead: i32, strideQ: i32, strideOut: i32, capacity: i32, stepCount: i32, more: i32, stepRow: i32, stepKey: i32,
  scale: f32, workspace: usize,
): void {
  const group = heads / kvHeads;
  const token = <usize>(kvHeads * dHead) << 3;
  const values = token >> 1;
  const sequence = <usize>capacity * token;
  const scores = workspace + KEYS * sizeof<usize>();
  for (let b = 0; b < batch; b++) {
    const keys = load<i32>(at(counts, b * stepCount)) + more;
    const table = pages ? at(pages, b * stepRow) : 0;
    const own = kv + <usize>(first + b) * sequence;
    for (let h = 0; h < heads; h++) {
      const to = out + (<usize>(b * strideOut + h * dHead) << 2);
      const query = q + (<usize>(b * strideQ + h * dHead) << 2);
      const head = <usize>(h / group * dHead) << 2;
      let top: f32 = -Infinity;
      let sum: f32 = 0;
      for (let start = 0; start < keys; start += KEYS) {
        const span = min<i32>(KEYS, keys - start);
        for (let j = 0; j < span; j++) {
          const from = table ? kv + <usize>load<i32>(at(table, (start + j) * stepKey)) * sequence : own;
          store<usize>(workspace + <usize>j * sizeof<usize>(), from + <usize>(start + j) * token + head);
        }
        scoresOf(scores, query, workspace, span, dHead);
        const before = top;
        top = largest(scores, span, scale, before);
        const total = exponentials(scores, span, scale, top);
        if (start == 0) sum = total;
        else {
          const shrink = exponential(f32x4.sub(f32x4.splat(before), f32x4.splat(top)));
          sum = sum * f32x4.extract_lane(shrink, 0) + total;
          for (let e = 0; e < dHead; e += LANES)
            storeUpTo(at(to, e), f32x4.mul(loadUpTo(at(to, e), dHead - e), shrink), dHead - e);
        }
        weighInPlace(to, scores, workspace, values, span, dHead, start > 0);
      }
      const seen = top != -Infinity;
      const factor = f32x4.div(f32x4.splat(1), f32x4.splat(sum));
      for (let e = 0; e < dHead; e += LANES) {
        const value = seen ? f32x4.mul(loadUpTo(at(to, e), dHead - e), factor) : f32x4.splat(0);
        storeUpTo(at(to, e), value, dHead - e);
      }
    }
  }
}

/** scores[j] = query · the key at addresses[j], in whole vectors: behind the last key stands something. */
function scoresOf(scores: usize, query: usize, addresses: usize, span: i32, dHead: i32): void {
  const whole = dHead & -LANES;
  for (let j = 0; j < span; j += LANES) {
    const last = span - 1 - j;
    let p0 = addressOf(addresses, j);
    let p1 = addressOf(addresses, j + min<i32>(1, last));
    let p2 = addressOf(addresses, j + min<i32>(2, last));
    let p3 = addressOf(addresses, j + min<i32>(3, last));
    let x = query;
    const end = query + (<usize>whole << 2);
    let acc = f32x4.splat(0);
    for (; x < end; x += 16, p0 += 16, p1 += 16, p2 += 16, p3 += 16) {
      acc = fourSteps(acc, x, v128.load(p0), v128.load(p1), v128.load(p2), v128.load(p3));
    }
    for (let e = whole; e < dHead; e++, x += 4, p0 += 4, p1 += 4, p2 += 4, p3 += 4) {
      let four = f32x4.splat(load<f32>(p0));
      four = f32x4.replace_lane(four, 1, load<f32>(p1));
      four = f32x4.replace_lane(four, 2, load<f32>(p2));
      four = f32x4.replace_lane(four, 3, load<f32>(p3));
      acc = madd(acc, v128.load32_splat(x), four);
    }
    v128.store(at(scores, j), acc);
  }
}

// @ts-ignore: decorator
@inline
function addressOf(addresses: usize, j: i32): usize {
  return load<usize>(addresses + <usize>j * sizeof<usize>());
}

/** Once for all: its code is long. */
function exponential(x: v128): v128 {
  return expV(x);
}

/** The largest of `before` and scale times the scores. */
function largest(scores: usize, span: i32, scale: f32, before: f32): f32 {
  const factor = f32x4.splat(scale);
  const none = f32x4.splat(-Infinity);
  const whole = span & -LANES;
  let best = none;
  for (let j = 0; j < whole; j += LANES) best = f32x4.pmax(best, f32x4.mul(v128.load(at(scores, j)), factor));
  if (whole < span) {
    const last = f32x4.mul(v128.load(at(scores, whole)), factor);
    best = f32x4.pmax(best, v128.bitselect(last, none, lanesBefore(span, whole)));
  }
  return f32x4.extract_lane(f32x4.pmax(f32x4.splat(before), f32x4.splat(hmax(best))), 0);
}

/** Turns the scores into exponentials of scale s - top, zeros behind the last; returns their sum. */
function exponentials(scores: usize, span: i32, scale: f32, top: f32): f32 {
  const factor = f32x4.splat(scale);
  const shift = f32x4.splat(top);
  let total = f32x4.splat(0);
  for (let j = 0; j < span; j += LANES) {
    let value = exponential(f32x4.sub(f32x4.mul(v128.load(at(scores, j)), factor), shift));
    if (j + LANES > span) value = v128.and(value, lanesBefore(span, j));
    v128.store(at(scores, j), value);
    total = f32x4.add(total, value);
  }
  return hsum(total);
}

/** out (dHead) = or += weights[j] times the value behind the key at addresses[j], for ascending j. */
function weighInPlace(
  out: usize, weights: usize, addresses: usize, values: usize, span: i32, dHead: i32, add: bool,
): void {
  const zero = f32x4.splat(0);
  const end = addresses + <usize>span * sizeof<usize>();
  let e = 0;
  for (; e + 16 <= dHead; e += 16) {
    const column = values + (<usize>e << 2);
    let a = zero, b = zero, c = zero, d = zero;
    let w = weights;
    for (let p = addresses; p < end; p += sizeof<usize>(), w += 4) {
      const x = v128.load32_splat(w);
      const from = load<usize>(p) + column;
      a = madd(a, x, v128.load(from));
      b = madd(b, x, v128.load(from, 16));
      c = madd(c, x, v128.load(from, 32));
      d = madd(d, x, v128.load(from, 48));
    }
    const to = at(out, e);
    v128.store(to, add ? f32x4.add(v128.load(to), a) : a);
    v128.store(to, add ? f32x4.add(v128.load(to, 16), b) : b, 16);
    v128.store(to, add ? f32x4.add(v128.load(to, 32), c) : c, 32);
    v128.store(to, add ? f32x4.add(v128.load(to, 48), d) : d, 48);
  }
  for (; e < dHead; e += LANES) {
    const column = values + (<usize>e << 2);
    let a = zero;
    let w = weights;
    for (let p = addresses; p < end; p += sizeof<usize>(), w += 4)
      a = madd(a, v128.load32_splat(w), loadUpTo(load<usize>(p) + column, dHead - e));
    const to = at(out, e);
    storeUpTo(to, add ? f32x4.add(loadUpTo(to, dHead - e), a) : a, dHead - e);
  }
}
