/** @file Numbers as IEEE half precision, in 16 bits; rounded to nearest, ties to even. */
import type { NumericError } from '../../errors.js';

/** The largest half. */
const MOST = 65504;

/**
 * The bits of each value.
 * @throws NumericError for a value that no half is near to
 */
export function toHalves(values: Float32Array, path: string, Refusal: typeof NumericError): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halfOf(bits[i]);
    if ((half & 0x7c00) === 0x7c00) {
      throw new Refusal(`${path} has ${values[i]}, and the largest number in f16 is ${MOST}`, {
        op: 'exportONNX',
        path,
        expected: `at most ${MOST}`,
        actual: values[i],
        hint: "take dtype 'f32'",
      });
    }
    halves[i] = half;
  }
  return halves;
}

/** From the bits of a float32 to those of a half. */
function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112; // biased as a half's
  const fraction = bits & 0x7fffff;
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent > 0) return sign | rounded((exponent << 23) | fraction, 13);
  // A subnormal half: the fraction with its leading 1 moves to the right. Below half of the smallest nothing is left.
  return exponent < -10 ? sign : sign | rounded(fraction | 0x800000, 14 - exponent);
}

/** bits / 2^shift, ties to even; a carry into the exponent is what rounding up means there. */
function rounded(bits: number, shift: number): number {
  const kept = bits >>> shift;
  const rest = bits & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return kept + (rest > half || (rest === half && kept % 2 === 1) ? 1 : 0);
}
