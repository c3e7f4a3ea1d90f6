/** @file What `sweep` prints: the best settings, and what came out. */
import type { SweepResults } from '../sweep/results.js';
import { type Paint, table } from '../terminal/table.js';
import { clean, wrap } from '../terminal/wrap.js';
import { settingRows, verdict } from './sweep-page.js';

/** More rows than that push what came out off the screen. */
const MOST = 20;

/** @param columns of the terminal; Infinity for a row in one line */
export function renderSweepText(
  results: SweepResults,
  { columns, strong = (text) => text }: { columns: number; strong?: Paint },
): string {
  const { titles, rows } = settingRows(results);
  const lines = table(
    titles.map((title, at) => ({ title, right: at > 0 })),
    rows.slice(0, MOST),
    { columns, strong },
  );
  const more = rows.length > MOST ? [`and ${rows.length - MOST} more settings`] : [];
  return `${[...lines, ...more, '', ...verdict(results).flatMap((text) => wrap(clean(text), columns))].join('\n')}\n`;
}
