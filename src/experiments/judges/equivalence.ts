/**
 * @file "As good as", both ways: two one-sided t tests at 5 % (Schuirmann 1987) over paired differences. Equal means that
 * the whole 90 % interval of the mean difference lies within the margin.
 */
import { mean } from '../statistics.js';
import type { Judged } from './judged.js';

/** Student's t at 95 % by degrees of freedom from 1 on; beyond 30 that of 30 is on the safe side. */
const T95 = [
  6.314, 2.92, 2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753,
  1.746, 1.74, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706, 1.703, 1.701, 1.699, 1.697,
];
/** Fewer seeds than these decide nothing. */
const FEWEST = 5;

/** Verdict over differences of pairs: `holds` within the margin, `does not hold` beyond it, else `not decided`. */
export function equivalence(
  differences: readonly number[],
  margin: number,
): Pick<Judged, 'perSeed' | 'compared' | 'threshold' | 'verdict' | 'reason'> {
  const n = differences.length;
  const middle = mean(differences);
  const squares = differences.reduce((sum, v) => sum + (v - middle) * (v - middle), 0);
  const half = n > 1 ? T95[Math.min(n - 1, T95.length) - 1] * Math.sqrt(squares / (n - 1) / n) : Number.NaN;
  const [low, high] = [middle - half, middle + half];
  const shared = {
    perSeed: [...differences],
    compared: [
      { name: 'mean difference', values: [middle] },
      { name: 'lower end of its 90 % interval', values: [low] },
      { name: 'upper end of its 90 % interval', values: [high] },
    ],
    threshold: `the 90 % interval within ±${margin}, over at least ${FEWEST} seeds`,
  };
  if (n < FEWEST)
    return { ...shared, verdict: 'not tested', reason: `${n} seeds, and ${FEWEST} are the fewest` };
  if (low > -margin && high < margin) return { ...shared, verdict: 'holds' };
  return { ...shared, verdict: low > margin || high < -margin ? 'does not hold' : 'not decided' };
}
