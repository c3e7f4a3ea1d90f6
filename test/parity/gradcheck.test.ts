/**
 * @file Every op against central differences in double precision, through the tape, under the reference
 * kernels. Each case runs in several settings that take different ways through the tape: inputs that are
 * leaves, parameters, intermediate values which others use too, and each input alone requiring a gradient.
 * Whole models follow. An op that is exported without a case makes the enumeration fail.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { gradcheck } from '../../src/autograd/gradcheck.js';
import * as ops from '../../src/autograd/ops/index.js';
import { Parameter, tensor, type Variable } from '../../src/autograd/variable.js';
import {
  CausalLM,
  MaskedLM,
  type ModelOptions,
  TextClassifier,
  Transformer,
  VisionTransformer,
} from '../../src/nn/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { numbers } from '../kernels/harness.js';

const test = suite('parity/gradcheck');
const runtime = createReferenceRuntime();

/** A shape, and the range its values are drawn from. */
type Input = readonly [shape: readonly number[], low?: number, high?: number];

interface Case {
  label: string;
  inputs: Input[];
  run: (...inputs: Variable[]) => Variable;
}

const c = (label: string, inputs: Input[], run: Case['run']): Case => ({ label, inputs, run });

const ints = (values: number[], shape = [values.length]): Variable => tensor(values, { shape, dtype: 'i32' });

/** A table for `rotary`: whatever numbers, a rotation or not. */
const angles = (positions: number, dHead: number): Variable =>
  tensor(Array.from(numbers(positions * dHead, 77)), { shape: [positions, dHead] });

/** The cases of a function of one tensor. */
const unary = (run: Case['run'], low = -2, high = 2): Case[] => [
  c('matrix', [[[3, 5], low, high]], run),
  c('one element', [[[1], low, high]], run),
  c('scalar', [[[], low, high]], run),
  c('three axes', [[[2, 3, 4], low, high]], run),
];

const binary = (
  run: (a: Variable | number, b: Variable | number) => Variable,
  low = -2,
  high = 2,
): Case[] => [
  c(
    'equal shapes',
    [
      [[3, 4], low, high],
      [[3, 4], low, high],
    ],
    run,
  ),
  c(
    'row to matrix',
    [
      [[3, 4], low, high],
      [[4], low, high],
    ],
    run,
  ),
  c(
    'column and row',
    [
      [[3, 1], low, high],
      [[1, 4], low, high],
    ],
    run,
  ),
  c(
    'scalar to tensor',
    [
      [[], low, high],
      [[2, 3], low, high],
    ],
    run,
  ),
  c(
    'inner axis',
    [
      [[2, 1, 3], low, high],
      [[2, 4, 1], low, high],
    ],
    run,
  ),
  c('number on the right', [[[2, 3], low, high]], (x) => run(x, 1.5)),
  c('number on the left', [[[2, 3], low, high]], (x) => run(1.5, x)),
  c('an operand with itself', [[[2, 3], low, high]], (x) => run(x, x)),
  c('a result with its operand', [[[2, 3], low, high]], (x) => run(run(x, x), x)),
];

const norms = (
  op: (x: Variable, w: Variable, b: Variable, residual: Variable | null) => ops.NormResult,
  bias: boolean,
): Case[] => {
  const parameters: Input[] = bias ? [[[5], 0.5, 1.5], [[5]]] : [[[5], 0.5, 1.5]];
  return [
    c('without residual', [[[3, 5]], ...parameters], (x, w, b) => op(x, w, b, null).out),
    c('three axes', [[[2, 3, 5]], ...parameters], (x, w, b) => op(x, w, b, null).out),
    c('one row', [[[1, 5]], ...parameters], (x, w, b) => op(x, w, b, null).out),
    c('residual', [[[3, 5]], [[3, 5]], ...parameters], (x, r, w, b) => op(x, w, b, r).out),
    c('residual, both outputs', [[[3, 5]], [[3, 5]], ...parameters], (x, r, w, b) => {
      const { out, sum } = op(x, w, b, r);
      return ops.add(out, ops.mul(sum, sum));
    }),
    c('residual, the sum alone', [[[3, 5]], [[3, 5]], ...parameters], (x, r, w, b) =>
      ops.mul(op(x, w, b, r).sum, 0.7),
    ),
    c('residual is x', [[[3, 5]], ...parameters], (x, w, b) => op(x, w, b, x).out),
    c('no residual, the sum is x', [[[3, 5]], ...parameters], (x, w, b) => {
      const { out, sum } = op(x, w, b, null);
      return ops.mul(out, sum);
    }),
  ];
};

