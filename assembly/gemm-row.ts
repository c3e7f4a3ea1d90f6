/**
 * One row, or up to four, against B stored transposed, which is what a token costs when text is generated: every weight is
 * read once and where it lies. Packing it first, as products of more rows do, would take longer than the product. What is
 * stored in 16 bits is widened eight rows of a block at a time, which stay in the L1 cache.
 */
import { madd } from './gemm-kernel';
import { widenRow } from './half';

/** How many columns of C are made at a time, at most. */
export const ROWS: i32 = 8;

/**
 * c (n) = or += a (k) · rows of b (n, k): acc = +0, then acc + a b for ascending k, in blocks of `depth`. n is a multiple of
 * ROWS; k and `depth` are multiples of 4. The row stride of b, in bytes, is that of k columns or more.
 *
 * Two sums, so that one does not wait for itself: of eight rows, or of four rows and two blocks. A processor foresees one long
 * stretch of memory, not eight short ones that go on elsewhere, so the rows that come next are asked for in ascending order,
 * two lines a step: as many as are used meanwhile. At 256 columns that is 18 GB/s instead of 7. Of rows longer than two
 * blocks it is the other way round (7 instead of 12): so many of them do not lie in the L1 cache.
 */
export function rowTimesRows(
  c: usize, a: usize, b: usize, ldb: usize, n: i32, k: i32, depth: i32, accumulate: i32,
): void {
  if (k == depth << 1) fourRows(c, a, b, ldb, n, depth, accumulate);
  else eightRows(c, a, b, ldb, n, k, depth, accumulate);
}

function eightRows(
  c: usize, a: usize, b: usize, ldb: usize, n: i32, k: i32, depth: i32, accumulate: i32,
): void {
  const zero = f32x4.splat(0);
  const next: usize = k <= depth << 1 ? 128 : 0;
  for (let j = 0; j < n; j += 8) {
    let ahead = j + 8 < n ? b + (ldb << 3) : b;
    for (let from = 0; from < k; from += depth) {
      let x = a + (<usize>from << 2);
      const end = x + (<usize>min<i32>(k - from, depth) << 2);
      let p = b + (<usize>from << 2);
      let low = zero, high = zero;
      do {
        load<i32>(ahead);
        load<i32>(ahead, 64);
        ahead += next;
        low = fourTimesFour(low, x, p, ldb);
        high = fourTimesFour(high, x, p + (ldb << 2), ldb);
        x += 16;
        p += 16;
      } while (x != end);
      if (from > 0 || accumulate != 0) {
        low = f32x4.add(v128.load(c), low);
        high = f32x4.add(v128.load(c, 16), high);
      }
      v128.store(c, low);
      v128.store(c, high, 16);
    }
    b += ldb << 3;
    c += 32;
  }
}

/** The same with k twice the depth: both blocks are summed side by side and added one after the other. */
function fourRows(c: usize, a: usize, b: usize, ldb: usize, n: i32, depth: i32, accumulate: i32): void {
  const zero = f32x4.splat(0);
  const block = <usize>depth << 2;
  const end = a + block;
  for (let j = 0; j < n; j += 4) {
    let ahead = j + 4 < n ? b + (ldb << 2) : b;
    let x = a;
    let p = b;
    let low = zero, high = zero;
    do {
      load<i32>(ahead);
      load<i32>(ahead, 64);
      ahead += 128;
      low = fourTimesFour(low, x, p, ldb);
      high = fourTimesFour(high, x + block, p + block, ldb);
      x += 16;
      p += 16;
    } while (x != end);
    if (accumulate != 0) low = f32x4.add(v128.load(c), low);
    v128.store(c, f32x4.add(low, high));
    b += ldb << 2;
    c += 16;
  }
}

// @ts-ignore: decorator
@inline
function fourTimesFour(acc: v128, x: usize, p: usize, ldb: usize): v128 {
  const r2 = p + (ldb << 1);
  return fourSteps(acc, x, v128.load(p), v128.load(p + ldb), v128.load(r2), v128.load(r2 + ldb));
}

/** Four steps along k for four rows: they are turned so that a vector holds one k of each. */
// @ts-ignore: decorator
@inline
export function fourSteps(acc: v128, x: usize, r0: v128, r1: v128, r2: v128, r3: v128): v128 {
  const a = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const b = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  acc = madd(acc, v128.load32_splat(x), v128.shuffle<f64>(a, b, 0, 2));
  acc = madd(acc, v128.load32_splat(x, 4), v128.shuffle<f64>(a, b, 1, 3));
  const e = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const f = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  acc = madd(acc, v128.load32_splat(x, 8), v128.shuffle<f64>(e, f, 0, 2));
  return madd(acc, v128.load32_splat(x, 12), v128.shuffle<f64>(e, f, 1, 3));
}

/** Rows of A, at most, for which the rows of B are read in place. Packed, four take 16 bytes for each k. */
export const FEW: i32 = 4;

