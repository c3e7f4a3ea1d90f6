/**
 * @file Series as columns over one x axis, as uPlot wants them: `undefined` where a series has no point, `null` for a
 * gap. What lies behind comes first: edges of bands and the raw values of smoothed lines.
 */
import type { Figure, Series } from '../../src/experiments/results.js';
import { isNumber, type Value } from './numbers.js';
import { smoothed, windowOf } from './smooth.js';

export type Column = (number | null | undefined)[];

export interface LineData {
  xs: number[];
  columns: Column[];
  /** Column of each series' line, and of what belongs to it and lies behind. */
  front: number[];
  raw: (number | undefined)[];
  bands: (readonly [high: number, low: number] | undefined)[];
  /** Values in a mean, per series; 1 where nothing is smoothed. */
  windows: number[];
}

/** Fewer points than these are drawn as they are. */
const LEAST_SMOOTHED = 20;

export function lineData({ series, smooth, xScale, yScale }: Figure): LineData {
  const hasPlace = (x: number) => Number.isFinite(x) && (xScale === 'linear' || x > 0);
  const xs = [...new Set(series.flatMap(({ x }) => x))].filter(hasPlace).sort((a, b) => a - b);
  // The number of a column is its number in uPlot, where the x axis is column 0.
  const columns: Column[] = [];
  const add = (x: readonly number[], y: readonly Value[]) => columns.push(spread(xs, x, y, yScale));
  const windows = series.map(({ y, smooth: own = smooth }) =>
    own && y.length >= LEAST_SMOOTHED ? windowOf(y.length) : 1,
  );
  const bands = series.map(({ x, low, high }) =>
    low && high ? ([add(x, high), add(x, low)] as const) : undefined,
  );
  const raw = series.map(({ x, y }, at) => (windows[at] > 1 ? add(x, y) : undefined));
  const front = series.map(({ x, y }, at) => add(x, windows[at] > 1 ? smoothed(y, windows[at]) : y));
  return { xs, columns, front, raw, bands, windows };
}

/** A logarithmic axis has no place for zero and below. */
function spread(
  xs: readonly number[],
  x: readonly number[],
  y: readonly Value[],
  scale: 'linear' | 'log',
): Column {
  const at = new Map(x.map((value, index) => [value, index]));
  return xs.map((value) => {
    const index = at.get(value);
    if (index === undefined) return undefined;
    const number = y[index];
    return isNumber(number) && (scale === 'linear' || number > 0) ? number : null;
  });
}

/** Whether what is drawn can take the new data without being built anew. */
export function isSameShape(one: Figure, other: Figure): boolean {
  const shape = ({ series, kind, smooth, xLabel, yLabel, xScale, yScale, levels, title }: Figure) => [
    ...[kind, smooth, xLabel, yLabel, xScale, yScale, title],
    ...series.map(({ label, placement, dashed, smooth: own, low, high }: Series) => [
      label,
      placement,
      dashed,
      own,
      !low,
      !high,
    ]),
    levels,
  ];
  return JSON.stringify(shape(one)) === JSON.stringify(shape(other));
}
