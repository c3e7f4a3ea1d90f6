/** @file Who frees what: noGrad, scope, keep, loops that must not grow, plan(). */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  add,
  backward,
  crossEntropy,
  mul,
  noGrad,
  Parameter,
  scale,
  scope,
  sum,
  tensor,
  type Variable,
} from '../../src/autograd/index.js';
import { Adam } from '../../src/optim/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { measure } from '../../src/runtime/planning.js';
import { manualSeed, withRuntime } from '../../src/runtime/runtime.js';
import { plan } from '../../src/train/plan.js';
import { bits, ids, pairBatch, refusal, smallLM, smallPair } from '../support.js';

const test = suite('autograd/frames');
const runtime = await init();

const lmBatch = (length = 6) => ({
  ids: Int32Array.from({ length: 2 * length }, (_, i) => (i * 7) % 23),
  targets: Int32Array.from({ length: 2 * length }, (_, i) => (i * 5 + 1) % 23),
  batchSize: 2,
  seqLen: length,
});

test('what noGrad and scope return survives, alone or in arrays and plain objects', () => {
  for (const run of [noGrad, scope]) {
    let lost = tensor(0);
    const { a, list, deep } = run(() => {
      const made = [1, 2, 3, 4].map((v) => scale(tensor([v]), 10));
      lost = made[3];
      return { a: made[0], list: [made[1], 'text', 5], deep: { inner: [{ y: made[2] }] } };
    });
    assert.equal([...a.toArray()], [10]);
    assert.equal([...(list[0] as Variable).toArray()], [20]);
    assert.equal([...deep.inner[0].y.toArray()], [30]);
    assert.is(refusal(() => lost.toArray()).code, 'MEMORY');
    assert.is(runtime.memory().arenaInUse, 0);
  }
});

test('a result of crossEntropy survives noGrad whole', () => {
  const { loss, nll, count } = noGrad(() =>
    crossEntropy(
      tensor([
        [0, 0],
        [0, 0],
      ]),
      ids([1, -1]),
    ),
  );
  assert.ok(Math.abs(loss.item() - Math.LN2) < 1e-6);
  assert.is(nll.item(), loss.item());
  assert.is(count, 1);
});

test('an error inside noGrad or scope frees what was made', () => {
  for (const run of [noGrad, scope]) {
    assert.throws(() =>
      run(() => {
        scale(tensor([1, 2]), 2);
        throw new Error('inside');
      }),
    );
    assert.equal([runtime.arena.depth, runtime.memory().arenaInUse], [0, 0]);
  }
});

test('a returned tensor can be used inside the outer frame and outside', () => {
  const y = scope(() => {
    const inner = scope(() => scale(tensor([1, 2]), 3));
    return add(inner, inner);
  });
  assert.equal([...noGrad(() => add(y, 1)).toArray()], [7, 13]);
});

test('evaluation between forward and backward changes no bit of the gradient', () => {
  const gradients = (between: () => void) => {
    manualSeed(3);
    const model = smallLM({ seed: 3, dropout: 0.2 });
    const { loss } = model.loss(lmBatch());
    between();
    backward(loss);
    return model.parameters().map((p) => bits(p.grad!.toArray()));
  };
  const plain = gradients(() => {});
  const evaluated = gradients(() => {
    const other = smallLM({ seed: 9 }).eval();
    const first = noGrad(() => other.loss(lmBatch(9))).loss.item();
    assert.is(noGrad(() => other.loss(lmBatch(9))).loss.item(), first);
  });
  assert.equal(evaluated, plain);
});

test('a scope around a whole step frees it, and training inside equals training outside', () => {
  const train = (wrap: (step: () => void) => void) => {
    manualSeed(1);
    const model = smallLM({ seed: 1, dropout: 0.1 });
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    for (let i = 0; i < 3; i++) {
      wrap(() => {
        optimizer.zeroGrad();
        backward(model.loss(lmBatch()).loss);
        optimizer.step();
      });
    }
    assert.is(runtime.memory().arenaInUse, 0);
    return model.parameters().map((p) => bits(p.toArray()));
  };
  assert.equal(
    train((step) => scope(step)),
    train((step) => step()),
  );
});

test('training, evaluation and kept tensors over changing shapes do not grow the memory', async () => {
  await withOwn(() => {
    const model = smallLM({ dropout: 0.1 });
    const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
    const round = () => {
      for (const length of [3, 11, 7, 16]) {
        optimizer.zeroGrad();
        const { loss } = model.loss(lmBatch(length));
        noGrad(() => model.forward(lmBatch(length)));
        backward(loss);
        optimizer.clipGradNorm(1);
        optimizer.gradNorm();
        optimizer.step();
        assert.is(own.memory().arenaInUse, 0);
      }
    };
    round();
    const before = own.memory();
    for (let i = 0; i < 10; i++) round();
    assert.equal(own.memory(), before);
  });
});

let own = runtime;
async function withOwn(run: () => void): Promise<void> {
  own = await createRuntime();
  withRuntime(own, run);
}

