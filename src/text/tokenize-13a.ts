/**
 * @file Tokenisation for BLEU, as sacreBLEU's default does it: the rules of NIST's mteval-v13a for Western
 * languages (https://github.com/mjpost/sacrebleu). Words are what stands between white space as Python defines
 * it, which is not JavaScript's `\s`: it includes U+001C to U+001F and U+0085, and not U+FEFF.
 */

const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const SPACES = new RegExp(`[${SPACE}]+`);
const TRAILING_SPACE = new RegExp(`[${SPACE}]$`);

/** The words of a text: split at white space, no empty ones. */
export function splitWords(text: string): string[] {
  return text.split(SPACES).filter((word) => word !== '');
}

/** Drops white space at the end. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && TRAILING_SPACE.test(text[end - 1])) end--;
  return text.slice(0, end);
}

/**
 * The tokens of one segment: ASCII punctuation and symbols stand alone, except that apostrophes stay in words,
 * periods and commas stay between digits, and hyphens are split off only behind a digit.
 */
export function tokenize13a(segment: string): string[] {
  let text = segment
    .replaceAll('<skipped>', '')
    .replaceAll('-\n', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
  text = ` ${text} `
    .replace(/[ -&(-+/:-@[-`{-~]/g, ' $& ')
    .replace(/([^0-9])([.,])/g, '$1 $2 ')
    .replace(/([.,])([^0-9])/g, ' $1 $2')
    .replace(/([0-9])(-)/g, '$1 $2 ');
  return splitWords(text);
}
