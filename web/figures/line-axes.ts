/** @file Scales and axes of a plot of lines, in uPlot's terms. */
import type uPlot from 'uplot';
import type { FigureData } from './drawing.js';
import { logTicks, tick, widen } from './numbers.js';
import type { Tokens } from './theme.js';

export const AXIS_SIZE = 12;

export function font(size: number, weight = ''): string {
  const family = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
  return `${weight} ${size}px ${family}`.trim();
}

/** With so few x values each has its tick. */
const FEW = 16;

export function scales(
  figure: FigureData,
  xs: () => readonly number[],
  whole: () => readonly [number, number],
  height: () => number,
): uPlot.Scales {
  const { xScale, yScale } = figure;
  const levels = (figure.levels ?? []).map(({ y }) => y).filter((y) => yScale === 'linear' || y > 0);
  return {
    x: {
      time: false,
      distr: xScale === 'log' ? 3 : 1,
      range: (_, low, high) => {
        const [first, last] = whole();
        const all = low === null || high === null || (low <= first && high >= last);
        const isGiven = figure.xRange !== undefined;
        // After new data uPlot asks with their ends, which a range that was given may exceed.
        const data = xs();
        if (all || (isGiven && low === data[0] && high === data[data.length - 1])) {
          return widen(first, last, xScale, isGiven ? 0 : data.length <= FEW ? 0.04 : 0.012);
        }
        return [low, high];
      },
    },
    y: {
      distr: yScale === 'log' ? 3 : 1,
      range: (_, low, high) => {
        const values = [low, high, ...levels].filter((value) => typeof value === 'number');
        if (values.length === 0) return yScale === 'log' ? [0.1, 10] : [0, 1];
        const bottom = Math.min(...values);
        const top = Math.max(...values);
        // Room for the name of a level beyond its line.
        const [under, over] = widen(bottom, top, yScale, levels.length > 0 && height() < 360 ? 0.13 : 0.08);
        // A linear axis starts at zero when the values come near it.
        return yScale === 'linear' && bottom >= 0 && bottom < 0.4 * top ? [0, over] : [under, over];
      },
    },
  };
}

export function axes(
  figure: FigureData,
  tokens: Tokens,
  xs: () => readonly number[],
  ticks: { at: number; text: string }[][],
): uPlot.Axis[] {
  const axis = (label: string) => ({
    label,
    labelFont: font(13),
    labelSize: 24,
    font: font(AXIS_SIZE),
    stroke: tokens.quiet,
    grid: { stroke: tokens.grid, width: 1 },
    ticks: { stroke: tokens.line, width: 1, size: 5 },
    gap: 5,
  });
  const named = (which: number) => (_: uPlot, splits: (number | null)[]) => {
    const texts = splits.map(tick);
    ticks[which] = splits.flatMap((at, index) => (at === null ? [] : [{ at, text: texts[index] }]));
    return texts;
  };
  const few = xs().length <= FEW;
  const isLog = figure.xScale === 'log';
  return [
    {
      ...axis(figure.xLabel),
      size: 32,
      values: named(0),
      ...(few
        ? { splits: (_: uPlot, __: number, low: number, high: number) => within(xs(), low, high) }
        : isLog
          ? { splits: (_: uPlot, __: number, low: number, high: number) => logTicks(low, high) }
          : {}),
      ...(few || isLog ? { filter: apart } : {}),
    },
    {
      ...axis(figure.yLabel),
      size: (plot, values) => {
        const { ctx } = plot;
        ctx.save();
        ctx.font = font(AXIS_SIZE);
        const widest = Math.max(0, ...(values ?? []).map((value) => ctx.measureText(value).width));
        ctx.restore();
        return Math.ceil(widest) + 20;
      },
      values: named(1),
      ...(figure.yScale === 'log'
        ? {
            splits: (_: uPlot, __: number, low: number, high: number) => logTicks(low, high),
            filter: (_: uPlot, splits: number[]) => splits,
          }
        : {}),
    },
  ];
}

function within(values: readonly number[], low: number, high: number): number[] {
  return values.filter((value) => value >= low && value <= high);
}

/** Leaves out the labels that would touch the one before. */
function apart(plot: uPlot, splits: number[]): (number | null)[] {
  let free = Number.NEGATIVE_INFINITY;
  return splits.map((value) => {
    const middle = plot.valToPos(value, 'x');
    const half = 4 + tick(value).length * 3.6;
    if (middle - half < free) return null;
    free = middle + half;
    return value;
  });
}
