/** @file Dropout: its share, its scale, and what its mask depends on. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backward,
  dropout,
  noGrad,
  Parameter,
  scope,
  sum,
  tensor,
  type Variable,
} from '../../src/autograd/index.js';
import { Dropout } from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { createRuntime, init, manualSeed, withRuntime } from '../../src/runtime/runtime.js';
import { bits, close, refusal, smallLM } from '../support.js';

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
  manualSeed(4);
  assert.is(mask('a', 1000).slice(0, 8 * 37), mask('a', 37));
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
  layer.path = 'encoder.layers.0.dropout1';
  manualSeed(2);
  const first = bits(noGrad(() => layer.forward(x)).toArray());
  assert.is(bits(noGrad(() => layer.forward(x)).toArray()), first);
  layer.path = 'encoder.layers.1.dropout1';
  assert.is.not(bits(noGrad(() => layer.forward(x)).toArray()), first);
  assert.is(layer.eval().forward(x), x);
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
