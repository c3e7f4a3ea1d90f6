/** @file The mean of checkpoints: exact, in order, and refused where they do not match. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError, ConfigError, DataError } from '../../src/errors.js';
import type { StateDict } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { averageCheckpoints } from '../../src/train/index.js';
import { bits, refusal } from '../support.js';
import { translationTrainer, translator } from './setup.js';

const test = suite('train/average');
test.before(async () => {
  await init();
});

const state = (values: number[], shape = [values.length], name = 'weight'): StateDict =>
  new Map([[name, { shape, data: Float32Array.from(values) }]]);
const values = (average: StateDict, name = 'weight') => [...(average.get(name)?.data ?? [])];

test('the mean is summed in double precision and rounded once', () => {
  // In single precision 2^24 + 1 is 2^24 again, twice.
  assert.equal(values(averageCheckpoints([state([16777216]), state([1]), state([1])])), [
    Math.fround((16777216 + 2) / 3),
  ]);
  assert.equal(values(averageCheckpoints([state([3, -1]), state([5, 2])])), [4, 0.5]);
});

test('checkpoints of a run and state dicts mix; equal ones average to themselves exactly', async () => {
  const trainer = translationTrainer();
  trainer.trainStep();
  const first = trainer.save();
  const weights = trainer.options.model.stateDict();
  const same = averageCheckpoints([first, weights, first]);
  assert.equal([...same.keys()].sort(), [...weights.keys()].sort());
  for (const [name, { data, shape }] of weights) {
    assert.is(bits(values(same, name)), bits(data as Float32Array), name);
    assert.equal(same.get(name)?.shape, shape);
  }
  for (let i = 0; i < 3; i++) trainer.trainStep();
  const average = averageCheckpoints([first, trainer.save()]);
  const later = trainer.options.model.stateDict();
  for (const [name, { data }] of weights) {
    const other = later.get(name)?.data as Float32Array;
    const mean = Float32Array.from(data, (x, i) => (x + other[i]) / 2);
    assert.is(bits(values(average, name)), bits(mean), name);
  }
  const model = translator({ seed: 50 });
  model.loadStateDict(average);
  assert.is(
    bits(model.stateDict().get('encoder.layers.0.linear1.weight')?.data as Float32Array),
    bits(values(average, 'encoder.layers.0.linear1.weight')),
  );
});

test('checkpoints may come one by one from a generator', () => {
  function* read() {
    yield state([1, 4]);
    yield state([3, 6]);
  }
  assert.equal(values(averageCheckpoints(read())), [2, 5]);
  const none = refusal(() => averageCheckpoints((function* () {})()));
  assert.instance(none, DataError);
  for (const wrong of [state([1]), new Uint8Array(8), [null]]) {
    const error = refusal(() => averageCheckpoints(wrong as never));
    assert.instance(error, ConfigError);
    assert.match(error.message, 'checkpoint 1 must be bytes');
  }
});

test('what does not match is refused by name', () => {
  assert.instance(
    refusal(() => averageCheckpoints([])),
    DataError,
  );
  const cases: [StateDict, RegExp][] = [
    [state([1, 2, 3]), /checkpoint 2: weight must have shape \[2\], got \[3\]/],
    [state([1, 2], [1, 2]), /must have shape \[2\], got \[1, 2\]/],
    [state([1], [2]), /got \[2\] with 1 values/],
    [state([1, 2], [2], 'bias'), /has a tensor bias, checkpoint 1 has none/],
    [new Map(), /tensor weight of checkpoint 1 is missing/],
  ];
  for (const [other, message] of cases) {
    const error = refusal(() => averageCheckpoints([state([1, 2]), other]));
    assert.instance(error, CheckpointError);
    assert.match(error.message, message);
  }
  const trainer = translationTrainer();
  trainer.trainStep();
  const damaged = trainer.save();
  damaged[damaged.length - 5] ^= 1;
  assert.match(
    refusal(() => averageCheckpoints([trainer.save(), damaged])).message,
    /checkpoint 2: .*damaged/,
  );
});

test.run();
