/**
 * @file One item for what the models of the other items do not touch: every op of the library, the kernels that no
 * op calls, and the host's elementary functions, over arrays large enough to be worth splitting between threads.
 */
import {
  add,
  addLayerNorm,
  addRmsNorm,
  addScalar,
  attention,
  broadcastTo,
  concat,
  cos,
  customOp,
  div,
  dropout,
  exp,
  gather,
  gelu,
  linear,
  log,
  logSoftmax,
  matmul,
  max,
  mean,
  mul,
  relu,
  reshape,
  scale,
  sigmoid,
  sin,
  slice,
  softmax,
  sqrt,
  sub,
  sum,
  tanh,
  transpose,
  where,
} from '../autograd/ops/index.js';
import { backward, noGrad } from '../autograd/tape.js';
import { Parameter, result, tensor, type Variable } from '../autograd/variable.js';
import { SGD } from '../optim/index.js';
import { RandomStream } from '../random.js';
import { cos64, exp64, log64, pow64, sin64, tanh64 } from '../runtime/math.js';
import { currentRuntime } from '../runtime/runtime.js';
import { NumberHash } from './digest.js';
import type { Item, Parts } from './item.js';

const ROWS = 210;
const COLS = 165;
const BATCH = 5;
const LENGTH = ROWS / BATCH;

const uniform = (count: number, name: string): Float32Array => {
  const random = new RandomStream(31, `conformance:${name}`);
  return Float32Array.from({ length: count }, () => 2 * random.nextFloat() - 1);
};
const ints = (values: Iterable<number>, shape: number[]): Variable =>
  tensor(Int32Array.from(values), { shape, dtype: 'i32' });

const cube = customOp({
  name: 'cube',
  forward: (x) => mul(mul(x, x), x),
  backward: (dout, { inputs: [x] }) => [mul(dout, scale(mul(x, x), 3))],
});

function parameter(shape: number[], name: string): Parameter {
  const p = new Parameter(shape, 'other');
  p.set(uniform(p.size, name));
  p.path = name;
  return p;
}

/** Every op at least once; a and b (ROWS, COLS), weight and bias (COLS). */
function terms(a: Variable, b: Variable, weight: Variable, bias: Variable): (() => Variable)[] {
  const thirds = Array.from({ length: ROWS * COLS }, (_, i) => (i % 3 === 0 ? 1 : 0));
  const lengths = Array.from({ length: ROWS }, (_, i) => i % (COLS + 1));
  const batched = (x: Variable) => reshape(x, [BATCH, LENGTH, COLS]);
  const heads = () => ({ numHeads: 5, causal: true, lengths: ints([LENGTH, 1, 0, 33, 40], [BATCH]) });
  return [
    () => tanh(a),
    () => sigmoid(b),
    () => exp(scale(a, 2)),
    () => log(addScalar(mul(a, a), 1)),
    () => sqrt(addScalar(mul(b, b), 0.5)),
    () => sin(scale(a, 3)),
    () => cos(scale(b, 3)),
    () => gelu(a),
    () => relu(b),
    () => cube(a),
    () => div(a, addScalar(mul(b, b), 1)),
    () => sub(a, weight),
    () => mul(b, bias),
    () => where(ints(thirds, [ROWS, COLS]), a, b),
    () => dropout(a, 0.3, 'conformance'),
    () => softmax(a, { lengths: ints(lengths, [ROWS]) }),
    () => softmax(b),
    () => logSoftmax(a),
    () => addLayerNorm(a, weight, bias, { residual: b }).out,
    () => addLayerNorm(a, weight, bias, { residual: b }).sum,
    () => addRmsNorm(b, weight, { residual: a }).out,
    () => addRmsNorm(b, weight, { residual: a }).sum,
    () => gather(a, ints([7, 3, 7, -1, 209, 0], [6])),
    () => transpose(batched(a), 0, 1),
    () => concat([slice(a, 1, 3, 9), slice(b, 1, 0, 2)], 1),
    () => broadcastTo(reshape(weight, [1, COLS]), [67, COLS]),
    () => max(a, { axis: 1 }),
    () => max(batched(b), { axis: 1 }),
    () => max(a),
    () => sum(b, { axis: 0 }),
    () => mean(batched(a), { axis: 2 }),
    () => matmul(batched(a), batched(b), { transposeB: true }),
    () => attention(batched(a), batched(b), batched(add(a, b)), heads()),
    () => linear(a, slice(b, 0, 0, 48), null, { activation: 'gelu' }),
    () => slice(linear(a, b, null, { activation: 'relu' }), 1, 0, 64),
    () => matmul(transpose(a), b),
  ];
}

