/** @file A figure's numbers as CSV: one row per value, with all its digits. */

import type { Heatmap, LayerStack } from '../../src/experiments/results.js';
import { placementNames } from '../../src/nn/placement-names.js';
import type { FigureData } from './drawing.js';

type Field = string | number | null | undefined;

export function csv(figure: FigureData): string {
  return `${rowsOf(figure)
    .map((row) => row.map(field).join(','))
    .join('\r\n')}\r\n`;
}

function rowsOf(figure: FigureData): Field[][] {
  if (figure.heatmap) return mapRows(figure.heatmap);
  if (figure.stack) return stackRows(figure.stack);
  const { series, levels = [], xLabel, yLabel } = figure;
  // Curves of a run, and arms that differ in something else, have no placement of norms.
  const hasPlacements = series.every(({ placement }) => Object.hasOwn(placementNames, placement));
  const [bottom, top] = hasPlacements ? ['lowest seed', 'highest seed'] : ['lowest', 'highest'];
  const named = (label: string, placement: string) => (hasPlacements ? [label, placement] : [label]);
  const rows: Field[][] = [[...named('series', 'placement'), xLabel, yLabel, bottom, top]];
  for (const { label, placement, x, y, low, high } of series) {
    for (const [at, value] of x.entries()) {
      rows.push([...named(label, placement), value, y[at], low?.[at], high?.[at]]);
    }
  }
  for (const { label, y } of levels) rows.push([...named(`level: ${label}`, ''), '', y, '', '']);
  return rows;
}

function mapRows({ rowLabel, columnLabel, rows, columns, panels, valueLabel }: Heatmap): Field[][] {
  const cells = panels.flatMap(({ label, values }) =>
    rows.flatMap((row, r) => columns.map((column, c) => [label, row, column, values[r]?.[c]])),
  );
  return [['map', rowLabel, columnLabel, valueLabel], ...cells];
}

function stackRows({ panels, valueLabel, streamLabel = 'main line' }: LayerStack): Field[][] {
  const cells = panels.flatMap(({ label, layers }) =>
    layers.flatMap(({ blocks, stream }, layer) =>
      blocks.map((block, at) => [
        ...[label, layer + 1, block.label, block.value],
        at === blocks.length - 1 ? stream : undefined,
      ]),
    ),
  );
  return [['stack', 'layer', 'block', valueLabel, streamLabel], ...cells];
}

/** Text that a spreadsheet would take for a formula is given as text; numbers stay numbers. */
function field(value: Field): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const isFormula = /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value));
  const text = isFormula ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
