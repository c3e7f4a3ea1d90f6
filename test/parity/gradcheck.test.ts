/**
 * @file Every op against central differences in double precision, through the tape, under the reference
 * kernels. Each case runs in several settings that take different ways through the tape: inputs that are
 * leaves, parameters, intermediate values which others use too, and each input alone requiring a gradient.
 * An op that is exported without a case makes the enumeration fail.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { gradcheck } from '../../src/autograd/gradcheck.js';
import * as ops from '../../src/autograd/ops/index.js';
import { Parameter, tensor, type Variable } from '../../src/autograd/variable.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { numbers } from '../kernels/harness.js';
import {
  addLayerNorm,
  addRmsNorm,
  angles,
  binary,
  type Case,
  c,
  type Input,
  ints,
  linears,
  masked,
  masks,
  matmuls,
  options,
  reductions,
  runtime,
  unary,
} from './gradcheck-case.js';

const test = suite('parity/gradcheck');

const custom = ops.customOp({
  name: 'square-times',
  forward: (x, y) => ops.mul(ops.mul(x, x), y),
  backward: (dout, { inputs: [x, y] }) => [
    ops.mul(dout, ops.scale(ops.mul(x, y), 2)),
    ops.mul(dout, ops.mul(x, x)),
  ],
});
const customConstant = ops.customOp({
  name: 'scaled-by-a-constant',
  forward: (x, y) => ops.mul(x, y),
  backward: (dout, { inputs: [, y] }) => [ops.mul(dout, y), null],
});
const customSum = ops.customOp({
  name: 'sum-with-one-gradient',
  forward: (x, y) => ops.add(x, y),
  backward: (dout) => [dout, dout],
});

const cases: Record<string, Case[]> = {
  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: binary(ops.mul),
  div: binary(ops.div, 0.5, 2),
  scale: unary((x) => ops.scale(x, -1.7)),
  addScalar: unary((x) => ops.addScalar(x, 0.3)),
  where: [
    c('two operands', [[[2, 3]], [[2, 3]]], (a, b) => ops.where(ints([1, 0, 0, 2, 1, 0], [2, 3]), a, b)),
    c('one operand twice', [[[4]]], (a) => ops.where(ints([1, 0, 0, -1]), a, a)),
  ],

  relu: unary(ops.relu),
  gelu: unary(ops.gelu),
  geluTanh: unary(ops.geluTanh),
  silu: unary(ops.silu, -4, 4),
  exp: unary(ops.exp),
  log: unary(ops.log, 0.4, 3),
  tanh: unary(ops.tanh),
  sigmoid: unary(ops.sigmoid),
  sqrt: unary(ops.sqrt, 0.4, 3),
  sin: unary(ops.sin, -4, 4),
  cos: unary(ops.cos, -4, 4),

  sum: reductions(ops.sum),
  mean: reductions(ops.mean),
  max: [...reductions(ops.max), c('one element per row', [[[4, 1]]], (x) => ops.max(x, { axis: 1 }))],

  softmax: [
    ...unary((x) => ops.softmax(x)).filter(({ label }) => label !== 'scalar'),
    c('lengths, one of them 0', [[[3, 4]]], (x) => ops.softmax(x, { lengths: ints([4, 0, 2]) })),
    c('lengths per sequence', [[[2, 3, 4]]], (x) => ops.softmax(x, { lengths: ints([3, 1]) })),
  ],
  logSoftmax: unary((x) => ops.logSoftmax(x)).filter(({ label }) => label !== 'scalar'),
  linearCrossEntropy: [
    c('plain', [[[4, 3]], [[5, 3]]], (x, w) => ops.linearCrossEntropy(x, w, ints([0, 4, 2, 2])).loss),
    c(
      'smoothing, ignored rows',
      [[[2, 3, 4]], [[5, 4]]],
      (x, w) => ops.linearCrossEntropy(x, w, ints([1, -1, 3, 0, -1, -1], [2, 3]), { smoothing: 0.2 }).loss,
    ),
    c('its own count, scaled afterwards', [[[3, 2]], [[4, 2]]], (x, w) =>
      ops.mul(ops.linearCrossEntropy(x, w, ints([1, -1, 0]), { count: 7 }).loss, 3),
    ),
  ],
  crossEntropy: [
    c('plain', [[[4, 5]]], (x) => ops.crossEntropy(x, ints([0, 4, 2, 2])).loss),
    c('smoothing', [[[4, 5]]], (x) => ops.crossEntropy(x, ints([0, 4, 2, 2]), { smoothing: 0.1 }).loss),
    c(
      'ignored rows',
      [[[2, 3, 5]]],
      (x) => ops.crossEntropy(x, ints([1, -1, 3, 0, -1, -1], [2, 3]), { smoothing: 0.2 }).loss,
    ),
    c('its own count', [[[3, 2]]], (x) => ops.crossEntropy(x, ints([1, -1, 0]), { count: 7 }).loss),
    c('scaled afterwards', [[[3, 4]]], (x) => ops.mul(ops.crossEntropy(x, ints([1, 2, 0])).loss, 3)),
    c('weights of rows', [[[3, 4]]], (x) => {
      const rowWeights = tensor([2, 0.5, 3]);
      return ops.crossEntropy(x, ints([1, -1, 0]), { rowWeights, smoothing: 0.1 }).loss;
    }),
  ],
  poolTokens: [
    c('mean', [[[2, 3, 4]]], (x) => ops.poolTokens(x, 'mean')),
    c('mean of some', [[[3, 4, 2]]], (x) => ops.poolTokens(x, 'mean', ints([4, 1, 3]))),
    c('last', [[[2, 3, 4]]], (x) => ops.poolTokens(x, 'last')),
    c('last of some', [[[3, 4, 2]]], (x) => ops.poolTokens(x, 'last', ints([4, 1, 3]))),
    c('of what others use too', [[[2, 3, 2]]], (x) =>
      ops.add(ops.poolTokens(x, 'last', ints([2, 3])), ops.poolTokens(ops.tanh(x), 'mean', ints([2, 3]))),
    ),
  ],

  reshape: [
    c('to a row', [[[2, 3]]], (x) => ops.reshape(x, [6])),
    c('one size open', [[[2, 6]]], (x) => ops.reshape(x, [3, -1])),
    c('used on both sides', [[[2, 3]]], (x) =>
      ops.mul(ops.reshape(x, [3, 2]), ops.reshape(ops.tanh(x), [3, 2])),
    ),
    c('of a result that is used again', [[[2, 3]]], (x) => {
      const y = ops.tanh(x);
      return ops.mul(ops.reshape(ops.reshape(y, [6]), [2, 3]), y);
    }),
  ],
  transpose: [
    c('matrix', [[[2, 3]]], (x) => ops.transpose(x)),
    c('outer axes', [[[2, 3, 4]]], (x) => ops.transpose(x, 0, 1)),
    c('first and last', [[[2, 3, 4]]], (x) => ops.transpose(x, 0, 2)),
  ],
  permute: [
    c('three axes', [[[2, 3, 4]]], (x) => ops.permute(x, [2, 0, 1])),
    c('four axes', [[[2, 3, 1, 2]]], (x) => ops.permute(x, [3, 1, 0, 2])),
    c('as it is', [[[2, 3]]], (x) => ops.permute(x, [0, 1])),
  ],
  slice: [
    c('rows', [[[4, 3]]], (x) => ops.slice(x, 0, 1, 3)),
    c('columns', [[[4, 3]]], (x) => ops.slice(x, -1, 0, 2)),
    c('inner axis', [[[2, 4, 3]]], (x) => ops.slice(x, 1, 3, 4)),
    c('two that overlap', [[[5]]], (x) => ops.mul(ops.slice(x, 0, 0, 3), ops.slice(x, 0, 2, 5))),
  ],
  broadcastTo: [
    c('new axis', [[[3]]], (x) => ops.broadcastTo(x, [2, 3])),
    c('column', [[[3, 1]]], (x) => ops.broadcastTo(x, [3, 4])),
    c('scalar', [[[]]], (x) => ops.broadcastTo(x, [2, 2])),
    c('several axes', [[[2, 1, 3, 1]]], (x) => ops.broadcastTo(x, [2, 2, 3, 2])),
  ],
  concat: [
    c('rows', [[[2, 3]], [[1, 3]]], (a, b) => ops.concat([a, b])),
    c('columns', [[[2, 3]], [[2, 1]], [[2, 2]]], (...parts) => ops.concat(parts, 1)),
    c('inner axis', [[[2, 1, 3]], [[2, 2, 3]]], (a, b) => ops.concat([a, b], 1)),
    c('a part twice', [[[2, 3]]], (a) => ops.concat([a, a, a], -1)),
  ],

  linear: [
    ...linears('none'),
    ...linears('relu'),
    ...linears('gelu'),
    ...linears('geluTanh'),
    ...linears('silu'),
    c('one weight twice', [[[3, 4]], [[4, 4]], [[4]]], (x, w, b) => ops.linear(ops.linear(x, w, b), w, b)),
    c('all rows in two parts', [[[3, 4]], [[6, 4]], [[6]]], (x, w, b) =>
      ops.concat([ops.linear(x, w, b, { rows: [0, 2] }), ops.linear(x, w, b, { rows: [2, 6] })], 1),
    ),
  ],
  matmul: [
    ...matmuls('plain', [], []),
    ...matmuls('batched', [2], [2]),
    ...matmuls('two leading axes', [2, 2], [2, 2]),
    ...matmuls('shared b', [2], []),
    c('a matrix with itself', [[[3, 3]]], (x) => ops.matmul(x, x)),
    c('a matrix with its transpose', [[[2, 3, 2]]], (x) => ops.matmul(x, x, { transposeB: true })),
  ],
  embedding: [
    c('repeated ids', [[[4, 3]]], (w) => ops.embedding(w, ints([1, 3, 1, 0, 1, 2], [2, 3]))),
    c('padding and scale', [[[4, 3]]], (w) => ops.embedding(w, ints([-1, 3, 3, -1]), { scale: 1.7 })),
    c('tied to the output', [[[4, 3]]], (w) => ops.linear(ops.embedding(w, ints([2, 0, 2])), w, null)),
  ],
  gather: [
    c('rows', [[[4, 3]]], (x) => ops.gather(x, ints([3, 0, 3, -1]))),
    c('slabs', [[[3, 2, 2]]], (x) => ops.gather(x, ints([2, 2, 1]))),
    c('elements', [[[5]]], (x) => ops.gather(x, ints([4, 0]))),
  ],
  dropout: ['a', 'b'].map((stream) =>
    c(`stream ${stream}`, [[[5, 7]]], (x) => ops.dropout(ops.dropout(x, 0.4, stream), 0.4, stream)),
  ),

  addLayerNorm,
  addRmsNorm,
  layerNorm: [
    c('with bias', [[[3, 5]], [[5], 0.5, 1.5], [[5]]], (x, w, b) => ops.layerNorm(x, w, b)),
    c('without bias', [[[2, 3, 5]], [[5], 0.5, 1.5]], (x, w) => ops.layerNorm(x, w, null)),
    c('large eps', [[[3, 4]], [[4]], [[4]]], (x, w, b) => ops.layerNorm(x, w, b, { eps: 0.1 })),
    c('one weight twice', [[[3, 4]], [[4]], [[4]]], (x, w, b) => ops.layerNorm(ops.layerNorm(x, w, b), w, b)),
  ],
  rmsNorm: [
    c('plain', [[[3, 5]], [[5], 0.5, 1.5]], (x, w) => ops.rmsNorm(x, w)),
    c('residual', [[[3, 5]], [[3, 5]], [[5]]], (x, r, w) => ops.rmsNorm(x, w, { residual: r })),
  ],

  selfAttention: [
    ...masks.map(([label, mask]) =>
      c(label, [[[2, 5, 18]]], (qkv) => ops.selfAttention(qkv, masked(mask, [3, 0]))),
    ),
    c('one head, one position', [[[2, 1, 9]]], (qkv) => ops.selfAttention(qkv, { numHeads: 1 })),
    c('heads of width 1', [[[1, 3, 6]]], (qkv) => ops.selfAttention(qkv, { numHeads: 2, causal: true })),
    ...masks.map(([label, mask]) =>
      c(`two heads a key, ${label}`, [[[2, 5, 24]]], (qkv) =>
        ops.selfAttention(qkv, { ...masked(mask, [3, 0], 4), numKVHeads: 2 }),
      ),
    ),
    c('one key for all heads', [[[1, 4, 10]]], (qkv) =>
      ops.selfAttention(qkv, { numHeads: 3, numKVHeads: 1, causal: true }),
    ),
  ],
  rotary: [
    c('every head', [[[2, 3, 8]]], (x) => ops.rotary(x, angles(3, 4), { numHeads: 2 })),
    c('some heads, later', [[[2, 3, 14]]], (x) => ops.rotary(x, angles(7, 4), { numHeads: 2, start: 4 })),
    c('twice', [[[1, 2, 6]]], (x) =>
      ops.rotary(ops.rotary(x, angles(2, 6), { numHeads: 1 }), angles(2, 6), { numHeads: 1 }),
    ),
    c('of what others use too', [[[1, 3, 4]]], (x) =>
      ops.mul(ops.rotary(x, angles(3, 2), { numHeads: 2 }), ops.tanh(x)),
    ),
  ],
  crossAttention: [
    ...masks
      .filter(([, mask]) => !mask.causal)
      .map(([label, mask]) =>
        c(label, [[[2, 3, 6]], [[2, 5, 12]]], (q, kv) => ops.crossAttention(q, kv, masked(mask, [4, 0]))),
      ),
    c('longer queries', [[[2, 5, 4]], [[2, 2, 8]]], (q, kv) => ops.crossAttention(q, kv, { numHeads: 1 })),
    c('two heads a key', [[[2, 3, 8]], [[2, 4, 8]]], (q, kv) =>
      ops.crossAttention(q, kv, { numHeads: 4, numKVHeads: 2, lengths: ints([4, 1]) }),
    ),
  ],
  attention: [
    ...masks.map(([label, mask]) =>
      c(label, [[[2, 4, 6]], [[2, 4, 6]], [[2, 4, 6]]], (q, k, v) =>
        ops.attention(q, k, v, masked(mask, [2, 0], 3)),
      ),
    ),
    c('earlier keys', [[[1, 2, 4]], [[1, 5, 4]], [[1, 5, 4]]], (q, k, v) =>
      ops.attention(q, k, v, { numHeads: 2, causal: true, queryOffset: 3 }),
    ),
    c('no visible key', [[[1, 4, 4]], [[1, 4, 4]], [[1, 4, 4]]], (q, k, v) =>
      ops.attention(q, k, v, { numHeads: 2, causal: true, queryOffset: -2 }),
    ),
    c('three heads a key', [[[1, 3, 12]], [[1, 4, 4]], [[1, 4, 4]]], (q, k, v) =>
      ops.attention(q, k, v, { numHeads: 6, numKVHeads: 2, causal: true, queryOffset: 1 }),
    ),
    c('keys are values', [[[2, 3, 4]], [[2, 4, 4]]], (q, kv) => ops.attention(q, kv, kv, { numHeads: 2 })),
    c('queries are keys are values', [[[2, 3, 4]]], (x) =>
      ops.attention(x, x, x, { numHeads: 2, causal: true }),
    ),
  ],

  customOp: [
    c('two inputs', [[[2, 3]], [[2, 3]]], (x, y) => custom(x, y)),
    c('one input twice', [[[2, 3]]], (x) => custom(x, x)),
    c('one gradient for both inputs', [[[2, 3]], [[2, 3]]], (x, y) => customSum(x, y)),
    c('an input without gradient', [[[2, 3]]], (x) =>
      customConstant(x, tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] })),
    ),
    c('between other ops', [[[2, 3]], [[2, 3]]], (x, y) => ops.tanh(custom(ops.sin(x), ops.add(x, y)))),
  ],
};

/** Exports that make constants. */
const constants = ['ones', 'zeros'];

