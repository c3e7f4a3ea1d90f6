/** Runs in processes of their own: what fails there fails here, in the same words and with the same fields. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RunProcess, runPool } from '../../src/cli/pool.js';
import { fileSources, workingFolder } from '../../src/cli/sources.js';
import { PrenormError } from '../../src/errors.js';
import { executeRun, makePreset } from '../../src/experiments/index.js';
import { init } from '../../src/runtime/init.js';
import { quickRun, text } from './queue-runs.js';
import { inFolder } from './spawn.js';

const test = suite('cli: pool');
await init();

test("a child's error arrives as it was thrown", async () => {
  const data = join('no', 'such', 'folder');
  const spec = makePreset('quick', { data }).runs.find(({ kind }) => kind === 'translation');
  assert.ok(spec);
  const thrown = async (work: Promise<unknown>): Promise<PrenormError> => {
    const error = await work.then(
      () => assert.unreachable('the folder is not there'),
      (cause) => cause,
    );
    assert.instance(error, PrenormError);
    return error;
  };
  const here = await thrown(Promise.resolve(executeRun(spec, { sources: workingFolder, onProgress() {} })));
  const options = { processes: 1, engine: { simd: 'strict' as const }, signal: new AbortController().signal };
  const there = await thrown(runPool([spec], options, { onProgress() {}, onDone() {} }));
  assert.is(there.constructor, here.constructor);
  for (const key of Object.keys(here) as (keyof PrenormError)[]) assert.equal(there[key], here[key], key);
  assert.is(there.message, here.message);
  assert.ok(there.path, 'it names the file');
});

test('a run that fails is told of, and the others go on in its place', async () => {
  const data = join('no', 'such', 'folder');
  const bad = makePreset('quick', { data }).runs.find(({ kind }) => kind === 'translation');
  const good = makePreset('quick', { only: ['law-jacobian'] }).runs;
  assert.ok(bad && good.length > 0);
  const options = { processes: 1, engine: { simd: 'strict' as const }, signal: new AbortController().signal };
  const told: string[] = [];
  await runPool([...good, bad], options, {
    onProgress() {},
    onDone: ({ id }) => void told.push(`${id} done`),
    onFailed: ({ id }, error) => void told.push(`${id} ${error.constructor.name}`),
  });
  assert.equal(told.sort(), [...good.map(({ id }) => `${id} done`), `${bad.id} DataError`].sort());
});

test('a run goes on in another process from where it was kept, and its record is the same', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'cats.txt'), text);
    const spec = quickRun(1, { steps: 20 });
    const kept: Uint8Array[] = [];
    const checkpoints = {
      isDue: () => true,
      read: async () => undefined,
      write: async (b: Uint8Array) => void kept.push(b),
    };
    const whole = await executeRun(spec, { sources: fileSources(folder), checkpoints });
    const checkpoint = join(folder, 'run.checkpoint');
    writeFileSync(checkpoint, kept[11]!);
    const child = new RunProcess();
    const seen: number[] = [];
    const request = { spec, engine: { arithmetic: 'strict' as const }, folder, checkpoint };
    const { hash } = await child.run(request, ({ done }) => seen.push(done));
    child.end();
    assert.is(hash, whole.hash);
    assert.is(seen[0], 13);
  }));

test.run();