test('keep() and detach().toArray() carry values over backward(); a plain reference does not', () => {
  const p = new Parameter([2], 'other');
  p.set([1, 2]);
  const y = scale(p, 3);
  const kept = y.keep();
  const array = y.detach().toArray();
  backward(sum(y));
  assert.equal([...kept.toArray()], [3, 6]);
  assert.equal([...array], [3, 6]);
  assert.equal([...noGrad(() => scale(kept, 2)).toArray()], [6, 12]);
  const error = refusal(() => sum(y));
  assert.equal([error.code, error.op], ['MEMORY', 'tensor']);
});

test('an error in the middle of backward() leaves no gradient addresses behind', () => {
  const p = new Parameter([2], 'other');
  p.set([1, 2]);
  const { kernels } = runtime;
  const x = scale(p, 2);
  const loss = sum(mul(x, x));
  const broken = () => {
    throw new Error('broken kernel');
  };
  Object.defineProperty(runtime, 'kernels', {
    value: Object.create(kernels, { addInto: { value: broken } }),
    configurable: true,
  });
  try {
    assert.throws(() => backward(loss), 'broken kernel');
  } finally {
    Reflect.deleteProperty(runtime, 'kernels');
  }
  assert.is(runtime.memory().arenaInUse, 0);
  p.zeroGrad();
  backward(sum(scale(p, 5)));
  assert.equal([...p.grad!.toArray()], [5, 5]);
  assert.is(runtime.memory().arenaInUse, 0);
});

test('plan() changes nothing: memory, weights, gradients, generator, and the bits of the next loss', () => {
  const batch = pairBatch([
    [
      [3, 4, 5, 2],
      [6, 7, 2],
    ],
    [
      [8, 2],
      [9, 10, 11, 2],
    ],
  ]);
  const step = (planned: boolean) => {
    manualSeed(5);
    const model = smallPair({ seed: 5, dropout: 0.3 });
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    backward(model.loss(batch).loss);
    const before = { memory: runtime.memory(), random: runtime.randomPosition, state: weights(model) };
    if (planned) {
      const report = plan(model, batch);
      assert.is(report.parameters, model.numParameters() * 4);
      assert.is(report.optimizer, model.numParameters() * 12);
      assert.is(report.peakBytes, report.parameters + report.optimizer + report.activations);
      assert.is(runtime.planning, false);
    }
    assert.equal({ memory: runtime.memory(), random: runtime.randomPosition, state: weights(model) }, before);
    const { loss } = model.loss(batch);
    backward(loss);
    optimizer.step();
    return [bits([loss.item()]), ...weights(model)];
  };
  assert.equal(step(true), step(false));
});

const weights = (model: ReturnType<typeof smallPair>): string[] =>
  model.parameters().map((p) => bits(p.toArray()) + bits(p.grad!.toArray()));

test('plan() tells the peak of the real step, within a few per cent and never below', async () => {
  await withOwn(() => {
    const model = smallLM({ dropout: 0.1, dModel: 32 });
    new Adam(model.parameters(), { lr: 0.01 });
    for (const length of [4, 24]) {
      const planned = plan(model, lmBatch(length)).activations;
      own.arena.resetHighWater();
      backward(model.loss(lmBatch(length)).loss);
      const real = own.arena.highWater;
      assert.ok(planned >= real && planned <= 1.1 * real, `planned ${planned}, real ${real}`);
    }
  });
});

test('plan() works before the first step, between forward and backward, and after an error inside it', () => {
  const model = smallLM();
  const { loss } = model.loss(lmBatch());
  plan(model, lmBatch(20));
  assert.is(refusal(() => plan(model, lmBatch(25))).code, 'DATA');
  backward(loss);
  assert.ok(model.parameters().every((p) => p.grad!.toArray().every(Number.isFinite)));
  assert.is(runtime.memory().arenaInUse, 0);
  const nested = refusal(() => measure(runtime, () => void measure(runtime, () => {})));
  assert.is(nested.code, 'MEMORY');
  assert.is(runtime.planning, false);
});

test('blocks made while planning are never given to the real allocator', async () => {
  await withOwn(() => {
    const { persistentInUse } = own.memory();
    measure(own, () => void new Parameter([1 << 16], 'other'));
    assert.is(own.memory().persistentInUse, persistentInUse);
  });
  const { persistentInUse } = own.memory();
  await collect();
  assert.is(own.memory().persistentInUse, persistentInUse);
});

test('parameters that nobody holds give their memory back once they are collected', async () => {
  await withOwn(() => {});
  const { persistentInUse } = own.memory();
  withRuntime(own, () => void new Parameter([1 << 16], 'other'));
  assert.ok(own.memory().persistentInUse >= persistentInUse + (1 << 18));
  await collect();
  assert.is(own.memory().persistentInUse, persistentInUse);
});

/** Runs the garbage collector, and the finalizers behind it. */
async function collect(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test.run();
