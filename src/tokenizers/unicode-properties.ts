/**
 * @file What patterns and normalizers ask of a character, from the table of one pinned Unicode version. Engines carry
 * different versions behind `\p{…}` and `normalize`, and JavaScript's `\s` is another set than Unicode's white space.
 */
import { characterClass, lookUp, type Pages, readPages, SPACE } from '../text/unicode.js';
import { CATEGORY_LETTERS, CATEGORY_RUNS } from './category-table.js';

/** Names of the general categories by their number; 0 is unassigned or a surrogate. */
export const CATEGORIES: readonly string[] = ['Cn', ...Object.values(CATEGORY_LETTERS)];

let pages: Pages | undefined;

/** The number of a code point's general category: an index of `CATEGORIES`. */
export function categoryOf(code: number): number {
  if (pages === undefined) {
    const runs = CATEGORY_RUNS.replace(/U(\d+)/g, (_, pairs) => 'ul'.repeat(Number(pairs)));
    pages = readPages(runs, `o${Object.keys(CATEGORY_LETTERS).join('')}`);
  }
  return lookUp(pages, code);
}

/** One bit for each general category whose name begins so: `L`, `Lu`, …; 0 for a name that none has. */
export function categoryMask(name: string): number {
  return CATEGORIES.reduce((mask, full, i) => (i > 0 && full.startsWith(name) ? mask | (1 << i) : mask), 0);
}

const has =
  (mask: number) =>
  (code: number): boolean =>
    ((mask >> categoryOf(code)) & 1) === 1;

/** Unicode's White_Space. */
export const isSpace = (code: number): boolean => characterClass(code) === SPACE;
/** General category N. */
export const isNumber: (code: number) => boolean = has(categoryMask('N'));
/** General category M. */
export const isMark: (code: number) => boolean = has(categoryMask('M'));
/** General category Mn. */
export const isNonspacingMark: (code: number) => boolean = has(categoryMask('Mn'));
/** Controls, formats and private use. */
export const isControl: (code: number) => boolean = has(
  categoryMask('Cc') | categoryMask('Cf') | categoryMask('Co'),
);
const isPunctuationOfUnicode = has(categoryMask('P'));
/** General category P, and ASCII's symbols. */
export const isPunctuation = (code: number): boolean =>
  code < 128
    ? (code > 32 && code < 48) ||
      (code > 57 && code < 65) ||
      (code > 90 && code < 97) ||
      (code > 122 && code < 127)
    : isPunctuationOfUnicode(code);

/** Categories of `\w`; symbols that are alphabetic are in `isWord`. */
export const WORD_MASK: number = ['L', 'M', 'Nd', 'Nl', 'Pc'].reduce(
  (mask, name) => mask | categoryMask(name),
  0,
);
/** Circled and squared letters: of category So, but alphabetic. First and last code points, by turns. */
export const WORD_SYMBOLS: readonly number[] = [
  0x24b6, 0x24e9, 0x1f130, 0x1f149, 0x1f150, 0x1f169, 0x1f170, 0x1f189,
];
const isWordCategory = has(WORD_MASK);

/** What `\w` means to Unicode's regular expressions (UTS 18): alphabetic, marks, digits, connectors, joiners. */
export function isWord(code: number): boolean {
  if (isWordCategory(code) || code === 0x200c || code === 0x200d) return true;
  for (let i = 0; i < WORD_SYMBOLS.length; i += 2)
    if (code >= WORD_SYMBOLS[i] && code <= WORD_SYMBOLS[i + 1]) return true;
  return false;
}
