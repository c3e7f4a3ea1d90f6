/**
 * @file The one door to the terminal. Texts, names and hashes come from files, models and people; a terminal obeys the
 * control characters in them, among them those that write to the clipboard or hide what follows. A file or a pipe
 * gets every character as it is.
 */
import type { Output } from './output.js';

/** As much of `process.stdout` as is asked for. */
export interface Sink extends Output {
  write(text: string): unknown;
}

/** Line ends and tabs do no harm; marks of direction are no control characters, but turn round what follows. */
const HARMFUL = /\r(?!\n)|[^\P{Cc}\t\n\r]|[\p{Bidi_Control}\u2028\u2029]/gu;

/** The colours and weights of the tables of this program: src/report/terminal.ts. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const PAINT = /(\u001b\[(?:[0-2]|22|3\d)m)/;

/** A text in which what a terminal would obey is spelled out, e.g. \u001b. */
export function visible(text: string): string {
  return text.replace(HARMFUL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Writes a text as it is to a file or a pipe, and `visible` to a terminal. */
export function write(text: string, output: Sink): void {
  output.write(output.isTTY ? visible(text) : text);
}

/** `write` to standard output. */
export const put = (text: string): void => write(text, process.stdout);

/** `write` to standard error. */
export const tell = (text: string): void => write(text, process.stderr);

/** A line in the place of the one before it, on a terminal that has a cursor; the last one is ended. */
export const tellOver = (line: string, isLast: boolean): void =>
  void process.stderr.write(`\r\u001b[K${visible(line)}${isLast ? '\n' : ''}`);

/** Shows the cursor that a progress bar has hidden. */
export const showCursor = (output: Sink): void => void output.write('\u001b[?25h\n');

/** `put` for tables, whose cells `table` has cleaned before it has painted them. */
export function putPainted(text: string): void {
  const isTerminal = process.stdout.isTTY;
  process.stdout.write(
    isTerminal
      ? text
          .split(PAINT)
          .map((part, i) => (i % 2 ? part : visible(part)))
          .join('')
      : text,
  );
}
