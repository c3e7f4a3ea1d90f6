/**
 * @file The conformance run sees every kernel: each is called, and each would change a hash if it were off by one unit
 * in the last place. Every third is tried here, all of them by `node scripts/mutate-kernels.mjs` (or with
 * PRENORM_MUTATE=all).
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { itemNames } from '../../src/conformance/index.js';
import { createRuntime } from '../../src/runtime/init.js';
import { detect, exempt, isInt12, numericKernels, type Survey, survey } from './mutants.js';

const test = suite('conformance/mutation');
let whole: Survey;
/** The item that notices a mutant of an int12 kernel. */
const inInt12 = new Map<string, string | null>();

test.before(async () => {
  const int12 = await survey(['vision', 'ops', 'translation-sgd', 'decoding'], 'int12');
  for (const name of (await numericKernels()).filter(isInt12)) inInt12.set(name, await detect(name, int12));
  // `large` repeats the kernels of the other items at other sizes.
  whole = await survey(itemNames.filter((name) => name !== 'large'));
});

test('the items call every exported kernel', async () => {
  const kernels = await numericKernels();
  assert.equal(
    kernels.filter((name) => !whole.callers.has(name) && !inInt12.get(name)),
    [],
  );
  assert.ok(kernels.length > 60);
});

test('an exemption is for an export that exists', async () => {
  const { kernels } = await createRuntime({ arithmetic: 'int12' });
  for (const [name, reason] of Object.entries(exempt)) {
    assert.type((kernels as unknown as Record<string, unknown>)[name], 'function', name);
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
  const own = kernels.filter((name) => !isInt12(name));
  const tried = process.env.PRENORM_MUTATE === 'all' ? own : own.filter((_, i) => i % 3 === 0);
  const missed: string[] = [];
  for (const name of tried) if ((await detect(name, whole)) === null) missed.push(name);
  for (const [name, item] of inInt12) if (item === null) missed.push(name);
  assert.ok(inInt12.size >= 4);
  assert.equal(missed, []);
});

test.run();
