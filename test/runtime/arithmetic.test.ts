/** @file What init() takes as arithmetic, and how the micro-kernel is chosen. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ARITHMETICS, arithmeticNames, kernelsOf } from '../../src/runtime/arithmetic.js';
import type { Kernels } from '../../src/runtime/kernels.js';
import { chooseMicroKernel } from '../../src/runtime/micro-kernel.js';
import { createRuntime } from '../../src/runtime/runtime.js';
import { asyncRefusal } from '../support.js';

const test = suite('runtime/arithmetic');

test('every name is in the table, and what takes the place of a kernel is a kernel of the build', async () => {
  const { kernels } = await createRuntime();
  for (const name of arithmeticNames) {
    for (const [replaced, other] of Object.entries(ARITHMETICS[name].instead)) {
      assert.type(kernels[replaced as keyof Kernels], 'function', replaced);
      assert.type(kernels[other as keyof Kernels], 'function', other);
    }
  }
});

test('simd is another name of arithmetic, and both must not disagree', async () => {
  assert.is((await createRuntime({ simd: 'strict' })).arithmetic, 'strict');
  assert.is((await createRuntime({ simd: 'strict', arithmetic: 'strict' })).arithmetic, 'strict');
  for (const arithmetic of ['relaxed', 'int12'] as const) {
    const error = await asyncRefusal(createRuntime({ simd: 'strict', arithmetic }));
    assert.is(error.code, 'CONFIG');
    assert.match(error.message, new RegExp(`arithmetic is ${arithmetic} and simd is strict`));
  }
});

test('what is no arithmetic, and a micro-kernel without int12, are refused', async () => {
  for (const options of [
    { arithmetic: 'int8' },
    { simd: 'int12' },
    { arithmetic: 'int12', microKernel: 'fma' },
    { microKernel: 'dot' },
    { arithmetic: 'strict', microKernel: 'extmul' },
  ]) {
    assert.is((await asyncRefusal(createRuntime(options as never))).code, 'CONFIG', JSON.stringify(options));
  }
});

/** A clock on which a round takes `dot` or `extmul` nanoseconds, and which shows whole ticks. */
function host(dot: number, extmul: number, tickMs: number) {
  let ms = 0;
  const int12Trial = (rounds: number, other: number): number => {
    ms += (rounds * (other ? extmul : dot)) / 1e6;
    return 0;
  };
  const now = (): number => Math.floor(ms / tickMs) * tickMs;
  const { name, reason } = chooseMicroKernel({ int12Trial } as unknown as Kernels, now);
  return { name, reason, ms };
}

test('the faster micro-kernel is chosen; a tie goes to extmul, an unseen one to dot', () => {
  assert.is(host(2, 6, 1e-6).name, 'dot');
  assert.is(host(2, 2, 1e-6).name, 'extmul');
  assert.is(host(4, 2, 1e-6).name, 'extmul');
  assert.match(host(2, 6, 1e-6).reason, /1\/3\.0/);
  const blind = host(2, 1, 1000);
  assert.equal([blind.name, blind.reason], ['dot', 'the clock is too coarse to compare the two']);
});

test('the timing stays below two milliseconds, on any processor and any clock', () => {
  for (const [dot, extmul] of [
    [1, 3],
    [3, 3],
    [10, 30],
    [25, 50],
  ]) {
    for (const tick of [1e-6, 5e-3, 0.1, 1]) {
      const { ms } = host(dot, extmul, tick);
      assert.ok(ms < 2, `${ms} ms with ${dot} and ${extmul} ns a round, ticks of ${tick} ms`);
    }
  }
});

test('an arithmetic without replacements has the kernels as they are', () => {
  const kernels = {} as Kernels;
  assert.is(kernelsOf(kernels, 'strict', null), kernels);
});

test.run();
