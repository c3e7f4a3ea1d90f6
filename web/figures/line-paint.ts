/** @file What is drawn on the canvas of a plot beside its lines: named levels, and markers. */
import './language.js';
import uPlot from 'uplot';
import type { FigureData } from './drawing.js';
import { AXIS_SIZE, font } from './line-axes.js';
import type { Look } from './look.js';
import { RADIUS, trace } from './marks.js';
import type { Tokens } from './theme.js';

export const LEVEL_DASH = [1, 3];

/** The named levels: their lines behind the series, or their names above all. */
export function drawLevels(
  plot: uPlot,
  { levels }: FigureData,
  tokens: Tokens,
  what: 'lines' | 'names',
): void {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  const right = bbox.left + bbox.width;
  ctx.save();
  ctx.globalAlpha = 1;
  for (const { label, y } of levels ?? []) {
    const at = plot.valToPos(y, 'y', true);
    if (!Number.isFinite(at) || at < bbox.top || at > bbox.top + bbox.height) continue;
    if (what === 'lines') {
      ctx.beginPath();
      ctx.strokeStyle = tokens.quiet;
      ctx.lineWidth = ratio;
      ctx.setLineDash(LEVEL_DASH.map((part) => part * ratio));
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(right, at);
      ctx.stroke();
      continue;
    }
    const above = isAbove(at, bbox.top, bbox.top + bbox.height, 18 * ratio);
    ctx.setLineDash([]);
    ctx.font = font(AXIS_SIZE * ratio);
    ctx.textAlign = 'right';
    ctx.textBaseline = above ? 'bottom' : 'top';
    ctx.lineWidth = 4 * ratio;
    ctx.lineJoin = 'round';
    ctx.strokeStyle = tokens.surface;
    ctx.fillStyle = tokens.quiet;
    const position = [right - 4 * ratio, at + (above ? -3 : 4) * ratio] as const;
    ctx.strokeText(label, ...position);
    ctx.fillText(label, ...position);
  }
  ctx.restore();
}

/** On the side of the line that is farther from the middle, where fewer lines pass, if there is room. */
export function isAbove(at: number, top: number, bottom: number, room: number): boolean {
  return at - room < top ? false : at + room > bottom || at < (top + bottom) / 2;
}

/** Which points get a marker: all when there are few, about twelve otherwise, staggered from line to line. */
export function marked(
  xs: ArrayLike<number>,
  values: ArrayLike<number | null | undefined>,
  ordinal: number,
): [x: number, y: number][] {
  const present: [number, number][] = [];
  for (let at = 0; at < xs.length; at++) {
    const y = values[at];
    if (typeof y === 'number') present.push([xs[at], y]);
  }
  const every = present.length <= 24 ? 1 : Math.ceil(present.length / 12);
  return present.filter((_, at) => at % every === (every === 1 ? 0 : (3 * ordinal + 3) % every));
}

export function drawMarkers(plot: uPlot, column: number, ordinal: number, look: Look, ground: string): void {
  const { show, alpha } = plot.series[column];
  if (!show || !look.shape) return;
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.globalAlpha = alpha ?? 1;
  ctx.setLineDash([]);
  ctx.strokeStyle = look.color;
  ctx.lineWidth = 1.75 * ratio;
  ctx.fillStyle = look.hollow ? ground : look.color;
  for (const [x, y] of marked(plot.data[0], plot.data[column], ordinal)) {
    const left = plot.valToPos(x, 'x', true);
    if (left < bbox.left - 1 || left > bbox.left + bbox.width + 1) continue;
    ctx.beginPath();
    trace(ctx, look.shape, left, plot.valToPos(y, 'y', true), RADIUS * ratio);
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}
