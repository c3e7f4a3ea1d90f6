/** @file One measured number of the benchmark, what it is a share of, and the target it has to meet. */

export interface Target {
  /** Which of the row's two numbers is judged. */
  on: 'share' | 'value';
  /** Exactly one of the two bounds, or none when only the stretch is set. */
  atLeast?: number;
  atMost?: number;
  /** The wish beyond the target; missing it is no failure. */
  stretch?: number;
}

export interface Row {
  /** Unique in a run. */
  name: string;
  /** Median over the rounds; null when it could not be measured, `note` says why. */
  value: number | null;
  unit: string;
  /** Interquartile range of the value over the rounds. */
  iqr: number | null;
  /** Name of the row this one is a share of. */
  reference: string | null;
  /** Median over the rounds of value over reference, both of one round; for times of rivals, rival over us. */
  share: number | null;
  shareIqr: number | null;
  /** Which direction of the share, or of the value when there is no share, is an improvement. */
  better: 'higher' | 'lower';
  target: Target | null;
  /** Null without a target, or when only a stretch is set. */
  met: boolean | null;
  rounds: number;
  note?: string;
}

export interface RowInput {
  name: string;
  unit: string;
  /** One value per round. */
  samples: readonly number[];
  reference?: string;
  /** One share per round, parallel to `samples`. */
  shares?: readonly number[];
  better: 'higher' | 'lower';
  target?: Target;
  note?: string;
}

export function makeRow(input: RowInput): Row {
  const { name, unit, samples, shares, better, target = null, note } = input;
  const value = quartiles(samples);
  const share = shares ? quartiles(shares) : null;
  const row: Row = {
    name,
    value: value.median,
    unit,
    iqr: value.iqr,
    reference: input.reference ?? null,
    share: share?.median ?? null,
    shareIqr: share?.iqr ?? null,
    better,
    target,
    met: null,
    rounds: samples.length,
  };
  if (note !== undefined) row.note = note;
  row.met = judge(row);
  return row;
}

/** A row for what could not be measured: a target counts as missed. */
export function missingRow(input: Omit<RowInput, 'samples' | 'shares' | 'note'> & { note: string }): Row {
  const { name, unit, reference = null, better, target = null, note } = input;
  const met = target && hasBound(target) ? false : null;
  return {
    name,
    value: null,
    unit,
    iqr: null,
    reference,
    share: null,
    shareIqr: null,
    better,
    target,
    met,
    rounds: 0,
    note,
  };
}

/** Whether a row meets its target; null when there is nothing to meet. */
export function judge(row: Pick<Row, 'value' | 'share' | 'target'>): boolean | null {
  const { target } = row;
  if (!target || !hasBound(target)) return null;
  const number = target.on === 'share' ? row.share : row.value;
  if (number === null) return false;
  if (target.atLeast !== undefined) return number >= target.atLeast;
  return number <= (target.atMost as number);
}

/** Whether a row reaches the stretch as well; null without one. */
export function reachesStretch(row: Pick<Row, 'value' | 'share' | 'target'>): boolean | null {
  const { target } = row;
  if (target?.stretch === undefined) return null;
  const number = target.on === 'share' ? row.share : row.value;
  if (number === null) return false;
  return target.atMost === undefined ? number >= target.stretch : number <= target.stretch;
}

function hasBound(target: Target): boolean {
  return target.atLeast !== undefined || target.atMost !== undefined;
}

/** Median and interquartile range, quartiles by linear interpolation. */
export function quartiles(samples: readonly number[]): { median: number; iqr: number } {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (q: number): number => {
    const position = q * (sorted.length - 1);
    const low = Math.floor(position);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (position - low) * (sorted[high] - sorted[low]);
  };
  return { median: at(0.5), iqr: at(0.75) - at(0.25) };
}
