/**
 * @file Heat maps and bars, as SVG written with the page: they need no script and print as they are. Colours are
 * attributes, since the page's policy allows no style attribute; text takes the colour of its surroundings.
 */
import type { Figure, Heatmap, Series } from '../experiments/results.js';
import { html, type Markup } from './markup.js';
import { formatNumber, placementName } from './wording.js';

type Value = number | null | undefined;

const isNumber = (value: Value): value is number => typeof value === 'number' && Number.isFinite(value);

/** What stands in a cell or beside a bar. */
function shown(value: Value): string {
  return isNumber(value) ? formatNumber(value) : 'div.';
}

export function chart(figure: Figure): Markup | undefined {
  if (figure.heatmap) return heatmapSvg(figure.heatmap);
  return figure.kind === 'bars' ? barsSvg(figure) : undefined;
}

const light = [239, 246, 252];
const dark = [8, 62, 122];

/** One hue from light to dark, so that order survives without colour; `share` in [0, 1]. */
function shade(share: number): string {
  return `#${light
    .map((from, at) =>
      Math.round(from + share * (dark[at]! - from))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

const cellWidth = 52;
const cellHeight = 26;
const left = 62;

function heatmapSvg({ rowLabel, columnLabel, rows, columns, panels, valueLabel }: Heatmap): Markup {
  const values = panels.flatMap((panel) => panel.values.flat()).filter(isNumber);
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const width = left + columns.length * cellWidth + 6;
  const height = 44 + rows.length * cellHeight + 22;
  return html`<div class="maps">${panels.map(
    (
      panel,
    ) => html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${panel.label}: ${valueLabel}" font-family="system-ui, sans-serif" font-size="12" fill="currentColor">
<text x="${left}" y="14" font-size="14" font-weight="600">${panel.label}</text>
<text x="2" y="34">${rowLabel}</text>
${columns.map(
  (name, at) => html`<text x="${left + (at + 0.5) * cellWidth}" y="34" text-anchor="middle">${name}</text>`,
)}
${rows.map((row, r) => {
  const top = 42 + r * cellHeight;
  return html`<text x="${left - 6}" y="${top + 17}" text-anchor="end">${row}</text>${columns.map(
    (column, c) => {
      const value = panel.values[r]?.[c];
      const share = isNumber(value) && high > low ? (value - low) / (high - low) : 0;
      const x = left + c * cellWidth;
      return html`<g data-say="${panel.label}, ${rowLabel} ${row}, ${columnLabel} ${column}: ${shown(value)}" data-columns="${columns.length}"><rect x="${x}" y="${top}" width="${cellWidth - 2}" height="${cellHeight - 2}" fill="${
        isNumber(value) ? shade(share) : '#ffffff'
      }"${isNumber(value) ? '' : html` stroke="#8a2508" stroke-dasharray="3 2"`}/><text x="${x + cellWidth / 2 - 1}" y="${top + 16}" text-anchor="middle" fill="${
        !isNumber(value) ? '#8a2508' : share > 0.68 ? '#ffffff' : '#000000'
      }">${shown(value)}</text></g>`;
    },
  )}`;
})}
<text x="${left + (columns.length * cellWidth) / 2}" y="${height - 6}" text-anchor="middle">${columnLabel}</text>
</svg>`,
  )}</div>
<p class="fine">${valueLabel}${
    values.length
      ? `, from ${formatNumber(low)} (light) to ${formatNumber(high)} (dark), one scale for all maps`
      : ''
  }; div. where the run diverged.</p>`;
}

const barColors: Record<string, string> = { post: '#d55e00', pre: '#0072b2', peri: '#009e73' };
const textRoom = 190;
const barRoom = 360;

function last({ y, low, high }: Series): { value: Value; from: Value; to: Value } {
  const at = y.length - 1;
  return { value: y[at], from: low?.[at], to: high?.[at] };
}

function barsSvg({ series, levels = [], yLabel, title }: Figure): Markup {
  const ends = [
    ...series.map(last).flatMap(({ value, from, to }) => [value, from, to]),
    ...levels.map(({ y }) => y),
  ];
  const finite = [...ends.filter(isNumber), 0];
  const low = Math.min(...finite);
  const span = Math.max(...finite) - low || 1;
  const place = (value: number) => textRoom + (barRoom * (value - low)) / span;
  const bottom = 8 + series.length * 26;
  const width = textRoom + barRoom + 130;
  const height = bottom + 24 + 16 * levels.length;
  return html`<svg class="bars" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}" font-family="system-ui, sans-serif" font-size="12" fill="currentColor">
${series.map((one, at) => {
  const { value, from, to } = last(one);
  const top = 8 + at * 26;
  const interval = isNumber(value) && isNumber(from) && isNumber(to);
  const range = interval ? ` (${formatNumber(from)} to ${formatNumber(to)})` : '';
  const start = isNumber(value) ? Math.min(place(0), place(value)) : 0;
  const end = Math.max(place(0), place(isNumber(value) ? value : 0), interval ? place(to) : 0);
  return html`<g data-say="${one.label}: ${shown(value)}${range}" data-columns="1"><text x="${textRoom - 8}" y="${top + 14}" text-anchor="end">${one.label || placementName(one.placement)}</text>${
    isNumber(value)
      ? html`<rect x="${start}" y="${top + 2}" width="${Math.abs(place(value) - place(0))}" height="16" fill="${barColors[one.placement] ?? '#6b6f76'}"${one.dashed ? html` fill-opacity="0.45"` : ''}/>`
      : ''
  }${
    interval
      ? html`<path d="M${place(from)} ${top + 10}H${place(to)}M${place(from)} ${top + 5}v10M${place(to)} ${top + 5}v10" stroke="currentColor" stroke-width="1.5" fill="none"/>`
      : ''
  }<text x="${end + 6}" y="${top + 14}">${shown(value)}${range}</text></g>`;
})}
${levels
  .filter(({ y }) => isNumber(y))
  .map(
    ({ label, y }, at) =>
      html`<path d="M${place(y)} 4V${bottom}" stroke="currentColor" stroke-dasharray="2 3"/><text x="${place(y)}" y="${bottom + 14 + 16 * at}" text-anchor="middle">${label} ${formatNumber(y)}</text>`,
  )}
<text x="${textRoom + barRoom / 2}" y="${height - 6}" text-anchor="middle">${yLabel}</text>
</svg>`;
}

/** A heat map's values as tables, one per panel. */
export function heatmapTables({
  rowLabel,
  columnLabel,
  rows,
  columns,
  panels,
  valueLabel,
}: Heatmap): Markup[] {
  return panels.map(
    ({ label, values }) => html`<table class="data"><caption>${label}: ${valueLabel}</caption>
<thead><tr><th scope="col">${rowLabel} \\ ${columnLabel}</th>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(
      (row, r) =>
        html`<tr><th scope="row">${row}</th>${columns.map((_, c) => html`<td>${shown(values[r]?.[c])}</td>`)}</tr>`,
    )}</tbody></table>`,
  );
}
