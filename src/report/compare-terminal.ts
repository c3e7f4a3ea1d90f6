/** @file What `compare` prints: numbers of each run, what differs in their recipes, and which is better. */
import { type Paint, table } from '../terminal/table.js';
import { clean, wrap } from '../terminal/wrap.js';
import { standingRows } from './compare-page.js';
import type { Comparison } from './compare-runs.js';

const plain: Paint = (text) => text;

/** @param columns of the terminal; Infinity for a row in one line */
export function renderComparisonText(
  comparison: Comparison,
  { columns, strong = plain }: { columns: number; strong?: Paint },
): string {
  const { runs, differences, verdict } = comparison;
  const { titles, rows } = standingRows(comparison);
  const numbers = table(
    titles.map((title, at) => ({ title, right: at > 0 })),
    rows,
    { columns, strong },
  );
  const recipes = differences.length
    ? table(
        [{ title: 'Recipe' }, ...runs.map(({ name }) => ({ title: clean(name) }))],
        differences.map(({ name, values }) => [name, ...values.map((value) => value ?? '-')]),
        { columns, strong },
      )
    : ['The recipes are the same, and so are the data.'];
  const lines = [...numbers, '', ...recipes, '', ...verdict.flatMap((text) => wrap(clean(text), columns))];
  return `${lines.join('\n')}\n`;
}
