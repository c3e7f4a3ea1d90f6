/** Ctrl-C, SIGTERM and a closed terminal: real processes, real signals, and what is on the disk afterwards. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeCheckpoint } from '../../src/io/index.js';
import { lines, lm, writeCorpus } from './corpus.js';
import { command, inFolder, prenorm } from './spawn.js';

const test = suite('cli: signals');

/** Steps of more than a second on the fastest machine, none of which is a checkpoint. */
const slow = { ...lm, accumulate: 20_000, checkpointEvery: 100 };

/** Starts a training and waits for its first step. */
async function begun(cwd: string, out: string) {
  const child = spawn(process.execPath, [...command, 'train', 'slow.json', '--out', out], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((done) => child.on('close', done));
  const metrics = join(cwd, out, 'metrics.jsonl');
  const started = performance.now();
  while (!existsSync(metrics) || readFileSync(metrics).length === 0) {
    if (child.exitCode !== null) throw new Error(stderr);
    await new Promise((done) => setTimeout(done, 20));
  }
  return { child, seconds: (performance.now() - started) / 1000, stderr: () => stderr, ended };
}

const stepIn = (cwd: string, out: string): number => {
  const path = join(cwd, out, 'checkpoint.safetensors');
  return decodeCheckpoint(readFileSync(path), path).step;
};

test('inside a long step, one signal or two give up that step at once and save the one before; going on changes no bit', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const write = (steps: number) =>
      writeFileSync(join(cwd, 'slow.json'), JSON.stringify({ ...slow, steps }));
    write(3);
    const cases: [string, NodeJS.Signals[], number][] = [
      ['once', ['SIGINT'], 130],
      // The second comes before the first has had any effect.
      ['twice', ['SIGINT', 'SIGINT'], 130],
      ['term', ['SIGTERM', 'SIGTERM'], 143],
      // A closed terminal, which the shell tells of a second time.
      ['hup', ['SIGHUP', 'SIGHUP'], 129],
    ];
    for (const [out, signals, code] of cases) {
      const { child, seconds, stderr, ended } = await begun(cwd, out);
      await new Promise((done) => setTimeout(done, 300)); // well inside the second step
      const sent = performance.now();
      for (const signal of signals) {
        child.kill(signal);
        await new Promise((done) => setTimeout(done, 2));
      }
      assert.is(await ended, code, stderr());
      const waited = (performance.now() - sent) / 1000;
      assert.ok(waited < Math.max(1, seconds / 2), `${out}: ${waited} s of a step of ${seconds} s`);
      assert.match(
        stderr(),
        /stopping; press Ctrl-C again to stop at once\n(?:.*\n)*interrupted after step 1/,
      );
      assert.is(stepIn(cwd, out), 1, out);
    }
    write(2);
    const run = async (...args: string[]) => {
      const done = await prenorm(['train', 'slow.json', '--json', ...args], { cwd });
      assert.is(done.code, 0, done.stderr);
      return JSON.parse(done.stdout).hash;
    };
    const whole = await run('--out', 'whole');
    assert.is(await run('--out', 'twice', '--resume'), whole);
  }));

/** Starts a command in `cwd`; `shown` waits for a text on standard error. */
function started(cwd: string, args: readonly string[]) {
  const child = spawn(process.execPath, [...command, ...args], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  let ended = false;
  const end = new Promise<number | NodeJS.Signals | null>((done) =>
    child.on('close', (code, signal) => {
      ended = true;
      done(signal ?? code);
    }),
  );
  const until = async (reached: () => boolean) => {
    while (!reached()) {
      if (ended) throw new Error(`it has ended: ${stderr}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  };
  return { child, end, until, shown: (text: RegExp) => until(() => text.test(stderr)) };
}

/** Much shorter than what is interrupted takes, and enough for a busy machine. */
const SOON_MS = 3000;

test('an evaluation of a minute hears a signal between its batches, and a second one ends it', () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'long.txt'), 'abcdefgh'.repeat(500_000));
    const recipe = {
      ...{ ...slow, accumulate: 1, steps: 2, evalEvery: 1, tokenizer: { kind: 'chars' } },
      data: { ...lm.data, source: 'long.txt', validation: 0.9 },
    };
    writeFileSync(join(cwd, 'c.json'), JSON.stringify(recipe));
    const { child, end, until, shown } = started(cwd, ['train', 'c.json', '--out', 'run']);
    // Written when all is ready for the first step, which takes milliseconds.
    await until(() => existsSync(join(cwd, 'run/report.html')));
    await new Promise((done) => setTimeout(done, 2000));
    const metrics = join(cwd, 'run/metrics.jsonl');
    assert.not.ok(existsSync(metrics) && readFileSync(metrics).length > 0, 'no step is judged yet');
    const sent = performance.now();
    child.kill('SIGTERM');
    await shown(/stopping; press Ctrl-C again/);
    child.kill('SIGTERM');
    assert.is(await end, 143);
    assert.ok(performance.now() - sent < SOON_MS, `${performance.now() - sent} ms`);
    assert.is(stepIn(cwd, 'run'), 0);
  }));

test('before there is anything to save, the first signal ends a command whatever it computes', () =>
  inFolder(async (cwd) => {
    // 25 MB of words that occur once: a quarter of a minute for the pairs of a tokenizer, on a calm machine.
    const part = (i: number) => ((i * 2654435761) >>> 3).toString(36);
    const word = (i: number) => part(i) + part(i + 1) + part(i + 2) + part(i + 3);
    const side = (i: number) => [0, 1, 2, 3].map((k) => word(7 * (4 * i + k))).join(' ');
    writeFileSync(
      join(cwd, 'words.txt'),
      lines(250_000, (i) => side(i)),
    );
    writeFileSync(
      join(cwd, 'words.tsv'),
      lines(125_000, (i) => `${side(2 * i)}\t${side(2 * i + 1)}`),
    );
    const data = { ...lm.data, source: 'words.txt' };
    const recipe = { ...lm, data, tokenizer: { kind: 'bpe', vocabSize: 60000 } };
    writeFileSync(join(cwd, 'c.json'), JSON.stringify(recipe));
    const commands = [
      ['train', 'c.json', '--out', 'run'],
      ['fit', 'words.txt', '--out', 'fitted', '--minutes', '5'],
      ['prepare', 'words.tsv', '--kind', 'pairs', '--vocab-size', '60000', '--out', 'prepared'],
    ];
    for (const args of commands) {
      const { child, end, until } = started(cwd, args);
      const begun = performance.now();
      await until(() => performance.now() - begun > 3000);
      const sent = performance.now();
      child.kill('SIGTERM');
      assert.is(await end, 'SIGTERM', args.join(' '));
      assert.ok(performance.now() - sent < SOON_MS, `${args[0]}: ${performance.now() - sent} ms`);
    }
  }));

test.run();
