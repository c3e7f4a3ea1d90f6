/** @file How numbers, times and verdicts are worded, the same on the page and in the terminal. */
import type { ClaimRow, Results } from '../experiments/results.js';

export { placementName } from '../nn/placement-names.js';

/** Three significant digits, two below 0.1; or what is left of a number that went through JSON. */
export function formatNumber(value: number | null | undefined): string {
  if (value === undefined) return '';
  if (value === null || Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'infinite' : '-infinite';
  const magnitude = Math.abs(value);
  if (value === 0) return '0';
  if (magnitude >= 1e6 || magnitude < 1e-3) {
    const [digits, power] = value.toExponential(2).split('e');
    return `${Number(digits)}e${Number(power)}`;
  }
  if (Number.isInteger(value)) return String(value);
  if (magnitude >= 1000) return value.toFixed(0);
  return value.toPrecision(magnitude < 0.1 ? 2 : 3);
}

export function formatDuration(seconds: number): string {
  if (!(seconds >= 0)) return 'unknown';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ''}`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
}

export function formatShare(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

export function shortHash(hash: string): string {
  return hash.slice(0, 12);
}

/** `NaN` when any value is missing: a diverged seed must not hide in a median. */
export function median(values: readonly (number | null)[]): number {
  if (values.length === 0 || values.some((value) => value === null || Number.isNaN(value))) return Number.NaN;
  const sorted = (values as number[]).toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function isExpected(claim: ClaimRow): boolean {
  return claim.verdict === claim.expected;
}

export function countExpected(results: Results): number {
  return results.claims.filter(isExpected).length;
}

/** `6 of 6 claims came out as expected.` and, where not, which did not. */
export function outcome(results: Results): string {
  const { claims } = results;
  if (claims.length === 0) return 'No claim was judged in this run.';
  const expected = countExpected(results);
  const head =
    expected === claims.length
      ? `${claims.length === 1 ? 'The one claim' : `All ${claims.length} claims`} came out as expected`
      : `${expected} of ${claims.length} claims came out as expected`;
  const unexpected = claims.filter((claim) => !isExpected(claim));
  const names = unexpected.map((claim) => `${claim.claim} (${claim.verdict}, expected: ${claim.expected})`);
  return `${head}${names.length ? `; unexpected: ${names.join(', ')}` : ''}.`;
}

/** Time against budget; over budget is said, never hidden. */
export function timing({ seconds, budgetSeconds }: Results): string {
  const took = formatDuration(seconds);
  if (!(budgetSeconds > 0)) return `It took ${took}.`;
  const budget = formatDuration(budgetSeconds);
  if (seconds <= budgetSeconds) return `It took ${took}, within the budget of ${budget}.`;
  return `It took ${took}, which is ${formatDuration(seconds - budgetSeconds)} over the budget of ${budget}; no steps were cut.`;
}
