/** What stands in files, models and names reaches a terminal as text, never as a command to it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { visible, write } from '../../src/terminal/write.js';

const test = suite('terminal: the door');

test('what a terminal would obey is spelled out there, and left alone in a file or a pipe', () => {
  const clipboard = 'a\u001b]52;c;YWJj\u0007b';
  const seen: string[] = [];
  const output = (isTTY: boolean) => ({ isTTY, write: (text: string) => void seen.push(text) });
  write(clipboard, output(true));
  write(clipboard, output(false));
  assert.equal(seen, ['a\\u001b]52;c;YWJj\\u0007b', clipboard]);

  for (let code = 0; code < 0xa0; code++) {
    const isControl = code < 32 || code >= 127;
    const c = String.fromCharCode(code);
    const isKept = !isControl || c === '\n' || c === '\t';
    assert.is(visible(`x${c}y`) === `x${c}y`, isKept, `U+${code.toString(16)}`);
  }
  assert.is(visible('x\r\ny'), 'x\r\ny');
  assert.is(visible('x\ry'), 'x\\u000dy', 'or the beginning of a line could be written over');
  assert.is(visible('\u202egpj.exe'), '\\u202egpj.exe');
  assert.is(visible('grüß 漢字 👩‍💻 \u00a0'), 'grüß 漢字 👩‍💻 \u00a0');
});

test('no command writes to the terminal by another way', () => {
  const found = ['src/cli', 'src/terminal', 'src/report'].flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.ts') && file !== 'write.ts')
      .flatMap((file) =>
        readFileSync(join(folder, file), 'utf8')
          .split('\n')
          .filter((line) => /\b(stdout|stderr)\.write\(|\bconsole\.(log|error|warn)\(/.test(line))
          .map((line) => `${folder}/${file}: ${line.trim()}`),
      ),
  );
  assert.equal(found, []);
});

test.run();
