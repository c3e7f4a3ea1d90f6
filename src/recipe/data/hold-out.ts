/** @file Which rows of a single file are held out to validate with. */
import { oneOf, optional } from '../../checks.js';
import type { HoldOut } from '../data-recipe.js';

/** What a row has, as numbers of classes: one of them, several, or none. */
export type Labels = readonly number[];

/** Where the held-out rows stand. */
export const holdOutRule = optional({ ...oneOf('end', 'spread'), wanted: '"end" or "spread"' });

/**
 * The rows of `count` that are held out, ascending.
 * @param share of them, in [0, 1)
 * @param labels of each row, where rows have some: then `spread` is a spread of each class
 */
export function heldOutRows(
  count: number,
  share: number,
  holdOut: HoldOut = 'end',
  labels?: readonly Labels[],
): number[] {
  if (holdOut === 'spread')
    return labels ? spreadByClass(labels, share) : spread(count, shareOf(count, share));
  const held = shareOf(count, share);
  return Array.from({ length: held }, (_, i) => count - held + i);
}

function shareOf(count: number, share: number): number {
  return Math.floor(count * share);
}

/** The middle row of each of `held` stretches of `count` rows, which are as long as each other but for one. */
function spread(count: number, held: number): number[] {
  return Array.from({ length: held }, (_, i) => Math.floor(((2 * i + 1) * count) / (2 * held)));
}

/**
 * A spread of each class: the share of its rows rounded down, but one of two rows or more, and none of one. A row of
 * several labels counts for the rarest, and stays where it is the last to be trained on that has some label.
 */
function spreadByClass(labels: readonly Labels[], share: number): number[] {
  if (share === 0) return [];
  const rowsOf = countLabels(labels);
  const classes = new Map<number, number[]>();
  for (const [row, own] of labels.entries()) {
    const rarest = own.length === 0 ? NONE : own.reduce((a, b) => (fewer(rowsOf, b, a) ? b : a));
    const rows = classes.get(rarest) ?? [];
    rows.push(row);
    classes.set(rarest, rows);
  }
  const held = [...classes.values()].flatMap((rows) => {
    const number = rows.length < 2 ? 0 : Math.max(1, shareOf(rows.length, share));
    return spread(rows.length, number).map((i) => rows[i]);
  });
  return spared(
    held.sort((a, b) => a - b),
    labels,
  );
}

/** Those of the rows that can be taken, one after the other, while some row with each label is left. */
export function spared<L>(held: readonly number[], labels: readonly (readonly L[])[]): number[] {
  const rowsOf = countLabels(labels);
  return held.filter((row) => {
    const own = [...new Set(labels[row])];
    const isLast = own.some((label) => rowsOf.get(label) === 1);
    if (!isLast) for (const label of own) rowsOf.set(label, (rowsOf.get(label) as number) - 1);
    return !isLast;
  });
}

/** The class of rows that have no label. */
const NONE = -1;

function countLabels<L>(labels: readonly (readonly L[])[]): Map<L, number> {
  const rowsOf = new Map<L, number>();
  for (const own of labels) {
    for (const label of new Set(own)) rowsOf.set(label, (rowsOf.get(label) ?? 0) + 1);
  }
  return rowsOf;
}

/** Whether a label has fewer rows than another; of two with as many, the lower number is the rarer. */
function fewer(rowsOf: ReadonlyMap<number, number>, label: number, than: number): boolean {
  const [a, b] = [rowsOf.get(label) as number, rowsOf.get(than) as number];
  return a < b || (a === b && label < than);
}
