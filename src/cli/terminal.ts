/** @file What the terminal on the other side of a stream can do, and whether it was asked to do less. */

/** As much of `process.stdout` as is asked for. */
export interface Output {
  isTTY?: boolean;
  columns?: number;
}

/** Columns that are taken where nobody says how many there are. */
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

/** Columns of a line; for a terminal that does not say, and for files and pipes, 80, so that these are always the same. */
export function columnsOf({ isTTY, columns }: Output): number {
  return isTTY && columns !== undefined && columns > 0 ? columns : USUAL;
}
