/** @file Dropout: its share, its scale, and what its mask depends on. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backward,
  dropout,
  exp,
  mul,
  noGrad,
  Parameter,
  scope,
  sum,
  tensor,
  type Variable,
} from '../../src/autograd/index.js';
import { record } from '../../src/autograd/tape.js';
import { Dropout } from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { manualSeed, withRuntime } from '../../src/runtime/runtime.js';
import { evaluateLoss } from '../../src/train/evaluate.js';
import { plan } from '../../src/train/plan.js';
import { bits, close, gaussians, refusal, smallLM } from '../support.js';

const test = suite('autograd/dropout');
const runtime = await init();

const units = (n: number, requiresGrad = false): Variable =>
  tensor(new Float32Array(n).fill(1), { requiresGrad });
const mask = (stream = 'a', n = 256): string => bits(noGrad(() => dropout(units(n), 0.5, stream)).toArray());

test('the share of dropped elements is p and the rest is scaled by 1 / (1 - p)', () => {
  const n = 40_000;
  for (const p of [0.1, 0.3, 0.5, 0.9]) {
    const values = noGrad(() => dropout(units(n), p, 'share')).toArray();
    const dropped = values.filter((v) => v === 0).length / n;
    close(dropped, p, (4 * Math.sqrt(p * (1 - p))) / Math.sqrt(n), `share for ${p}`);
    const kept = new Set(values.filter((v) => v !== 0));
    assert.is(kept.size, 1);
    close([...kept][0], 1 / (1 - p), 1e-3 / (1 - p));
  }
});

test('the backward drops the same elements, by the same scale', () => {
  const x = units(1000, true);
  const y = dropout(x, 0.4, 'same');
  const forward = bits(y.toArray());
  backward(sum(y));
  assert.is(bits(x.grad!.toArray()), forward);
});

test('the backward drops the same elements though the generator has moved on', () => {
  const p = new Parameter([1], 'other');
  const optimizer = new SGD([p], { lr: 0 });
  scope(() => {
    const [a, b] = [units(64, true), units(64, true)];
    const [first, second] = [dropout(a, 0.5, 'first'), dropout(b, 0.5, 'second')];
    const [maskA, maskB] = [bits(first.toArray()), bits(second.toArray())];
    backward(sum(first));
    optimizer.step();
    backward(sum(second));
    assert.is(bits(a.grad!.toArray()), maskA);
    assert.is(bits(b.grad!.toArray()), maskB);
  });
});

test('the mask is a function of seed, name, step and microbatch', async () => {
  const at = (seed: number, step: number, microbatch: number, stream = 'a') => {
    manualSeed(seed);
    runtime.setRandomPosition(step, microbatch);
    return mask(stream);
  };
  const base = at(1, 2, 3);
  assert.is(at(1, 2, 3), base);
  const others = [at(2, 2, 3), at(1, 3, 3), at(1, 2, 4), at(1, 2, 3, 'b'), at(1 + 2 ** 32, 2, 3)];
  assert.is(new Set([base, ...others]).size, 6);
  const other = await createRuntime();
  const elsewhere = withRuntime(other, () => {
    manualSeed(1);
    other.setRandomPosition(2, 3);
    return mask();
  });
  assert.is(elsewhere, base);
});

test('a longer tensor begins with the mask of the shorter one', () => {
  const first = (n: number) => {
    manualSeed(4);
    return mask('a', n);
  };
  assert.is(first(1000).slice(0, 8 * 37), first(37));
});

test('every backward moves to the next microbatch, every optimizer step to the next step', () => {
  manualSeed(0);
  const p = new Parameter([1], 'other');
  const optimizer = new SGD([p], { lr: 0.1 });
  const position = () => Object.values(runtime.randomPosition);
  backward(sum(p));
  backward(sum(p));
  assert.equal(position(), [0, 2]);
  noGrad(() => dropout(units(4), 0.5, 'x'));
  assert.equal(position(), [0, 2]);
  optimizer.step();
  assert.equal(position(), [1, 0]);
  optimizer.step();
  assert.equal(position(), [2, 0]);
});

test('p = 0 is the identity and p outside [0, 1) is refused', () => {
  const x = units(4);
  assert.is(dropout(x, 0, 'a'), x);
  for (const p of [1, -0.1, Number.NaN, 2]) {
    const error = refusal(() => dropout(x, p, 'a'));
    assert.equal([error.code, error.op], ['CONFIG', 'dropout']);
  }
});

test('a probability that rounds to 1 drops everything and gives no NaN', () => {
  const values = noGrad(() => dropout(units(100), 0.999999, 'a')).toArray();
  assert.ok(values.every((v) => v === 0));
});

test('a module drops while training only, keyed by its path', () => {
  const layer = new Dropout(0.5);
  const x = units(64);
  const first = (path: string) => {
    layer.path = path;
    manualSeed(2);
    return bits(noGrad(() => layer.forward(x)).toArray());
  };
  assert.is(first('encoder.layers.0.dropout1'), first('encoder.layers.0.dropout1'));
  assert.is.not(first('encoder.layers.1.dropout1'), first('encoder.layers.0.dropout1'));
  assert.is(layer.eval().forward(x), x);
});

test('every call draws a mask of its own, with one name, another or none, in an order that repeats', () => {
  const run = () => {
    manualSeed(6);
    const x = units(256);
    return noGrad(() => {
      const calls = [dropout(x, 0.5), dropout(x, 0.5), dropout(x, 0.5, 'a'), dropout(x, 0.5, 'a')];
      return calls.map((y) => bits(y.toArray()));
    });
  };
  const masks = run();
  assert.is(new Set(masks).size, 4);
  assert.equal(run(), masks);
});

test('the calls of one site do not shift the masks of another', () => {
  const beside = (others: number) => {
    manualSeed(6);
    for (let i = 0; i < others; i++) mask('other');
    return mask('a');
  };
  assert.is(beside(3), beside(0));
});

test('neither planning nor evaluation counts as a call', () => {
  const model = smallLM({ dropout: 0.5 });
  const ids = Int32Array.of(1, 2, 3);
  const batch = { ids, targets: ids, batchSize: 1, seqLen: 3 };
  const second = (between: () => void) => {
    manualSeed(1);
    const logits = () => bits(noGrad(() => model.train().forward(batch)).toArray());
    const first = logits();
    between();
    const next = logits();
    assert.is.not(next, first);
    return next;
  };
  const expected = second(() => {});
  const evaluate = () => noGrad(() => model.eval().forward(batch));
  for (const between of [evaluate, () => plan(model, batch), () => evaluateLoss(model, [batch])])
    assert.is(second(between), expected);
});

test('optimizers that take turns bring no mask back, and a loaded state does', () => {
  manualSeed(0);
  const [a, b] = [
    new SGD([new Parameter([1], 'other')], { lr: 0 }),
    new SGD([new Parameter([1], 'other')], { lr: 0 }),
  ];
  const masks: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (const optimizer of [a, a, b]) {
      const x = units(64, true);
      const y = dropout(x, 0.5, 'turns');
      masks.push(bits(y.toArray()));
      backward(sum(y));
      optimizer.step();
    }
  }
  assert.is(new Set(masks).size, 9);
  const resumed = new SGD([new Parameter([1], 'other')], { lr: 0 });
  resumed.loadStateDict({ ...a.stateDict(), step: 1 });
  assert.is(mask('turns', 64), masks[1]);
});

test('a part of a forward that is computed again in the backward has the masks of the forward', () => {
  const f = (x: Variable) => dropout(exp(dropout(x, 0.3, 'a')), 0.5, 'a');
  /** f without its intermediates, which the backward computes again. */
  const checkpointed = (x: Variable): Variable => {
    const counter = runtime.draws.counter(runtime);
    const y = noGrad(() => f(x));
    record('checkpoint', [x], [y], (ctx) => {
      scope(() => {
        const input = tensor(x.toArray(), { shape: x.shape, requiresGrad: true });
        const incoming = tensor(runtime.heap.floats(ctx.dout(), y.size).slice(), { shape: y.shape });
        const again = runtime.draws.at(counter, () => f(input));
        assert.is(bits(again.toArray()), bits(y.toArray()));
        // An inner backward moves nothing while the outer one is under way.
        runtime.draws.at(counter, () => backward(sum(mul(again, incoming))));
        const grad = input.grad as NonNullable<typeof input.grad>;
        ctx.overwrite(x, (dx) => runtime.heap.writeFloats(dx, grad.toArray()));
      });
    });
    return y;
  };
  const run = (part: (x: Variable) => Variable) => {
    manualSeed(8);
    const optimizer = new SGD([new Parameter([1], 'other')], { lr: 0 });
    return scope(() => {
      const x = tensor(gaussians(96), { requiresGrad: true });
      const other = units(8, true);
      const y = part(part(x));
      const z = dropout(other, 0.5, 'a');
      // Between forward and backward the generator moves on.
      backward(sum(dropout(z, 0.5, 'a')));
      optimizer.step();
      backward(sum(mul(y, y)));
      const { step, microbatch } = runtime.randomPosition;
      return [bits(y.toArray()), bits(x.grad!.toArray()), step, microbatch, mask()].join();
    });
  };
  assert.is(run(checkpointed), run(f));
});

test('in a model every dropout has a mask of its own, and eval() turns all off', () => {
  const model = smallLM({ dropout: 0.5, activationDropout: 0.25 });
  const paths = [...model.namedModules()].filter(([, m]) => m instanceof Dropout).map(([path]) => path);
  assert.is(new Set(paths).size, 1 + 2 * 3);
  const batch = { ids: Int32Array.of(1, 2, 3), batchSize: 1, seqLen: 3 };
  const logits = () => bits(noGrad(() => model.forward(batch)).toArray());
  const dropped = logits();
  runtime.setRandomPosition(9, 0);
  assert.is.not(logits(), dropped);
  model.eval();
  const plain = logits();
  runtime.setRandomPosition(10, 0);
  assert.is(logits(), plain);
  assert.is(plain, bits(noGrad(() => smallLM().forward(batch)).toArray()));
});

test.run();