function values([shape, low, high]: Input, seed: number): Float64Array {
  return Float64Array.from(
    numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
      low,
      high,
    ),
  );
}

/** Runs one case; `wanted` are the inputs that require a gradient. */
function leaves(item: Case, wanted: (i: number) => boolean): number {
  const inputs = item.inputs.map((input, i) =>
    tensor(values(input, i + 1), { shape: input[0], requiresGrad: wanted(i) }),
  );
  return gradcheck(
    () => item.run(...inputs),
    inputs.filter((_, i) => wanted(i)),
    options,
  ).maxError;
}

function parameters(item: Case): number {
  const inputs = item.inputs.map(
    (input, i) => new Parameter(input[0], 'other').set(values(input, i + 1)) as Parameter,
  );
  return gradcheck(() => item.run(...inputs), inputs, options).maxError;
}

/**
 * The op's inputs are results of ops and have another use. Where that comes after the op, the op's gradient is
 * added to one that is there already; where it comes before, the other one is added to the op's.
 */
function intermediates(item: Case, otherUse: 'before' | 'after'): number {
  const inputs = item.inputs.map((input, i) =>
    tensor(values(input, i + 1), { shape: input[0], requiresGrad: true }),
  );
  const run = (): Variable => {
    const hidden = inputs.map((x) => ops.scale(x, 1));
    // Small, so that rounding of the sum does not drown the differences.
    const others = (): Variable[] => hidden.map((h) => ops.scale(ops.sum(ops.mul(h, h)), 0.01));
    const first = otherUse === 'before' ? others() : [];
    const y = item.run(...hidden);
    return [...first, ...(otherUse === 'after' ? others() : [])].reduce(
      (sum, other) => ops.add(sum, other),
      y,
    );
  };
  return gradcheck(run, inputs, options).maxError;
}

