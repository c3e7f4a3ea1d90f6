/**
 * @file Training in int12: replay, threads and micro-kernels change no bit, losses and gradients stay near those of f32,
 * and near those of the references with the same integers.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/index.js';
import { CheckpointError } from '../../src/errors.js';
import { decodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { Adam, inverseSqrt } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { capabilities } from '../../src/runtime/capabilities.js';
import { createRuntime, type InitOptions } from '../../src/runtime/init.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import { Trainer } from '../../src/train/index.js';
import { checkArithmetic } from '../../src/train/saved-state.js';
import { refusal } from '../support.js';
import { languageModel, VOCAB } from './setup.js';

const test = suite('train/int12');

/** Three lengths in turn, padded with targets that do not count. */
function batches(batchSize: number) {
  let n = 0;
  const random = new RandomStream(4, 'test:int12');
  return {
    next() {
      const seqLen = [8, 5, 7][n++ % 3];
      const ids = Int32Array.from({ length: batchSize * seqLen }, () => random.nextInt(VOCAB));
      const targets = ids.map((id) => (random.nextInt(5) === 0 ? -1 : (id * 7 + 3) % VOCAB));
      return { ids, targets, batchSize, seqLen };
    },
    state: () => ({ epoch: 0, batch: 0 }),
    restore() {},
  };
}

const sizes = { dModel: 48, numHeads: 2, dFF: 300, numLayers: 2 };
const STEPS = 30;

async function train(options: InitOptions, replay = true): Promise<{ hash: string; loss: number }> {
  const runtime = await createRuntime(options);
  try {
    return withRuntime(runtime, () => {
      assert.is(runtime.threads, options.threads ?? 1);
      const model = languageModel({ ...sizes, dropout: 0.2 });
      const trainer = new Trainer({
        model,
        data: batches(40),
        optimizer: new Adam(model.parameters(), { lr: 0.003 }),
        schedule: inverseSqrt({ maxLr: 0.003, warmupSteps: 20 }),
        steps: STEPS,
        clipNorm: 0.5,
        accumulate: 2,
        labelSmoothing: 0.1,
        replay,
      });
      let loss = 0;
      while (trainer.step < STEPS) loss = trainer.trainStep().loss;
      assert.is(trainer.replayRefusal, replay ? null : 'replay is off');
      return { hash: trainer.hash(), loss };
    });
  } finally {
    runtime.close();
  }
}

const int12 = { arithmetic: 'int12' } as const;
const once = new Map<string, ReturnType<typeof train>>();
const usual = () =>
  once.get('int12') ?? once.set('int12', train({ ...int12, microKernel: 'dot' })).get('int12');

test('a replayed step is the eager step', async () => {
  assert.equal(await train(int12, false), await usual());
});

for (const threads of [2, 3]) {
  test(`${threads} threads compute the bits of one`, async () => {
    assert.equal(await train({ ...int12, threads }), await usual());
    assert.equal(await train({ ...int12, threads, microKernel: 'extmul' }, false), await usual());
  });
}

/** A trainer of a runtime of its own, some steps in. */
async function begun(options: InitOptions, steps: number): Promise<Trainer<unknown>> {
  return withRuntime(await createRuntime(options), () => {
    const model = languageModel({ ...sizes });
    const optimizer = new Adam(model.parameters(), { lr: 0.003 });
    const trainer = new Trainer({ model, data: batches(4), optimizer, steps: STEPS });
    while (trainer.step < steps) trainer.trainStep();
    return trainer as Trainer<unknown>;
  });
}

test('a checkpoint goes on in its own arithmetic only, and in another one nothing is changed', async () => {
  const own = await begun(int12, 3);
  const bytes = own.save();
  const strict = await begun({}, 2);
  const before = strict.hash();
  const plain = strict.save();
  for (const [trainer, saved, there, here] of [
    [strict, bytes, 'int12', 'strict'],
    [await begun(int12, 0), plain, 'strict', 'int12'],
  ] as const) {
    const error = refusal(() => trainer.restore(saved, 'c.safetensors'));
    assert.instance(error, CheckpointError);
    assert.match(error.message, `it was computed in "${there}" arithmetic, and this is "${here}"`);
    assert.match(error.message, `go on by init({ arithmetic: "${there}" }), or --arithmetic ${there}`);
  }
  assert.is(strict.hash(), before);
  const again = await begun({ ...int12, microKernel: 'extmul' }, 0);
  again.restore(bytes);
  assert.is(again.hash(), own.hash());
  // Nothing is written of strict arithmetic: its checkpoints have the bytes that they had.
  const extra = (of: Uint8Array) => Object.keys(decodeCheckpoint(of, 'c').extra as object);
  assert.not(extra(plain).includes('arithmetic'));
  assert.ok(extra(bytes).includes('arithmetic'));
});

