/** @file A full disk is told of, and loses nothing that was there. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MetricsLog } from '../../src/cli/metrics-log.js';
import { lm } from './corpus.js';
import { at, folder, trainBad } from './refused.js';
import { prenorm } from './spawn.js';

const test = suite('cli: full disk');

test.after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a full disk: refused before training, survived during training, an error at the end', async () => {
  const disk = at('disk');
  const mount = (size: string) => {
    mkdirSync(disk, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk], { stdio: 'ignore' });
  };
  try {
    mount('64k');
  } catch {
    rmSync(disk, { recursive: true, force: true });
    console.log('skipped: a small disk cannot be mounted here');
    return;
  }
  try {
    await trainBad(lm, /run\/checkpoint\.safetensors: cannot write the checkpoint: no space left/, {
      out: at('disk/run'),
    });
    assert.equal(readdirSync(disk), []);
    execFileSync('umount', [disk]);
    // Room for one checkpoint, not for the next beside it.
    mount('160k');
    writeFileSync(at('long.json'), JSON.stringify({ ...lm, steps: 9, checkpointEvery: 3 }));
    const { code, stderr, stdout } = await prenorm(['train', 'long.json', '--out', 'disk/run', '--json'], {
      cwd: folder,
    });
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    const told = stderr.trim().split('\n');
    assert.is(told.length, 4, stderr);
    // Of the page, which has no room either, it is told once.
    const page = told.findIndex((line) => /report\.html: cannot write the page: no space left/.test(line));
    assert.ok(page >= 0, stderr);
    told.splice(page, 1);
    for (const line of told.slice(0, 2)) {
      assert.match(line, /no space left.*; training goes on, the checkpoint of step 0 stays/);
    }
    assert.match(told[2], /no space left.*; the checkpoint of step 0 stays, go on with --resume/);
    assert.equal(readdirSync(at('disk/run')).sort(), [
      'checkpoint.safetensors',
      'config.json',
      'gradients.csv',
      'gradients.jsonl',
      'metrics.csv',
      'metrics.jsonl',
      'speed.csv',
      'speed.jsonl',
      'tokenizer.json',
    ]);
    execFileSync('mount', ['-o', 'remount,size=1m', disk], { stdio: 'ignore' });
    const resumed = await prenorm(['train', 'long.json', '--out', 'disk/run', '--resume', '--json'], {
      cwd: folder,
    });
    assert.is(resumed.code, 0, resumed.stderr);
    const steps = readFileSync(at('disk/run/metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).step);
    assert.equal(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  } finally {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true, force: true });
  }
});

test('metrics wait while the disk is full, and are all there afterwards', async () => {
  const path = at('metrics.jsonl');
  const told: string[] = [];
  const log = await MetricsLog.open(path, 0, (line) => told.push(line));
  log.append({ step: 1 });
  // A position that no file can have fails as a full disk does: part of the way through.
  const state = log as unknown as { write: (bytes: Uint8Array, position: number) => void };
  const write = state.write;
  state.write = () => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  };
  log.append({ step: 2 });
  log.append({ step: 3 });
  assert.is(told.length, 1);
  assert.match(told[0], 'training goes on: ENOSPC');
  state.write = write;
  log.append({ step: 4 });
  log.close();
  assert.is(readFileSync(path, 'utf8'), '{"step":1}\n{"step":2}\n{"step":3}\n{"step":4}\n');
  writeFileSync(path, '{"step":1}\n{"step":2}\n{"step":3}\n{"st');
  (await MetricsLog.open(path, 2, () => {})).close();
  assert.is(readFileSync(path, 'utf8'), '{"step":1}\n{"step":2}\n');
});

test.run();
