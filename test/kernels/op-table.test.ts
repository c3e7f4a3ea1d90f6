/**
 * @file No kernel without an oracle and a test: walks the exports of the built module.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadBuilds } from './harness.js';

const test = suite('kernels/op-table');

/** Neither computes on tensors: addresses and sizes for the host. */
const HOST_ONLY = new Set(['heapBase', 'gemmWorkspaceBytes', 'attentionWorkspaceBytes']);

const folder = new URL('./', import.meta.url);
const sources = readdirSync(folder)
  .filter((file) => file.endsWith('.test.ts') && file !== 'op-table.test.ts' && file !== 'compilers.test.ts')
  .map((file) => readFileSync(new URL(file, folder), 'utf8'));

for (const [build, { kernels, reference }] of await loadBuilds()) {
  const exported = Object.keys(kernels);

  test(`${build}: every kernel has a reference, and every reference a kernel`, () => {
    assert.ok(exported.length > 50, `only ${exported.length} exports`);
    const bound = Object.keys(reference);
    assert.equal(
      exported.filter((name) => !bound.includes(name)),
      [],
      'kernels without a reference',
    );
    assert.equal(
      bound.filter((name) => !exported.includes(name)),
      [],
      'references without a kernel',
    );
  });

  test(`${build}: every kernel is named by a test that compares it with its reference`, () => {
    const untested = exported.filter(
      (name) => !HOST_ONLY.has(name) && !sources.some((source) => source.includes(`'${name}'`)),
    );
    assert.equal(untested, [], 'kernels without a test');
  });
}

test.run();
