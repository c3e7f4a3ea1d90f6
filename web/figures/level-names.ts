/** @file Where the names of levels stand: above or below their lines, where the lines and points drawn leave room. */
import type uPlot from 'uplot';
import type { FigureData } from './drawing.js';
import { AXIS_SIZE } from './line-axes.js';
import type { LineData } from './line-data.js';
import { RADIUS } from './marks.js';
import { textWidth } from './text.js';

/** A named level on the plot; all lengths in CSS pixels from the plot's upper left corner. */
export interface NamedLevel {
  label: string;
  /** Its line. */
  at: number;
  /** Of the text. */
  width: number;
}

export interface Place {
  label: string;
  left: number;
  /** The middle of the text's height. */
  middle: number;
}

type Box = readonly [left: number, top: number, right: number, bottom: number];
/** One line as it is drawn; null ends a stretch. */
export type Trace = readonly (readonly [x: number, y: number] | null)[];

const HEIGHT = 14;
const GAP = 3;
const MARGIN = 4;
/** Places tried along a line, from right to left. */
const TRIED = 12;
/** Two names over each other are worse than any number of points under one. */
const OVERLAP = 1e6;

/** Places of a plot's level names beside the lines that are shown. */
export function levelNames(
  plot: uPlot,
  { levels = [] }: FigureData,
  { xs, columns, front }: LineData,
  hidden: ReadonlySet<number>,
): Place[] {
  const { clientWidth: width, clientHeight: height } = plot.over;
  const left = xs.map((x) => plot.valToPos(x, 'x'));
  const traces = front.flatMap((column, series): Trace[] => {
    if (hidden.has(series)) return [];
    // A place without a value does not end a line; a value that is not there does.
    const points = columns[column - 1].map((y, at) =>
      typeof y === 'number' ? ([left[at], plot.valToPos(y, 'y')] as const) : y,
    );
    return [points.filter((point) => point !== undefined)];
  });
  const named = levels.map(({ label, y }) => ({
    label,
    at: plot.valToPos(y, 'y'),
    width: textWidth(label, AXIS_SIZE),
  }));
  return placeNames(named, { width, height }, traces);
}

/** The first of the places tried that covers least: at the right end, and on the side nearer the plot's edge, if free. */
export function placeNames(
  levels: readonly NamedLevel[],
  { width, height }: { width: number; height: number },
  traces: readonly Trace[],
): Place[] {
  const taken: Box[] = [];
  const places: Place[] = [];
  for (const { label, at, width: wide } of levels) {
    if (!Number.isFinite(at) || at < 0 || at > height) continue;
    const sides = at < height / 2 ? [-1, 1] : [1, -1];
    const room = Math.max(0, width - wide - 2 * MARGIN);
    let best: { cost: number; box: Box; place: Place } | undefined;
    for (let step = 0; step <= TRIED && best?.cost !== 0; step++) {
      for (const side of sides) {
        const left = MARGIN + room * (1 - step / TRIED);
        const middle = at + side * (GAP + HEIGHT / 2);
        const box: Box = [left, middle - HEIGHT / 2, left + wide, middle + HEIGHT / 2];
        if (box[1] < 0 || box[3] > height) continue;
        const covers = traces.reduce((sum, trace) => sum + crossings(trace, box), 0);
        const cost = covers + OVERLAP * taken.filter((other) => overlaps(box, other)).length;
        if (!best || cost < best.cost) best = { cost, box, place: { label, left, middle } };
      }
    }
    if (!best) continue;
    taken.push(best.box);
    places.push(best.place);
  }
  return places;
}

function overlaps(a: Box, b: Box): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

/** Points, with their markers, and stretches between points that reach into a box. */
function crossings(trace: Trace, [left, top, right, bottom]: Box): number {
  const grown: Box = [left - RADIUS, top - RADIUS, right + RADIUS, bottom + RADIUS];
  let count = 0;
  let before: readonly [number, number] | null = null;
  for (const point of trace) {
    if (point && isWithin(point, grown)) count++;
    else if (point && before && meets(before, point, grown)) count++;
    before = point;
  }
  return count;
}

function isWithin([x, y]: readonly [number, number], [left, top, right, bottom]: Box): boolean {
  return x >= left && x <= right && y >= top && y <= bottom;
}

/** Whether a stretch passes through a box: what is left of it after each edge has cut it. */
function meets(
  [ax, ay]: readonly [number, number],
  [bx, by]: readonly [number, number],
  [left, top, right, bottom]: Box,
): boolean {
  let [from, to] = [0, 1];
  const edges = [
    [bx - ax, left - ax, right - ax],
    [by - ay, top - ay, bottom - ay],
  ];
  for (const [length, low, high] of edges) {
    if (length === 0) {
      if (low > 0 || high < 0) return false;
      continue;
    }
    const [enter, leave] = length > 0 ? [low / length, high / length] : [high / length, low / length];
    [from, to] = [Math.max(from, enter), Math.min(to, leave)];
    if (from > to) return false;
  }
  return true;
}
