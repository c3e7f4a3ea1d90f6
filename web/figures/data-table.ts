/** @file The numbers behind a figure as tables, built when they are opened: a page may hold hundreds of figures. */
import type { Heatmap, LayerStack, Series } from '../../src/experiments/results.js';
import type { FigureData } from './drawing.js';
import { element } from './elements.js';
import { show, showRange } from './numbers.js';

/** More rows than these are thinned out; the CSV holds all. */
export const MOST_ROWS = 400;

/** `<details>` with the figure's numbers; `latest` gives the figure as it is when opened. */
export function dataTable(latest: () => FigureData): HTMLDetailsElement {
  const { title } = latest();
  const body = element('div', {
    class: 'scroll',
    tabindex: 0,
    role: 'region',
    'aria-label': `Data of ${title}`,
  });
  const summary = element('summary', {}, 'Data', element('span', { class: 'unseen' }, ` of ${title}`));
  const details = element('details', { class: 'data' }, summary, body);
  details.addEventListener('toggle', () => {
    body.replaceChildren(...(details.open ? tables(latest()) : []));
  });
  return details;
}

export function tables(figure: FigureData): HTMLElement[] {
  if (figure.heatmap) return mapTables(figure.heatmap);
  if (figure.stack) return stackTables(figure.stack);
  return lineTables(figure);
}

function lineTables({ series, levels = [], xLabel, yLabel, kind }: FigureData): HTMLElement[] {
  if (kind === 'bars') {
    const rows = series.map((one) => [one.label, cell(one, one.y.length - 1)]);
    for (const { label, y } of levels) rows.push([`${label} (level)`, show(y)]);
    return [table(yLabel, [xLabel, yLabel], rows)];
  }
  const all = [...new Set(series.flatMap(({ x }) => x))].sort((a, b) => a - b);
  const every = Math.ceil(all.length / MOST_ROWS);
  const xs = all.filter((_, at) => at % every === 0 || at === all.length - 1);
  const places = series.map(({ x }) => new Map(x.map((value, index) => [value, index])));
  const rows = xs.map((x) => [
    show(x),
    ...series.map((one, at) => {
      const index = places[at].get(x);
      return index === undefined ? '' : cell(one, index);
    }),
  ]);
  for (const { label, y } of levels) rows.push([`${label} (level)`, ...series.map(() => show(y))]);
  const made = table(`${yLabel} by ${xLabel}`, [xLabel, ...series.map(({ label }) => label)], rows);
  if (every === 1) return [made];
  const note = `Every ${ordinal(every)} of ${all.length} rows and the last; the CSV holds all.`;
  return [element('p', { class: 'quiet' }, note), made];
}

function ordinal(n: number): string {
  const suffix = n % 100 > 10 && n % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${suffix}`;
}

function cell({ y, low, high }: Series, at: number): string {
  return y[at] === null || y[at] === undefined ? 'none' : showRange(y[at], low?.[at], high?.[at]);
}

function mapTables({ rowLabel, columnLabel, rows, columns, panels, valueLabel }: Heatmap): HTMLElement[] {
  return panels.map(({ label, values }) => {
    // Many columns become rows, which can be scrolled and thinned out.
    const turned = columns.length > 24 && rows.length < columns.length;
    const [down, across] = turned ? [columns, rows] : [rows, columns];
    const every = Math.ceil(down.length / MOST_ROWS);
    const lines = down.flatMap((name, at) =>
      at % every
        ? []
        : [[name, ...across.map((_, other) => show(turned ? values[other]?.[at] : values[at]?.[other]))]],
    );
    const corner = turned ? `${columnLabel} \\ ${rowLabel}` : `${rowLabel} \\ ${columnLabel}`;
    const thinned = every === 1 ? '' : `, every ${ordinal(every)} row; the CSV holds all`;
    return table(`${label}: ${valueLabel}${thinned}`, [corner, ...across], lines);
  });
}

function stackTables({ panels, valueLabel, streamLabel = 'main line' }: LayerStack): HTMLElement[] {
  return panels.map(({ label, layers }) => {
    const rows = layers.flatMap(({ blocks, stream }, layer) =>
      blocks.map((block, at) => [
        String(layer + 1),
        block.label,
        show(block.value),
        at === blocks.length - 1 ? show(stream) : '',
      ]),
    );
    return table(`${label}: ${valueLabel}`, ['layer', 'block', valueLabel, streamLabel], rows);
  });
}

function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  const top = element('tr', {}, ...head.map((name) => element('th', { scope: 'col' }, name)));
  const body = rows.map(([name, ...values]) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      ...values.map((value) => element('td', {}, value)),
    ),
  );
  return element(
    'table',
    {},
    element('caption', {}, caption),
    element('thead', {}, top),
    element('tbody', {}, ...body),
  );
}