/** Up to FEW rows of a (m, k) side by side, so that one address finds all numbers of a k; those that do not exist are zeros. */
export function packFew(to: usize, a: usize, lda: usize, m: i32, k: i32): void {
  for (let i = 0; i < FEW; i++) {
    let from = a + <usize>i * lda;
    let x = to + (<usize>i << 2);
    for (let p = 0; p < k; p++) {
      store<f32>(x, i < m ? load<f32>(from) : 0);
      from += 4;
      x += 16;
    }
  }
}

/** c (m, n) = or += m rows from packFew, m from 2 to FEW, times rows of b (n, k), otherwise as rowTimesRows. */
export function fewRows(
  c: usize, ldc: usize, packed: usize, m: i32, b: usize, ldb: usize, n: i32, k: i32, depth: i32, accumulate: i32,
): void {
  // As for one row, what comes next is asked for in ascending order.
  const next: usize = k <= depth << 1 ? 64 : 0;
  for (let j = 0; j < n; j += 4) {
    let ahead = j + 4 < n ? b + (ldb << 2) : b;
    for (let from = 0; from < k; from += depth) {
      const count = min<i32>(k - from, depth);
      const x = packed + (<usize>from << 4);
      const p = b + (<usize>from << 2);
      const add = from > 0 || accumulate != 0;
      fourByFour(c, ldc, x, m, p, ldb, count, add, ahead, next);
      ahead += <usize>(count >> 2) * next;
    }
    b += ldb << 2;
    c += 16;
  }
}

function fourByFour(
  c: usize, ldc: usize, x: usize, m: i32, p: usize, ldb: usize, count: i32, add: bool, ahead: usize, next: usize,
): void {
  const zero = f32x4.splat(0);
  let c0 = zero, c1 = zero, c2 = zero, c3 = zero;
  for (const end = x + (<usize>count << 4); x != end; x += 64) {
    load<i32>(ahead);
    ahead += next;
    const r0 = v128.load(p);
    const r1 = v128.load(p + ldb);
    const r2 = v128.load(p + (ldb << 1));
    const r3 = v128.load(p + (ldb << 1) + ldb);
    const a = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const b = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const e = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const f = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    let t = v128.shuffle<f64>(a, b, 0, 2);
    c0 = madd(c0, v128.load32_splat(x), t);
    c1 = madd(c1, v128.load32_splat(x, 4), t);
    c2 = madd(c2, v128.load32_splat(x, 8), t);
    c3 = madd(c3, v128.load32_splat(x, 12), t);
    t = v128.shuffle<f64>(a, b, 1, 3);
    c0 = madd(c0, v128.load32_splat(x, 16), t);
    c1 = madd(c1, v128.load32_splat(x, 20), t);
    c2 = madd(c2, v128.load32_splat(x, 24), t);
    c3 = madd(c3, v128.load32_splat(x, 28), t);
    t = v128.shuffle<f64>(e, f, 0, 2);
    c0 = madd(c0, v128.load32_splat(x, 32), t);
    c1 = madd(c1, v128.load32_splat(x, 36), t);
    c2 = madd(c2, v128.load32_splat(x, 40), t);
    c3 = madd(c3, v128.load32_splat(x, 44), t);
    t = v128.shuffle<f64>(e, f, 1, 3);
    c0 = madd(c0, v128.load32_splat(x, 48), t);
    c1 = madd(c1, v128.load32_splat(x, 52), t);
    c2 = madd(c2, v128.load32_splat(x, 56), t);
    c3 = madd(c3, v128.load32_splat(x, 60), t);
    p += 16;
  }
  putFour(c, ldc, m, add, c0, c1, c2, c3);
}

/** The first m of four rows to C. */
// @ts-ignore: decorator
@inline
function putFour(c: usize, ldc: usize, m: i32, add: bool, c0: v128, c1: v128, c2: v128, c3: v128): void {
  putRow(c, add, c0);
  if (m > 1) putRow(c + ldc, add, c1);
  if (m > 2) putRow(c + (ldc << 1), add, c2);
  if (m > 3) putRow(c + (ldc << 1) + ldc, add, c3);
}

// @ts-ignore: decorator
@inline
function putRow(c: usize, add: bool, row: v128): void {
  v128.store(c, add ? f32x4.add(v128.load(c), row) : row);
}

/**
 * c (m, n) = or += m rows times rows of b (n, k) in 16 bits: a is the row, or where packFew has put them. `wide` is scratch of
 * ROWS * depth floats.
 */
export function fewTimesHalves(
  c: usize, ldc: usize, a: usize, m: i32, b: usize, ldb: usize, n: i32, k: i32, depth: i32, accumulate: i32, format: i32,
  wide: usize,
): void {
  for (let j = 0; j < n; j += ROWS) {
    for (let from = 0; from < k; from += depth) {
      const count = min<i32>(k - from, depth);
      const row = <usize>count << 2;
      for (let i = 0; i < ROWS; i++)
        widenRow(wide + <usize>i * row, b + <usize>i * ldb + (<usize>from << 1), count, format);
      const add = from > 0 ? 1 : accumulate;
      if (m == 1) eightRows(c, a + (<usize>from << 2), wide, row, ROWS, count, depth, add);
      else fewRows(c, ldc, a + (<usize>from << 4), m, wide, row, ROWS, count, depth, add);
    }
    b += ldb << 3;
    c += 32;
  }
}
