/**
 * @file Tables within the width of a terminal. No word is broken: columns shrink to their longest word, and where even
 * that is too wide a row becomes a block of lines.
 */
import stringWidth from 'string-width';
import { clean, pad, wrap } from './wrap.js';

/** What colours a text. */
export type Paint = (text: string) => string;

export interface Column {
  title: string;
  /** Numbers stand at the right. */
  right?: boolean;
  /** Most columns to take, where the text is long. */
  most?: number;
}

export type Cell = string | { text: string; paint?: Paint };

export interface TableOptions {
  /** Columns of the terminal; Infinity for a row in one line. */
  columns: number;
  /** For the titles. */
  strong?: Paint;
  /** For the line below the titles; without it there is no line. */
  rule?: Paint;
  /** An empty line behind every row. */
  spaced?: boolean;
}

const GAP = 2;

/** The lines of a table: titles, then the rows. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions,
): string[] {
  const { strong = plain, rule, spaced = false } = options;
  const cells = rows.map((row) => row.map(toCell));
  const widths = fit(columns, cells, options.columns);
  if (!widths) return blocks(columns, cells, options);
  const head = columns.map(({ title }) => ({ text: title, paint: strong }));
  const lines = columns.some(({ title }) => title !== '') ? drawRow(columns, widths, head) : [];
  if (rule) lines.push(rule('-'.repeat(total(widths))));
  for (const row of cells) {
    lines.push(...drawRow(columns, widths, row));
    if (spaced) lines.push('');
  }
  return lines;
}

/** Widths of the columns; null where not even the longest words fit beside each other. */
function fit(columns: readonly Column[], rows: readonly Needed[][], most: number): number[] | null {
  const texts = columns.map(({ title }, i) => [title, ...rows.map((row) => row[i].text)]);
  const least = texts.map((column) =>
    Math.max(...column.flatMap((text) => text.split(/\s+/)).map((word) => stringWidth(word))),
  );
  const natural = texts.map((column, i) => {
    const widest = Math.max(...column.flatMap((text) => text.split('\n')).map((line) => stringWidth(line)));
    return Math.max(least[i], Math.min(widest, columns[i].most ?? widest));
  });
  if (total(natural) <= most) return natural;
  let room = most - total(least);
  if (room < 0) return null;
  // What is left goes to the columns by what they want, the widest wish last, which takes what the others leave.
  const widths = [...least];
  const wishes = natural
    .map((width, i) => ({ i, wish: width - least[i] }))
    .sort((a, b) => a.wish - b.wish || a.i - b.i);
  wishes.forEach(({ i, wish }, n) => {
    const share = Math.min(wish, Math.floor(room / (wishes.length - n)));
    widths[i] += share;
    room -= share;
  });
  return widths;
}

interface Needed {
  text: string;
  paint?: Paint;
}

const plain: Paint = (text) => text;

function toCell(cell: Cell): Needed {
  const { text, paint } = typeof cell === 'string' ? { text: cell, paint: undefined } : cell;
  return { text: clean(text), ...(paint && { paint }) };
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, -GAP);
}

function drawRow(columns: readonly Column[], widths: readonly number[], cells: readonly Needed[]): string[] {
  const wrapped = cells.map(({ text }, i) => wrap(text, widths[i]));
  return Array.from({ length: Math.max(...wrapped.map(({ length }) => length)) }, (_, line) =>
    columns
      .map(({ right }, i) => {
        const text = wrapped[i][line] ?? '';
        const padded = pad(text, widths[i], right);
        return text === '' ? padded : padded.replace(text, () => (cells[i].paint ?? plain)(text));
      })
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

/** Each row as a block: the first cell, and the others below it with their titles. */
function blocks(columns: readonly Column[], rows: readonly Needed[][], options: TableOptions): string[] {
  const { strong = plain } = options;
  const lines: string[] = [];
  for (const [first, ...rest] of rows) {
    if (lines.length > 0) lines.push('');
    lines.push(...wrap(first.text, options.columns).map(first.paint ?? strong));
    rest.forEach(({ text, paint = plain }, i) => {
      const { title } = columns[i + 1];
      if (text !== '')
        lines.push(...wrap(`  ${title === '' ? '' : `${title}: `}${text}`, options.columns, 2).map(paint));
    });
  }
  if (options.spaced) lines.push('');
  return lines;
}