const addLayerNorm = norms((x, w, b, residual) => ops.addLayerNorm(x, w, b, { residual }), true);
const addRmsNorm = norms((x, w, _b, residual) => ops.addRmsNorm(x, w, { residual, eps: 1e-3 }), false);

const masks: [string, Omit<ops.AttentionOptions, 'numHeads'>][] = [
  ['no mask', {}],
  ['causal', { causal: true }],
  ['lengths, one of them 0', { lengths: null }],
  ['causal with lengths', { causal: true, lengths: null }],
  ['dropout', { dropout: 0.4 }],
  ['causal with lengths and dropout', { causal: true, lengths: null, dropout: 0.25, stream: 'a' }],
];

/** Options with fresh lengths where a mask asks for some. */
const masked = (
  mask: Omit<ops.AttentionOptions, 'numHeads'>,
  lengths: number[],
  numHeads = 2,
): ops.AttentionOptions => ({
  ...mask,
  numHeads,
  ...(mask.lengths === null ? { lengths: ints(lengths) } : {}),
});

const reductions = (op: (x: Variable, options?: ops.ReduceOptions) => Variable): Case[] => [
  c('all', [[[3, 4]]], (x) => op(x)),
  c('scalar', [[[]]], (x) => op(x)),
  c('all, keepDim', [[[3, 4]]], (x) => op(x, { keepDim: true })),
  c('first axis', [[[3, 4]]], (x) => op(x, { axis: 0 })),
  c('last axis', [[[3, 4]]], (x) => op(x, { axis: -1 })),
  c('inner axis, keepDim', [[[2, 3, 4]]], (x) => op(x, { axis: 1, keepDim: true })),
];

const linears = (activation: ops.Activation): Case[] => [
  c(`${activation}, bias`, [[[3, 4]], [[5, 4]], [[5]]], (x, w, b) => ops.linear(x, w, b, { activation })),
  c(`${activation}, no bias`, [[[3, 4]], [[5, 4]]], (x, w) => ops.linear(x, w, null, { activation })),
  c(`${activation}, three axes`, [[[2, 3, 4]], [[1, 4]], [[1]]], (x, w, b) =>
    ops.linear(x, w, b, { activation }),
  ),
  c(`${activation}, some rows`, [[[3, 4]], [[6, 4]], [[6]]], (x, w, b) =>
    ops.linear(x, w, b, { activation, rows: [2, 5] }),
  ),
  c(`${activation}, some rows, no bias`, [[[3, 4]], [[6, 4]]], (x, w) =>
    ops.linear(x, w, null, { activation, rows: [0, 2] }),
  ),
];

/** Every transposition of a product of sizes m 3, k 4, n 2. */
const matmuls = (label: string, lead: number[], leadB: number[]): Case[] =>
  [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) =>
      c(
        `${label}${transposeA ? ', aᵀ' : ''}${transposeB ? ', bᵀ' : ''}`,
        [[[...lead, ...(transposeA ? [4, 3] : [3, 4])]], [[...leadB, ...(transposeB ? [2, 4] : [4, 2])]]],
        (a, b) => ops.matmul(a, b, { transposeA, transposeB }),
      ),
    ),
  );

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

/** Largest step error of a case: central differences with step 1e-5 are good to about 1e-9. */
const options = { epsilon: 1e-5, tolerance: 1e-6 };

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

