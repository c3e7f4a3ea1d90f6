/** @file Foreign texts on their way to a terminal: nothing that it would obey arrives, and nothing of the text is lost. */
import stringWidth from 'string-width';
import { plainLine, progressLine } from '../../src/cli/progress-line.js';
import { FormatError } from '../../src/errors.js';
import { forOutput } from '../../src/terminal/output.js';
import { table } from '../../src/terminal/table.js';
import { visible, write } from '../../src/terminal/write.js';
import { decodeBytes } from '../../src/utf8.js';
import { damage, pick } from './json-tree.js';
import type { FuzzTarget } from './loop.js';
import { must, utf8 } from './nearly-right.js';

const PARTS = [
  ...['\u001b]52;c;QUJD\u0007', '\u001b[2J', '\u001b[?1049h', '\u009b31m', '\u0090q\u009c', '\u001bc'],
  ...['\r', '\r\n', '\n', '\t', '\b', '\u007f', '\u0000', '\u0085', '\u2028', '\u2029'],
  ...['\u202e', '\u2066', '\u200f', '\u061c', '\ud800', '\udc00', '\ufeff', '\u{e0041}'],
  ...['run', 'a long word', '\u00fc', '\u4e16\u754c', '\u{1f469}\u200d\u{1f4bb}', ' ', '', 'x'.repeat(300)],
];

/** Whether a terminal would obey a character: by its code, not by the expression that is tried. */
function isObeyed(code: number): boolean {
  if (code < 32) return code !== 9 && code !== 10 && code !== 13;
  return (
    (code >= 127 && code < 160) ||
    code === 0x61c ||
    (code >= 0x200e && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069)
  );
}

function mustBeHarmless(shown: string, what: string): void {
  for (let i = 0; i < shown.length; i++) {
    const code = shown.charCodeAt(i);
    must(!isObeyed(code), `${what}: U+${code.toString(16)} reaches the terminal`);
    must(code !== 13 || shown[i + 1] === '\n', `${what}: a line is written over`);
  }
}

export const terminalTarget: FuzzTarget = {
  name: 'terminal',
  make(random) {
    const parts = Array.from({ length: random.nextInt(12) }, () => pick(random, PARTS));
    const bytes = utf8(parts.join(''));
    return random.nextInt(3) === 0 ? damage(bytes, random) : bytes;
  },
  run(bytes) {
    const text = decodeBytes(bytes);
    const columns = 20 + (bytes.length % 100);
    const sink = {
      isTTY: true,
      columns,
      written: '',
      write(part: string) {
        this.written += part;
      },
    };
    write(text, sink);
    mustBeHarmless(sink.written, 'write');
    const pipe = { ...sink, isTTY: false, written: '' };
    write(text, pipe);
    must(pipe.written === text, 'a pipe gets another text');
    const spelled = sink.written.replace(/\\u([0-9a-f]{4})/g, (_, hex) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    must(/\\u[0-9a-f]{4}/.test(text) || spelled === text, 'what is spelled out is another text');
    mustBeHarmless(visible(forOutput(text, sink)), 'wrapped');
    const state = { label: visible(text), unit: 'step', done: 3, total: 9, rate: 2, measured: ['loss 1'] };
    const line = progressLine(state, columns);
    mustBeHarmless(line, 'progress');
    must(
      stringWidth(line) <= columns || columns < 30,
      `a line of ${stringWidth(line)} in ${columns} columns`,
    );
    mustBeHarmless(visible(plainLine(state)), 'plain progress');
    const rows = table(
      [{ title: 'run' }, { title: 'value', right: true }],
      [
        [text, '1'],
        ['b', text],
      ],
      { columns },
    );
    must(!rows.join('').includes('\u001b'), 'a cell paints');
    mustBeHarmless(visible(rows.join('\n')), 'table');
    if (sink.written !== text) throw new FormatError('it has what a terminal obeys');
  },
};
