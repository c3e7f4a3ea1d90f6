/** @file Lines of files nobody vouches for, and the account of those that cannot be used. */
import { DataError } from '../errors.js';
import { decodeUtf8Strict, decodeUtf16 } from '../utf8.js';

/** A place in the data and why it is left out. */
export interface DropCount {
  reason: string;
  count: number;
  /** Where the first few stand, e.g. `train.de:17`. */
  first: string[];
}

const NAMED = 5;

/** What was left out and why, in order of first occurrence. */
export class DropReport {
  readonly #counts = new Map<string, DropCount>();

  /** Counts a line that cannot be used; `where` is its place, e.g. `train.de:17`. */
  add(reason: string, where: string): void {
    const known = this.#counts.get(reason) ?? { reason, count: 0, first: [] };
    known.count++;
    if (known.first.length < NAMED) known.first.push(where);
    this.#counts.set(reason, known);
  }

  /** How many lines were left out. */
  get total(): number {
    return this.list().reduce((sum, { count }) => sum + count, 0);
  }

  /** All reasons so far. */
  list(): DropCount[] {
    return [...this.#counts.values()];
  }

  /** Every reason with its count and first places, for a message; empty when nothing was left out. */
  describe(): string {
    const reasons = this.list().map(({ reason, count, first }) => {
      return `${reason}: ${count} (${first.join(', ')}${count > first.length ? ', …' : ''})`;
    });
    return reasons.join('; ');
  }

  /** @throws DataError that names every reason with its count and first places, when anything was left out. */
  refuse(): void {
    if (this.#counts.size === 0) return;
    throw new DataError(`${this.total} lines cannot be used: ${this.describe()}`, {
      path: this.list()[0].first[0],
      actual: this.list(),
      hint: 'mend them, or leave out --strict to drop them',
    });
  }
}

/**
 * The lines of a text file, as `decodeText` reads it; null where a line is not UTF-8. A byte order mark, CRLF and empty
 * lines at the end do not matter. UTF-8 is decoded line by line, so that one bad byte costs one line, and files longer
 * than a string can be read.
 * @throws DataError when the bytes are of another encoding
 */
export function rawLines(bytes: Uint8Array, path: string): (string | null)[] {
  const lines = decodeUtf16(bytes, path)?.split(/\r?\n/) ?? utf8Lines(bytes, path);
  while (lines[lines.length - 1] === '') lines.pop();
  return lines;
}

function utf8Lines(bytes: Uint8Array, path: string): (string | null)[] {
  const lines: (string | null)[] = [];
  for (let start = 0; start < bytes.length; ) {
    let end = bytes.indexOf(10, start);
    if (end < 0) end = bytes.length;
    const line = bytes.subarray(start, end > start && bytes[end - 1] === 13 ? end - 1 : end);
    lines.push(decodeLine(line, path));
    start = end + 1;
  }
  return lines;
}

function decodeLine(bytes: Uint8Array, path: string): string | null {
  try {
    return decodeUtf8Strict(bytes, path);
  } catch {
    return null;
  }
}
