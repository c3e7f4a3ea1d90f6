/** @file Numbers as they are shown, and where the ticks of an axis stand. */
import { formatNumber } from '../../src/report/wording.js';

/** What a figure may hold in the place of a number: `null` and NaN where there is none. */
export type Value = number | null | undefined;

export function isNumber(value: Value): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

export function show(value: Value): string {
  return isNumber(value) ? formatNumber(value) : '–';
}

/** As `show`, with the interval over seeds. */
export function showRange(value: Value, low: Value, high: Value): string {
  if (!isNumber(value) || !isNumber(low) || !isNumber(high) || low === high) return show(value);
  return `${show(value)} (${show(low)} to ${show(high)})`;
}

export function tick(value: Value): string {
  if (!isNumber(value)) return '';
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude >= 1e5 || magnitude < 1e-3)) return formatNumber(value);
  return String(Number(value.toPrecision(4)));
}

/** Widened a little, so that markers at the rim are whole. */
export function widen(
  low: number,
  high: number,
  scale: 'linear' | 'log',
  share: number,
): [low: number, high: number] {
  if (scale === 'log') {
    const by = high > low ? (high / low) ** share : 1.5;
    return [low / by, high * by];
  }
  const by = (high - low || Math.abs(high) || 1) * share;
  return [low - by, high + by];
}

/** Ticks of a logarithmic axis: powers of ten with steps between, and plain steps where it spans under a decade. */
export function logTicks(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  if (!(low > 0) || !Number.isFinite(decades)) return [];
  if (decades < 0.8) {
    const step = niceStep((high - low) / 6);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) =>
      Number(((first + index) * step).toPrecision(12)),
    );
  }
  const steps = decades > 4 ? [1] : decades > 1.4 ? [1, 2, 5] : [1, 2, 3, 5, 7];
  const every = decades > 12 ? Math.ceil(decades / 8) : 1;
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += every) {
    for (const step of steps) ticks.push(Number((step * 10 ** power).toPrecision(12)));
  }
  return ticks.filter((value) => value >= low && value <= high);
}

/** The next of 1, 2, 5 times a power of ten. */
export function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((step) => step * power >= rough) ?? 10) * power;
}
