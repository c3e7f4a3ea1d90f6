/** Ctrl-C, SIGTERM and a closed terminal: real processes, real signals, and what is on the disk afterwards. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeCheckpoint } from '../../src/io/index.js';
import { lm, writeCorpus } from './corpus.js';
import { command, inFolder, prenorm } from './spawn.js';

const test = suite('cli: signals');

/** Steps of several seconds, none of which is a checkpoint. */
const slow = { ...lm, accumulate: 4000, checkpointEvery: 100 };

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
    const cases: [string, NodeJS.Signals[]][] = [
      ['once', ['SIGINT']],
      // The second comes before the first has had any effect.
      ['twice', ['SIGINT', 'SIGINT']],
      ['term', ['SIGTERM', 'SIGINT']],
      // A closed terminal, which the shell tells of a second time.
      ['hup', ['SIGHUP', 'SIGHUP']],
    ];
    for (const [out, signals] of cases) {
      const { child, seconds, stderr, ended } = await begun(cwd, out);
      await new Promise((done) => setTimeout(done, 300)); // well inside the second step
      const sent = performance.now();
      for (const signal of signals) {
        child.kill(signal);
        await new Promise((done) => setTimeout(done, 2));
      }
      assert.is(await ended, 130, stderr());
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

test.run();
