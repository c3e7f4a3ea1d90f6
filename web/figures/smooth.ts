/** @file Means of neighbouring values, so that a trend shows in front of what scatters. */
import { isNumber, type Value } from './numbers.js';

/** How many values go into a mean: nine, and more where thousands share the width of a plot. */
export function windowOf(count: number): number {
  return 2 * Math.max(4, Math.floor(count / 80)) + 1;
}

/** Each value's mean with its neighbours on both sides, fewer at the ends; gaps stay gaps and are not averaged over. */
export function smoothed(values: readonly Value[], window: number): (number | null)[] {
  const half = window >> 1;
  const sums = [0];
  const counts = [0];
  for (const [at, value] of values.entries()) {
    sums.push(sums[at] + (isNumber(value) ? value : 0));
    counts.push(counts[at] + (isNumber(value) ? 1 : 0));
  }
  return values.map((value, at) => {
    if (!isNumber(value)) return null;
    // As many on either side: at the ends a mean that leans to one side would bend the line.
    const reach = Math.min(half, at, values.length - 1 - at);
    const [from, to] = [at - reach, at + reach + 1];
    return (sums[to] - sums[from]) / (counts[to] - counts[from]);
  });
}
