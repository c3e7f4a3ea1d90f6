/** @file Maps over a common grid, on one scale of colours. Numbers stand in the fields where these have room. */
import type { Heatmap } from '../../src/experiments/results.js';
import { type Cell, cells, type Layout } from './cells.js';
import type { Drawing, FigureData, Picture, Stage } from './drawing.js';
import { svg } from './elements.js';
import { isNumber, show } from './numbers.js';
import { ColorScale, hatched, scaleKey, textOn } from './scale.js';
import { shortened, textWidth } from './text.js';
import type { Tokens } from './theme.js';

const SIZE = 12;
const GAP = 24;
const ROW = 26;
/** Fields narrower than this have no numbers. */
const READABLE = 42;
const WIDEST = 64;

export function heatMap(stage: Stage): Drawing {
  return cells(stage, 'heatmap', layOut);
}

function layOut({ heatmap }: FigureData, width: number, tokens: Tokens): Layout {
  if (!heatmap) return { pictures: [], cells: [], columns: 1 };
  const { rows, columns, panels, valueLabel, valueScale } = heatmap;
  const values = panels.flatMap((panel) => panel.values.flat());
  const scale = new ColorScale(values, valueScale);
  const left =
    8 +
    Math.min(110, Math.max(textWidth(heatmap.rowLabel, SIZE), ...rows.map((row) => textWidth(row, SIZE))));
  // As many maps beside each other as have room for readable fields.
  const natural = left + columns.length * READABLE;
  const across = Math.max(1, Math.min(panels.length, Math.floor((width + GAP) / (natural + GAP))));
  const room = (width - (across - 1) * GAP) / across;
  const count = Math.max(1, columns.length);
  const field = Math.min(
    WIDEST,
    (room - left - 2) / count,
    (room - left - halfLabel(columns)) / (count - 0.5),
  );
  const made: Cell[] = [];
  const pictures = panels.map((panel) => map(heatmap, panel, scale, left, field, tokens, made));
  const missing = values.some((value) => scale.stop(value) === undefined);
  const label = `${valueLabel}${valueScale === 'log' ? ', logarithmic' : ''}${scale.hasZero ? ', 0 in the lowest colour' : ''}${panels.length > 1 ? ', one scale for all maps' : ''}`;
  const hatchMeans = missing ? 'no value: the run diverged or was not made' : undefined;
  const key = scaleKey(scale, label, width, tokens, hatchMeans);
  return { pictures, key, cells: made, columns: columns.length };
}

/** How far the label under the last column reaches beyond its middle; a long one does not push the map away. */
function halfLabel(columns: readonly string[]): number {
  return Math.min(24, textWidth(columns.at(-1) ?? '', SIZE) / 2 + 1);
}

function map(
  { rowLabel, columnLabel, rows, columns, valueLabel }: Heatmap,
  { label, values }: Heatmap['panels'][number],
  scale: ColorScale,
  left: number,
  field: number,
  tokens: Tokens,
  made: Cell[],
): Picture {
  const height = 68 + rows.length * ROW;
  const width =
    left +
    Math.max(
      columns.length * field + 2,
      (columns.length - 0.5) * field + halfLabel(columns),
      textWidth(label, 14, '600'),
    );
  const node = svg('svg', {
    ...{
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-label': `${label}: ${valueLabel}`,
    },
    ...{ 'font-size': SIZE, fill: tokens.quiet },
  });
  const top = 28;
  node.append(
    svg('text', { x: left, y: 14, 'font-size': 14, 'font-weight': 600, fill: tokens.text }, label),
    svg('text', { x: 0, y: top + rows.length * ROW + 16 }, shortened(rowLabel, left - 4, SIZE)),
    svg(
      'text',
      { x: left + (columns.length * field) / 2, y: height - 6, 'text-anchor': 'middle' },
      columnLabel,
    ),
  );
  // Labels of columns stand as close as they can without touching.
  const widest = Math.max(0, ...columns.map((name) => textWidth(name, SIZE))) + 8;
  const every = Math.max(1, Math.ceil(widest / field));
  columns.forEach((name, at) => {
    if (at % every !== 0) return;
    const place = { x: left + (at + 0.5) * field, y: top + rows.length * ROW + 16, 'text-anchor': 'middle' };
    node.append(svg('text', place, name));
  });
  const gap = field > 12 ? 1.5 : 0;
  rows.forEach((row, r) => {
    const y = top + r * ROW;
    node.append(
      svg('text', { x: left - 6, y: y + 17, 'text-anchor': 'end' }, shortened(row, left - 6, SIZE)),
    );
    columns.forEach((column, c) => {
      const value = values[r]?.[c];
      const stop = scale.stop(value);
      const x = left + c * field;
      const [wide, high] = [field - gap, ROW - 1.5];
      const group = svg('g', { class: 'cell' });
      if (stop === undefined) group.append(...hatched(x, y, wide, high, tokens));
      else {
        group.append(
          svg('rect', { class: 'fill', x, y, width: wide, height: high, fill: tokens[`g${stop}`] }),
        );
        if (field >= READABLE) {
          const place = { x: x + wide / 2, y: y + 16.5, 'text-anchor': 'middle', fill: textOn(stop, tokens) };
          group.append(svg('text', place, show(value)));
        }
      }
      node.append(group);
      const number = isNumber(value) ? show(value) : 'no value';
      made.push({
        node: group,
        says: `${label}, ${rowLabel} ${row}, ${columnLabel} ${column}: ${number}`,
        fill: stop === undefined ? '' : tokens[`g${stop}`],
      });
    });
  });
  return { node, width, height };
}
