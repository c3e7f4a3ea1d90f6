/**
 * @file Character classes and lowercasing from a table of one pinned Unicode version. Engines carry different
 * versions behind `\p{…}`, `toLowerCase` and `Intl`, so none of those may decide where a text is split.
 */
import { CASING_RUNS, CLASS_RUNS, LOWERCASE_RUNS } from './unicode-table.js';

/** Symbols, punctuation, controls, unassigned code points and lone surrogates. */
export const OTHER = 0;
export const LETTER = 1;
/** Combining marks: they stay with what they follow. */
export const MARK = 2;
export const NUMBER = 3;
export const SPACE = 4;

/** One value per code point in pages of 256, since most pages are empty; read with `lookUp`. @internal */
export type Pages = (Uint8Array | undefined)[];

let classPages: Pages | undefined;
let casingPages: Pages | undefined;
let lowercaseMap: Map<number, number> | undefined;

/** The class of a code point: OTHER, LETTER, MARK, NUMBER or SPACE. */
export function characterClass(code: number): number {
  classPages ??= readPages(CLASS_RUNS, 'olmnw');
  return lookUp(classPages, code);
}

/**
 * Lowercases as the Unicode standard's default mapping does (and Python's `str.lower`): the simple mappings,
 * U+0130 to two code points, and a capital sigma to the final form at the end of a word.
 */
export function lowercase(text: string): string {
  lowercaseMap ??= readMappings();
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!;
    if (code === 0x3a3) out += isFinalSigma(text, i) ? '\u03c2' : '\u03c3';
    else if (code === 0x130) out += 'i\u0307';
    else out += String.fromCodePoint(lowercaseMap.get(code) ?? code);
    if (code > 0xffff) i++;
  }
  return out;
}

const USUAL = 0;
const CASED = 1;
const NEITHER = 4;

/** Final_Sigma of the Unicode standard, section 3.13: a cased letter before, none after, ignorables skipped. */
function isFinalSigma(text: string, position: number): boolean {
  casingPages ??= readPages(CASING_RUNS, 'ucibn');
  const before = neighbour(text, position, -1, casingPages);
  return before === CASED && neighbour(text, position, 1, casingPages) !== CASED;
}

/** The casing of the nearest code point in one direction that is not case-ignorable, 0 at the text's end. */
function neighbour(text: string, position: number, step: 1 | -1, pages: Pages): number {
  for (let i = position + step; i >= 0 && i < text.length; i += step) {
    // Going back, a low surrogate is reached first: its pair starts one unit earlier.
    if (step < 0 && i > 0 && isLow(text.charCodeAt(i)) && isHigh(text.charCodeAt(i - 1))) i--;
    const code = text.codePointAt(i)!;
    let casing = lookUp(pages, code);
    if (casing === USUAL && characterClass(code) !== MARK) casing = NEITHER;
    if (casing === CASED || casing === NEITHER) return casing;
    if (step > 0 && code > 0xffff) i++;
  }
  return 0;
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;

/** The value of a code point; 0 where no run was. @internal */
export function lookUp(pages: Pages, code: number): number {
  const page = pages[code >> 8];
  return page === undefined ? 0 : page[code & 255];
}

/** Runs of a letter and a length; the value of a run is its letter's index in `letters`. @internal */
export function readPages(runs: string, letters: string): Pages {
  const pages: Pages = new Array(0x1100).fill(undefined);
  let code = 0;
  for (const [, letter, length] of runs.matchAll(/(\D)(\d*)/g)) {
    const value = letters.indexOf(letter);
    const end = code + Number(length || 1);
    if (value === 0) code = end;
    for (; code < end; code++) {
      let page = pages[code >> 8];
      if (page === undefined) {
        page = new Uint8Array(256);
        pages[code >> 8] = page;
      }
      page[code & 255] = value;
    }
  }
  return pages;
}

function readMappings(): Map<number, number> {
  const map = new Map<number, number>();
  let code = 0;
  const pattern = /([0-9a-z]+)(?:\.([0-9a-z]+))?([+-][0-9a-z]+)([AE])/g;
  for (const [, gap, length, delta, letter] of LOWERCASE_RUNS.matchAll(pattern)) {
    const step = letter === 'A' ? 1 : 2;
    code += Number.parseInt(gap, 36);
    for (let n = length === undefined ? 1 : Number.parseInt(length, 36); n > 0; n--) {
      map.set(code, code + Number.parseInt(delta, 36));
      code += n > 1 ? step : 1;
    }
  }
  return map;
}
