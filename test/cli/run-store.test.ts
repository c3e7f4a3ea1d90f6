/** The store of finished runs: found by what decides the bits, by nothing else, and never half. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RunStore, runKey, storedForm } from '../../src/cli/run-store.js';
import { workingFolder } from '../../src/cli/sources.js';
import { DataError } from '../../src/errors.js';
import { executeRun, makePreset, type RunRecord, type TranslationRun } from '../../src/experiments/index.js';
import { init } from '../../src/runtime/init.js';
import { inFolder } from './spawn.js';
import { tinyRun, writeTinyData } from './tiny-run.js';

const test = suite('cli: run store');
await init();
const spec = makePreset('quick').runs.find(({ kind }) => kind === 'translation') as TranslationRun;

/** What goes to standard error meanwhile. */
async function noted(use: () => Promise<void>): Promise<string> {
  const { stderr } = process;
  const write = stderr.write;
  let text = '';
  stderr.write = ((chunk: string) => {
    text += chunk;
    return true;
  }) as typeof write;
  try {
    await use();
  } finally {
    stderr.write = write;
  }
  return text;
}

test('the key depends on every setting, the data, the kernels chosen, and not on names for people or the order of keys', () => {
  const key = runKey(spec, 'strict', 'd');
  assert.is(runKey({ ...spec, label: 'other' }, 'strict', 'd'), key);
  const reordered = Object.fromEntries(Object.entries(spec).reverse()) as unknown as TranslationRun;
  assert.is(runKey(reordered, 'strict', 'd'), key);
  const { recipe } = spec;
  const changed: TranslationRun[] = [
    { ...recipe, seed: recipe.seed + 1 },
    { ...recipe, steps: recipe.steps + 1 },
    { ...recipe, model: { ...recipe.model, dFF: 96 } },
    { ...recipe, schedule: { kind: 'constant', maxLr: 0.001 } as const },
  ].map((other) => ({ ...spec, recipe: other }));
  const keys = [
    key,
    runKey(spec, 'relaxed', 'd'),
    runKey(spec, 'strict', 'e'),
    runKey(spec, 'strict', undefined),
    ...changed.map((other) => runKey(other, 'strict', 'd')),
  ];
  assert.is(new Set(keys).size, keys.length);
});

test('every run of every preset that reads something has the hash of it in its key, the embedded included', () =>
  inFolder(async (folder) => {
    const store = new RunStore(folder, 'strict');
    for (const run of makePreset('standard').runs) {
      const hash = await store.dataHash(run);
      const reads =
        'data' in run || 'pairs' in run || 'data' in ((run as Partial<TranslationRun>).recipe ?? {});
      assert.is(hash !== undefined, reads, run.id);
      if (reads) assert.match(hash ?? '', /^[0-9a-f]{64}$/);
    }
  }));

test('a finished run is found again while the data say the same, whatever their folder is called', () =>
  inFolder(async (folder) => {
    const data = join(folder, 'data');
    writeTinyData(data);
    const run = tinyRun(data);
    const open = () => new RunStore(join(folder, 'runs'), 'strict');
    assert.is(await open().read(run), undefined);
    const record = await executeRun(run, { sources: workingFolder });
    assert.match(record.dataHash ?? '', /^[0-9a-f]{64}$/);
    await open().write(run, record);
    assert.equal(await open().read({ ...run, label: 'renamed' }), {
      ...storedForm(record),
      label: 'renamed',
    });
    assert.is(
      await open().read({ ...run, recipe: { ...run.recipe, seed: 99 } } as TranslationRun),
      undefined,
    );
    assert.is(await new RunStore(join(folder, 'runs'), 'relaxed').read(run), undefined);

    const during = open();
    assert.ok(await during.read(run));
    writeTinyData(data, 'x y\ty x');
    assert.is(await open().read(run), undefined, 'train.tsv changed');
    // The same process, the same name, other data: trained on what lies there now.
    const again = await executeRun(run, { sources: workingFolder });
    assert.is.not(again.dataHash, record.dataHash);
    assert.is.not(again.hash, record.hash);
    try {
      await during.write(run, again);
      assert.unreachable('a record of other data was kept');
    } catch (error) {
      assert.instance(error, DataError);
      assert.match((error as Error).message, /the data of .* changed while the runs were going on/);
    }
    writeTinyData(data);
    assert.is((await open().read(run))?.hash, record.hash);
  }));

test('a damaged file is said and its run is done again', () =>
  inFolder(async (folder) => {
    const data = join(folder, 'data');
    writeTinyData(data);
    const run = tinyRun(data);
    const store = new RunStore(join(folder, 'runs'), 'strict');
    const dataHash = await store.dataHash(run);
    const { id, label } = run;
    const record = {
      ...{
        id,
        label,
        dataHash,
        experiment: 'fig2',
        placement: 'post',
        seed: 1,
        config: { kind: 'translation' },
      },
      ...{ status: 'measured', hash: 'abc', steps: 2, seconds: 1 },
    };
    await store.write(run, record as unknown as RunRecord);
    const path = join(folder, 'runs', readdirSync(join(folder, 'runs'))[0]);
    const whole = readFileSync(path, 'utf8');
    const stored = JSON.parse(whole);
    assert.is((await store.read(run))?.hash, 'abc');
    const sealed = (other: object) => {
      const sha256 = createHash('sha256').update(JSON.stringify(other)).digest('hex');
      return JSON.stringify({ key: stored.key, sha256, record: other });
    };
    const damaged: [string, string | Uint8Array][] = [
      ['cut short', whole.slice(0, -20)],
      ['empty', ''],
      ['one digit', whole.replace('"steps":2', '"steps":3')],
      ['another key', JSON.stringify({ ...stored, key: 'f'.repeat(64) })],
      ['no checksum', JSON.stringify({ key: stored.key, record: stored.record })],
      ['no record', JSON.stringify({ key: stored.key, sha256: stored.sha256 })],
      ['not an object', 'null'],
      ['of another kind, sealed', sealed({ ...record, curve: 'x' })],
      ['without its status, sealed', sealed({ ...record, status: undefined })],
      ['no text', new Uint8Array([123, 255, 254])],
    ];
    for (const [what, content] of damaged) {
      writeFileSync(path, content);
      const said = await noted(async () => assert.is(await store.read(run), undefined, what));
      assert.match(said, /^prenorm: .*the run is done again\n$/, what);
      assert.ok(said.includes(path), what);
    }
    writeFileSync(path, whole);
    assert.is((await store.read(run))?.hash, 'abc');
  }));

test('a number that is not finite comes back as one, not as the small number null passes for', () => {
  const record = { measured: { a: Number.POSITIVE_INFINITY, b: [1, Number.NaN] }, config: { decode: null } };
  const back = storedForm(record as unknown as RunRecord);
  assert.equal(Object.keys(back), Object.keys(record));
  assert.ok(Number.isNaN(back.measured?.a));
  assert.ok(Number.isNaN((back.measured?.b as number[])[1]));
  assert.is(back.config.decode, null, 'a specification keeps its null');
});

test.run();
