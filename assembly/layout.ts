/**
 * Kernels that move elements: one strided gather serves transposes, broadcasts and slices, and one strided
 * scatter-add is its adjoint. Strides count elements; 0 broadcasts.
 */
import { at, loadUpTo, storeUpTo } from './simd';

/**
 * out[i,j,k,l] = x[i s0 + j s1 + k s2 + l s3], out contiguous (d0, d1, d2, d3). out must not overlap x.
 */
export function stridedGather(
  out: usize,
  x: usize,
  d0: i32,
  d1: i32,
  d2: i32,
  d3: i32,
  s0: i32,
  s1: i32,
  s2: i32,
  s3: i32,
): void {
  const plane = <usize>d2 * <usize>d3;
  for (let i = 0; i < d0; i++) {
    const slab = offset(x, i, s0);
    for (let j = 0; j < d1; j++) {
      const from = offset(slab, j, s1);
      if (s2 == 1 && s3 != 1) gatherTransposed(out, from, d2, d3, s3);
      else gatherPlane(out, from, d2, d3, s2, s3);
      out += plane << 2;
    }
  }
}

/**
 * out[i s0 + j s1 + k s2 + l s3] += x[i,j,k,l], x contiguous (d0, d1, d2, d3), in ascending order of i, j, k, l:
 * where strides are 0 the sum over x runs in that order. out must not overlap x.
 */
export function stridedScatterAdd(
  out: usize,
  x: usize,
  d0: i32,
  d1: i32,
  d2: i32,
  d3: i32,
  s0: i32,
  s1: i32,
  s2: i32,
  s3: i32,
): void {
  for (let i = 0; i < d0; i++) {
    const slab = offset(out, i, s0);
    for (let j = 0; j < d1; j++) {
      const plane = offset(slab, j, s1);
      for (let k = 0; k < d2; k++) {
        const to = offset(plane, k, s2);
        if (s3 == 1) {
          for (let l = 0; l < d3; l += 4) {
            const rest = d3 - l;
            storeUpTo(at(to, l), f32x4.add(loadUpTo(at(to, l), rest), loadUpTo(at(x, l), rest)), rest);
          }
        } else {
          for (let l = 0; l < d3; l++) {
            const p = offset(to, l, s3);
            store<f32>(p, load<f32>(p) + load<f32>(at(x, l)));
          }
        }
        x = at(x, d3);
      }
    }
  }
}

/** out (d2, d3) from rows with stride s2 and elements with stride s3. */
function gatherPlane(out: usize, x: usize, d2: i32, d3: i32, s2: i32, s3: i32): void {
  for (let k = 0; k < d2; k++) {
    const from = offset(x, k, s2);
    if (s3 == 1) {
      for (let l = 0; l < d3; l += 4) storeUpTo(at(out, l), loadUpTo(at(from, l), d3 - l), d3 - l);
    } else if (s3 == 0) {
      if (d3 > 0) {
        const v = v128.load32_splat(from);
        for (let l = 0; l < d3; l += 4) storeUpTo(at(out, l), v, d3 - l);
      }
    } else {
      for (let l = 0; l < d3; l++) store<f32>(at(out, l), load<f32>(offset(from, l, s3)));
    }
    out = at(out, d3);
  }
}

/** out (d2, d3) from x with element stride s3 along d3 and 1 along d2: a transpose in 4x4 blocks. */
function gatherTransposed(out: usize, x: usize, d2: i32, d3: i32, s3: i32): void {
  const k4 = d2 & -4;
  const l4 = d3 & -4;
  for (let k = 0; k < k4; k += 4) {
    const to = offset(out, k, d3);
    for (let l = 0; l < l4; l += 4) {
      const from = at(offset(x, l, s3), k);
      const a = v128.load(from);
      const b = v128.load(offset(from, 1, s3));
      const c = v128.load(offset(from, 2, s3));
      const d = v128.load(offset(from, 3, s3));
      const ab02 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
      const ab13 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
      const cd02 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
      const cd13 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
      const p = at(to, l);
      v128.store(p, v128.shuffle<i64>(ab02, cd02, 0, 2));
      v128.store(offset(p, 1, d3), v128.shuffle<i64>(ab02, cd02, 1, 3));
      v128.store(offset(p, 2, d3), v128.shuffle<i64>(ab13, cd13, 0, 2));
      v128.store(offset(p, 3, d3), v128.shuffle<i64>(ab13, cd13, 1, 3));
    }
    for (let l = l4; l < d3; l++) {
      const from = at(offset(x, l, s3), k);
      for (let r = 0; r < 4; r++) store<f32>(at(offset(to, r, d3), l), load<f32>(at(from, r)));
    }
  }
  for (let k = k4; k < d2; k++) {
    for (let l = 0; l < d3; l++) store<f32>(at(offset(out, k, d3), l), load<f32>(at(offset(x, l, s3), k)));
  }
}

/** Address of element index * stride; both may be any int32. */
// @ts-ignore: decorator
@inline
function offset(base: usize, index: i32, stride: i32): usize {
  return base + (<usize>(index * stride) << 2);
}
