/**
 * @file A range in a grid: equal steps, equal factors, or so many values between two ends. Values are rounded to the
 * digits that one would write, so that 0.1 + 0.2 is 0.3 in a recipe and in a label.
 */
import { checkOptions, finite, integer, oneOf, optional, type Rules } from '../checks.js';
import { ConfigError } from '../errors.js';
import { pow64 } from '../runtime/math.js';

/** A range as a grid has it. */
export interface Range {
  /** First value. */
  from: number;
  /** Last value, where a step or factor reaches it. */
  to: number;
  /** From each value to the next; one of `step`, `factor` and `count` is given. */
  step?: number;
  /** Of each value to the one before. */
  factor?: number;
  /** How many values, both ends included. */
  count?: number;
  /** Of `count`: equal steps (`linear`, the default) or equal factors (`log`). */
  scale?: 'linear' | 'log';
}

/** More values of one field than that nobody means. */
const MOST = 10_000;
/** Digits of a value; a value between two ends of a logarithmic range has no exact ones. */
const DIGITS = 12;
const LOG_DIGITS = 6;

const rules: Rules<Range> = {
  from: finite,
  to: finite,
  step: optional(finite),
  factor: optional(finite),
  count: optional(integer(2, MOST)),
  scale: optional(oneOf('linear', 'log')),
};

/**
 * The values of a range.
 * @param path where it stands, for messages
 * @throws ConfigError for what is no range, or has too many values
 */
export function rangeValues(range: Range, path: string): number[] {
  checkOptions<Range>(path, range, rules);
  const { from, to, step, factor, count, scale = 'linear' } = range;
  const refuse = (message: string, hint: string): never => {
    throw new ConfigError(message, { op: path, actual: range, hint });
  };
  const ways = [step, factor, count].filter((way) => way !== undefined);
  if (ways.length !== 1) {
    const came = ways.length === 0 ? 'none' : 'several';
    refuse(
      `a range has one of step, factor and count, got ${came}`,
      'e.g. { "from": 1, "to": 4, "step": 1 }',
    );
  }
  if (range.scale !== undefined && count === undefined)
    refuse('scale goes with count', 'leave scale out, or give count');
  const isLog = factor !== undefined || scale === 'log';
  if (isLog && !(from > 0 && to > 0)) refuse('a range of factors has ends above 0', 'raise the lower end');
  if (count !== undefined) {
    if (from === to) refuse('from and to are the same', 'give the value in the recipe');
    return between(from, to, count, isLog);
  }
  return walk(range, refuse);
}

function between(from: number, to: number, count: number, isLog: boolean): number[] {
  return Array.from({ length: count }, (_, i) => {
    if (i === 0) return from;
    if (i === count - 1) return to;
    const share = i / (count - 1);
    return isLog
      ? rounded(from * pow64(to / from, share), LOG_DIGITS)
      : rounded(from + (to - from) * share, DIGITS);
  });
}

/** From one end by equal steps or factors, as far as the other. */
function walk({ from, to, step, factor }: Range, refuse: (message: string, hint: string) => never): number[] {
  const isUp = to >= from;
  if (factor !== undefined) {
    if (!(factor > 0) || factor === 1) refuse('factor must be above 0 and not 1', 'e.g. 2, or 0.5');
    if (factor > 1 !== isUp && from !== to) refuse('factor leads away from to', 'turn from and to round');
  } else if (step === 0 || (from !== to && (step as number) > 0 !== isUp))
    refuse(step === 0 ? 'step must not be 0' : 'step leads away from to', 'turn from and to round');
  const values: number[] = [];
  // A value that is next to the end but for rounding is the end.
  const slack = 1e-9 * Math.max(Math.abs(from), Math.abs(to));
  let value = from;
  while (isUp ? value <= to + slack : value >= to - slack) {
    values.push(rounded(value, DIGITS));
    if (values.length > MOST) refuse(`a range of more than ${MOST} values`, 'give a larger step or factor');
    value = factor === undefined ? from + values.length * (step as number) : value * factor;
  }
  return values;
}

function rounded(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}
