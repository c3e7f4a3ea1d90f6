/** @file What init() takes as arithmetic, and how the micro-kernel is chosen. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { matmul } from '../../src/autograd/ops/index.js';
import { tensor } from '../../src/autograd/variable.js';
import { createRuntime as inference } from '../../src/runtime/forward.js';
import { createRuntime } from '../../src/runtime/init.js';
import { INSTEAD, replaced } from '../../src/runtime/int12-kernels.js';
import type { Kernels } from '../../src/runtime/kernels.js';
import { chooseMicroKernel } from '../../src/runtime/micro-kernel.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { asyncRefusal, refusal } from '../support.js';

const test = suite('runtime/arithmetic');

test('what takes the place of a kernel, and what it replaces, are kernels of the build', async () => {
  const { kernels } = await createRuntime({ arithmetic: 'int12' });
  for (const names of Object.entries(INSTEAD))
    for (const name of names) assert.type(kernels[name as keyof Kernels], 'function', name);
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

test('prenorm/inference computes in int12 too, with kernels that come on demand, and trains in neither', async () => {
  for (const arithmetic of ['strict', 'int12'] as const) {
    const runtime = await inference({ arithmetic });
    assert.is(runtime.arithmetic, arithmetic);
    assert.is(refusal(() => (runtime.kernels.adamStep as () => void)()).code, 'ENVIRONMENT');
  }
  const [product, same] = await Promise.all(
    [inference, createRuntime].map(async (create) => {
      const runtime = await create({ arithmetic: 'int12' });
      return withRuntime(runtime, () => {
        const x = tensor(
          Array.from({ length: 35 }, (_, i) => (i % 9) / 7 - 0.4),
          { shape: [5, 7] },
        );
        return matmul(x, x, { transposeB: true }).toArray();
      });
    }),
  );
  assert.equal(product, same);
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

test('what is replaced gets the micro-kernel as one more argument, and the rest stays as it is', () => {
  const calls: unknown[] = [];
  const copyForward = () => {};
  const kernels = { copyForward, int12Gemm: (...args: number[]) => calls.push(args) } as unknown as Kernels;
  for (const name of ['dot', 'extmul'] as const)
    (replaced(kernels, name).sgemm as (...args: number[]) => void)(1, 2);
  assert.equal(calls, [
    [1, 2, 0],
    [1, 2, 1],
  ]);
  assert.is(replaced(kernels, 'dot').copyForward, copyForward);
});

test.run();
