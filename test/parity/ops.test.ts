/**
 * @file Every op against PyTorch: outputs, and the gradients of sum(output · weight) for every input, in f32 on
 * the wasm kernels and in f64 on the reference kernels. Inputs and results come from
 * scripts/make-op-goldens.py. An op that is exported with neither a case nor a reason makes the enumeration fail.
 */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as ops from '../../src/autograd/ops/index.js';
import { backward } from '../../src/autograd/tape.js';
import { tensor, type Variable } from '../../src/autograd/variable.js';
import { decodeSafetensors } from '../../src/io/safetensors.js';
import { rotaryTable } from '../../src/nn/rotary-table.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import { distance, maxAbs, norm } from './golden.js';

const test = suite('parity/ops');

/** A case: the op on its inputs; several outputs as a list. */
type Run = (...inputs: Variable[]) => Variable | Variable[];
type Cases = Record<string, Run>;

const ints = (values: number[], shape = [values.length]): Variable => tensor(values, { shape, dtype: 'i32' });

const binary = (op: (a: Variable | number, b: Variable | number) => Variable): Cases => ({
  'equal shapes': op,
  'column and row': op,
  'number on the left': (x) => op(1.5, x),
  'number on the right': (x) => op(x, 1.5),
});

const unary = (op: (x: Variable) => Variable): Cases => ({ matrix: (x) => op(x) });

const reductions = (op: (x: Variable, options?: ops.ReduceOptions) => Variable): Cases => ({
  all: (x) => op(x),
  'first axis': (x) => op(x, { axis: 0 }),
  'inner axis, keepDim': (x) => op(x, { axis: 1, keepDim: true }),
});

const lossAndNll = (x: Variable, targets: number[], options?: ops.CrossEntropyOptions): Variable[] => {
  const { loss, nll } = ops.crossEntropy(x, ints(targets), options);
  return [loss, nll];
};

const fusedLossAndNll = (
  x: Variable,
  w: Variable,
  targets: number[],
  options?: ops.CrossEntropyOptions,
): Variable[] => {
  const { loss, nll } = ops.linearCrossEntropy(x, w, ints(targets), options);
  return [loss, nll];
};

const matmuls = (label: string): Cases =>
  Object.fromEntries(
    [false, true].flatMap((transposeA) =>
      [false, true].map((transposeB): [string, Run] => [
        `${label}${transposeA ? ', aᵀ' : ''}${transposeB ? ', bᵀ' : ''}`,
        (a, b) => ops.matmul(a, b, { transposeA, transposeB }),
      ]),
    ),
  );

const linears = (activation: ops.Activation): Cases => ({
  [`${activation}, bias`]: (x, w, b) => ops.linear(x, w, b, { activation }),
  [`${activation}, no bias`]: (x, w) => ops.linear(x, w, null, { activation }),
  [`${activation}, some rows`]: (x, w, b) => ops.linear(x, w, b, { activation, rows: [1, 4] }),
});

const both = ({ out, sum }: ops.NormResult): Variable[] => [out, sum];

