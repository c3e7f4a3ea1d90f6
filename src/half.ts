/** @file Floats of 16 bits: IEEE half precision (f16), and bfloat16 (bf16), the upper half of a float32. */

/** How a number is stored in 16 bits. */
export type HalfType = 'f16' | 'bf16';

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** The number in 16 bits; a float32 holds it exactly. */
export function fromHalf(type: HalfType, half: number): number {
  if (type === 'bf16') {
    BITS[0] = half << 16;
    return FLOAT[0];
  }
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * (fraction / 16777216);
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  BITS[0] = ((exponent + 112) << 23) | (fraction << 13);
  return sign * FLOAT[0];
}

/** The 16 bits nearest to a float32, ties to even; beyond the largest finite one they are an infinity. */
export function toHalf(type: HalfType, value: number): number {
  FLOAT[0] = value;
  const bits = BITS[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  const isNaN = magnitude > 0x7f800000;
  if (type === 'bf16') {
    // Half of what is cut off, or a little less where the number before it is even, carries where it has to.
    return isNaN ? sign | 0x7fc0 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  if (isNaN) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000)
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
  // Subnormal: multiples of 2^-24, which is the last place of a float32 from a half on.
  FLOAT[0] = Math.abs(FLOAT[0]) + 0.5;
  return sign | (BITS[0] - 0x3f000000);
}
