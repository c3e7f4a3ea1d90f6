/** @file Examples that stand in the data more than once: inside a part, and on both sides of a split. */
import { checkValue, integer } from '../checks.js';
import type { RawExample } from './clean.js';
import type { DropReport } from './raw-lines.js';

/** How far one part of the data gives another away. */
export interface Leak {
  /** The part that is measured on, and the one that was seen before. */
  part: string;
  seenIn: string;
  /** Examples of `part` whose texts (both) stand in `seenIn` too. */
  same: number;
  /** Examples of `part` of which only the first text does. */
  sameSource: number;
  /** Where the first few stand, those of `same` before those of `sameSource`. */
  first: string[];
}

const NAMED = 5;

// Columns hold no tab.
const keyOf = (columns: readonly string[]): string => columns.join('\t');

/**
 * The examples without those equal in every column to an earlier one, or to one of `others`. They are counted in
 * `report`.
 * @param others other parts by name; what is in them stays there
 */
export function withoutRepeats(
  examples: readonly RawExample[],
  others: Readonly<Record<string, readonly RawExample[]>>,
  report: DropReport,
): RawExample[] {
  const seen = new Map<string, string>();
  for (const [name, part] of Object.entries(others)) {
    for (const { columns } of part) seen.set(keyOf(columns), `also in ${name}`);
  }
  return examples.filter(({ columns, where }) => {
    const key = keyOf(columns);
    const reason = seen.get(key);
    if (reason === undefined) seen.set(key, 'repeated');
    else report.add(reason, where);
    return reason === undefined;
  });
}

/**
 * What `part` shares with `seenIn`; examples are judged by their first `numTexts` columns (default 2), whatever their
 * label.
 */
export function findLeak(
  [part, examples]: readonly [string, readonly RawExample[]],
  [seenIn, before]: readonly [string, readonly RawExample[]],
  numTexts = 2,
): Leak {
  checkValue('findLeak', 'numTexts', numTexts, integer(1));
  const textsOf = ({ columns }: RawExample): string => keyOf(columns.slice(0, numTexts));
  const texts = new Set(before.map(textsOf));
  const sources = new Set(before.map(({ columns }) => columns[0]));
  const same = examples.filter((example) => texts.has(textsOf(example)));
  const sameSource = examples.filter(
    (example) => sources.has(example.columns[0]) && !texts.has(textsOf(example)),
  );
  const first = [...same, ...sameSource].slice(0, NAMED).map(({ where }) => where);
  return { part, seenIn, same: same.length, sameSource: sameSource.length, first };
}
