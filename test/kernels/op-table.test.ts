/**
 * @file No kernel without an oracle and a test: walks the exports of the built module. And no op without the
 * four proofs: a reference and a tile test of every kernel it calls, a gradcheck case and a parity case.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as ops from '../../src/autograd/ops/index.js';
import { createReferenceKernels } from '../../src/reference/index.js';
import { loadBuilds } from './harness.js';

const test = suite('kernels/op-table');

/** None computes on tensors: addresses, sizes and a timing for the host. */
const HOST_ONLY = new Set([
  'heapBase',
  'gemmWorkspaceBytes',
  'attentionWorkspaceBytes',
  'int12PackedBytes',
  'int12Trial',
]);

/** Fork and join: tested in test/runtime/threads.test.ts. */
const JOINING = new Set(['publishCommand', 'awaitCommand', 'joinThreads', 'failThreads']);

const folder = new URL('./', import.meta.url);
const sources = readdirSync(folder)
  .filter((file) => file.endsWith('.test.ts') && file !== 'op-table.test.ts' && file !== 'compilers.test.ts')
  .map((file) => readFileSync(new URL(file, folder), 'utf8'));

for (const [build, { kernels, reference }] of await loadBuilds()) {
  const exported = Object.keys(kernels).filter((name) => !JOINING.has(name));

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

/** A row of docs/op-kernels.md. */
interface Op {
  name: string;
  forward: string[];
  backward: string[];
  gradcheck: boolean;
  parity: boolean;
  reason: string | null;
}

const script = fileURLToPath(new URL('../../scripts/op-table.mjs', import.meta.url));
const table: { ops: Op[]; kernels: { name: string; tests: string[] }[] } = JSON.parse(
  execFileSync(process.execPath, [script, '--json'], { encoding: 'utf8' }),
);
const references = createReferenceKernels(() => new Float64Array(0));
const tested = new Set(table.kernels.filter(({ tests }) => tests.length > 0).map(({ name }) => name));
const kernelsOf = (op: Op): string[] => [...op.forward, ...op.backward];

const DEMANDS: Record<string, (op: Op) => boolean> = {
  reference: (op) => kernelsOf(op).every((kernel) => Object.hasOwn(references, kernel)),
  'tile test': (op) => kernelsOf(op).every((kernel) => tested.has(kernel)),
  gradcheck: (op) => op.gradcheck,
  'parity case, or a reason to have none': (op) => op.parity || Boolean(op.reason),
};

test('the op table lists every op, with the kernels it calls', () => {
  const exported = Object.keys(ops).filter((name) => name !== 'ones' && name !== 'zeros');
  assert.equal(table.ops.map(({ name }) => name).sort(), exported.sort());
  const without = table.ops.filter(({ forward }) => forward.length === 0).map(({ name }) => name);
  assert.equal(without.sort(), ['customOp', 'reshape'], 'ops that call no kernel');
});

for (const [demand, holds] of Object.entries(DEMANDS)) {
  test(`every op has its ${demand}`, () => {
    const missing = table.ops.filter((op) => !holds(op)).map(({ name }) => name);
    assert.equal(missing, [], `ops without ${demand}`);
    const bare = { forward: ['noKernel'], backward: [], gradcheck: false, parity: false, reason: null };
    assert.not.ok(holds({ name: 'bare', ...bare }), 'an op without anything would pass');
  });
}

test.run();
