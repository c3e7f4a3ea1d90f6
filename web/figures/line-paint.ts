/** @file What is drawn on the canvas of a plot beside its lines: named levels, and markers. */
import './language.js';
import uPlot from 'uplot';
import type { FigureData } from './drawing.js';
import type { Place } from './level-names.js';
import { AXIS_SIZE, font } from './line-axes.js';
import type { Look } from './look.js';
import { RADIUS, trace } from './marks.js';
import type { Tokens } from './theme.js';

export const LEVEL_DASH = [1, 3];

/** The lines of the named levels, behind the series. */
export function drawLevels(plot: uPlot, { levels }: FigureData, tokens: Tokens): void {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.strokeStyle = tokens.quiet;
  ctx.lineWidth = ratio;
  ctx.setLineDash(LEVEL_DASH.map((part) => part * ratio));
  for (const { y } of levels ?? []) {
    const at = plot.valToPos(y, 'y', true);
    if (!Number.isFinite(at) || at < bbox.top || at > bbox.top + bbox.height) continue;
    ctx.beginPath();
    ctx.moveTo(bbox.left, at);
    ctx.lineTo(bbox.left + bbox.width, at);
    ctx.stroke();
  }
  ctx.restore();
}

/** Their names, in front of all. */
export function drawLevelNames(plot: uPlot, places: readonly Place[], tokens: Tokens): void {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
  ctx.font = font(AXIS_SIZE * ratio);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.lineWidth = 4 * ratio;
  ctx.lineJoin = 'round';
  ctx.strokeStyle = tokens.surface;
  ctx.fillStyle = tokens.quiet;
  for (const { label, left, middle } of places) {
    const position = [bbox.left + left * ratio, bbox.top + middle * ratio] as const;
    ctx.strokeText(label, ...position);
    ctx.fillText(label, ...position);
  }
  ctx.restore();
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
