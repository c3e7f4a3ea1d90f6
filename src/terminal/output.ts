/** @file What the terminal on the other side of a stream can do, and whether it was asked to do less. */
import stringWidth from 'string-width';
import { wrap } from './wrap.js';

/** As much of `process.stdout` as is asked for. */
export interface Output {
  isTTY?: boolean;
  columns?: number;
}

/** Columns of a terminal that does not say how many it has. */
const USUAL = 80;

/**
 * Whether text may be coloured: NO_COLOR forbids it, FORCE_COLOR (but 0 and false) orders it, else a terminal that is
 * not TERM=dumb has colours. The same order as in the help texts, which commander prints.
 */
export function hasColor(output: Output, env: NodeJS.ProcessEnv = process.env): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env;
  if (NO_COLOR || FORCE_COLOR === '0' || FORCE_COLOR === 'false') return false;
  if (FORCE_COLOR !== undefined) return true;
  return output.isTTY === true && TERM !== 'dumb';
}

/** Whether the cursor may be moved: only on a terminal that can, whatever is said of colours. */
export function hasCursor(output: Output, env: NodeJS.ProcessEnv = process.env): boolean {
  return output.isTTY === true && env.TERM !== 'dumb';
}

/**
 * Columns of a line; 80 for a terminal that does not say. What goes to a file or a pipe is never wrapped, so that a row
 * is a line there, whatever window it was written from.
 */
export function columnsOf({ isTTY, columns }: Output): number {
  if (!isTTY) return Number.POSITIVE_INFINITY;
  return columns !== undefined && columns > 0 ? columns : USUAL;
}

/** Text whose lines are wrapped to a terminal; as it is for a file or a pipe. */
export function forOutput(text: string, output: Output): string {
  const columns = columnsOf(output);
  return text
    .split('\n')
    .flatMap((line) => (stringWidth(line) <= columns ? [line] : wrap(line, columns, 2)))
    .join('\n');
}
