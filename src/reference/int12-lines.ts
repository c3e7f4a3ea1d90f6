/** @file Lines of a block as integers and what they are multiples of: what the oracles of int12 share. */

type Heap = Float64Array;

/** Depth of a block of k, which shares scales. */
export const BLOCK = 256;
/** The smallest scale: the smallest normal number. */
const LOWEST = 2 ** -126;
/** Half the span of the integers. */
const LARGEST = 2048;

/** One line (a row of op(A), a column of op(B)) of a block: integers and what they are multiples of. */
export interface Line {
  values: Float64Array;
  scale: number;
}

/** Rounded to the nearest integer, ties to even; |x| is far below 2^51. */
function nearestEven(x: number): number {
  const shift = 1.5 * 2 ** 52;
  return x + shift - shift;
}

/** Only the values that count decide the scale; the others are multiplied by zero, whatever they become. */
function quantised(values: Float64Array, counts: (p: number) => boolean): Line {
  const top = values.reduce((max, x, p) => (counts(p) ? Math.max(max, Math.abs(x)) : max), 0);
  if (!Number.isFinite(top)) return { values: values.fill(0), scale: Number.NaN };
  let scale = LOWEST;
  while (top >= LARGEST * scale) scale *= 2;
  return { values: values.map((x, p) => (counts(p) ? nearestEven(x / scale) : 0)), scale };
}

/** `lines` lines of `depth` values each. */
export function linesOf(
  heap: Heap,
  address: number,
  lines: number,
  nextLine: number,
  depth: number,
  next: number,
  counts: (p: number) => boolean = () => true,
): Line[] {
  return Array.from({ length: Math.max(0, lines) }, (_, i) =>
    quantised(
      Float64Array.from({ length: depth }, (_, p) => heap[(address >> 2) + i * nextLine + p * next]),
      counts,
    ),
  );
}
