/** @file The few statistics that verdicts rest on. */
import { log64 } from '../runtime/math.js';

export function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Slope of the least-squares line through (x, y). */
export function slope(x: readonly number[], y: readonly number[]): number {
  const mx = mean(x);
  const my = mean(y);
  let sxy = 0;
  let sxx = 0;
  for (let i = 0; i < x.length; i++) {
    sxy += (x[i] - mx) * (y[i] - my);
    sxx += (x[i] - mx) * (x[i] - mx);
  }
  return sxy / sxx;
}

export function maxOverMin(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values);
}

/** Entropy of the distribution of ids, in nats: the NLL of a model that knows how frequent each is, and no more. */
export function entropy(ids: ArrayLike<number>): number {
  const counts = new Map<number, number>();
  for (let i = 0; i < ids.length; i++) counts.set(ids[i], (counts.get(ids[i]) ?? 0) + 1);
  let nll = 0;
  // In the order of the ids, so that the sum has one order.
  for (const [, count] of [...counts].sort((a, b) => a[0] - b[0])) {
    nll -= (count / ids.length) * log64(count / ids.length);
  }
  return nll;
}
