/** @file Text in lines of so many columns. Wide characters take two, combining marks none. */
import stringWidth from 'string-width';

/**
 * Breaks at spaces; a word that is longer than a line begins one of its own and is broken where that ends. Leading
 * spaces indent all lines.
 * @param columns of a line; Infinity breaks at line ends only
 * @param hang columns by which further lines are indented more than the first
 */
export function wrap(text: string, columns: number, hang = 0): string[] {
  return text.split('\n').flatMap((paragraph) => wrapParagraph(paragraph, columns, hang));
}

function wrapParagraph(paragraph: string, columns: number, hang: number): string[] {
  const lines: string[] = [];
  const own = paragraph.length - paragraph.trimStart().length;
  const indentOf = (line: number): number => Math.min(own + (line > 0 ? hang : 0), Math.max(0, columns - 8));
  let line = '';
  const room = (): number => Math.max(1, columns - indentOf(lines.length));
  const flush = (): void => {
    lines.push(' '.repeat(indentOf(lines.length)) + line);
    line = '';
  };
  // Columns that were lined up with several spaces stay so where they fit.
  for (const [, gap, word] of paragraph.slice(own).matchAll(/( *)([^ ]+)/g)) {
    if (line !== '' && stringWidth(line) + gap.length + stringWidth(word) > room()) flush();
    let rest = word;
    while (stringWidth(rest) > room()) {
      line = fitting(rest, room());
      rest = rest.slice(line.length);
      flush();
    }
    line = line === '' ? rest : line + gap + rest;
  }
  if (line !== '' || lines.length === 0) flush();
  return lines;
}

/** The longest beginning of a text in so many columns, one character at least. */
function fitting(text: string, columns: number): string {
  let kept = '';
  for (const character of text) {
    if (kept !== '' && stringWidth(kept + character) > columns) break;
    kept += character;
  }
  return kept;
}

/** A text in at most so many columns, with … for what is cut off. */
export function shorten(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  if (columns < 2) return columns < 1 ? '' : '…';
  const kept = fitting(text, columns - 1);
  return stringWidth(kept) < columns ? `${kept}…` : '…';
}

/** A text with spaces behind it, or before it, up to so many columns. */
export function pad(text: string, columns: number, right = false): string {
  const spaces = ' '.repeat(Math.max(0, columns - stringWidth(text)));
  return right ? spaces + text : text + spaces;
}

/** Without control characters, so that a file from elsewhere cannot drive the terminal; line ends stay. */
export function clean(text: string): string {
  return text.replace(/[^\n\P{Cc}]|\p{Cf}/gu, ' ');
}
