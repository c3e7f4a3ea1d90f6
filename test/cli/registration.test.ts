/** @file `reproduce --data DIR`: too little stops, what is asked is listed, and it is written down before it is run. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { register } from '../../src/cli/registration.js';
import { makePreset, type OwnData } from '../../src/experiments/index.js';
import { asyncRefusal } from '../support.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: registration');

const own: OwnData = {
  ...{ kind: 'text', source: 'text', heldOut: 500, needed: 200, examples: 5000 },
  ...{ maxTokens: 0, standardError: 0.03 },
};

test('what is asked is written down once, the same again is nothing new, and anything else is refused', () =>
  inFolder(async (cwd) => {
    const preset = makePreset('own', { data: 'text', own });
    const path = join(cwd, 'registration.json');
    await register(cwd, preset, 'hash');
    const written = readFileSync(path, 'utf8');
    const { claims, runs, dataHash } = JSON.parse(written);
    assert.equal([claims.length, runs.length, dataHash], [3, 48, 'hash']);
    for (const { claim, protocol, expected, control } of claims)
      assert.ok(claim && /0\.1 nats/.test(protocol) && expected === 'holds' && control, claim);
    await register(cwd, preset, 'hash');
    // A part of it is part of the same registration.
    const [{ id }] = preset.runs;
    await register(cwd, makePreset('own', { data: 'text', own, only: [id] }), 'hash');
    assert.is(readFileSync(path, 'utf8'), written);
    const seeded = makePreset('own', { data: 'text', own, seed: 1 });
    for (const [other, hash] of [
      [preset, 'other data'],
      [seeded, 'hash'],
    ] as const)
      assert.match(
        (await asyncRefusal(register(cwd, other, hash))).message,
        /registration\.json: something else was registered here.*another folder with --out/,
      );
    assert.is(readFileSync(path, 'utf8'), written);
  }));

test('a folder that is too small stops before anything is run, one that is not lists its runs', () =>
  inFolder(async (cwd) => {
    const line = (i: number) => `satz ${i % 7} von ${i % 11}\tsentence ${i % 7} of ${i % 11}\n`;
    const write = (name: string, count: number) => {
      mkdirSync(join(cwd, name));
      writeFileSync(join(cwd, name, 'train.tsv'), Array.from({ length: count }, (_, i) => line(i)).join(''));
    };
    write('few', 40);
    write('enough', 3000);
    const few = await prenorm(['reproduce', '--data', 'few', '--out', 'out'], { cwd });
    assert.is(few.code, 2);
    assert.match(few.stderr, /few: 4 sentences are held out of 40, .* some \d+ in all/);
    const plan = await prenorm(['reproduce', '--data', 'enough', '--dry-run', '--json'], { cwd });
    assert.is(plan.code, 0, plan.stderr);
    const { preset, runs } = JSON.parse(plan.stdout);
    assert.equal([preset, runs.length], ['own', 48]);
  }));

test.run();