const tiny: ModelOptions = {
  vocabSize: 7,
  dModel: 6,
  numHeads: 2,
  numLayers: 2,
  dFF: 5,
  maxSeqLen: 6,
  activation: 'gelu',
};
const variants: [string, Partial<ModelOptions>][] = [
  ['post', { normPlacement: 'post' }],
  ['pre', { normPlacement: 'pre' }],
  ['peri', { normPlacement: 'peri' }],
  ['post with a final norm, ReLU', { normPlacement: 'post', finalNorm: true, activation: 'relu' }],
  [
    'pre without a final norm, RMSNorm',
    { normPlacement: 'pre', finalNorm: false, norm: 'rms', init: 'paper' },
  ],
  [
    'peri, learned positions, untied',
    { normPlacement: 'peri', positions: 'learned', tiedEmbeddings: false, init: 'torch' },
  ],
  [
    'pre, embedding norm, dropout',
    {
      ...{ normPlacement: 'pre', embeddingNorm: true },
      ...{ dropout: 0.3, activationDropout: 0.2, attentionDropout: 0.25 },
    },
  ],
  ['biases of the attention alone', { bias: 'attention' }],
  ['biases of a gated feed-forward alone', { bias: 'ffn', gatedFFN: true, activation: 'silu' }],
  ['residual, unit queries and keys', { normPlacement: 'residual', qkNorm: 'l2' }],
  ['hybrid, ScaleNorm', { normPlacement: 'hybrid', norm: 'scale' }],
  ['olmo2, DyT', { normPlacement: 'olmo2', norm: 'dyt' }],
  ['encoder normformer, decoder sub', { normPlacement: 'normformer', decoderNormPlacement: 'sub' }],
  ['encoder admin, decoder rezero', { normPlacement: 'admin', decoderNormPlacement: 'rezero' }],
  ['encoder deepnorm, decoder b2t', { normPlacement: 'deepnorm', decoderNormPlacement: 'b2t' }],
  [
    'rotary, SwiGLU, RMSNorm, one key for two heads, no biases',
    {
      ...{ positions: 'rotary', numKVHeads: 1, norm: 'rms', bias: false },
      ...{ activation: 'silu', gatedFFN: true, dModel: 8 },
    },
  ],
  [
    'rotary with a scaling, GeGLU, biases of queries and keys alone, normed keys, dropout',
    {
      ...{ positions: 'rotary', ropeTheta: 50, ropeScaling: { type: 'linear', factor: 3 }, dModel: 8 },
      ...{ numKVHeads: 1, bias: 'qkv', qkNorm: 'layer', activation: 'geluTanh', gatedFFN: true },
      ...{ dropout: 0.3, activationDropout: 0.2, attentionDropout: 0.25 },
    },
  ],
  ['biases of the attention alone', { bias: 'attention' }],
  ['biases of a gated feed-forward alone', { bias: 'ffn', gatedFFN: true, activation: 'silu' }],
  ['encoder pre, decoder post', { normPlacement: 'pre', decoderNormPlacement: 'post', numDecoderLayers: 1 }],
];

for (const [label, variant] of variants) {
  test(`CausalLM: ${label}`, () =>
    withRuntime(runtime, () => {
      const model = new CausalLM({ ...tiny, ...variant });
      perturb(model.parameters());
      const batch = {
        ids: Int32Array.of(1, 5, 2, 2, 0, 6, 3, 3),
        targets: Int32Array.of(5, 2, 2, 0, 6, 3, -1, -1),
        batchSize: 2,
        seqLen: 4,
      };
      checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
    }));

  test(`Transformer: ${label}`, () =>
    withRuntime(runtime, () => {
      const model = new Transformer({ ...tiny, ...variant });
      perturb(model.parameters());
      const batch = {
        source: Int32Array.of(1, 5, 2, 2, 4, 6, 0, 0),
        sourceLengths: Int32Array.of(4, 2),
        targetInput: Int32Array.of(1, 3, 0, 1, 2, 6),
        targetLengths: Int32Array.of(2, 3),
        targetOutput: Int32Array.of(3, 2, -1, 2, 6, 2),
        batchSize: 2,
        sourceLen: 4,
        targetLen: 3,
      };
      checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
    }));
}