test('relaxed arithmetic is told apart too, from strict and from what no version knows', () => {
  for (const [own, saved] of [
    ['relaxed', undefined],
    ['strict', 'relaxed'],
    ['relaxed', 'int12'],
    ['int12', 'int10'],
  ] as const) {
    assert.instance(
      refusal(() => checkArithmetic(own, saved, 'c')),
      CheckpointError,
    );
  }
  checkArithmetic('relaxed', 'relaxed', 'c');
  checkArithmetic('strict', undefined, 'c');
});

test('both micro-kernels train to the same bits', async () => {
  assert.equal(await train({ ...int12, microKernel: 'extmul' }), await usual());
});

test('other bits than f32, the same training', async () => {
  const [strict, own] = [await train({}), await usual()];
  assert.is.not(own?.hash, strict.hash);
  assert.ok(Math.abs((own?.loss ?? Number.NaN) - strict.loss) < 0.02, `${own?.loss}, in f32 ${strict.loss}`);
});

/** Loss and gradients of one batch at initialisation. */
function gradients(runtime: Runtime): { loss: number; grads: Map<string, number[]> } {
  return withRuntime(runtime, () => {
    const model = languageModel({ ...sizes });
    const { loss } = model.loss(batches(40).next());
    const value = loss.item();
    backward(loss);
    const grads = [...model.namedParameters()].map(([name, p]): [string, number[]] => [
      name,
      [...(p.grad?.toArray() ?? [])],
    ]);
    return { loss: value, grads: new Map(grads) };
  });
}

/** |a - b| / |b| over a tensor. */
function distance(a: readonly number[], b: readonly number[]): number {
  const norm = (x: readonly number[]) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
  return norm(a.map((v, i) => v - b[i])) / norm(b);
}

test('gradients are within the format of the double-precision ones', async () => {
  const own = gradients(await createRuntime(int12));
  const exact = gradients(createReferenceRuntime());
  const oracle = gradients(createReferenceRuntime({ arithmetic: 'int12' }));
  const strict = gradients(await createRuntime());
  assert.ok(Math.abs(own.loss - exact.loss) < 1e-3 * exact.loss, `${own.loss}, exactly ${exact.loss}`);
  // Half a unit is at most 2^-11 of the largest magnitude of 256, which lies 3 to 4 times above the root of the mean
  // square; errors of the operands add up like random ones over the products that a gradient passes.
  const bar = 4 * 2 ** -11 * 8;
  for (const [name, expected] of exact.grads) {
    // A gradient that is nothing but rounding: attention does not change with a shift of all keys.
    if (expected.length === 0 || Math.hypot(...expected) < 1e-6) continue;
    const error = distance(own.grads.get(name) as number[], expected);
    assert.ok(error < bar, `${name}: ${error}, allowed ${bar}`);
    assert.ok(distance(strict.grads.get(name) as number[], expected) < error, `${name}: f32 is nearer`);
    // The same integers but for values that f32 rounds across a half.
    const toOracle = distance(own.grads.get(name) as number[], oracle.grads.get(name) as number[]);
    assert.ok(toOracle < error, `${name}: ${toOracle} from the oracle, ${error} from exact numbers`);
  }
});

test('the micro-kernel is timed in less than two milliseconds, or taken as given, and told', async () => {
  const begin = performance.now();
  await createRuntime();
  const without = performance.now() - begin;
  const start = performance.now();
  const timed = await createRuntime(int12);
  const took = performance.now() - start;
  withRuntime(timed, () => {
    const { arithmetic, simd, microKernel, microKernelReason } = capabilities();
    assert.equal([arithmetic, simd], ['int12', 'strict']);
    assert.ok(microKernel === 'dot' || microKernel === 'extmul');
    assert.match(microKernelReason ?? '', /of the time of extmul|too coarse/);
  });
  // Generous, for machines that do other things too.
  assert.ok(took - without < 100, `${took} ms, without it ${without}`);
  for (const microKernel of ['dot', 'extmul'] as const) {
    withRuntime(await createRuntime({ ...int12, microKernel }), () => {
      assert.equal(
        [capabilities().microKernel, capabilities().microKernelReason],
        [microKernel, 'as asked for'],
      );
    });
  }
  withRuntime(await createRuntime(), () => {
    const { arithmetic, microKernel, microKernelReason } = capabilities();
    assert.equal([arithmetic, microKernel, microKernelReason], ['strict', null, null]);
  });
});

test.run();
