/** reproduce: what is registered, an interruption and its continuation. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: reproduce');
const runs = ['law-hidden-post-12x1', 'law-hidden-pre-12x1'];
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

test('--only of some runs judges the claims they decide, and these alone give the exit code', () =>
  inFolder(async (cwd) => {
    const of = (...ids: string[]) => [
      'reproduce',
      '--out',
      'out',
      '--processes',
      '1',
      '--json',
      '--only',
      ...ids,
    ];
    const one = await prenorm(of('law-jacobian'), { cwd });
    assert.is(one.code, 0, one.stderr);
    const results = JSON.parse(one.stdout);
    assert.equal(
      results.claims.map(({ claim, verdict }: { claim: string; verdict: string }) => [claim, verdict]),
      [['layer-norm-jacobian', 'holds']],
    );
    assert.equal(results.experiments[0].partial, true);

    // A damaged record is said, and its run is done again.
    const [file] = readdirSync(join(cwd, 'out/runs'));
    const path = join(cwd, 'out/runs', file);
    const whole = readFileSync(path, 'utf8');
    writeFileSync(path, whole.slice(0, -9));
    const again = await prenorm([...of('law-jacobian'), '--resume'], { cwd });
    assert.is(again.code, 0, again.stderr);
    assert.match(again.stderr, /^prenorm: .*law-jacobian.*; the run is done again\n$/);
    assert.is(JSON.parse(again.stdout).runs[0].hash, results.runs[0].hash);
    assert.is(JSON.parse(readFileSync(path, 'utf8')).key, JSON.parse(whole).key);
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
