import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, DataError } from '../../src/errors.js';
import { Adam } from '../../src/optim/index.js';
import { init } from '../../src/runtime/runtime.js';
import { judgeDivergence, Trainer } from '../../src/train/index.js';
import { refusal } from '../support.js';
import { languageModel, textWindows, VOCAB } from './setup.js';

const test = suite('train/divergence');
test.before(async () => {
  await init();
});

test('the last tenth of the steps, rounded up, against the first step plus 1 nat', () => {
  const losses = [3, ...Array.from({ length: 18 }, () => 50), 4.5, 3.5];
  // 21 steps: the last 3 count, 50 among them.
  assert.equal(judgeDivergence(losses), { diverged: true, lastLoss: 58 / 3, limit: 4 });
  assert.equal(judgeDivergence([...losses.slice(0, 18), 4, 4, 4]), {
    diverged: false,
    lastLoss: 4,
    limit: 4,
  });
  assert.equal(judgeDivergence([3, 2, 4.25]), { diverged: true, lastLoss: 4.25, limit: 4 });
  assert.equal(judgeDivergence([7]), { diverged: false, lastLoss: 7, limit: 8 });
  // A spike in between that the training got over is none.
  assert.is(judgeDivergence([3, 90_272, 2.5]).diverged, false);
});

test('against a known uninformed loss, and with a validation loss', () => {
  assert.equal(judgeDivergence([9, 9, 5], { uninformed: 3.9 }), { diverged: true, lastLoss: 5, limit: 4.9 });
  assert.is(judgeDivergence([9, 9, 5], { uninformed: 4 }).diverged, false);
  assert.is(judgeDivergence([3, 1], { validNll: 20 }).diverged, false);
  for (const validNll of [Number.NaN, Number.POSITIVE_INFINITY])
    assert.is(judgeDivergence([3, 1], { validNll }).diverged, true);
  for (const last of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    assert.is(judgeDivergence([3, last]).diverged, true);
  assert.is(judgeDivergence([Number.NaN, 3]).diverged, true);
});

test('nothing to judge, and options that are none', () => {
  assert.instance(
    refusal(() => judgeDivergence([])),
    DataError,
  );
  assert.match(refusal(() => judgeDivergence([1], { uniform: 3 } as never)).message, 'unknown key "uniform"');
  const error = refusal(() => judgeDivergence([1], { uninformed: Number.NaN }));
  assert.instance(error, ConfigError);
  assert.match(error.message, 'uninformed must be a finite number, got NaN');
});

test('a training at a wild rate is judged diverged, one at a good rate is not', () => {
  const run = (lr: number) => {
    const model = languageModel();
    const optimizer = new Adam(model.parameters(), { lr });
    const trainer = new Trainer({ model, data: textWindows(), optimizer, steps: 30 });
    while (trainer.step < 30) trainer.trainStep();
    return trainer.losses;
  };
  const uninformed = Math.log(VOCAB);
  for (const options of [{}, { uninformed }]) {
    assert.is(judgeDivergence(run(0.01), options).diverged, false);
    assert.is(judgeDivergence(run(10), options).diverged, true);
  }
});

test.run();
