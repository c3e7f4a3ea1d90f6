/** One process at a time writes to a folder, and no process that is gone keeps the next one out. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { holdFolder } from '../../src/cli/folder-lock.js';
import { EnvironmentError } from '../../src/errors.js';
import { fnv1a } from '../../src/random.js';
import { lm, writeCorpus } from './corpus.js';
import { command, inFolder, prenorm } from './spawn.js';

const test = suite('cli: one process a folder');
const LOCK = '.prenorm.lock';
const HELD =
  /^prenorm: \S*: a running process writes to this folder: process \d+ on \S+ \(wait until it has ended/;

/** A run that lasts: many steps, a checkpoint at each. */
const long = { ...lm, steps: 100_000, checkpointEvery: 1 };

async function refusal(promise: Promise<unknown>): Promise<EnvironmentError> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, EnvironmentError);
    return error as EnvironmentError;
  }
  throw new Error('two hold the folder');
}

/** Starts a run and waits until it has written a line of metrics. */
async function living(cwd: string, out: string, before: string[] = []) {
  writeFileSync(join(cwd, 'long.json'), JSON.stringify(long));
  const [file, ...args] = [...before, process.execPath, ...command, 'train', 'long.json', '--out', out];
  const child = spawn(file, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((done) => child.on('close', done));
  const metrics = join(cwd, out, 'metrics.jsonl');
  while (!existsSync(metrics) || readFileSync(metrics).length === 0) {
    if (child.exitCode !== null) throw new Error(stderr);
    await new Promise((done) => setTimeout(done, 20));
  }
  const kill = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  return { metrics, kill };
}

test('of two runs begun at once in one folder one trains, and the other is refused', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const run = (out: string) => prenorm(['train', 'lm.json', '--out', out, '--json'], { cwd });
    const [whole, ...both] = await Promise.all([run('whole'), run('o'), run('o')]);
    const [winner, loser] = both.sort((a, b) => Number(a.code) - Number(b.code));
    assert.is(winner.code, 0, winner.stderr);
    assert.is(loser.code, 2, loser.stderr);
    assert.match(
      loser.stderr,
      /^prenorm: o: (a running process writes to this folder|the folder holds a run already)/,
    );
    assert.is(JSON.parse(winner.stdout).hash, JSON.parse(whole.stdout).hash);
    assert.equal(readdirSync(join(cwd, 'o')).sort(), readdirSync(join(cwd, 'whole')).sort());
  }));

test('beside a living run --resume is refused and cuts nothing; after SIGKILL it goes on at once', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const run = await living(cwd, 'o');
    const resume = () => {
      const steps = JSON.parse(
        readFileSync(join(cwd, 'o/metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1)!,
      ).step;
      writeFileSync(join(cwd, 'more.json'), JSON.stringify({ ...long, steps: steps + 2 }));
      return prenorm(['train', 'more.json', '--out', 'o', '--resume', '--json'], { cwd });
    };
    const before = readFileSync(run.metrics, 'utf8').split('\n').slice(0, 1);
    const refused = await resume();
    assert.is(refused.code, 2);
    assert.match(refused.stderr, HELD);
    const fresh = await prenorm(['train', 'long.json', '--out', 'o'], { cwd });
    assert.match(fresh.stderr, HELD);
    await run.kill('SIGKILL');
    assert.ok(existsSync(join(cwd, 'o', LOCK)), 'a killed process leaves the file');
    const resumed = await resume();
    assert.is(resumed.code, 0, resumed.stderr);
    const lines = readFileSync(run.metrics, 'utf8').trimEnd().split('\n');
    assert.equal(lines.slice(0, 1), before);
    assert.equal(
      lines.map((line) => JSON.parse(line).step),
      lines.map((_, i) => i + 1),
    );
    assert.not.ok(readdirSync(join(cwd, 'o')).some((name) => name === LOCK || name.endsWith('.tmp')));
  }));

test('Ctrl-C, SIGTERM and an error give the folder free', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const run = await living(cwd, signal);
      assert.is(await run.kill(signal), code);
      assert.not.ok(existsSync(join(cwd, signal, LOCK)));
    }
    const again = await prenorm(['train', 'lm.json', '--out', 'SIGINT'], { cwd });
    assert.match(again.stderr, /the folder holds a run already/);
    assert.not.ok(existsSync(join(cwd, 'SIGINT', LOCK)));
  }));

test('every command that writes over time is refused while another holds its folder; reading is not', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    assert.is((await prenorm(['train', 'lm.json', '--out', 'o'], { cwd })).code, 0);
    const release = await holdFolder(join(cwd, 'o'));
    const outcomes = await Promise.all(
      [
        ['train', 'lm.json', '--resume'],
        ['reproduce', '--only', 'fig2'],
        ['prepare', 'pairs'],
      ].map((args) => prenorm([...args, '--out', 'o'], { cwd })),
    );
    for (const { code, stderr } of outcomes) {
      assert.is(code, 2);
      assert.match(stderr, HELD);
    }
    const read = await prenorm(['evaluate', 'o'], { cwd });
    assert.is(read.code, 0, read.stderr);
    const dry = await prenorm(['train', 'lm.json', '--out', 'o', '--dry-run'], { cwd });
    assert.is(dry.code, 0, dry.stderr);
    release();
    assert.is((await prenorm(['train', 'lm.json', '--out', 'o', '--resume'], { cwd })).code, 0);
  }));

