/**
 * @file What a run's folder says of its steps: JSON lines, kept in step with the checkpoint that a run goes on from, and
 * beside each such file the same as a table (CSV), made from it.
 */
import { existsSync } from 'node:fs';
import { readFileChecked } from '../io/files-node.js';
import { isJsonObject, parseStrictJson } from '../json.js';
import { decodeUtf8 } from '../utf8.js';
import { LineLog } from './line-log.js';

/** One line. */
type Line = { step: number } & Record<string, unknown>;

/** How lines become rows: a header, and the cells of a line in its order. */
export interface Table {
  /** Whether a line of a file has what the others need. Default: every line has. */
  holds?(line: Line): boolean;
  header(line: Line): readonly string[];
  cells(line: Line): readonly unknown[];
}

/** A table with one column for each of these keys. */
export const columns = (...keys: readonly string[]): Table => ({
  header: () => keys,
  cells: (line) => keys.map((key) => line[key]),
});

/** Where the table of a file of JSON lines lies. */
export function tableOf(path: string): string {
  return path.replace(/\.jsonl$/, '.csv');
}

/** JSON lines, and the table beside them. */
export class MetricsLog extends LineLog {
  readonly #table: Table | null;
  readonly #tell: (line: Line) => void;
  #rows: LineLog | null = null;
  #isBegun = false;

  private constructor(
    path: string,
    size: number,
    warn: (line: string) => void,
    table: Table | null,
    tell: (line: Line) => void,
  ) {
    super(path, size, warn);
    this.#table = table;
    this.#tell = tell;
  }

  /**
   * Opens the log of a run that stands at `step`; lines of later steps, which will come again, are dropped.
   * @param tell hears of every line, of those that are there already first
   */
  static async open(
    path: string,
    step: number,
    warn: (line: string) => void,
    table: Table | null = null,
    tell: (line: Line) => void = () => {},
  ): Promise<MetricsLog> {
    const there = step > 0 && existsSync(path) ? linesOf(await readFileChecked(path), table) : [];
    const numStrange = there.slice(0, -1).filter(({ line }) => line === null).length;
    if (numStrange > 0) warn(`${path}: lines that no training has written are left out: ${numStrange}`);
    const known = there.flatMap(({ text, line }) => (line && line.step <= step ? [{ text, line }] : []));
    const kept = known.map(({ line }) => line);
    const text = known.map((entry) => `${entry.text}\n`).join('');
    const log = new MetricsLog(path, await LineLog.prepare(path, text), warn, table, tell);
    kept.forEach(tell);
    if (table) {
      const rows = kept.map((line) => `${rowOf(table.cells(line))}\n`).join('');
      const header = kept.length > 0 ? `${rowOf(table.header(kept[0]))}\n` : '';
      // Of a full disk the lines tell already.
      log.#rows = await LineLog.begin(tableOf(path), header + rows, () => {});
      log.#isBegun = kept.length > 0;
    }
    return log;
  }

  append(line: Line): void {
    this.add(JSON.stringify(line));
    this.#tell(line);
    const table = this.#table;
    if (!table || !this.#rows) return;
    if (!this.#isBegun) this.#rows.add(rowOf(table.header(line)));
    this.#isBegun = true;
    this.#rows.add(rowOf(table.cells(line)));
  }

  override sync(): void {
    super.sync();
    this.#rows?.sync();
  }

  override close(): void {
    super.close();
    this.#rows?.close();
  }
}

/** The lines of a file, each as what it says of a step, or null. The last is what stands behind the last line end. */
function linesOf(bytes: Uint8Array, table: Table | null): { text: string; line: Line | null }[] {
  const lines: { text: string; line: Line | null }[] = [];
  for (let from = 0; from <= bytes.length; ) {
    const end = bytes.indexOf(10, from);
    const to = end < 0 ? bytes.length : end;
    // A kill may have cut a character in two.
    const text = decodeUtf8(bytes.subarray(from, to));
    const line = parsed(text);
    lines.push({ text, line: line && (table?.holds?.(line) ?? true) ? line : null });
    from = to + 1;
  }
  return lines;
}

/** A line of a step; null for anything else. */
function parsed(text: string): Line | null {
  try {
    const value = parseStrictJson(text);
    return isJsonObject(value) && Number.isSafeInteger(value.step) ? (value as Line) : null;
  } catch {
    return null;
  }
}

/** RFC 4180; what is missing, and what JSON has no number for, is an empty cell. */
function rowOf(cells: readonly unknown[]): string {
  return cells
    .map((cell) => {
      if (cell === undefined || cell === null || Number.isNaN(cell)) return '';
      // Foreign objects need not become a text.
      const text = typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(',');
}
