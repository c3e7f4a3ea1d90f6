/** @file Runtimes: making them, their limits, keeping them apart, their random state. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { add, backward, noGrad, Parameter, scale, sum, tensor } from '../../src/autograd/index.js';
import { Linear } from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { capabilities } from '../../src/runtime/capabilities.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { cos64, exp64, log64, pow64 } from '../../src/runtime/math.js';
import { currentRuntime, manualSeed, withRuntime } from '../../src/runtime/runtime.js';
import { asyncRefusal, bits, refusal } from '../support.js';

const test = suite('runtime/runtime');
const MB = 1 << 20;

test('before init() everything that needs a runtime says so', async () => {
  const error = refusal(() => tensor([1]));
  assert.is(error.code, 'ENVIRONMENT');
  assert.match(error.message, 'await init()');
});

test('overlapping and repeated init() calls give one runtime', async () => {
  const [a, b] = await Promise.all([init(), init()]);
  assert.is(a, b);
  assert.is(await init(), a);
  assert.is(currentRuntime(), a);
});

test('unknown options and bad values are refused', async () => {
  const typo = await asyncRefusal(createRuntime({ maxMemorry: 1 } as never));
  assert.equal([typo.code, typo.hint], ['CONFIG', 'did you mean "maxMemory"?']);
  assert.is((await asyncRefusal(createRuntime({ simd: 'fast' as never }))).code, 'CONFIG');
  for (const maxMemory of [0, 1000, -1, Number.NaN, 2 ** 40]) {
    const error = await asyncRefusal(createRuntime({ maxMemory }));
    assert.is(error.code, 'CONFIG', String(maxMemory));
    assert.ok(Object.is(error.actual, maxMemory));
  }
  const kernels = await asyncRefusal(createRuntime({ wasm: new Uint8Array([1, 2, 3]) }));
  assert.is(kernels.code, 'ENVIRONMENT');
});

test('a failed init() leaves the default runtime in place', async () => {
  const runtime = await init();
  await asyncRefusal(init({ wasm: new Uint8Array([0]) }));
  assert.is(currentRuntime(), runtime);
  assert.is(await init(), runtime);
});

test('reaching maxMemory is a MemoryError that names bytes, and the runtime goes on', async () => {
  const runtime = await createRuntime({ maxMemory: 8 * MB });
  withRuntime(runtime, () => {
    const weight = new Parameter([64], 'other');
    const x = tensor(new Float32Array(64).fill(2));
    const loss = (): number => {
      const y = sum(add(x, weight));
      backward(y);
      return y.item();
    };
    const before = loss();
    const error = refusal(() => {
      let y = add(tensor(new Float32Array(MB / 4)), 1);
      for (let i = 0; i < 20; i++) y = add(y, y);
    });
    assert.is(error.code, 'MEMORY');
    assert.match(error.message, /\d{7,} bytes needed, \d{7,} to be had/);
    assert.ok((error.expected as number) > 8 * MB);
    runtime.endStep();
    assert.is(runtime.memory().arenaInUse, 0);
    assert.is(loss(), before);
    assert.ok(runtime.memory().bufferBytes <= 8 * MB);
  });
});

test('a parameter that does not fit is refused and others still fit', async () => {
  const runtime = await createRuntime({ maxMemory: 4 * MB });
  withRuntime(runtime, () => {
    const { persistentInUse } = runtime.memory();
    assert.is(refusal(() => new Parameter([2 * MB], 'other')).code, 'MEMORY');
    assert.is(runtime.memory().persistentInUse, persistentInUse);
    const small = new Parameter([1000], 'other');
    assert.is(small.toArray().length, 1000);
  });
});

test('memory near the limit is used, not only half of it', async () => {
  const runtime = await createRuntime({ maxMemory: 16 * MB });
  withRuntime(runtime, () =>
    noGrad(() => {
      const piece = tensor(new Float32Array(MB / 8));
      const fill = () => {
        for (;;) scale(piece, 1); // half a megabyte each time
      };
      assert.is(refusal(fill).code, 'MEMORY');
      assert.ok(runtime.memory().arenaInUse >= 14 * MB, `only ${runtime.memory().arenaInUse} in use`);
    }),
  );
});

test('tensors of two runtimes never mix', async () => {
  const other = await createRuntime();
  const here = tensor([1, 2]);
  const there = withRuntime(other, () => tensor([3, 4]));
  const error = refusal(() => add(here, there));
  assert.equal([error.code, error.op], ['SHAPE', 'add']);
  assert.match(error.message, 'different runtimes');
  const a = new Parameter([2], 'other');
  const b = new Parameter([2], 'other', other);
  assert.match(refusal(() => new Adam([a, b], { lr: 1 })).message, 'different runtimes');
});

test('a number joins a tensor of whatever runtime', async () => {
  const other = await createRuntime();
  const there = withRuntime(other, () => tensor([3, 4]));
  assert.equal([...add(there, 1).toArray()], [4, 5]);
  assert.equal([...add(1, there).toArray()], [4, 5]);
});

test('withRuntime puts the former runtime back, also after an error', async () => {
  const runtime = currentRuntime();
  const other = await createRuntime();
  assert.is(
    withRuntime(other, () => currentRuntime()),
    other,
  );
  assert.throws(() =>
    withRuntime(other, () => {
      throw new Error('inside');
    }),
  );
  assert.is(currentRuntime(), runtime);
});

test('seeds are whole numbers, and a seed puts the generator at the start', () => {
  const runtime = currentRuntime();
  for (const seed of [-1, 1.5, Number.NaN, 2 ** 53]) {
    assert.is(refusal(() => manualSeed(seed)).code, 'CONFIG');
  }
  runtime.setRandomPosition(7, 3);
  manualSeed(2 ** 40 + 5);
  assert.equal(runtime.randomPosition, { step: 0, microbatch: 0 });
  assert.is(runtime.seed, 2 ** 40 + 5);
  const words = [...runtime.heap.readInts(runtime.rng, 4)];
  assert.equal(words, [5, 256, 0, 0]);
});

test('layers made on their own repeat after manualSeed, in every runtime', async () => {
  const draw = () => {
    manualSeed(11);
    return [new Linear(5, 4), new Linear(5, 4)].map((layer) => bits(layer.weight.toArray()));
  };
  const [first, second] = draw();
  assert.is.not(first, second);
  assert.equal(draw(), [first, second]);
  const other = await createRuntime();
  assert.equal(withRuntime(other, draw), [first, second]);
  manualSeed(12);
  assert.is.not(bits(new Linear(5, 4).weight.toArray()), first);
});

test('capabilities describe the current runtime', async () => {
  const runtime = await createRuntime({ maxMemory: 32 * MB });
  const report = withRuntime(runtime, () => capabilities());
  assert.equal([report.simd, report.threads, report.maxMemory], ['strict', 1, 32 * MB]);
  assert.type(report.relaxedSimd, 'boolean');
  assert.ok(report.threadsReason.length > 0);
});

test("the host's transcendental functions agree with the engine's to the last few bits", () => {
  for (const x of [-20, -1, -1e-9, 0, 0.3, 1, 5, 40]) {
    assert.ok(Math.abs(exp64(x) / Math.exp(x) - 1) < 1e-14, `exp ${x}`);
    assert.ok(Math.abs(cos64(x) - Math.cos(x)) < 1e-14, `cos ${x}`);
  }
  for (const x of [1e-8, 0.5, 1, 3, 1e9]) {
    assert.ok(Math.abs(log64(x) - Math.log(x)) <= 1e-14 * Math.max(1, Math.abs(Math.log(x))), `log ${x}`);
    assert.ok(Math.abs(pow64(x, 1.2) / x ** 1.2 - 1) < 1e-13, `pow ${x}`);
  }
});

test.run();
