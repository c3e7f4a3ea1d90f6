/** @file Numbers of 16 bits as the host reads and writes them: pieces, odd places, and what has no room. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromHalf, toHalf } from '../../src/half.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { halfStorage } from '../../src/tensor/half-storage.js';
import { refusal } from '../support.js';

const test = suite('tensor/half-storage');
const runtime = await init();
const double = createReferenceRuntime();

/** Longer than what is converted at a time, and odd. */
const LONG = 2 * (1 << 16) + 3;
const numbers = Float32Array.from({ length: LONG }, (_, i) => (i % 2048) - 1024);

for (const type of ['f16', 'bf16'] as const) {
  const rounded = numbers.map((x) => fromHalf(type, toHalf(type, x)));

  test(`${type}: more numbers than a piece come back, from even and odd places`, () => {
    const storage = halfStorage(runtime, type, LONG + 5);
    for (const offset of [0, 1, 4, 5]) {
      storage.write(offset, numbers);
      const read = storage.read(offset, LONG);
      assert.ok(read instanceof Float32Array);
      assert.equal(read, rounded, `from ${offset}`);
    }
  });

  test(`${type}: what lies beside the written numbers stays, also in the same word`, () => {
    const storage = halfStorage(runtime, type, 8);
    storage.write(0, [1, 2, 3, 4, 5, 6, 7, 8]);
    storage.write(1, [20, 30]);
    storage.write(5, [60]);
    assert.equal([...storage.read(0, 8)], [1, 20, 30, 4, 5, 60, 7, 8]);
    assert.equal([...storage.read(3, 2)], [4, 5]);
  });
}

test('in double precision the host reads doubles', () => {
  const storage = halfStorage(double, 'f16', 2);
  storage.write(0, [0.5, -2]);
  const read = storage.read(0, 2);
  assert.ok(read instanceof Float64Array);
  assert.equal([...read], [0.5, -2]);
});

test('two bytes a number, rounded up to whole words', () => {
  const before = runtime.memory().persistentInUse;
  const storage = halfStorage(runtime, 'bf16', 100);
  assert.is(storage.bytes, 200);
  assert.ok(runtime.memory().persistentInUse - before >= 200);
  storage.release();
  assert.is(runtime.memory().persistentInUse, before);
});

test('its address is refused, because it would be taken for float32', () => {
  const storage = halfStorage(runtime, 'f16', 4);
  const error = refusal(() => storage.address());
  assert.equal(
    [error.code, error.op, error.expected, error.actual],
    ['CONFIG', 'half storage', 'f32', 'f16'],
  );
  assert.match(error.message, 'a weight stored in f16 is for linear layers, embeddings and losses alone');
  assert.match(error.message, 'load the model without dtype');
  assert.ok(storage.matrix() > 0);
});

test('a finite number beyond the largest is refused with what to do; infinities are kept', () => {
  const half = halfStorage(runtime, 'f16', 2);
  const brain = halfStorage(runtime, 'bf16', 2);
  for (const [storage, value, largest, hint] of [
    [half, 65520, 'at most 65504', "take dtype: 'bf16'"],
    [half, -1e5, 'at most 65504', "take dtype: 'bf16'"],
    [brain, 3.4e38, 'at most 3.39e38', 'load the model without dtype'],
  ] as const) {
    const error = refusal(() => storage.write(0, [value]));
    assert.equal(
      [error.code, error.op, error.expected, error.actual],
      ['DATA', 'half storage', largest, value],
    );
    assert.match(error.message, `the weight ${value} is beyond the largest ${storage.dtype}`);
    assert.match(error.message, hint);
  }
  for (const storage of [half, brain]) {
    storage.write(0, [Infinity, -Infinity]);
    assert.equal([...storage.read(0, 2)], [Infinity, -Infinity]);
  }
  half.write(0, [65504]);
  brain.write(0, [1e38]);
  assert.is(half.read(0, 1)[0], 65504);
});

test.run();
