/**
 * @file The conformance run sees every kernel: each is called, and each would change a hash if it were off by one unit
 * in the last place. Every third is tried here, all of them by `node scripts/mutate-kernels.mjs` (or with
 * PRENORM_MUTATE=all).
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { itemNames } from '../../src/conformance/index.js';
import { detect, exempt, numericKernels, type Survey, survey } from './mutants.js';

const test = suite('conformance/mutation');
let whole: Survey;

test.before(async () => {
  // `large` repeats the kernels of the other items at other sizes.
  whole = await survey(itemNames.filter((name) => name !== 'large'));
});

test('the items call every exported kernel', async () => {
  const kernels = await numericKernels();
  assert.equal(
    kernels.filter((name) => !whole.callers.has(name)),
    [],
  );
  assert.ok(kernels.length > 60);
});

test('an exemption is for an export that exists', () => {
  for (const [name, reason] of Object.entries(exempt)) {
    assert.type((whole.runtime.kernels as unknown as Record<string, unknown>)[name], 'function', name);
    assert.ok(reason.length > 10);
  }
});

test('the real kernels, run again, are not taken for mutants', async () => {
  assert.is(
    await detect('no such kernel', { ...whole, callers: new Map([['no such kernel', ['vision']]]) }),
    null,
  );
});

test('one unit in the last place of a kernel changes a hash', async () => {
  const kernels = await numericKernels();
  const tried = process.env.PRENORM_MUTATE === 'all' ? kernels : kernels.filter((_, i) => i % 3 === 0);
  const missed: string[] = [];
  for (const name of tried) if ((await detect(name, whole)) === null) missed.push(name);
  assert.equal(missed, []);
});

test.run();
