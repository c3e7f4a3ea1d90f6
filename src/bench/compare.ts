/** @file Two runs of the benchmark, row by row: same, faster, slower, or too noisy to tell. */
import type { BenchResults } from './results.js';
import type { Row } from './row.js';

export type CompareVerdict = 'same' | 'faster' | 'slower' | 'too noisy' | 'only in one';

export interface Comparison {
  name: string;
  /** The number compared: the share when both rows have one, because it swings less than the value. */
  basis: 'share' | 'value';
  unit: string;
  before: number | null;
  after: number | null;
  /** after / before - 1. */
  change: number | null;
  /** A change within ± this says nothing. */
  interval: number | null;
  verdict: CompareVerdict;
}

/**
 * Part of the number that two runs may differ by even without any spread inside a run: they get other pages of
 * memory and other code addresses.
 */
const FLOOR = 0.05;
/** An interval wider than this hides what one would want to know. */
const TOO_WIDE = 0.25;

/**
 * The interval of a change is the root of the sum of both runs' squared relative interquartile ranges, and at least
 * 5 %. That is about three standard errors of the difference of two medians of nine samples.
 */
export function compareRows(before: Row, after: Row): Comparison {
  const byShare = before.share !== null && after.share !== null && before.reference === after.reference;
  const basis = byShare ? 'share' : 'value';
  const [a, b] = [before[basis], after[basis]];
  const base = { name: after.name, basis, unit: byShare ? '' : after.unit, before: a, after: b } as const;
  if (a === null || b === null) {
    const verdict = a === null && b === null ? 'same' : 'only in one';
    return { ...base, change: null, interval: null, verdict };
  }
  const spread = (row: Row, number: number): number => {
    const iqr = (byShare ? row.shareIqr : row.iqr) ?? 0;
    return number === 0 ? 0 : iqr / Math.abs(number);
  };
  const [sa, sb] = [spread(before, a), spread(after, b)];
  const interval = Math.max(FLOOR, Math.sqrt(sa * sa + sb * sb));
  const change = a === b ? 0 : a === 0 ? Number.POSITIVE_INFINITY : b / a - 1;
  let verdict: CompareVerdict;
  if (Math.abs(change) > interval) verdict = change > 0 === (after.better === 'higher') ? 'faster' : 'slower';
  else verdict = interval > TOO_WIDE || before.tooNoisy || after.tooNoisy ? 'too noisy' : 'same';
  return { ...base, change, interval, verdict };
}

/** Every row of either run, in the order of the second, then what only the first has. */
export function compareResults(before: BenchResults, after: BenchResults): Comparison[] {
  const old = new Map(before.rows.map((row) => [row.name, row]));
  const compared = after.rows.map((row) => {
    const other = old.get(row.name);
    old.delete(row.name);
    return other ? compareRows(other, row) : onlyIn(row, 'after');
  });
  return [...compared, ...[...old.values()].map((row) => onlyIn(row, 'before'))];
}

function onlyIn(row: Row, side: 'before' | 'after'): Comparison {
  const basis = row.share === null ? 'value' : 'share';
  const numbers = { before: null, after: null, [side]: row[basis] };
  const unit = basis === 'share' ? '' : row.unit;
  return { name: row.name, basis, unit, ...numbers, change: null, interval: null, verdict: 'only in one' };
}
