/** @file Making tensors, reading and overwriting them, and where their values live. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad, Parameter, reshape, scale, tensor, Variable } from '../../src/autograd/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { refusal } from '../support.js';

const test = suite('tensor/tensor');
const runtime = await init();

test('shape and type come from the data', () => {
  const cases = [
    [tensor(3), [], 'f32'],
    [tensor([1, 2]), [2], 'f32'],
    [tensor([[[1], [2]]]), [1, 2, 1], 'f32'],
    [tensor([]), [0], 'f32'],
    [tensor(Float32Array.of(1, 2, 3)), [3], 'f32'],
    [tensor(Int32Array.of(1, 2, 3)), [3], 'i32'],
    [tensor([1, 2, 3, 4], { shape: [2, 2] }), [2, 2], 'f32'],
    [tensor([1, 2], { dtype: 'i32' }), [2], 'i32'],
  ] as const;
  for (const [x, shape, dtype] of cases) {
    assert.equal([...x.shape], [...shape]);
    assert.is(x.dtype, dtype);
  }
});

test('nested arrays keep their order', () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  assert.equal([...x.toArray()], [1, 2, 3, 4, 5, 6]);
});

test('ragged nesting is refused and says which rows', () => {
  for (const data of [
    [[1, 2], [3]],
    [1, [2]],
    [[1, 2], 3],
    [[[1]], [[1, 2]]],
  ]) {
    const error = refusal(() => tensor(data as never));
    assert.equal([error.code, error.op], ['SHAPE', 'tensor']);
    assert.match(error.message, 'do not make a tensor');
  }
});

test('a shape that does not fit the values is refused with both counts', () => {
  const error = refusal(() => tensor([1, 2, 3], { shape: [2, 2] }));
  assert.equal([error.expected, error.actual], [4, 3]);
  assert.match(error.message, 'shape [2, 2] needs 4 values, got 3');
});

test("a tensor does not alias the caller's array, nor a read the tensor", () => {
  const data = Float32Array.of(1, 2);
  const x = tensor(data);
  data[0] = 9;
  x.toArray()[1] = 9;
  assert.equal([...x.toArray()], [1, 2]);
  const p = new Parameter([2], 'other');
  p.set([5, 6]);
  p.toArray()[0] = 9;
  assert.equal([...p.toArray()], [5, 6]);
});

test('item() reads the only element and refuses more', () => {
  assert.is(tensor([[7]]).item(), 7);
  const error = refusal(() => tensor([1, 2]).item());
  assert.equal([error.op, error.expected, error.actual], ['item', 1, 2]);
});

test('set() overwrites values that an op has already read, for the next op', () => {
  const x = tensor([1, 2]);
  noGrad(() => {
    const before = scale(x, 10);
    x.set([3, 4]);
    assert.equal([...scale(x, 10).toArray()], [30, 40]);
    assert.equal([...before.toArray()], [10, 20]);
  });
  const error = refusal(() => x.set([1]));
  assert.equal([error.op, error.expected, error.actual], ['set', 2, 1]);
});

test('a parameter is zero at first and keeps what is set', () => {
  const p = new Parameter([2, 2], 'other');
  assert.equal([...p.toArray()], [0, 0, 0, 0]);
  p.set([1, 2, 3, 4]);
  runtime.arena.clear();
  assert.equal([...p.toArray()], [1, 2, 3, 4]);
});

test('host tensors survive every step; each step copies them in anew', () => {
  const x = tensor([1, 2]);
  for (let i = 0; i < 3; i++) {
    assert.equal([...noGrad(() => scale(x, 2).toArray())], [2, 4]);
    runtime.endStep();
  }
  assert.equal([...x.toArray()], [1, 2]);
});

test('reading a tensor whose frame was popped is a typed error that says what to do', () => {
  let y = tensor(0);
  noGrad(() => {
    y = scale(tensor([1, 2]), 2);
  });
  for (const use of [
    () => y.toArray(),
    () => y.ptr,
    () => scale(y, 2),
    () => reshape(y, [2, 1]).toArray(),
    () => String(y),
  ]) {
    const error = refusal(use);
    assert.equal([error.name, error.code], ['MemoryError', 'MEMORY']);
    assert.match(error.message, 'keep()');
  }
  assert.is(refusal(() => y.item()).code, 'SHAPE');
});

test('a view shares the values and refuses what does not fit', () => {
  const x = tensor([1, 2, 3, 4, 5, 6]);
  const view = reshape(x, [2, -1]);
  assert.equal([...view.shape], [2, 3]);
  x.set([6, 5, 4, 3, 2, 1]);
  assert.equal([...view.toArray()], [6, 5, 4, 3, 2, 1]);
  const error = refusal(() => reshape(x, [4, -1]));
  assert.is(error.op, 'reshape');
  assert.match(error.message, 'cannot view [6] as [4, -1]');
});

test('what is no number is refused with its place', () => {
  for (const [values, place, said] of [
    [['1', 2], 0, '1'],
    [[1, null], 1, 'null'],
    [[1, 2n], 1, '2'],
    [{ length: 2, 0: 1 }, 1, 'undefined'],
  ] as const) {
    const error = refusal(() => tensor(values as never, { shape: [2] }));
    assert.equal([error.code, error.op], ['DATA', 'tensor']);
    const where = Array.isArray(values)
      ? /must be (a number|numbers)/
      : new RegExp(`values\\[${place}\\] must be a number, got "?${said}`);
    assert.match(error.message, where);
  }
  const x = tensor([1, 2]);
  const error = refusal(() => x.set(['1', 2] as never));
  assert.equal([error.code, error.op, error.expected, error.actual], ['DATA', 'set', 'a number', '1']);
  assert.match(error.message, 'values[0] must be a number, got "1"');
  assert.equal([...x.toArray()], [1, 2]);
  for (const bad of [1.5, 2 ** 31, 'x']) {
    assert.is(refusal(() => tensor([1, bad as number], { dtype: 'i32' })).op, 'tensor');
    assert.is(refusal(() => tensor(Int32Array.of(1, 2)).set([1, bad as number])).op, 'set');
  }
  const same = x.set(Float64Array.of(3, 4));
  assert.is(same, x);
  assert.equal([...x.toArray()], [3, 4]);
});

test('a shape that is none is refused', () => {
  for (const shape of [[2.5], [-1, 2], [Number.NaN]]) {
    const error = refusal(() => tensor([1, 2], { shape }));
    assert.equal([error.code, error.op], ['SHAPE', 'tensor'], String(shape));
  }
});

test('item() and set() say what they need', () => {
  const x = tensor([1, 2]);
  const many = refusal(() => x.item());
  assert.equal([many.op, many.expected, many.actual], ['item', 1, 2]);
  assert.match(many.message, 'item() needs one element, the shape is [2]');
  const few = refusal(() => x.set([1]));
  assert.equal([few.op, few.expected, few.actual], ['set', 2, 1]);
  assert.match(few.message, 'needs 2 values for [2], got 1');
});

test('values have the precision of the runtime; ids are whole in each', () => {
  const double = createReferenceRuntime();
  const fine = withRuntime(double, () => tensor([1 / 3]));
  assert.ok(fine.toArray() instanceof Float64Array);
  assert.is(fine.item(), 1 / 3);
  assert.is(tensor([1 / 3]).item(), Math.fround(1 / 3));
  const whole = () => tensor([1], { dtype: 'i32' }).toArray();
  assert.ok(withRuntime(double, whole) instanceof Int32Array);
  assert.ok(whole() instanceof Int32Array);
});

test('a storage is not larger than what it holds', () => {
  const { storage } = tensor([1, 2, 3, 4]);
  assert.equal([...new Tensor(storage, [2], 2).toArray()], [3, 4]);
  const error = refusal(() => new Tensor(storage, [3], 2));
  assert.equal([error.code, error.op, error.expected, error.actual], ['SHAPE', 'tensor', 4, 3]);
  assert.match(error.message, 'shape [3] does not fit 4 elements');
  const second = new Variable(storage, [2], 2);
  assert.equal([...noGrad(() => scale(second, 10)).toArray()], [30, 40]);
});

test.run();
