/** @file Numbers in the JSON parts of a checkpoint come back with all their bits: JSON text is exact for doubles. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { RandomStream } from '../../src/random.js';

const test = suite('io/json-numbers');

const bitsOf = (values: readonly number[]) => [...new BigUint64Array(Float64Array.from(values).buffer)];

const roundTrip = (values: readonly number[]): number[] => {
  const bytes = encodeCheckpoint({
    tensors: new Map(),
    config: { values },
    cursor: null,
    rng: null,
    step: 0,
    kernelHash: '',
  });
  return (decodeCheckpoint(bytes, 'test').config as { values: number[] }).values;
};

test('doubles of every size come back bit for bit', () => {
  const random = new RandomStream(3, 'test:doubles');
  const words = new Uint32Array(8000);
  for (let i = 0; i < words.length; i++) words[i] = random.nextUint32();
  const values = [...new Float64Array(words.buffer)].filter(Number.isFinite);
  assert.ok(values.length > 3900);
  assert.equal(bitsOf(roundTrip(values)), bitsOf(values));
});

test('the edges of the format and the zeros too', () => {
  const values = [
    0,
    -0,
    5e-324,
    -5e-324,
    2 ** -1022,
    Number.MAX_VALUE,
    0.1,
    1 / 3,
    2 ** 53 + 2,
    1e21,
    1e-7,
    123456789012345680000,
  ];
  assert.equal(bitsOf(roundTrip(values)), bitsOf(values));
  assert.is(1 / roundTrip([-0])[0], Number.NEGATIVE_INFINITY);
});

test.run();
