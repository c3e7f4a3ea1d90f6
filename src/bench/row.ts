/** @file One measured number of the benchmark, what it is a share of, and the target it has to meet. */
import type { Conditions } from './conditions.js';
import { intervalOf, NARROW, quartiles } from './timing.js';

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
  /** The 95 % interval of the median that is judged (the share, or the value where there is none), one side, relative. */
  interval: number | null;
  /** Whether that is wider than 3 %, or too few rounds were left undisturbed: the number is not to be relied on. */
  tooNoisy: boolean;
  /** Which direction of the share, or of the value when there is no share, is an improvement. */
  better: 'higher' | 'lower';
  target: Target | null;
  /** Null without a target, or when only a stretch is set. */
  met: boolean | null;
  rounds: number;
  /** Average load while it was measured, and the part of the processor time that the host gave to others. */
  load: number | null;
  steal: number | null;
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
  /** What else the machine did meanwhile; without it the row says nothing of that. */
  conditions?: Conditions;
  /** Of rounds that were dropped too many were disturbed. */
  tooNoisy?: boolean;
  note?: string;
}

export function makeRow(input: RowInput): Row {
  const { name, unit, samples, shares, better, target = null, conditions, note } = input;
  const value = quartiles(samples);
  const share = shares ? quartiles(shares) : null;
  const interval = intervalOf(shares ?? samples);
  const row: Row = {
    name,
    value: value.median,
    unit,
    iqr: value.iqr,
    reference: input.reference ?? null,
    share: share?.median ?? null,
    shareIqr: share?.iqr ?? null,
    interval,
    tooNoisy: interval > NARROW || input.tooNoisy === true,
    better,
    target,
    met: null,
    rounds: samples.length,
    load: conditions?.load ?? null,
    steal: conditions?.steal ?? null,
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
    interval: null,
    tooNoisy: false,
    better,
    target,
    met,
    rounds: 0,
    load: null,
    steal: null,
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