const cases: Record<string, Cases> = {
  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: binary(ops.mul),
  div: binary(ops.div),
  scale: unary((x) => ops.scale(x, -1.7)),
  addScalar: unary((x) => ops.addScalar(x, 0.3)),
  where: { matrix: (a, b) => ops.where(ints([1, 0, 0, 2, -1, 0], [2, 3]), a, b) },

  exp: unary(ops.exp),
  log: unary(ops.log),
  tanh: unary(ops.tanh),
  sigmoid: unary(ops.sigmoid),
  sqrt: unary(ops.sqrt),
  sin: unary(ops.sin),
  cos: unary(ops.cos),
  relu: { ...unary(ops.relu), 'at 0': (x) => ops.relu(x) },
  gelu: unary(ops.gelu),
  geluTanh: unary(ops.geluTanh),
  silu: unary(ops.silu),

  sum: reductions(ops.sum),
  mean: reductions(ops.mean),
  max: reductions(ops.max),

  softmax: {
    ...unary((x) => ops.softmax(x)),
    'lengths per sequence': (x) => ops.softmax(x, { lengths: ints([5, 2]) }),
  },
  logSoftmax: { ...unary(ops.logSoftmax), 'large values': (x) => ops.logSoftmax(x) },
  crossEntropy: {
    plain: (x) => lossAndNll(x, [0, 4, 2, 2]),
    smoothing: (x) => lossAndNll(x, [0, 4, 2, 2], { smoothing: 0.1 }),
    'ignored rows': (x) => lossAndNll(x, [1, -1, 3, 0, -1, -1], { smoothing: 0.2 }),
    'its own count': (x) => lossAndNll(x, [1, -1, 0], { smoothing: 0.1, count: 7 }),
  },
  linearCrossEntropy: {
    plain: (x, w) => fusedLossAndNll(x, w, [0, 4, 2, 2]),
    'smoothing, ignored rows': (x, w) => fusedLossAndNll(x, w, [1, -1, 3, 0, -1, -1], { smoothing: 0.2 }),
    'its own count': (x, w) => fusedLossAndNll(x, w, [1, -1, 0], { smoothing: 0.1, count: 7 }),
  },

  reshape: { 'one size open': (x) => ops.reshape(x, [3, -1]) },
  transpose: { matrix: (x) => ops.transpose(x), 'first and last': (x) => ops.transpose(x, 0, 2) },
  permute: {
    'three axes': (x) => ops.permute(x, [2, 0, 1]),
    'four axes': (x) => ops.permute(x, [3, 1, 0, 2]),
  },
  slice: { columns: (x) => ops.slice(x, -1, 1, 4), 'inner axis': (x) => ops.slice(x, 1, 3, 4) },
  broadcastTo: {
    'new axis': (x) => ops.broadcastTo(x, [2, 3]),
    'several axes': (x) => ops.broadcastTo(x, [2, 2, 3, 2]),
  },
  concat: { rows: (a, b) => ops.concat([a, b]), 'inner axis': (a, b) => ops.concat([a, b], 1) },
  embedding: {
    'padding and scale': (w) => ops.embedding(w, ints([1, -1, 4, 1, 0, -1], [2, 3]), { scale: 1.7 }),
  },
  gather: {
    rows: (x) => ops.gather(x, ints([3, 0, 3, -1])),
    slabs: (x) => ops.gather(x, ints([2, 2, 1])),
  },

  matmul: {
    ...matmuls('plain'),
    ...matmuls('batched'),
    ...matmuls('shared b'),
    'beyond a tile': (a, b) => ops.matmul(a, b),
  },
  linear: {
    ...linears('none'),
    ...linears('relu'),
    ...linears('gelu'),
    ...linears('geluTanh'),
    ...linears('silu'),
  },

  layerNorm: {
    bias: (x, w, b) => ops.layerNorm(x, w, b),
    'no bias': (x, w) => ops.layerNorm(x, w, null),
    'large eps': (x, w, b) => ops.layerNorm(x, w, b, { eps: 0.1 }),
    residual: (x, residual, w, b) => ops.layerNorm(x, w, b, { residual }),
  },
  addLayerNorm: {
    residual: (x, residual, w, b) => both(ops.addLayerNorm(x, w, b, { residual })),
    'no residual': (x, w, b) => both(ops.addLayerNorm(x, w, b)),
  },
  rmsNorm: {
    matrix: (x, w) => ops.rmsNorm(x, w),
    'large eps': (x, w) => ops.rmsNorm(x, w, { eps: 0.1 }),
    residual: (x, residual, w) => ops.rmsNorm(x, w, { residual }),
  },
  addRmsNorm: {
    residual: (x, residual, w) => both(ops.addRmsNorm(x, w, { residual })),
    'no residual': (x, w) => both(ops.addRmsNorm(x, w)),
  },

  selfAttention: {
    'no mask': (x) => ops.selfAttention(x, { numHeads: 2 }),
    causal: (x) => ops.selfAttention(x, { numHeads: 2, causal: true }),
    lengths: (x) => ops.selfAttention(x, { numHeads: 3, lengths: ints([2, 3]) }),
    'causal with lengths': (x) => ops.selfAttention(x, { numHeads: 2, causal: true, lengths: ints([3, 1]) }),
    'two heads a key': (x) => ops.selfAttention(x, { numHeads: 4, numKVHeads: 2, causal: true }),
  },
  rotary: {
    'every head': (x) => ops.rotary(x, rotaryTable(6, { maxSeqLen: 5 }), { numHeads: 2 }),
    'some heads, later': (x) =>
      ops.rotary(x, rotaryTable(8, { maxSeqLen: 40, theta: 500 }), { numHeads: 2, start: 33 }),
  },
  crossAttention: {
    'no mask': (q, kv) => ops.crossAttention(q, kv, { numHeads: 2 }),
    lengths: (q, kv) => ops.crossAttention(q, kv, { numHeads: 1, lengths: ints([4, 2]) }),
    'two heads a key': (q, kv) => ops.crossAttention(q, kv, { numHeads: 4, numKVHeads: 2 }),
  },
  attention: {
    'no mask': (q, k, v) => ops.attention(q, k, v, { numHeads: 3 }),
    causal: (q, k, v) => ops.attention(q, k, v, { numHeads: 2, causal: true }),
    lengths: (q, k, v) => ops.attention(q, k, v, { numHeads: 2, lengths: ints([1, 3]) }),
    'causal with lengths': (q, k, v) =>
      ops.attention(q, k, v, { numHeads: 3, causal: true, lengths: ints([3, 2]) }),
    'earlier keys': (q, k, v) => ops.attention(q, k, v, { numHeads: 2, causal: true, queryOffset: 3 }),
    'one key for all heads': (q, k, v) =>
      ops.attention(q, k, v, { numHeads: 3, numKVHeads: 1, lengths: ints([3, 2]) }),
  },
};

/** Ops that PyTorch cannot judge, and why. */
const withoutCounterpart: Record<string, string> = {
  dropout: 'other random bits',
  customOp: "its author's own functions",
  ones: 'a constant',
  zeros: 'a constant',
  poolTokens: 'no op of theirs knows lengths; test/nn/text-classifier.test.ts has it in plain loops',
};

