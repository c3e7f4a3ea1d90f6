/** reproduce: what is registered, an interruption and its continuation. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: reproduce');
const runs = ['gradients-toy-post', 'gradients-toy-pre'];
const base = ['reproduce', '--out', 'out', '--processes', '1', '--only', ...runs];

test('Ctrl-C keeps the finished runs, --resume reuses them', () =>
  inFolder(async (cwd) => {
    const cut = await prenorm(base, { cwd, interruptAt: /1\/2 / });
    assert.is(cut.code, 130, cut.stderr);
    assert.match(cut.stderr, 'interrupted; 1 of 2 runs are kept, go on with --resume\n');
    assert.is(cut.stdout, '');
    const kept = readdirSync(join(cwd, 'out/runs'));
    assert.is(kept.length, 1);
    assert.not(existsSync(join(cwd, 'out/results.json')));
    const before = readFileSync(join(cwd, 'out/runs', kept[0]), 'utf8');

    const resumed = await prenorm([...base, '--resume', '--json'], { cwd });
    assert.ok(resumed.code === 0 || resumed.code === 1, resumed.stderr);
    assert.is(resumed.stderr, '');
    const results = JSON.parse(resumed.stdout);
    assert.equal(results.runs.map((run: { id: string }) => run.id).sort(), runs);
    assert.is(readFileSync(join(cwd, 'out/results.json'), 'utf8'), resumed.stdout);
    assert.match(readFileSync(join(cwd, 'out/report.html'), 'utf8'), /^<!doctype html>/i);
    // The kept run was not made again: it would differ in its seconds.
    assert.is(readFileSync(join(cwd, 'out/runs', kept[0]), 'utf8'), before);
  }));

test('--dry-run lists the registered runs and writes nothing', () =>
  inFolder(async (cwd) => {
    const { code, stdout, stderr } = await prenorm([...base, '--dry-run', '--json'], { cwd });
    assert.is(code, 0, stderr);
    assert.is(stderr, '');
    const plan = JSON.parse(stdout);
    assert.equal(plan.runs.map((run: { id: string }) => run.id).sort(), runs);
    assert.ok(plan.estimatedSeconds > 0);
    assert.equal(readdirSync(cwd), []);
  }));

test.run();
