/** The store of finished runs: found by what decides the bits, by nothing else, and never half. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RunStore, runKey } from '../../src/cli/run-store.js';
import { makePreset, type RunRecord, type TranslationRun } from '../../src/experiments/index.js';

const test = suite('cli: run store');
const spec = makePreset('quick').runs.find(({ kind }) => kind === 'translation') as TranslationRun;
const record = { id: spec.id, label: spec.label, hash: 'abc', seconds: 1 } as RunRecord;

test('the key depends on every setting, the kernels chosen, and not on names for people or the order of keys', () => {
  const key = runKey(spec, 'strict');
  assert.is(runKey({ ...spec, label: 'other' }, 'strict'), key);
  const reordered = Object.fromEntries(Object.entries(spec).reverse()) as unknown as TranslationRun;
  assert.is(runKey(reordered, 'strict'), key);
  const changed: TranslationRun[] = [
    { ...spec, seed: spec.seed + 1 },
    { ...spec, steps: spec.steps + 1 },
    { ...spec, model: { ...spec.model, dFF: 96 } },
    { ...spec, schedule: { kind: 'constant', maxLr: 0.001 } },
  ];
  const keys = [key, runKey(spec, 'relaxed'), ...changed.map((other) => runKey(other, 'strict'))];
  assert.is(new Set(keys).size, keys.length);
});

test('a record comes back under its key only; a damaged or foreign file is not used', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prenorm-store-'));
  try {
    const store = new RunStore(join(folder, 'runs'), 'strict');
    assert.is(await store.read(spec), undefined);
    await store.write(spec, record);
    assert.equal(await store.read({ ...spec, label: 'renamed' }), { ...record, label: 'renamed' });
    assert.is(await store.read({ ...spec, seed: 99 } as TranslationRun), undefined);
    assert.is(await new RunStore(join(folder, 'runs'), 'relaxed').read(spec), undefined);
    const [file] = readdirSync(join(folder, 'runs'));
    const path = join(folder, 'runs', file);
    const stored = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...stored, key: 'f'.repeat(64) }));
    assert.is(await store.read(spec), undefined);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
