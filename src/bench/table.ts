/** @file The benchmark's rows as text: one line a row for terminals, a Markdown table for documents. */

import { type Column, table } from '../terminal/table.js';
import { wrap } from '../terminal/wrap.js';
import type { Comparison } from './compare.js';
import { type Row, reachesStretch, type Target } from './row.js';

/** Three significant digits, no exponent: 0.0123, 4.56, 789, 12345. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(size >= 1 ? 2 : 3);
}

/** A share as percent of its reference, or as a factor when the reference is a speed to beat. */
function formatShare(share: number, row: Pick<Row, 'target' | 'name'>): string {
  return isFactor(row) ? `${share.toFixed(2)}x` : `${(100 * share).toFixed(0)} %`;
}

/** Ratios of two times of whole steps are read as "times as fast", the others as percent. */
function isFactor({ name }: Pick<Row, 'name'>): boolean {
  return / beside |, two threads$/.test(name);
}

export function formatTarget(row: Pick<Row, 'target' | 'name' | 'unit'>): string {
  const { target } = row;
  if (!target) return '';
  const number = (n: number): string =>
    target.on === 'share' ? formatShare(n, row) : `${formatNumber(n)} ${row.unit}`;
  const sign = target.atMost === undefined ? '>=' : '<=';
  const bound: number | undefined = boundOf(target);
  if (bound === undefined) return `stretch ${sign} ${number(target.stretch as number)}`;
  return `${sign} ${number(bound)}`;
}

function boundOf(target: Target): number | undefined {
  return target.atLeast ?? target.atMost;
}

export function formatVerdict(row: Row): string {
  const stretch = reachesStretch(row);
  const said =
    row.met === null
      ? stretch
        ? 'stretch met'
        : ''
      : row.met
        ? stretch
          ? 'met, stretch too'
          : 'met'
        : 'MISSED';
  return row.tooNoisy ? [said, 'too noisy'].filter(Boolean).join(', ') : said;
}

interface Cells {
  name: string;
  value: string;
  share: string;
  target: string;
  verdict: string;
}

function cells(row: Row): Cells {
  const value =
    row.value === null
      ? 'not measured'
      : `${formatNumber(row.value)} ± ${formatNumber((row.iqr ?? 0) / 2)} ${row.unit}`;
  const share = row.share === null ? '' : `${formatShare(row.share, row)} of ${row.reference}`;
  return { name: row.name, value, share, target: formatTarget(row), verdict: formatVerdict(row) };
}

const KEYS = ['name', 'value', 'share', 'target', 'verdict'] as const;
const HEAD: Cells = {
  name: 'what',
  value: 'median ± IQR/2',
  share: 'share',
  target: 'target',
  verdict: '',
};

const COLUMNS: Column[] = KEYS.map((key) => ({ title: HEAD[key], right: key === 'value' }));

/** Aligned columns, notes of what was not measured below them; by default a row is a line. */
export function formatTable(rows: readonly Row[], columns = Number.POSITIVE_INFINITY): string {
  const lines = table(
    COLUMNS,
    rows.map(cells).map((row) => KEYS.map((key) => row[key])),
    { columns },
  );
  const notes = rows
    .filter((row) => row.value === null)
    .flatMap((row) => wrap(`${row.name}: ${row.note}`, columns, 2));
  return `${[...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`;
}

export function markdownTable(rows: readonly Row[]): string {
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(['what', 'median ± IQR/2', 'share', 'target', 'verdict', 'note']),
    line(KEYS.map(() => '---').concat('---')),
    ...rows.map((row) => {
      const cell = cells(row);
      return line([...KEYS.map((key) => cell[key]), row.note ?? '']);
    }),
  ].join('\n');
}

/** One sentence on how many targets are met. */
export function summarize(rows: readonly Row[]): string {
  const judged = rows.filter((row) => row.met !== null);
  const missed = judged.filter((row) => row.met === false);
  return `${judged.length - missed.length} of ${judged.length} targets met`;
}

/** Two results beside each other; by default a row is a line. */
export function formatComparison(
  comparisons: readonly Comparison[],
  columns = Number.POSITIVE_INFINITY,
): string {
  const number = (value: number | null, { basis, unit }: Comparison): string => {
    if (value === null) return '-';
    return basis === 'share' ? value.toFixed(3) : `${formatNumber(value)} ${unit}`;
  };
  const signed = (part: number): string => `${part >= 0 ? '+' : ''}${(100 * part).toFixed(1)} %`;
  const lines = comparisons.map((c) => [
    c.name,
    number(c.before, c),
    number(c.after, c),
    c.change === null ? '' : signed(c.change),
    c.interval === null ? '' : `± ${(100 * c.interval).toFixed(1)} %`,
    c.verdict,
  ]);
  const titles = ['what', 'before', 'after', 'change', 'interval', ''];
  const text = table(
    titles.map((title, i) => ({ title, right: i > 0 && i < 5 })),
    lines,
    { columns },
  );
  const counts = new Map<string, number>();
  for (const { verdict } of comparisons) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const summary = [...counts].map(([verdict, n]) => `${n} ${verdict}`).join(', ');
  return `${text.join('\n')}\n\n${wrap(summary, columns).join('\n')}\n`;
}
