/**
 * Gradients that are exactly 0, or exactly known, on the kernels and on the reference. A zero with a rounding error in
 * it becomes a whole step in Adam, whose steps do not depend on a gradient's size.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as ops from '../../src/autograd/ops/index.js';
import { backward } from '../../src/autograd/tape.js';
import { Parameter, type Variable } from '../../src/autograd/variable.js';
import { MultiHeadAttention } from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { bits, gaussians, ids } from '../support.js';

const test = suite('autograd/exact-gradients');
const RUNTIMES = { kernels: await init(), reference: createReferenceRuntime() };

function leaf(shape: number[], values: ArrayLike<number>): Parameter {
  const p = new Parameter(shape, 'other');
  p.set(Float32Array.from(values));
  return p;
}
const random = (shape: number[], seed: number): Parameter =>
  leaf(
    shape,
    gaussians(
      shape.reduce((a, b) => a * b),
      seed,
    ),
  );
const gradient = (p: Parameter): number[] => [...(p.grad as Variable).toArray()];
const isZero = (values: ArrayLike<number>): boolean => Array.from(values).every((x) => x === 0);

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  const check = (label: string, body: () => void): void => {
    test(`${name}: ${label}`, () => withRuntime(runtime, body));
  };

  check('cross-entropy of equal logits, however large, with and without smoothing', () => {
    for (const o of [0, 1e4, 1e7]) {
      for (const smoothing of [0, 0.125]) {
        const half = 0.5 - smoothing / 2;
        const logits = leaf([1, 2], [o, o]);
        backward(ops.crossEntropy(logits, ids([0]), { smoothing }).loss);
        assert.equal(gradient(logits), [-half, half], `${o}`);

        const [x, weight] = [leaf([3, 1], [1, 1, 1]), leaf([2, 1], [o, o])];
        backward(ops.linearCrossEntropy(x, weight, ids([0, -1, -1]), { smoothing }).loss);
        assert.equal(gradient(weight), [-half, half], `fused, ${o}`);
        assert.equal(gradient(x), [0, 0, 0], `fused, ${o}`);
      }
    }
  });

  check('a common offset leaves the gradient of cross-entropy as it is', () => {
    const values = Array.from({ length: 57 }, (_, i) => ((i * 29) % 31) / 8);
    const at = (offset: number): string => {
      const logits = leaf(
        [3, 19],
        values.map((x) => x + offset),
      );
      backward(ops.crossEntropy(logits, ids([4, -1, 18]), { smoothing: 0.125 }).loss);
      return bits(gradient(logits));
    };
    for (const offset of [1e4, -(2 ** 20)]) assert.is(at(offset), at(0));
  });

  check('softmax over one element', () => {
    for (const cols of [1, 5, 1030]) {
      const x = random([2, cols], 1);
      const y = ops.softmax(x, { lengths: ids([1, 1]) });
      backward(ops.sum(ops.mul(y, random([2, cols], 2))));
      assert.ok(isZero(gradient(x)), `${cols}`);
    }
    const x = leaf([2, 1], [1e7, 3]);
    backward(ops.sum(ops.mul(ops.logSoftmax(x), random([2, 1], 2))));
    assert.ok(isZero(gradient(x)));
  });

  check('attention with one visible key: dq = dk = 0, packed or not', () => {
    for (const [c, numHeads] of [
      [6, 2],
      [64, 4],
      [70, 1],
    ]) {
      for (const causal of [false, true]) {
        for (const [length, lengths] of [
          [1, null],
          [35, ids([1, 1])],
        ] as const) {
          const options = { numHeads, causal, lengths };
          const dout = random([2, length, c], 9);
          const run = (out: Variable): void => backward(ops.sum(ops.mul(out, dout)));
          const [q, k, v] = [1, 2, 3].map((seed) => random([2, length, c], seed));
          run(ops.attention(q, k, v, options));
          assert.ok(isZero(gradient(q)) && isZero(gradient(k)) && !isZero(gradient(v)));

          const qkv = random([2, length, 3 * c], 4);
          run(ops.selfAttention(qkv, options));
          assert.ok(isZero(gradient(qkv).filter((_, i) => i % (3 * c) < 2 * c)));

          const [queries, kv] = [random([2, length, c], 5), random([2, length, 2 * c], 6)];
          run(ops.crossAttention(queries, kv, options));
          assert.ok(isZero(gradient(queries)));
          assert.ok(isZero(gradient(kv).filter((_, i) => i % (2 * c) < c)));
        }
      }
    }
  });

  check('Adam leaves the projections of queries and keys alone where each query sees one key', () => {
    const dModel = 24;
    const layer = new MultiHeadAttention(dModel, 3);
    const x = random([4, 1, dModel], 1);
    const optimizer = new Adam(layer.parameters(), { lr: 0.01 });
    const { inProjWeight } = layer;
    const part = (from: number, to: number): string =>
      bits(inProjWeight.toArray().slice(from * dModel * dModel, to * dModel * dModel));
    const before = [part(0, 2), part(2, 3)];
    for (let step = 0; step < 3; step++) {
      optimizer.zeroGrad();
      backward(ops.sum(ops.mul(layer.forward(x), random([4, 1, dModel], 2 + step))));
      optimizer.step();
    }
    assert.is(part(0, 2), before[0]);
    assert.is.not(part(2, 3), before[1]);
  });
}

test.run();
