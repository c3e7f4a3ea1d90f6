/** @file Reverse mode: what a graph is, when it ends, and where gradients go. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  add,
  addLayerNorm,
  backward,
  concat,
  div,
  gradcheck,
  isGradEnabled,
  linear,
  matmul,
  mul,
  noGrad,
  ones,
  Parameter,
  relu,
  reshape,
  scale,
  scope,
  sub,
  sum,
  tensor,
  type Variable,
  where,
} from '../../src/autograd/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { bits, gaussians, ids, norm, refusal } from '../support.js';

const test = suite('autograd/tape');
const runtime = await init();

const leaf = (values: number[]): Variable => tensor(values, { requiresGrad: true });
const gradOf = (x: Variable): number[] => [...(x.grad as NonNullable<Variable['grad']>).toArray()];
const weights = tensor([1, 10, 100]);

test('a variable used twice gets the sum of both gradients, whatever the op', () => {
  const cases: [string, (x: Variable) => Variable, number[]][] = [
    ['mul', (x) => mul(x, x), [2, 4, 6]],
    ['add', (x) => add(x, x), [2, 2, 2]],
    ['sub', (x) => sub(x, x), [0, 0, 0]],
    ['div', (x) => div(x, x), [0, 0, 0]],
    ['two branches', (x) => add(scale(x, 3), mul(x, x)), [5, 7, 9]],
    ['concat', (x) => concat([x, scale(x, 2), x]), [4, 4, 4]],
    ['where', (x) => where(ids([1, 0, 1]), x, x), [1, 1, 1]],
    ['reshape', (x) => add(reshape(x, [3, 1]), reshape(x, [3, 1])), [2, 2, 2]],
    ['residual', (x) => addLayerNorm(x, ones([3]), null, { residual: x }).sum, [2, 2, 2]],
  ];
  for (const [name, f, expected] of cases) {
    const x = leaf([1, 2, 3]);
    backward(sum(f(x)));
    assert.equal(gradOf(x), expected, name);
  }
});

test('both outputs of one op carry gradients', () => {
  const run = (useOut: boolean, useSum: boolean) => {
    const x = leaf([1, 2, 4]);
    const r = leaf([0.5, -1, 2]);
    const { out, sum: total } = addLayerNorm(x, tensor([1, 2, 3]), null, { residual: r });
    const parts = [...(useOut ? [mul(out, weights)] : []), ...(useSum ? [mul(total, weights)] : [])];
    backward(sum(parts.reduce(add)));
    assert.equal(gradOf(x), gradOf(r));
    return gradOf(x);
  };
  const [out, total, both] = [run(true, false), run(false, true), run(true, true)];
  assert.equal(total, [1, 10, 100]);
  both.forEach((g, i) => {
    assert.ok(Math.abs(g - out[i] - total[i]) < 1e-3);
  });
});

test('a graph of 20,000 ops does not overflow the stack', () => {
  const x = leaf([1, 1]);
  let y: Variable = x;
  for (let i = 0; i < 20_000; i++) y = i % 2 === 0 ? scale(y, 2) : scale(y, 0.5);
  backward(sum(y));
  assert.equal(gradOf(x), [1, 1]);
  assert.is(runtime.memory().arenaInUse, 0);
});

test('a graph with 2^60 paths is walked node by node', () => {
  const x = leaf([1]);
  let y: Variable = x;
  for (let i = 0; i < 60; i++) y = scale(add(y, y), 0.5);
  backward(sum(y));
  assert.equal(gradOf(x), [1]);
});

test('backward() ends the step: the loss can be read, the rest cannot', () => {
  const x = leaf([1, 2, 3]);
  const y = mul(x, x);
  const loss = sum(y);
  backward(loss);
  assert.is(loss.item(), 14);
  assert.is(refusal(() => y.toArray()).code, 'MEMORY');
  assert.is(runtime.memory().arenaInUse, 0);
  assert.is(runtime.arena.depth, 0);
});

test('a second backward() through the same graph is refused and changes no gradient', () => {
  const x = leaf([1, 2, 3]);
  const p = new Parameter([3], 'other');
  const loss = sum(mul(add(x, p), weights));
  backward(loss);
  const error = refusal(() => backward(loss));
  assert.equal([error.code, error.op], ['MEMORY', 'backward']);
  assert.match(error.message, 'retainGraph');
  assert.equal(gradOf(x), [1, 10, 100]);
  assert.equal(gradOf(p), [1, 10, 100]);
  assert.is(loss.grad, null);
});

test('a second loss over a trunk that is used up is refused, not silently cut off', () => {
  scope(() => {
    const x = leaf([1, 2, 3]);
    const trunk = scale(x, 3);
    const [first, second] = [sum(trunk), sum(mul(trunk, trunk))];
    backward(first);
    assert.match(refusal(() => backward(second)).message, 'gone');
    assert.equal(gradOf(x), [3, 3, 3]);
  });
});

test('a graph that stood in an ended scope or step is refused, though its loss survived', () => {
  const x = leaf([1, 2, 3]);
  const loss = scope(() => sum(mul(x, x)));
  assert.is(loss.item(), 14);
  assert.is(refusal(() => backward(loss)).code, 'MEMORY');
  assert.is(x.grad, null);

  const [first, second] = [sum(mul(x, x)), sum(scale(x, 2))];
  backward(first);
  assert.is(refusal(() => backward(second)).code, 'MEMORY');
  assert.equal(gradOf(x), [2, 4, 6]);
});

test('retainGraph allows several losses, whose gradients add up', () => {
  const x = leaf([1, 2, 3]);
  const trunk = scale(x, 3);
  backward(sum(trunk), { retainGraph: true });
  assert.equal([...trunk.toArray()], [3, 6, 9]);
  backward(sum(mul(trunk, weights)), { retainGraph: true });
  runtime.endStep();
  assert.equal(gradOf(x), [6, 33, 303]);
  assert.is(runtime.memory().arenaInUse, 0);
});

test('the loss must have one element', () => {
  const x = leaf([1, 2, 3]);
  const error = refusal(() => backward(mul(x, x)));
  assert.equal([error.code, error.op, error.expected, error.actual], ['SHAPE', 'backward', 1, 3]);
  assert.match(error.message, '[3]');
  runtime.endStep();
  backward(reshape(sum(x), [1, 1]));
  assert.equal(gradOf(x), [1, 1, 1]);
});

test('a loss that depends on nothing with a gradient is refused', () => {
  const x = leaf([1, 2]);
  for (const loss of [
    () => sum(tensor([1, 2])),
    () => noGrad(() => sum(x)),
    () => sum(x.detach()),
    () => sum(x).keep(),
  ]) {
    const error = refusal(() => backward(loss()));
    assert.equal([error.code, error.op], ['SHAPE', 'backward']);
    assert.match(error.message, 'noGrad()');
  }
  runtime.endStep();
});

test('a leaf as loss has gradient 1', () => {
  const x = leaf([5]);
  backward(x);
  assert.equal(gradOf(x), [1]);
});

test('gradients of leaves and parameters accumulate until zeroGrad', () => {
  const x = leaf([1, 2, 3]);
  const p = new Parameter([3], 'other');
  for (let i = 0; i < 3; i++) backward(sum(mul(add(x, p), weights)));
  assert.equal(gradOf(x), [3, 30, 300]);
  assert.equal(gradOf(p), [3, 30, 300]);
  x.zeroGrad();
  p.zeroGrad();
  assert.is(x.grad, null);
  assert.equal(gradOf(p), [0, 0, 0]);
  backward(sum(mul(add(x, p), weights)));
  assert.equal(gradOf(x), [1, 10, 100]);
  assert.equal(gradOf(p), [1, 10, 100]);
});

test('frozen parameters and constants get no gradient; those behind them do', () => {
  const x = leaf([1, 2, 3]);
  const frozen = new Parameter([3], 'other');
  frozen.set([2, 2, 2]);
  frozen.requiresGrad = false;
  const constant = tensor([1, 1, 1]);
  backward(sum(add(mul(x, frozen), constant)));
  assert.is(frozen.grad, null);
  assert.is(constant.grad, null);
  assert.equal(gradOf(x), [2, 2, 2]);
});

test('linear hands nothing to a frozen weight, input or bias', () => {
  for (const trainable of [0, 1, 2]) {
    const x = tensor([[1, 2]], { requiresGrad: trainable === 0 });
    const weight = new Parameter([3, 2], 'weight');
    const bias = new Parameter([3], 'bias');
    weight.requiresGrad = trainable === 1;
    bias.requiresGrad = trainable === 2;
    weight.set([1, 2, 3, 4, 5, 6]);
    backward(sum(mul(linear(x, weight, bias), tensor([[1, 10, 100]]))));
    const grads = [x, weight, bias].map((v) => v.grad && [...v.grad.toArray()]);
    const expected = [
      [531, 642],
      [1, 2, 10, 20, 100, 200],
      [1, 10, 100],
    ];
    assert.equal(
      grads,
      expected.map((g, i) => (i === trainable ? g : null)),
    );
  }
});

test('retainGrad keeps the gradient of an inner variable, equal to central differences', () => {
  withRuntime(createReferenceRuntime(), () => {
    const x = tensor([0.3, -0.7, 1.1], { requiresGrad: true });
    const rest = (h: Variable) => sum(mul(mul(h, h), tensor([1, 2, 3])));
    const h = scale(x, 2).retainGrad();
    const other = scale(x, 2);
    backward(add(rest(h), rest(other)));
    assert.is(other.grad, null);
    const inner = tensor([0.6, -1.4, 2.2], { requiresGrad: true });
    gradcheck(() => rest(inner), [inner]);
    inner.zeroGrad();
    backward(rest(inner));
    gradOf(h).forEach((g, i) => {
      assert.ok(Math.abs(g - gradOf(inner)[i]) < 1e-12);
    });
  });
});

test('a retained gradient is complete when it is kept: it is the sum over all uses', () => {
  const x = leaf([1, 2, 3]);
  const h = scale(x, 1).retainGrad();
  // The relu's backward writes into the memory that carries the gradient of its own output only.
  backward(sum(add(relu(h), add(h, mul(h, weights)))));
  assert.equal(gradOf(h), [3, 12, 102]);
  assert.equal(gradOf(x), [3, 12, 102]);
});

test('retained gradients are replaced, not added, by the next backward()', () => {
  const x = leaf([1, 2, 3]);
  const h = scale(x, 1).retainGrad();
  backward(sum(h), { retainGraph: true });
  backward(sum(scale(h, 5)));
  assert.equal(gradOf(h), [5, 5, 5]);
  assert.equal(gradOf(x), [6, 6, 6]);
});

test('detach stops the gradient, keep does so and survives the step', () => {
  const x = leaf([1, 2, 3]);
  const y = scale(x, 2);
  const kept = y.keep();
  backward(sum(add(mul(y.detach(), x), y)));
  assert.equal(gradOf(x), [4, 6, 8]);
  assert.equal([...kept.toArray()], [2, 4, 6]);
  assert.is(kept.requiresGrad, false);
});

test('noGrad nests and is undone by an error', () => {
  assert.is(isGradEnabled(), true);
  noGrad(() => {
    noGrad(() => assert.is(isGradEnabled(), false));
    assert.is(isGradEnabled(), false);
  });
  assert.throws(() =>
    noGrad(() => {
      throw new Error('inside');
    }),
  );
  assert.is(isGradEnabled(), true);
  assert.is(runtime.arena.depth, 0);
});

test('gradients through products of matrices equal the closed form', () => {
  const [a, b] = [gaussians(6, 1), gaussians(12, 2)];
  const x = tensor(a, { shape: [2, 3], requiresGrad: true });
  const y = tensor(b, { shape: [3, 4], requiresGrad: true });
  backward(sum(matmul(x, y)));
  // d sum(XY) / dX[i, k] = sum over j of Y[k, j]
  for (let i = 0; i < 2; i++)
    for (let k = 0; k < 3; k++) {
      const expected = b[4 * k] + b[4 * k + 1] + b[4 * k + 2] + b[4 * k + 3];
      assert.ok(Math.abs(gradOf(x)[3 * i + k] - expected) < 1e-5);
    }
});

test('the order in which inner graphs were built does not change a bit of the gradient', () => {
  const values = [...gaussians(16, 3)];
  const run = () => {
    const x = tensor(values, { shape: [4, 4], requiresGrad: true });
    backward(sum(matmul(relu(matmul(x, x)), x)));
    return bits(gradOf(x));
  };
  assert.is(run(), run());
  assert.ok(norm(values) > 0);
});

test.run();