test('every exported op has a case', () => {
  const exported = Object.entries(ops)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => name);
  assert.equal(
    exported.filter((name) => !constants.includes(name) && !cases[name]?.length),
    [],
  );
  assert.equal(
    Object.keys(cases).filter((name) => !exported.includes(name)),
    [],
  );
});

test('gradcheck itself finds a wrong gradient', () =>
  withRuntime(runtime, () => {
    const wrong = ops.customOp({
      name: 'wrong',
      forward: (x) => ops.mul(x, x),
      backward: (dout, { inputs: [x] }) => [ops.mul(dout, ops.scale(x, 2.0001))],
    });
    const x = tensor([1, 2, 3], { requiresGrad: true });
    assert.throws(() => gradcheck(() => wrong(x), [x], options), /input 0\[0\]: analytic/);
  }));

for (const [op, list] of Object.entries(cases)) {
  test(`${op}: ${list.length} cases`, () =>
    withRuntime(runtime, () => {
      for (const item of list) {
        let setting = '';
        const check = (name: string, run: () => number): void => {
          setting = name;
          const error = run();
          if (process.env.PRENORM_PARITY_REPORT)
            console.log(`${op}: ${item.label}, ${name}: ${error.toExponential(1)}`);
        };
        try {
          check('leaves', () => leaves(item, () => true));
          check('parameters', () => parameters(item));
          check('used again before', () => intermediates(item, 'before'));
          check('used again after', () => intermediates(item, 'after'));
          if (item.inputs.length > 1) {
            item.inputs.forEach((_, only) => {
              check(`input ${only} alone`, () => leaves(item, (i) => i === only));
            });
          }
        } catch (error) {
          (error as Error).message = `${op}: ${item.label}, ${setting}: ${(error as Error).message}`;
          throw error;
        }
      }
    }));
}

test.run();