/** Kernels that a training step never calls. */
function directCalls(hash: NumberHash): void {
  const runtime = currentRuntime();
  const { kernels, heap } = runtime;
  const n = ROWS * COLS;
  noGrad(() => {
    const x = tensor(uniform(n, 'direct'));
    const y = tensor(uniform(n, 'second'));
    const out = result(runtime, [n]);
    const read = (count = n) => hash.add(Float32Array.from(heap.floats(out.ptr, count)));
    kernels.absForward(out.ptr, x.ptr, n);
    read();
    kernels.erfForward(out.ptr, x.ptr, n);
    read();
    kernels.scaleByForward(out.ptr, x.ptr, y.ptr, n);
    read();
    kernels.dot(out.ptr, x.ptr, y.ptr, n);
    read(1);
    kernels.sumSquares(out.ptr, x.ptr, n);
    read(1);
    kernels.uniformFill(out.ptr, n, runtime.rng, 5, -2, 3);
    read();
    kernels.normalFill(out.ptr, n, runtime.rng, 6, 1, 2);
    read();
    kernels.countNonFinite(out.ptr, x.ptr, n);
    hash.add(heap.readInts(out.ptr, 1));
    kernels.threefryBlock(out.ptr, 1, 2, 3, 4, 5, 6, 7, 8);
    hash.add(heap.readInts(out.ptr, 4));
  }, runtime);
  const points = Array.from({ length: 400 }, (_, i) => (i - 200) * 0.173);
  hash.add(
    Float64Array.from(
      points.flatMap((x) => [exp64(x), sin64(x), cos64(x), tanh64(x), pow64(1.5 + x * x, x / 9)]),
    ),
  );
  hash.add(Float64Array.from(points, (x) => log64(1e-9 + x * x)));
}

export const opsItem: Item = {
  name: 'ops',
  about: 'every op forward and backward, the kernels no model calls, the elementary functions of the host',
  run(): Parts {
    const a = parameter([ROWS, COLS], 'a');
    const b = parameter([ROWS, COLS], 'b');
    const weight = parameter([COLS], 'weight');
    const bias = parameter([COLS], 'bias');
    const list = [a, b, weight, bias];
    const optimizer = new SGD(list, { lr: 0.01, momentum: 0.5, weightDecay: 0.1 });
    const values = new NumberHash();
    const gradients = new NumberHash();
    const all = terms(a, b, weight, bias);
    const loss = (term: Variable) => sum(mul(term, term));
    // Each term alone: in a sum of all gradients the last place of a small one would be lost.
    for (const term of all) {
      optimizer.zeroGrad();
      const value = term();
      values.add(value.toArray());
      backward(loss(value));
      for (const p of list) gradients.add((p.grad as Variable).toArray());
    }
    // All together, twice, so that gradients meet and weights move.
    for (let step = 0; step < 2; step++) {
      optimizer.zeroGrad();
      const joint = all.map((term) => loss(term())).reduce((x, y) => add(x, y));
      values.add(Float64Array.of(joint.item()));
      backward(joint);
      values.add(Float64Array.of(optimizer.clipGradNorm(0.9)));
      optimizer.step();
    }
    directCalls(values);
    return {
      values: values.hex(),
      gradients: gradients.hex(),
      weights: new NumberHash().addAll(list.map((p) => p.toArray())).hex(),
    };
  },
};
