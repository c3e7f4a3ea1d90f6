/** @file How tensors print. */
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tensor } from '../../src/autograd/variable.js';
import { init } from '../../src/runtime/init.js';
import { formatTensor } from '../../src/tensor/format.js';

const test = suite('tensor/format');
await init();

test('a scalar is one line', () => {
  assert.is(formatTensor('f32', [], [2.5]), 'tensor f32 [] 2.5000');
});

test('whole numbers print whole, others with five digits', () => {
  assert.is(
    formatTensor('f32', [4], [1, 0.123456, 1e10, -2e-7]),
    'tensor f32 [4]\n[1, 0.12346, 10000000000, -2.0000e-7]',
  );
  assert.is(
    formatTensor('f32', [3], [Number.NaN, Infinity, -Infinity]),
    'tensor f32 [3]\n[NaN, Infinity, -Infinity]',
  );
});

test('rows stand under each other', () => {
  assert.is(formatTensor('i32', [2, 2], [1, 2, 3, 4]), 'tensor i32 [2, 2]\n[[1, 2],\n [3, 4]]');
  assert.is(
    formatTensor('i32', [2, 2, 1], [1, 2, 3, 4]),
    'tensor i32 [2, 2, 1]\n[[[1],\n  [2]],\n [[3],\n  [4]]]',
  );
});

test('the middle of an axis longer than eight is left out', () => {
  const values = Array.from({ length: 20 }, (_, i) => i);
  assert.is(formatTensor('i32', [20], values), 'tensor i32 [20]\n[0, 1, 2, 3, …, 16, 17, 18, 19]');
  assert.is(formatTensor('i32', [8], values), 'tensor i32 [8]\n[0, 1, 2, 3, 4, 5, 6, 7]');
  const rows = formatTensor('i32', [10, 2], values).split('\n');
  assert.is(rows.length, 1 + 9);
  assert.match(rows[5], '…');
  assert.is(rows[9], ' [18, 19]]');
});

test('an empty tensor prints its shape', () => {
  assert.is(formatTensor('f32', [0], []), 'tensor f32 [0]\n[]');
  assert.is(formatTensor('f32', [2, 0], []), 'tensor f32 [2, 0]\n[[],\n []]');
});

test('toString and console.log show the values', () => {
  const x = tensor([
    [1, 2],
    [3, 4],
  ]);
  assert.is(String(x), 'tensor f32 [2, 2]\n[[1, 2],\n [3, 4]]');
  assert.is(inspect(x), String(x));
});

test.run();
