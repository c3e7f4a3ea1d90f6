/** @file A plot of lines as vectors, with the axes, the zoom and the hidden lines that the page shows. */
import type uPlot from 'uplot';
import type { FigureData, Picture } from './drawing.js';
import { svg } from './elements.js';
import { levelNames } from './level-names.js';
import { AXIS_SIZE } from './line-axes.js';
import type { LineData } from './line-data.js';
import { LEVEL_DASH, marked } from './line-paint.js';
import type { Look } from './look.js';
import { mark, round, sample } from './marks.js';
import { textWidth } from './text.js';
import type { Tokens } from './theme.js';

const KEY_HEIGHT = 22;

export function linePicture(
  plot: uPlot,
  figure: FigureData,
  data: LineData,
  looks: readonly Look[],
  hidden: ReadonlySet<number>,
  ticks: readonly (readonly { at: number; text: string }[])[],
  tokens: Tokens,
): Picture {
  const { width, height, over } = plot;
  const [left, top] = [over.offsetLeft, over.offsetTop];
  const [wide, high] = [over.clientWidth, over.clientHeight];
  const x = (value: number) => round(plot.valToPos(value, 'x'));
  const y = (value: number) => round(plot.valToPos(value, 'y'));

  const frame: SVGElement[] = [];
  for (const { at, text } of ticks[0]) {
    const place = left + x(at);
    frame.push(rule(place, top, place, top + high, tokens.grid));
    if (text) frame.push(label(text, place, top + high + 18, 'middle', tokens));
  }
  for (const { at, text } of ticks[1]) {
    const place = top + y(at);
    frame.push(rule(left, place, left + wide, place, tokens.grid));
    if (text) frame.push(label(text, left - 8, place + 4, 'end', tokens));
  }
  frame.push(label(figure.xLabel, left + wide / 2, top + high + 44, 'middle', tokens));
  const turned = label(figure.yLabel, 0, 0, 'middle', tokens);
  turned.setAttribute('transform', `translate(14 ${round(top + high / 2)}) rotate(-90)`);
  frame.push(turned);

  // An svg of its own cuts off what lies beyond the axes.
  const inside = svg('svg', { x: left, y: top, width: wide, height: high, overflow: 'hidden' });
  for (const { y: value } of figure.levels ?? []) {
    const at = y(value);
    if (!Number.isFinite(at) || at < 0 || at > high) continue;
    const line = rule(0, at, wide, at, tokens.quiet);
    line.setAttribute('stroke-dasharray', LEVEL_DASH.join(' '));
    inside.append(line);
  }
  const names = levelNames(plot, figure, data, hidden).map((place) => {
    const text = label(place.label, place.left, place.middle + 4, 'start', tokens);
    for (const [key, to] of Object.entries({
      stroke: tokens.surface,
      'stroke-width': 4,
      'paint-order': 'stroke',
    })) {
      text.setAttribute(key, String(to));
    }
    return text;
  });
  const visible = [...figure.series.keys()].filter((at) => !hidden.has(at));
  for (const at of visible) {
    const edges = data.bands[at];
    if (!edges) continue;
    const d = area(data.xs, data.columns[edges[0] - 1], data.columns[edges[1] - 1], x, y);
    inside.append(svg('path', { d, fill: looks[at].color, 'fill-opacity': 0.2 }));
  }
  for (const at of visible) {
    const raw = data.raw[at];
    if (raw === undefined) continue;
    const d = path(data.xs, data.columns[raw - 1], x, y);
    inside.append(svg('path', { d, fill: 'none', stroke: looks[at].color, 'stroke-opacity': 0.28 }));
  }
  for (const at of visible) {
    const { color, dash, width: stroke } = looks[at];
    const values = data.columns[data.front[at] - 1];
    inside.append(
      svg('path', {
        d: path(data.xs, values, x, y),
        ...{ fill: 'none', stroke: color, 'stroke-width': stroke, 'stroke-linejoin': 'round' },
        'stroke-dasharray': dash.length ? dash.join(' ') : undefined,
      }),
    );
    if (data.windows[at] > 1) continue;
    for (const [px, py] of marked(data.xs, values, at)) {
      const marker = mark(looks[at], tokens.surface, x(px), y(py));
      if (marker) inside.append(marker);
    }
  }
  inside.append(...names);

  const keys = legendKeys(figure, data, looks, visible, tokens, width);
  keys.node.setAttribute('y', String(height + 8));
  const whole = height + 8 + keys.height;
  return { node: svg('svg', { width, height: whole }, ...frame, inside, keys.node), width, height: whole };
}

function rule(x1: number, y1: number, x2: number, y2: number, stroke: string): SVGElement {
  return svg('line', { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2), stroke });
}

function label(text: string, x: number, y: number, anchor: string, tokens: Tokens): SVGTextElement {
  const place = { x: round(x), y: round(y), 'text-anchor': anchor, fill: tokens.quiet };
  return svg('text', { ...place, 'font-size': AXIS_SIZE }, text);
}

/** Points in one line each; a value that is not there ends a line, a place without a value does not. */
function path(
  xs: readonly number[],
  values: readonly (number | null | undefined)[],
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  let text = '';
  let pen = 'M';
  for (const [at, value] of values.entries()) {
    if (value === undefined) continue;
    if (value === null) {
      pen = 'M';
      continue;
    }
    text += `${pen}${x(xs[at])} ${y(value)}`;
    pen = 'L';
  }
  return text;
}

/** Stretches in which both edges have values, each a closed outline. */
function area(
  xs: readonly number[],
  highs: readonly (number | null | undefined)[],
  lows: readonly (number | null | undefined)[],
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  let text = '';
  let there: string[] = [];
  let back: string[] = [];
  const close = () => {
    if (there.length > 1) text += `M${there.join('L')}L${back.reverse().join('L')}Z`;
    [there, back] = [[], []];
  };
  for (const [at, high] of highs.entries()) {
    const low = lows[at];
    if (high === undefined && low === undefined) continue;
    if (typeof high !== 'number' || typeof low !== 'number') close();
    else {
      there.push(`${x(xs[at])} ${y(high)}`);
      back.push(`${x(xs[at])} ${y(low)}`);
    }
  }
  close();
  return text;
}

function legendKeys(
  { series }: FigureData,
  { windows }: LineData,
  looks: readonly Look[],
  visible: readonly number[],
  tokens: Tokens,
  width: number,
): Picture {
  const node = svg('svg', { width });
  let x = 0;
  let row = 0;
  for (const at of visible) {
    const text = windows[at] > 1 ? `${series[at].label}, mean of ${windows[at]}` : series[at].label;
    const wide = 48 + textWidth(text, 13) + 20;
    if (x > 0 && x + wide > width) {
      x = 0;
      row++;
    }
    const look = windows[at] > 1 ? { ...looks[at], shape: undefined } : looks[at];
    const swatch = sample(look, tokens.surface);
    swatch.setAttribute('x', String(round(x)));
    swatch.setAttribute('y', String(row * KEY_HEIGHT + 2));
    const place = { x: round(x + 48), y: row * KEY_HEIGHT + 14, fill: tokens.text, 'font-size': 13 };
    node.append(swatch, svg('text', place, text));
    x += wide;
  }
  const height = visible.length ? (row + 1) * KEY_HEIGHT : 0;
  node.setAttribute('height', String(height));
  return { node, width, height };
}
