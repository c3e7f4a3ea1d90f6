/** @file Ops written by a user. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  add,
  backward,
  customOp,
  exp,
  gradcheck,
  mul,
  noGrad,
  Parameter,
  scale,
  sum,
  tensor,
} from '../../src/autograd/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { refusal } from '../support.js';

const test = suite('autograd/custom');
const runtime = await init();

const swish = customOp({
  name: 'scaledSquare',
  forward: (x, s) => mul(mul(x, x), s),
  backward: (dout, { inputs: [x, s] }) => [mul(dout, scale(mul(x, s), 2)), mul(dout, mul(x, x))],
});

test('a custom op agrees with central differences', () => {
  withRuntime(createReferenceRuntime(), () => {
    const x = tensor([0.5, -1, 2], { requiresGrad: true });
    const s = tensor([1, 3, -2], { requiresGrad: true });
    assert.is(gradcheck(() => exp(swish(scale(x, 0.5), s)), [x, s]).elements, 6);
  });
});

test('a wrong backward is found by gradcheck, which names the element', () => {
  const wrong = customOp({
    name: 'wrong',
    forward: (x) => scale(x, 2),
    backward: (dout) => [scale(dout, 3)],
  });
  withRuntime(createReferenceRuntime(), () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const error = refusal(() => gradcheck(() => wrong(x), [x]));
    assert.equal([error.code, error.op], ['NUMERIC', 'gradcheck']);
    assert.match(error.message, 'input 0[0]');
    assert.ok(Math.abs((error.actual as number) / (error.expected as number) - 1.5) < 1e-6);
  });
});

test('its backward sees the output of the forward', () => {
  const exponential = customOp({
    name: 'exponential',
    forward: (x) => exp(x),
    backward: (dout, { output }) => [mul(dout, output)],
  });
  const x = tensor([0, 1], { requiresGrad: true });
  backward(sum(exponential(x)));
  assert.ok(Math.abs(x.grad!.toArray()[1] - Math.E) < 1e-5);
});

test('null means no gradient, and inputs that want none are not given any', () => {
  const first = customOp({ name: 'first', forward: (a, b) => add(a, b), backward: (dout) => [dout, null] });
  const [a, b] = [new Parameter([2], 'other'), new Parameter([2], 'other')];
  backward(sum(first(a, b)));
  assert.equal([...a.grad!.toArray()], [1, 1]);
  assert.is(b.grad, null);
  a.requiresGrad = false;
  a.zeroGrad();
  const constant = first(a, tensor([1, 2]));
  assert.is(constant.requiresGrad, false);
});

test('one buffer handed to two inputs is not shared between their gradients', () => {
  const total = customOp({ name: 'total', forward: (a, b) => add(a, b), backward: (dout) => [dout, dout] });
  const x = tensor([1, 2], { requiresGrad: true });
  const y = tensor([3, 4], { requiresGrad: true });
  backward(sum(add(total(scale(x, 2), scale(y, 5)), total(x, x))));
  assert.equal([...x.grad!.toArray()], [4, 4]);
  assert.equal([...y.grad!.toArray()], [5, 5]);
});

test('a gradient of the wrong shape is refused by name', () => {
  const broken = customOp({ name: 'broken', forward: (x) => scale(x, 1), backward: (dout) => [sum(dout)] });
  const x = tensor([1, 2], { requiresGrad: true });
  const error = refusal(() => backward(sum(broken(x))));
  assert.equal([error.code, error.op], ['SHAPE', 'broken']);
  assert.equal([error.expected, error.actual], [[2], []]);
  assert.is(runtime.memory().arenaInUse, 0);
});

test('what a custom op makes inside is freed', () => {
  const x = tensor(new Float32Array(1000), { requiresGrad: true });
  const heavy = customOp({
    name: 'heavy',
    forward: (v) => Array.from({ length: 50 }).reduce<typeof v>((y) => scale(y, 1), v),
    backward: (dout) => [Array.from({ length: 50 }).reduce<typeof dout>((y) => scale(y, 1), dout)],
  });
  noGrad(() => heavy(x));
  runtime.arena.resetHighWater();
  const loss = sum(heavy(x));
  const used = runtime.memory().arenaInUse;
  assert.ok(used < 20_000, `${used} bytes stay`);
  backward(loss);
});

test.run();