interface Golden {
  inputs: { shape: number[]; values: Float64Array }[];
  outputs: { shape: number[]; values: Float64Array }[];
  gradients: Float64Array[];
}

/** Cases by `op: label`. */
function readGoldens(): Map<string, Golden> {
  const path = new URL('../fixtures/torch/ops.safetensors', import.meta.url);
  const { tensors, metadata } = decodeSafetensors(readFileSync(path), 'ops.safetensors');
  const reader = (name: string): ((shape: number[]) => Float64Array) => {
    const all = Float64Array.from(tensors.get(name)?.data as Float64Array);
    let position = 0;
    return (shape) => {
      const start = position;
      position += shape.reduce((a, b) => a * b, 1);
      assert.ok(position <= all.length, `${name} ends early`);
      return all.slice(start, position);
    };
  };
  const [input, result] = [reader('inputs'), reader('results')];
  const goldens = new Map<string, Golden>();
  for (const [name, text] of Object.entries(metadata)) {
    const [inputs, outputs] = text
      .split(' > ')
      .map((shapes) => shapes.split(' ').map((s) => (s === 'scalar' ? [] : s.split('x').map(Number))));
    goldens.set(name, {
      inputs: inputs.map((shape) => ({ shape, values: input(shape) })),
      outputs: outputs.map((shape) => ({ shape, values: result(shape) })),
      gradients: inputs.map((shape) => result(shape)),
    });
  }
  return goldens;
}

/** The weights of scripts/make-op-goldens.py. */
function weigh(outputs: Variable[]): Variable {
  let position = 0;
  const sums = outputs.map((output) => {
    const weights = Float64Array.from({ length: output.size }, () => (((29 * ++position) % 64) - 31.5) / 32);
    return ops.sum(ops.mul(output, tensor(weights, { shape: output.shape })));
  });
  return sums.reduce((a, b) => ops.add(a, b));
}

/** Distance in the 2-norm, and that of the worst element to the largest one. */
function compare(
  what: string,
  actual: ArrayLike<number>,
  expected: Float64Array,
  bound: number,
  elementwise: boolean,
): void {
  const errors = [[distance(actual, expected), norm(expected)]];
  if (elementwise) {
    errors.push([maxAbs(Array.from(actual, (y, i) => y - expected[i])), maxAbs(expected)]);
  }
  for (const [error, size] of errors) {
    if (process.env.PRENORM_PARITY_REPORT) console.log(`${what}: ${(error / (size || 1)).toExponential(1)}`);
    assert.ok(
      error <= bound * size,
      `${what}: error ${error.toExponential(2)}, allowed ${(bound * size).toExponential(2)}`,
    );
  }
}

const goldens = readGoldens();

test('every exported op has a case or a reason to have none', () => {
  const exported = Object.entries(ops)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => name);
  const covered = (name: string): boolean => Object.keys(cases[name] ?? {}).length > 0;
  assert.equal(
    exported.filter((name) => covered(name) === Boolean(withoutCounterpart[name])),
    [],
    'ops with neither a case nor a reason, or with both',
  );
  assert.equal(
    [...Object.keys(cases), ...Object.keys(withoutCounterpart)].filter((name) => !exported.includes(name)),
    [],
    'cases of what is no op',
  );
});

test('the cases are those of the goldens', () => {
  const names = Object.entries(cases).flatMap(([op, list]) =>
    Object.keys(list).map((label) => `${op}: ${label}`),
  );
  assert.equal(names.sort(), [...goldens.keys()].sort());
});

const precisions: [string, () => Promise<Runtime>, bound: number][] = [
  ['f32', init, 1e-5],
  ['f64', async () => createReferenceRuntime(), 1e-10],
];

for (const [precision, makeRuntime, bound] of precisions) {
  const runtime = await makeRuntime();
  for (const [op, list] of Object.entries(cases)) {
    test(`${precision}: ${op}: ${Object.keys(list).length} cases`, () =>
      withRuntime(runtime, () => {
        for (const [label, run] of Object.entries(list)) {
          const name = `${op}: ${label}`;
          const golden = goldens.get(name);
          assert.ok(golden, `${name} has no golden`);
          const inputs = golden.inputs.map(({ shape, values }) =>
            tensor(values, { shape, requiresGrad: true }),
          );
          const made = run(...inputs);
          const outputs = Array.isArray(made) ? made : [made];
          assert.is(outputs.length, golden.outputs.length);
          golden.outputs.forEach(({ shape, values }, i) => {
            assert.equal([...outputs[i].shape], shape, `${name}: shape`);
            compare(`${precision} ${name}, output ${i}`, outputs[i].toArray(), values, bound, true);
          });
          backward(weigh(outputs));
          golden.gradients.forEach((expected, i) => {
            const actual = inputs[i].grad?.toArray();
            assert.ok(actual, `${name}: input ${i} has no gradient`);
            compare(`${precision} ${name}, gradient ${i}`, actual, expected, bound, false);
          });
        }
      }));
  }
}

test.run();
