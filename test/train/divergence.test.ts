import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, DataError, NumericError } from '../../src/errors.js';
import { Adam } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { log64 } from '../../src/runtime/math.js';
import { refuseDivergence } from '../../src/train/divergence.js';
import { judgeDivergence, Trainer, uninformedLoss } from '../../src/train/index.js';
import { asyncRefusal, refusal } from '../support.js';
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

/** Losses of real trainings of a small model on kjv, 400 steps each, and what becomes of them. */
const curves: Record<string, { vocabSize: number; losses: number[] }> = JSON.parse(
  readFileSync('test/fixtures/loss-curves.json', 'utf8'),
);
const endings: Record<string, number | null> = {
  fine: null,
  smoothed: null, // label smoothing 0.3
  postUnigram: null, // Post-LN without warm-up at too high a rate: it sits at the loss of word frequencies
  preHigh: null, // Pre-LN does the same at a rate ten times as high
  preTooHigh: 50, // a hundred times: 150 nats
  warm: null, // from trained weights, with label smoothing 0.1 where there was none
  warmShaken: null, // from trained weights at a rate that costs 4 nats, which come back
  warmDiverged: 50,
  recovers: null, // 15 steps at a ruinous rate, then a good one: 80 nats, which go away in 300 steps
  sgdSpikes: 50, // 70 nats for three quarters of the run; the end of the schedule brings it back to word frequencies
};

test('it says whose loss it is measured from', () => {
  const losses = Array.from({ length: 60 }, (_, i) => (i === 0 ? 5 : 9));
  const said = (uninformed?: number) =>
    (refusal(() => refuseDivergence(losses, 60, uninformed)) as Error).message;
  assert.match(said(4), 'a loss above 6.000, 1 nat more than that of step 1, and it is not');
  assert.match(said(), 'a loss above 6.000, 1 nat more than that of step 1');
  assert.match(said(5.5), 'a loss above 6.500, 1 nat more than knowing nothing, and');
});

test('while it runs: what has diverged ends, what spikes, recovers or learns nothing goes on', () => {
  assert.equal(Object.keys(curves).sort(), Object.keys(endings).sort());
  for (const [name, { vocabSize, losses }] of Object.entries(curves)) {
    let ended: number | null = null;
    for (let n = 1; n <= losses.length && ended === null; n++) {
      const run = () => refuseDivergence(losses.slice(0, n), losses.length, Math.log(vocabSize));
      try {
        run();
      } catch (error) {
        assert.instance(error, NumericError);
        ended = n;
      }
    }
    assert.is(ended, endings[name], name);
  }
  // By the loss of step 1 alone, a warm start that is shaken would seem to diverge.
  const { losses } = curves.warmShaken;
  assert.ok(losses.slice(0, 50).reduce((sum, loss) => sum + loss, 0) / 50 > losses[0] + 1);
});

test('a single spike counts once, however high; a run of fewer steps than are looked at is left alone', () => {
  const spiky = Array.from({ length: 200 }, (_, i) => (i % 3 === 1 ? 1e6 : 2));
  refuseDivergence(spiky, 1000, 3);
  const high = Array.from({ length: 99 }, () => 9);
  refuseDivergence(high, 1000, 3.9);
  refuseDivergence([...high, 9], 1000, 8);
  assert.throws(() => refuseDivergence([3, ...high], 1000, 3.9), '100 of its last 100 steps');
});

test('the uninformed loss is known of models that say their classes', () => {
  assert.is(uninformedLoss(languageModel()), log64(VOCAB));
  assert.is(uninformedLoss({ config: { vocabSize: 10, nextSentence: true } }), log64(20));
  assert.is(uninformedLoss({ config: { vocabSize: 10, numClasses: 4 } }), log64(4));
  assert.is(uninformedLoss({ config: { numClasses: 4, multiLabel: true } }), log64(2));
  assert.is(uninformedLoss({}), undefined);
});

test('a trainer that stops on divergence keeps a checkpoint, and a resume does not train on', async () => {
  const run = (stopOnDivergence: boolean) => {
    const model = languageModel();
    const kept: [number, Uint8Array][] = [];
    const trainer = new Trainer({
      model,
      data: textWindows(),
      optimizer: new Adam(model.parameters(), { lr: 10 }),
      steps: 60,
      stopOnDivergence,
      onCheckpoint: (bytes, step) => void kept.push([step, bytes]),
    });
    const finish = async () => {
      for await (const _ of trainer.run());
    };
    return { trainer, kept, finish };
  };
  const first = run(true);
  const error = await asyncRefusal(first.finish());
  assert.instance(error, NumericError);
  assert.match(error.message, `the training has diverged by step ${first.trainer.step}: `);
  assert.match(error.message, 'lower the rate, warm up, or clip gradients');
  assert.equal(
    first.kept.map(([step]) => step),
    [first.trainer.step],
  );
  assert.ok(first.trainer.step >= 50 && first.trainer.step < 60);
  const again = run(true);
  again.trainer.restore(first.kept[0][1]);
  assert.instance(await asyncRefusal(again.finish()), NumericError);
  assert.is(again.trainer.step, first.trainer.step);
  const told = run(false);
  told.trainer.restore(first.kept[0][1]);
  await told.finish();
  assert.is(told.trainer.step, 60);
});

test.run();