for (const normPlacement of ['post', 'pre', 'peri'] as const) {
  for (const tiedEmbeddings of [true, false]) {
    test(`MaskedLM: ${normPlacement}, ${tiedEmbeddings ? 'tied' : 'untied'}`, () =>
      withRuntime(runtime, () => {
        const model = new MaskedLM({
          ...tiny,
          normPlacement,
          tiedEmbeddings,
          positions: tiedEmbeddings ? 'learned' : 'sinusoidal',
          embeddingNorm: true,
          numSegments: 2,
          nextSentence: true,
        });
        perturb(model.parameters());
        const batch = {
          ids: Int32Array.of(1, 5, 2, 2, 0, 6, 3, 0),
          targets: Int32Array.of(-1, 2, -1, 4, 0, -1, -1, -1),
          segments: Int32Array.of(0, 0, 1, 1, 0, 1, 1, 0),
          lengths: Int32Array.of(4, 3),
          nextSentence: Int32Array.of(1, 0),
          batchSize: 2,
          seqLen: 4,
        };
        checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
        // The same places gathered, and one that stands for none.
        const gathered = {
          ...batch,
          masked: Int32Array.of(1, 3, 4, -1),
          targets: Int32Array.of(2, 4, 0, -1),
        };
        checkModel(model.parameters(), () => model.loss(gathered, { smoothing: 0.1 }).loss);
      }));
  }

  test(`TextClassifier: ${normPlacement}`, () =>
    withRuntime(runtime, () => {
      const model = new TextClassifier({ ...tiny, normPlacement, numSegments: 2, numClasses: 3 });
      perturb(model.parameters());
      const batch = {
        ids: Int32Array.of(1, 5, 2, 2, 0, 6, 3, 0, 4, 1, 1, 2),
        segments: Int32Array.of(0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1),
        lengths: Int32Array.of(4, 3, 4),
        labels: Int32Array.of(2, 0, -1),
        batchSize: 3,
        seqLen: 4,
      };
      checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
    }));

  test(`TextClassifier, several labels, weights: ${normPlacement}`, () =>
    withRuntime(runtime, () => {
      for (const other of [{ causal: true }, { pooling: 'mean', multiLabel: true }] as const) {
        const model = new TextClassifier({
          ...tiny,
          ...other,
          normPlacement,
          numClasses: 3,
          classWeights: [1, 0.5, 3],
        });
        perturb(model.parameters());
        const labels = 'multiLabel' in other ? [1, 0, 1, 0, -1, 1] : [2, 1];
        const batch = {
          ids: Int32Array.of(1, 5, 2, 2, 0, 6, 3, 0),
          lengths: Int32Array.of(4, 3),
          labels: Int32Array.from(labels),
          batchSize: 2,
          seqLen: 4,
        };
        checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
      }
    }));

  test(`VisionTransformer: ${normPlacement}`, () =>
    withRuntime(runtime, () => {
      const { vocabSize: _vocab, maxSeqLen: _positions, ...stack } = tiny;
      const model = new VisionTransformer({
        ...stack,
        normPlacement,
        imageSize: 6,
        patchSize: 3,
        channels: 2,
        numClasses: 5,
      });
      perturb(model.parameters());
      const batch = { images: numbers(2 * 72, 9), labels: Int32Array.of(4, 1), batchSize: 2 };
      checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
    }));
}

/** Moves biases off 0 and norm weights off 1. */
function perturb(list: Parameter[]): void {
  list.forEach((p, i) => {
    const noise = numbers(p.size, i + 1, -0.2, 0.2);
    p.set(p.toArray().map((value, j) => value + noise[j]));
  });
}

function checkModel(list: Parameter[], loss: () => Variable): void {
  const { maxError } = gradcheck(loss, list, { ...options, maxElements: 8 });
  if (process.env.PRENORM_PARITY_REPORT) console.log(maxError.toExponential(1));
}

test.run();
