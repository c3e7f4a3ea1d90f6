/** What people see: a training on a real terminal, made by Python's pty, from 120 columns to 40. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lm, writeCorpus } from './corpus.js';
import { command, inFolder } from './spawn.js';

/** Runs a command on a terminal of so many columns, where Ctrl-C may be pressed, and prints what was written to it. */
const PTY = `
import fcntl, os, pty, select, struct, sys, termios, time
press = time.monotonic() + float(os.environ.get('CTRL_C_AFTER', 'inf'))
columns, command = int(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 20, columns, 0, 0))
    os.execvp(command[0], command)
while True:
    if time.monotonic() >= press:
        os.write(terminal, b'\\x03')
        press = float('inf')
    if not select.select([terminal], [], [], 0.05)[0]:
        continue
    try:
        seen = os.read(terminal, 65536)
    except OSError:
        break
    if not seen:
        break
    os.write(1, seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

const hasPty =
  spawnSync('python3', ['-c', 'import pty, fcntl, termios, os; os.waitstatus_to_exitcode']).status === 0;
const test = suite('cli: on a terminal');
const onTerminal = hasPty ? test : test.skip;

/** Frames and lines: what stands between two movements of the cursor or ends of a line. */
const frames = (written: string): string[] =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
  written.split(/\u001b\[\??\d*[A-Za-z]|[\r\n]/).filter((text) => text.trim() !== '');

onTerminal('train: step, loss and time left in every frame, no line wider than the terminal', async () => {
  await inFolder((cwd) => {
    writeCorpus(cwd);
    writeFileSync(join(cwd, 'long.json'), JSON.stringify({ ...lm, steps: 1500, evalEvery: 500 }));
    for (const columns of [120, 80, 60, 40]) {
      const out = `a-run-with-a-long-name-${columns}`;
      const done = spawnSync(
        'python3',
        ['-c', PTY, String(columns), process.execPath, ...command, 'train', 'long.json', '--out', out],
        { cwd, encoding: 'utf8', env: { ...process.env, TERM: 'xterm' } },
      );
      assert.is(done.status, 0, done.stdout + done.stderr);
      const seen = frames(done.stdout);
      for (const line of seen) assert.ok(stringWidth(line) <= columns, `${columns}: ${line}`);
      // The very first frame comes before the first step.
      const bars = seen.filter((line) => /\d+\/1500 /.test(line) && !/ 0\/1500/.test(line));
      assert.ok(bars.length > 1, `${columns}: ${done.stdout}`);
      for (const line of bars) assert.match(line, /\d+\/1500 .*loss \d\.\d{3}.* left$/);
      assert.is(
        bars.some((line) => /[█░]/.test(line)),
        columns >= 80,
      );
      assert.match(seen.join(' ').replace(/\s+/g, ' '), /1500 steps, loss \d/);
    }
  });
});

onTerminal('TERM=dumb moves no cursor, NO_COLOR colours nothing', async () => {
  await inFolder((cwd) => {
    writeCorpus(cwd);
    const written = (env: Record<string, string>, ...args: string[]) => {
      const all = ['-c', PTY, '80', process.execPath, ...command, ...args];
      return spawnSync('python3', all, { cwd, encoding: 'utf8', env: { ...process.env, ...env } }).stdout;
    };
    const dumb = written({ TERM: 'dumb' }, 'train', 'lm.json', '--out', 'dumb');
    assert.match(dumb, /dumb: step 4\/4, loss/);
    assert.not.match(dumb, '\u001b');
    const bare = written({ TERM: 'xterm', NO_COLOR: '1' }, 'train', 'lm.json', '--out', 'bare');
    assert.match(bare, '4 steps, loss');
    assert.not.match(bare, '[3');
  });
});

onTerminal('Ctrl-C ends what computes behind a bar, and gives the cursor back', async () => {
  await inFolder((cwd) => {
    writeCorpus(cwd);
    writeFileSync(join(cwd, 'long.json'), JSON.stringify({ ...lm, steps: 100_000 }));
    writeFileSync(join(cwd, 'long.txt'), 'the quick brown fox jumps over the lazy dog\n'.repeat(90_000));
    const quick = join(import.meta.dirname, '../../docs/results/quick.json');
    const run = (after: string, ...args: string[]) =>
      spawnSync('python3', ['-c', PTY, '80', process.execPath, ...command, ...args], {
        cwd,
        encoding: 'utf8',
        env: { ...process.env, TERM: 'xterm', CTRL_C_AFTER: after },
        timeout: 60_000,
      });
    assert.is(run('inf', 'train', 'lm.json', '--out', 'run').status, 0);
    const commands: [string[], number][] = [
      [['train', 'long.json', '--out', 'long'], 130],
      // Nothing to save: the signal itself ends it, which Python has as a negative number.
      [['evaluate', 'run', '--input', 'long.txt'], 256 - 2],
      [['verify', quick, '--row', 'gradients-toy-post'], 130],
      [['gradients', '--layers', '40', '--placement', 'post', '--seeds', '200'], 130],
    ];
    for (const [args, status] of commands) {
      const { status: ended, stdout } = run('2.5', ...args);
      const told = `${args[0]}: ${JSON.stringify(stdout.slice(-400))}`;
      assert.is(ended, status, told);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
      const cursor = stdout.match(/\u001b\[\?25[lh]/g) ?? [];
      assert.is.not(cursor.at(-1), '\u001b[?25l', told);
    }
  });
});

onTerminal('control characters of files, models and arguments reach no terminal', async () => {
  await inFolder((cwd) => {
    writeCorpus(cwd);
    // A model of characters that says what it has read: commands to the terminal.
    const evil = '\u001b]52;c;YWJj\u0007\u009b31m';
    writeFileSync(join(cwd, 'text.txt'), `${evil}\n`.repeat(60));
    const tokenizer = { kind: 'chars', maxVocab: 40 };
    writeFileSync(join(cwd, 'evil.json'), JSON.stringify({ ...lm, tokenizer, steps: 2, evalEvery: 1 }));
    const out = 'run-\u001b]0;title\u0007';
    const runs = [
      ['train', 'evil.json', '--out', out],
      ['generate', out, '--prompt', evil, '--length', '30'],
      ['generate', out, '--prompt', evil, '--length', '30', '--json'],
      ['evaluate', out],
      ['train', `${evil}.json`],
      ['compare', out, evil],
      ['info', evil],
    ];
    for (const args of runs) {
      const shown = spawnSync('python3', ['-c', PTY, '80', process.execPath, ...command, ...args], {
        cwd,
        encoding: 'utf8',
        env: { ...process.env, TERM: 'xterm' },
      });
      const told = `${args[0]}: ${JSON.stringify(shown.stdout)}`;
      assert.ok(shown.stdout.length > 20, told);
      // What our own progress line does to the cursor, and nothing else.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
      const left = shown.stdout.replace(/\u001b\[\??\d*[A-HJKhlm]/g, '');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
      assert.not.match(left, /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/, told);
    }
  });
});

test.run();
