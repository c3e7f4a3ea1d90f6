/** @file What ops say about operands that do not fit: the op, what it needs, what came. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as ops from '../../src/autograd/ops/index.js';
import { tensor, type Variable } from '../../src/autograd/variable.js';
import { init } from '../../src/runtime/init.js';
import { ids, refusal } from '../support.js';

const test = suite('autograd/refusals');
const runtime = await init();

const t = (...shape: number[]): Variable =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), { shape });

const cases: [
  name: string,
  run: () => unknown,
  op: string,
  says: string,
  expected?: unknown,
  actual?: unknown,
][] = [
  ['add', () => ops.add(t(2, 3), t(4)), 'add', '[2, 3] and [4]', [2, 3], [4]],
  ['mul of integers', () => ops.mul(ids([1]), t(1)), 'mul', 'must be f32, got i32', 'f32', 'i32'],
  ['matmul', () => ops.matmul(t(2, 3), t(4, 5)), 'matmul', '[2, 3] by [4, 5]', [2, 3], [4, 5]],
  ['matmul transposed', () => ops.matmul(t(2, 3), t(3, 4), { transposeB: true }), 'matmul', '[3, 4]ᵀ'],
  ['matmul of vectors', () => ops.matmul(t(3), t(3, 2)), 'matmul', '[3] by [3, 2]'],
  ['matmul batches', () => ops.matmul(t(2, 3, 4), t(3, 4, 5)), 'matmul', '[2, 3, 4] by [3, 4, 5]'],
  ['linear', () => ops.linear(t(2, 3), t(5, 4), null), 'linear', '[out, 3], got [5, 4] (x is [2, 3])', 3, 4],
  ['linear bias', () => ops.linear(t(2, 3), t(5, 3), t(4)), 'linear', '[5], got [4]', 5, [4]],
  [
    'linear rows',
    () => ops.linear(t(2, 3), t(5, 3), null, { rows: [2, 9] }),
    'linear',
    '2..9',
    [0, 5],
    [2, 9],
  ],
  [
    'layerNorm',
    () => ops.layerNorm(t(2, 3), t(4), null),
    'layerNorm',
    'weight must have shape [3], got [4]',
    [3],
    [4],
  ],
  [
    'layerNorm residual',
    () => ops.layerNorm(t(2, 3), t(3), null, { residual: t(3, 2) }),
    'layerNorm',
    '[2, 3], got [3, 2]',
    [2, 3],
    [3, 2],
  ],
  ['rmsNorm', () => ops.rmsNorm(t(2, 3), t(2)), 'rmsNorm', '[3], got [2]', [3], [2]],
  ['reshape', () => ops.reshape(t(2, 3), [4]), 'reshape', '[2, 3] as [4]', 6, 4],
  ['slice', () => ops.slice(t(2, 3), 1, 1, 4), 'slice', '1..4', [0, 3], [1, 4]],
  ['permute', () => ops.permute(t(2, 3), [0, 0]), 'permute', '[0, 0]', 2, [0, 0]],
  ['concat', () => ops.concat([t(2, 3), t(2, 4)], 0), 'concat', '[2, 4] to [2, 3]', [2, 3], [2, 4]],
  ['concat of nothing', () => ops.concat([]), 'concat', 'at least one'],
  ['broadcastTo', () => ops.broadcastTo(t(2, 3), [3]), 'broadcastTo', '[2, 3] does not broadcast to [3]'],
  ['where', () => ops.where(ids([1, 0]), t(2), t(3)), 'where', '[2], operand [3]', [2], [3]],
  ['sum axis', () => ops.sum(t(2, 3), { axis: 2 }), 'sum', 'axis 2', 2, 2],
  ['softmax lengths', () => ops.softmax(t(3, 4), { lengths: ids([1, 2]) }), 'softmax', '2 lengths', 3, 2],
  [
    'attention heads',
    () => ops.selfAttention(t(1, 2, 30), { numHeads: 4 }),
    'selfAttention',
    'width 10 is not divisible by numHeads 4',
    4,
    10,
  ],
  [
    'attention lengths',
    () => ops.selfAttention(t(2, 2, 12), { numHeads: 2, lengths: ids([1, 2, 3]) }),
    'selfAttention',
    'i32 [2], got i32 [3]',
    [2],
    [3],
  ],
  [
    'attention batches',
    () => ops.crossAttention(t(2, 2, 4), t(3, 2, 8), { numHeads: 2 }),
    'crossAttention',
    'got [3, 2, 8]',
  ],
  [
    'attention keys and values',
    () => ops.attention(t(1, 2, 4), t(1, 3, 4), t(1, 2, 4), { numHeads: 2 }),
    'attention',
    'as many positions as k, 3',
    3,
    2,
  ],
  ['embedding of floats', () => ops.embedding(t(4, 2), t(3)), 'embedding', 'must be i32', 'i32', 'f32'],
  ['crossEntropy targets', () => ops.crossEntropy(t(2, 3), ids([1])), 'crossEntropy', '2 elements', 2, 1],
];

for (const [name, run, op, says, expected, actual] of cases) {
  test(`${name}: a ShapeError names the op and both sides`, () => {
    const error = refusal(run);
    assert.equal([error.name, error.code, error.op], ['ShapeError', 'SHAPE', op]);
    assert.ok(error.message.startsWith(`${op}: `), error.message);
    assert.match(error.message, says);
    if (expected !== undefined) assert.equal([error.expected, error.actual], [expected, actual]);
    runtime.endStep();
  });
}

test('ids and targets outside the vocabulary are data errors that name the id', () => {
  const embedding = refusal(() => ops.embedding(t(4, 2), ids([0, 4])));
  assert.equal([embedding.code, embedding.expected, embedding.actual], ['DATA', 4, 4]);
  assert.match(embedding.message, 'id 4 is outside the table of 4 rows');
  const target = refusal(() => ops.crossEntropy(t(2, 3), ids([1, 3])));
  assert.equal([target.code, target.expected, target.actual], ['DATA', 3, 3]);
  assert.is(refusal(() => ops.crossEntropy(t(2, 3), ids([-1, -1]))).code, 'DATA');
});

test('lengths beyond the keys count as all of them, below 0 as none', () => {
  const x = tensor(
    Float32Array.from({ length: 2 * 3 * 12 }, (_, i) => ((i * 37) % 11) / 11 - 0.5),
    {
      shape: [2, 3, 12],
    },
  );
  const run = (lengths: number[]) =>
    ops
      .selfAttention(x, { numHeads: 2, lengths: ids(lengths) })
      .toArray()
      .join();
  assert.is(run([99, 3]), run([3, 3]));
  assert.is(run([-5, 2]), run([0, 2]));
  runtime.endStep();
});

test.run();