test('of many that want a folder at once one gets it, whatever a dead process left, and they take turns', () =>
  inFolder(async (folder) => {
    // This very process, as a restarted container has it: the id lives, the one who wrote it does not.
    writeFileSync(join(folder, LOCK), `process ${process.pid} on ${hostname()}`);
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => holdFolder(folder)));
    const held = all.filter((one) => one.status === 'fulfilled');
    assert.is(held.length, 1);
    const error = await refusal(holdFolder(folder));
    assert.is(error.path, folder);
    assert.match(error.message, `process ${process.pid} on ${hostname()}`);
    held[0].value();
    held[0].value(); // twice is once

    let inside = 0;
    let turns = 0;
    const worker = async () => {
      while (turns < 60) {
        const release = await holdFolder(folder).catch(() => null);
        if (release) {
          assert.is(++inside, 1);
          turns++;
          await new Promise((done) => setImmediate(done));
          inside--;
          release();
        }
        await new Promise((done) => setTimeout(done, 1));
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    assert.equal(readdirSync(folder), []);
  }));

test('without flock(1) a folder is held all the same', () =>
  inFolder(async (folder) => {
    if (process.platform !== 'linux') return;
    const { PATH } = process.env;
    process.env.PATH = join(folder, 'nothing');
    try {
      const release = await holdFolder(folder);
      assert.match((await refusal(holdFolder(folder))).message, /a running process writes to this folder/);
      release();
      (await holdFolder(folder))();
    } finally {
      process.env.PATH = PATH;
    }
  }));

test('folders made for nothing go again, others stay; what cannot be a folder is one clear line', () =>
  inFolder(async (folder) => {
    const deep = join(folder, 'a/b/c');
    (await holdFolder(deep))();
    assert.equal(readdirSync(folder), []);
    mkdirSync(join(folder, 'a'));
    const release = await holdFolder(deep);
    writeFileSync(join(folder, 'a/b/file'), '');
    release();
    assert.equal(readdirSync(join(folder, 'a/b')), ['file']);
    writeFileSync(join(folder, 'plain'), '');
    assert.match((await refusal(holdFolder(join(folder, 'plain/x')))).message, /cannot create the folder/);
    if (process.platform === 'linux') {
      assert.match((await refusal(holdFolder('/proc'))).message, /^\/proc\/.*: cannot write the lock/);
    }
  }));

test('killed inside a write and begun again with the same process id and host name, as containers do', () =>
  inFolder(async (cwd) => {
    const own = ['--fork', '--pid', '--kill-child'];
    if (spawnSync('unshare', [...own, 'true']).status !== 0) {
      console.log('skipped: no namespace of process ids can be made here');
      return;
    }
    writeCorpus(cwd);
    const run = await living(cwd, 'o', ['unshare', ...own]);
    const outside = await prenorm(['train', 'long.json', '--out', 'o', '--resume'], { cwd });
    assert.match(outside.stderr, HELD);
    const inside = spawnSync(
      'unshare',
      [...own, process.execPath, ...command, 'train', 'long.json', '--out', 'o', '--resume'],
      { cwd, encoding: 'utf8' },
    );
    assert.match(inside.stderr, HELD);
    await new Promise<void>((done) => {
      const watcher = watch(join(cwd, 'o'), (_, name) => {
        if (!name?.endsWith('.tmp')) return;
        watcher.close();
        done();
      });
    });
    await run.kill('SIGKILL');
    // The names that process 1 of a restarted container would have come upon again.
    const host = fnv1a(hostname()).toString(16);
    const stored = ['checkpoint.safetensors', 'config.json', 'metrics.jsonl', 'model.safetensors'];
    const others = [
      'gradients.csv',
      'gradients.jsonl',
      'metrics.csv',
      'report.html',
      'speed.csv',
      'speed.jsonl',
      'tokenizer.json',
    ];
    for (const name of stored) {
      for (let n = 0; n < 4; n++) writeFileSync(join(cwd, 'o', `.${name}.${host}-1-${n}.tmp`), 'half');
    }
    for (let life = 0; life < 2; life++) {
      const step = readFileSync(run.metrics, 'utf8').trimEnd().split('\n').length;
      writeFileSync(join(cwd, 'more.json'), JSON.stringify({ ...long, steps: step + 2 }));
      const resumed = spawnSync(
        'unshare',
        [...own, process.execPath, ...command, 'train', 'more.json', '--out', 'o', '--resume'],
        { cwd, encoding: 'utf8' },
      );
      assert.is(resumed.status, 0, resumed.stderr);
      assert.equal(readdirSync(join(cwd, 'o')).sort(), [...stored, ...others].sort());
    }
  }));

test.run();
