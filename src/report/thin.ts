/**
 * @file Curves with more points than a screen has columns, thinned to what an eye can tell: of each column of pixels
 * the first, the last, the lowest and the highest point, and whether there is a gap. What is kept is as it was.
 */
import type { Figure, Series } from '../experiments/results.js';

/** Columns of a figure on a large screen with twice the pixels. */
const COLUMNS = 1600;

export interface Thinned {
  figures: Figure[];
  /** Points of the curves that were thinned: before, and after. */
  points: number;
  kept: number;
}

export function thinFigures(figures: readonly Figure[], columns = COLUMNS): Thinned {
  let points = 0;
  let kept = 0;
  const thinned = figures.map((figure) => ({
    ...figure,
    series: figure.series.map((series) => {
      const few = thinSeries(series, figure.xScale, columns);
      if (few !== series) {
        points += series.x.length;
        kept += few.x.length;
      }
      return few;
    }),
  }));
  return { figures: thinned, points, kept };
}

/** The same series where no column has more points than are kept of it. */
export function thinSeries(series: Series, scale: Figure['xScale'], columns = COLUMNS): Series {
  const { x, y, low, high } = series;
  if (x.length <= 4 * columns) return series;
  const place = (value: number) => (scale === 'log' && value > 0 ? Math.log(value) : value);
  const [first, last] = x.reduce(
    ([least, most], value) => [Math.min(least, place(value)), Math.max(most, place(value))],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const column = (value: number) =>
    last > first ? Math.min(columns - 1, Math.floor(((place(value) - first) / (last - first)) * columns)) : 0;
  const keep = new Set<number>();
  for (let from = 0; from < x.length; ) {
    let to = from + 1;
    while (to < x.length && column(x[to]!) === column(x[from]!)) to++;
    for (const index of tellingPoints([y, low, high], from, to)) keep.add(index);
    from = to;
  }
  const indexes = [...keep].sort((a, b) => a - b);
  const pick = <T>(values: readonly T[]) => indexes.map((index) => values[index]!);
  return {
    ...series,
    x: pick(x),
    y: pick(y),
    ...(low ? { low: pick(low) } : {}),
    ...(high ? { high: pick(high) } : {}),
  };
}

/** Indexes of a column that decide how it looks. */
function tellingPoints(
  lines: readonly (readonly (number | null)[] | undefined)[],
  from: number,
  to: number,
): number[] {
  const found = [from, to - 1];
  for (const values of lines) {
    if (!values) continue;
    let [least, most, gap] = [-1, -1, -1];
    for (let index = from; index < to; index++) {
      const value = values[index];
      if (value === null || value === undefined || Number.isNaN(value)) {
        gap = gap < 0 ? index : gap;
        continue;
      }
      if (least < 0 || value < values[least]!) least = index;
      if (most < 0 || value > values[most]!) most = index;
    }
    found.push(...[least, most, gap].filter((index) => index >= 0));
  }
  return found;
}
