/** @file Bars: the last point of each series, with its interval. On a phone a bar's name stands above it. */
import type { Series } from '../../src/experiments/results.js';
import { placementName } from '../../src/nn/placement-names.js';
import { type Cell, cells, type Layout } from './cells.js';
import type { Drawing, FigureData, Stage } from './drawing.js';
import { svg } from './elements.js';
import { looksOf, type Palette } from './look.js';
import { isNumber, niceStep, show, showRange, tick, type Value } from './numbers.js';
import { hatched } from './scale.js';
import { shortened, textWidth } from './text.js';
import type { Tokens } from './theme.js';

const SIZE = 12.5;
/** Below this width names stand above their bars. */
const NARROW = 520;

export function bars(stage: Stage): Drawing {
  return cells(stage, 'bars', layOut);
}

interface Bar {
  name: string;
  value: Value;
  low: Value;
  high: Value;
}

function barOf({ label, placement, y, low, high }: Series): Bar {
  const at = y.length - 1;
  return { name: label || placementName(placement), value: y[at], low: low?.[at], high: high?.[at] };
}

function layOut(figure: FigureData, width: number, tokens: Tokens, palette: Palette): Layout {
  const all = figure.series.map(barOf);
  const levels = (figure.levels ?? []).filter(({ y }) => Number.isFinite(y));
  const looks = looksOf(figure.series, palette, tokens);
  const ends = [...all.flatMap(({ value, low, high }) => [value, low, high]), ...levels.map(({ y }) => y), 0];
  const numbers = ends.filter(isNumber);
  const low = numbers.reduce((a, b) => Math.min(a, b), 0);
  const span = numbers.reduce((a, b) => Math.max(a, b), 0) - low || 1;
  const text = ({ value, low: from, high: to }: Bar) =>
    isNumber(value) ? showRange(value, from, to) : 'diverged';
  const narrow = width < NARROW;
  const names = narrow
    ? 0
    : 10 + Math.min(width * 0.34, Math.max(0, ...all.map(({ name }) => textWidth(name, SIZE))));
  const numbersRoom = Math.max(0, ...all.map((bar) => textWidth(text(bar), SIZE))) + 14;
  const room = Math.max(60, width - names - numbersRoom);
  const place = (value: number) => names + (room * (value - low)) / span;
  const [rowHeight, thick] = narrow ? [44, 16] : [28, 18];
  const bottom = 6 + all.length * rowHeight;
  const axis = bottom + 18;
  const height = axis + 22 + 17 * levels.length;
  const node = svg('svg', {
    ...{ width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': figure.title },
    ...{ 'font-size': SIZE, fill: tokens.text },
  });
  const step = niceStep(span / Math.max(2, Math.min(8, room / 90)));
  for (let at = Math.ceil(low / step); at * step <= low + span * 1.0001; at++) {
    const value = Number((at * step).toPrecision(12));
    const x = place(value);
    node.append(
      svg('line', { x1: x, x2: x, y1: 2, y2: bottom, stroke: value === 0 ? tokens.edge : tokens.grid }),
      svg('text', { x, y: bottom + 14, 'text-anchor': 'middle', fill: tokens.quiet }, tick(value)),
    );
  }
  const made: Cell[] = all.map((bar, at) => {
    const { value, low: from, high: to } = bar;
    const group = svg('g', { class: 'cell' });
    const top = 6 + at * rowHeight + (narrow ? 18 : 2);
    group.append(
      narrow
        ? svg('text', { x: 0, y: top - 5 }, shortened(bar.name, width, SIZE))
        : svg(
            'text',
            { x: names - 10, y: top + 13, 'text-anchor': 'end' },
            shortened(bar.name, names - 10, SIZE),
          ),
    );
    const look = looks[at];
    let end = place(0);
    if (isNumber(value)) {
      const [x, wide] = [Math.min(place(0), place(value)), Math.abs(place(value) - place(0))];
      const paint = look.hollow
        ? { fill: tokens.surface, stroke: look.color, 'stroke-width': 2 }
        : { fill: look.color };
      group.append(svg('rect', { class: 'fill', x, y: top, width: wide, height: thick, ...paint }));
      end = Math.max(end, place(value));
    } else group.append(...hatched(place(0), top, 46, thick, tokens));
    if (isNumber(value) && isNumber(from) && isNumber(to) && from !== to) {
      const middle = top + thick / 2;
      const d = `M${place(from)} ${middle}H${place(to)}M${place(from)} ${middle - 4}v8M${place(to)} ${middle - 4}v8`;
      // A lighter line around it shows on the bar as well as beside it.
      for (const [stroke, wide] of [
        [tokens.surface, 4],
        [tokens.text, 1.5],
      ]) {
        group.append(svg('path', { d, stroke, 'stroke-width': wide, fill: 'none' }));
      }
      end = Math.max(end, place(to));
    }
    if (!isNumber(value)) end += 46;
    group.append(svg('text', { x: end + 8, y: top + 13, class: 'number' }, text(bar)));
    node.append(group);
    return { node: group, says: `${bar.name}: ${text(bar)}`, fill: look.color };
  });
  levels.forEach(({ label, y }, at) => {
    const x = place(y);
    const name = `${label} ${show(y)}`;
    const half = textWidth(name, SIZE) / 2;
    node.append(
      svg('path', { d: `M${x} 2V${axis + 4 + 17 * at}`, stroke: tokens.quiet, 'stroke-dasharray': '1 3' }),
      svg(
        'text',
        {
          x: Math.min(Math.max(x, half), width - half),
          y: axis + 15 + 17 * at,
          'text-anchor': 'middle',
          fill: tokens.quiet,
        },
        name,
      ),
    );
  });
  node.append(
    svg(
      'text',
      { x: names + room / 2, y: height - 4, 'text-anchor': 'middle', fill: tokens.quiet },
      shortened(figure.yLabel, width, SIZE),
    ),
  );
  const series = figure.series.map(({ label, x, y }) => ({
    label,
    x: x.slice(-1),
    y: y.slice(-1),
    shown: true,
  }));
  return { pictures: [{ node, width, height }], cells: made, columns: 1, series };
}
