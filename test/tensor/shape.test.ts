/** @file Shapes: broadcasting, axes, strides, and what the refusals say. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  broadcastShapes,
  broadcastStrides,
  checkShape,
  fourAxes,
  normalizeAxis,
  sameShape,
  sizeOf,
  stridesOf,
} from '../../src/tensor/shape.js';
import { refusal } from '../support.js';

const test = suite('tensor/shape');

test('a scalar has one element, an empty axis none', () => {
  assert.equal([sizeOf([]), sizeOf([2, 3]), sizeOf([2, 0, 3])], [1, 6, 0]);
});

test('shapes are equal when all sizes are', () => {
  assert.ok(sameShape([2, 3], [2, 3]));
  assert.not(sameShape([2, 3], [3, 2]));
  assert.not(sameShape([2], [2, 1]));
  assert.ok(sameShape([], []));
});

test('strides are row-major', () => {
  assert.equal(stridesOf([2, 3, 4]), [12, 4, 1]);
  assert.equal(stridesOf([]), []);
});

test("broadcasting follows NumPy's rule", () => {
  const cases: [number[], number[], number[]][] = [
    [[2, 3], [3], [2, 3]],
    [
      [2, 1],
      [1, 4],
      [2, 4],
    ],
    [[], [5], [5]],
    [
      [4, 1, 3],
      [2, 1],
      [4, 2, 3],
    ],
    [[1], [0], [0]],
  ];
  for (const [a, b, out] of cases) {
    assert.equal(broadcastShapes('add', a, b), out);
    assert.equal(broadcastShapes('add', b, a), out);
  }
});

test('shapes that do not broadcast are refused with both shapes and the op', () => {
  const error = refusal(() => broadcastShapes('mul', [2, 3], [2, 4]));
  assert.equal([error.name, error.code, error.op], ['ShapeError', 'SHAPE', 'mul']);
  assert.equal(error.expected, [2, 3]);
  assert.equal(error.actual, [2, 4]);
  assert.is(
    error.message,
    'mul: shapes [2, 3] and [2, 4] do not broadcast (sizes must agree or be 1, aligned at the last axis)',
  );
});

test('a repeated axis has stride 0', () => {
  assert.equal(broadcastStrides([3, 1], [2, 3, 4]), [0, 1, 0]);
  assert.equal(broadcastStrides([4], [2, 3, 4]), [0, 0, 1]);
});

test('negative axes count from the end, others are refused', () => {
  assert.equal([normalizeAxis('sum', -1, 3), normalizeAxis('sum', 0, 3)], [2, 0]);
  for (const axis of [3, -4, 0.5, Number.NaN]) {
    const error = refusal(() => normalizeAxis('sum', axis, 3));
    assert.equal([error.op, error.expected], ['sum', 3]);
    assert.match(error.message, `axis ${axis} is out of range for 3 dimensions`);
  }
});

test('neighbouring axes merge when one stride walks both', () => {
  assert.equal(fourAxes('copy', [2, 3, 4], [12, 4, 1]), [
    [1, 1, 1, 24],
    [0, 0, 0, 1],
  ]);
  assert.equal(fourAxes('permute', [4, 2, 3], [1, 12, 4]), [
    [1, 1, 4, 6],
    [0, 0, 1, 4],
  ]);
  assert.equal(fourAxes('copy', [], []), [
    [1, 1, 1, 1],
    [0, 0, 0, 0],
  ]);
});

test('more than four axes that cannot merge are refused', () => {
  const shape = [2, 3, 4, 5, 6];
  const error = refusal(() => fourAxes('permute', shape, [1, 2, 6, 24, 120]));
  assert.is(error.code, 'SHAPE');
  assert.match(error.message, '[2, 3, 4, 5, 6]');
});

test('what is no list of whole numbers is refused as a shape', () => {
  for (const shape of [[], [0], [2, 3]]) checkShape('zeros', shape);
  for (const shape of [[1.5], [-1], [2, Number.NaN], ['2'], 'ab', 3, null]) {
    const error = refusal(() => checkShape('zeros', shape as never));
    assert.equal([error.code, error.op, error.expected], ['SHAPE', 'zeros', 'whole numbers >= 0']);
    assert.match(error.message, 'a shape is a list of whole numbers >= 0, got ');
  }
});

test('axes of one element go, wherever they stand', () => {
  assert.equal(fourAxes('copy', [1, 2, 1, 3], [6, 3, 3, 1]), [
    [1, 1, 1, 6],
    [0, 0, 0, 1],
  ]);
  assert.equal(fourAxes('copy', [2, 1, 3], [1, 7, 2]), [
    [1, 1, 2, 3],
    [0, 0, 1, 2],
  ]);
  assert.equal(fourAxes('copy', [1], [9]), [
    [1, 1, 1, 1],
    [0, 0, 0, 0],
  ]);
});

test.run();
