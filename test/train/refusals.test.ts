/** What a trainer is given must belong together: validation, optimizer, schedule, checkpoint. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError, ConfigError, DataError } from '../../src/errors.js';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { Adam, constant, cosine, linearDecay, type Schedule, stepDecay, wsd } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { evaluateLoss, Trainer, type TrainerOptions } from '../../src/train/index.js';
import { refusal } from '../support.js';
import { languageModel, pairBatches, textWindows, translationTrainer, translator } from './setup.js';

const test = suite('train/refusals');
test.before(async () => {
  await init();
});

test('validation from a generator is the same at every evaluation', async () => {
  const batches = [pairBatches(10).next(), pairBatches(20).next()];
  function* generated() {
    yield* batches;
  }
  const run = async (validation: Iterable<(typeof batches)[0]>) => {
    const trainer = translationTrainer({ steps: 6, validation, evalEvery: 2 });
    const seen: (number | undefined)[] = [];
    for await (const { validNll } of trainer.run()) seen.push(validNll);
    assert.is(trainer.evaluate(), seen[5]);
    return seen;
  };
  const expected = await run(batches);
  assert.ok([1, 3, 5].every((i) => Number.isFinite(expected[i])));
  assert.equal(await run(generated()), expected);
  assert.equal(await run(new Set(batches).values()), expected);
  // What makes its batches anew each time is not read ahead.
  let passes = 0;
  const lazy = {
    *[Symbol.iterator]() {
      passes++;
      yield* batches;
    },
  };
  assert.equal(await run(lazy), expected);
  assert.ok(passes >= 4);
});

test('an evaluation on nothing is refused, at the start where it can be known', () => {
  for (const empty of [[], (function* () {})(), new Set().values()]) {
    const error = refusal(() => translationTrainer({ validation: empty as never }));
    assert.instance(error, DataError);
    assert.match(error.message, 'validation holds no batch');
  }
  for (const wrong of [pairBatches().next(), () => [], 3]) {
    const error = refusal(() => translationTrainer({ validation: wrong as never }));
    assert.instance(error, ConfigError);
    assert.match(error.message, 'validation must be a list of batches');
  }
  const trainer = translationTrainer();
  assert.instance(
    refusal(() => trainer.evaluate([])),
    DataError,
  );
  assert.instance(
    refusal(() => evaluateLoss(trainer.options.model, [])),
    DataError,
  );
  const none = refusal(() => trainer.evaluate());
  assert.instance(none, ConfigError);
  assert.match(none.message, 'there is nothing to evaluate on');
  const batch = pairBatches().next();
  const nothing = { ...batch, targetOutput: batch.targetOutput.map(() => -1) };
  assert.match(refusal(() => trainer.evaluate([nothing, nothing])).message, 'every target is ignored');
  // Beside others it counts for nothing.
  assert.is(trainer.evaluate([batch, nothing]), trainer.evaluate([batch]));
});

test('an optimizer over another model is refused; one over a part of the model trains that part', () => {
  const [model, other] = [languageModel(), languageModel({ seed: 9 })];
  const make = (optimizer: Adam) => new Trainer({ model, data: textWindows(), optimizer, steps: 4 });
  const none = refusal(() => make(new Adam(other.parameters(), { lr: 0.1 })));
  assert.instance(none, ConfigError);
  assert.match(none.message, 'the optimizer holds no parameter of the model');
  const foreign = [...other.namedParameters()].slice(0, 2);
  const mixed = new Adam([{ params: model.parameters() }, { params: foreign.map(([, p]) => p), lr: 0.2 }], {
    lr: 0.1,
  });
  const some = refusal(() => make(mixed));
  assert.instance(some, ConfigError);
  assert.match(
    some.message,
    `the optimizer holds 2 parameters that are not the model's: ${foreign.map(([path]) => path).join(', ')}`,
  );
  const head = model.parameters().filter(({ path }) => path.includes('linear1'));
  const before = model.stateDict();
  const trainer = make(new Adam(head, { lr: 0.1 }));
  trainer.trainStep();
  for (const [path, { data }] of model.stateDict()) {
    const isSame = data.every((value, i) => value === before.get(path)!.data[i]);
    assert.is(isSame, !path.includes('linear1'), path);
  }
});

test('steps beyond the end of a schedule are refused; a floor above 0 has no end', () => {
  const rate = { maxLr: 0.01, warmupSteps: 3 };
  const make = (schedule: Schedule, steps: number) => translationTrainer({ schedule, steps });
  for (const schedule of [
    linearDecay({ ...rate, totalSteps: 30 }),
    cosine({ ...rate, totalSteps: 30 }),
    wsd({ ...rate, totalSteps: 30 }),
    stepDecay({ ...rate, steps: [40, 30], factor: 0 }),
  ]) {
    make(schedule, 30);
    const error = refusal(() => make(schedule, 31));
    assert.instance(error, ConfigError);
    assert.match(
      error.message,
      'steps is 31, but the schedule ends at step 30, with a rate of 0 from there on',
    );
    assert.match(error.message, 'let the schedule end at step 31 (totalSteps)');
  }
  make(cosine({ ...rate, totalSteps: 30, minLr: 1e-4 }), 1000);
  make(wsd({ ...rate, totalSteps: 30, minLr: 1e-4 }), 1000);
  make(stepDecay({ ...rate, steps: [30] }), 1000);
  make(constant(rate), 1000);
  make(() => 0.01, 1000);
});

test('the stable part of a warm-up, stable, decay run goes on as if it had been longer from the start', () => {
  const rate = { maxLr: 0.01, warmupSteps: 2, decaySteps: 3 };
  const make = (totalSteps: number) =>
    translationTrainer({ schedule: wsd({ ...rate, totalSteps }), steps: totalSteps });
  const short = make(8);
  while (short.step < 5) short.trainStep(); // The decay starts after this one.
  const stable = short.save();
  const long = make(12);
  while (long.step < 12) long.trainStep();
  const resumed = make(12);
  assert.match(refusal(() => resumed.restore(stable)).message, 'schedule.totalSteps is 8 there, 12 here');
  resumed.restore(stable, 'checkpoint', { schedule: 'new' });
  while (resumed.step < 12) resumed.trainStep();
  assert.is(resumed.hash(), long.hash());
  while (short.step < 8) short.trainStep();
  assert.is.not(short.hash(), long.hash());
});

test('another schedule is taken from a checkpoint only on purpose, and then trained with', () => {
  const rate = { maxLr: 0.01, warmupSteps: 3 };
  const make = (schedule: Schedule | undefined, steps: number, more: Partial<TrainerOptions<never>> = {}) =>
    translationTrainer({ schedule, steps, ...(more as object) });
  const short = cosine({ ...rate, totalSteps: 10 });
  const long = cosine({ ...rate, totalSteps: 20 });
  const donor = make(short, 10);
  while (donor.step < 10) donor.trainStep();
  const saved = donor.save();

  const resumed = make(long, 20);
  const before = resumed.save();
  const error = refusal(() => resumed.restore(saved, 'run.ckpt'));
  assert.instance(error, CheckpointError);
  assert.match(
    error.message,
    'run.ckpt: it was made with another schedule: schedule.totalSteps is 10 there, 20 here',
  );
  assert.match(error.message, "{ schedule: 'new' }");
  assert.is(Buffer.compare(resumed.save(), before), 0);
  resumed.restore(saved, 'run.ckpt', { schedule: 'new' });
  const step = resumed.trainStep();
  assert.is(step.step, 11);
  assert.is(step.lr, long(11));
  assert.ok(step.lr > 0);
  // From here on the new schedule is the run's.
  assert.match(refusal(() => make(short, 10).restore(resumed.save())).message, 'totalSteps is 20 there');

  for (const [schedule, pattern] of [
    [undefined, 'schedule is'],
    [constant(rate), 'schedule.kind is "cosine" there, "constant" here'],
    [() => 0.01, 'schedule.kind is "cosine" there, "function" here'],
  ] as const) {
    assert.match(refusal(() => make(schedule, 10).restore(saved)).message, pattern);
    make(schedule, 10).restore(saved, 'checkpoint', { schedule: 'new' });
  }
  // Equal ones pass, defaults written or not; so do functions, which cannot be compared.
  make(cosine({ ...rate, totalSteps: 10, minLr: 0 }), 10).restore(saved);
  make(() => 0.02, 10).restore(make(() => 0.01, 10).save());
  // A checkpoint that says nothing about it passes as well.
  const content = decodeCheckpoint(saved, 'own');
  const { schedule: _, ...extra } = content.extra as Record<string, never>;
  make(long, 20).restore(encodeCheckpoint({ ...content, extra }));
});

test('the schedule in the configuration changes on purpose as well, nothing else does', () => {
  const schedule = { kind: 'constant', maxLr: 0.01 };
  const saved = translationTrainer({ config: { schedule, seed: 1 } }).save();
  const changed = { schedule: { ...schedule, maxLr: 0.02 }, seed: 1 };
  const error = refusal(() => translationTrainer({ config: changed }).restore(saved));
  assert.match(error.message, 'another configuration: schedule.maxLr is 0.01 there, 0.02 here');
  assert.match(error.message, "{ schedule: 'new' }");
  translationTrainer({ config: changed }).restore(saved, 'checkpoint', { schedule: 'new' });
  translationTrainer({ config: { seed: 1 } }).restore(saved, 'checkpoint', { schedule: 'new' });
  const other = translationTrainer({ config: { ...changed, seed: 2 } });
  assert.match(
    refusal(() => other.restore(saved, 'checkpoint', { schedule: 'new' })).message,
    'seed is 1 there, 2 here',
  );
  for (const [options, pattern] of [
    [{ schedule: 'old' }, 'schedule must be one of same, new, got "old"'],
    [{ shedule: 'new' }, 'unknown key "shedule"'],
  ] as const) {
    const refused = refusal(() => other.restore(saved, 'checkpoint', options as never));
    assert.instance(refused, ConfigError);
    assert.match(refused.message, pattern);
  }
});

test('a translator’s shared table is one parameter, not two', () => {
  const model = translator();
  assert.is(new Set(model.parameters()).size, model.parameters().length);
});

test('an interval of what does not happen is refused', () => {
  const evaluation = refusal(() => translationTrainer({ evalEvery: 2 }));
  assert.instance(evaluation, ConfigError);
  assert.match(evaluation.message, 'evalEvery is 2, but there is no validation');
  const checkpoints = refusal(() => translationTrainer({ checkpointEvery: 3 }));
  assert.instance(checkpoints, ConfigError);
  assert.match(checkpoints.message, 'checkpointEvery is 3, but there is no onCheckpoint');
});

test('what a step would not notice is refused at once', () => {
  for (const [options, pattern] of [
    [{ clipNorm: Number.NaN }, 'clipNorm must be a number > 0, got NaN'],
    [{ clipNorm: 0 }, 'clipNorm must be a number > 0, got 0'],
    [{ labelSmoothing: 1 }, 'labelSmoothing must be a number in [0, 1), got 1'],
    [{ schedule: { kind: 'constant', maxLr: 1 } }, 'schedule must be a function'],
    [{ onCheckpoint: 5 }, 'onCheckpoint must be a function, got 5'],
  ] as const) {
    const error = refusal(() => translationTrainer(options as never));
    assert.instance(error, ConfigError);
    assert.match(error.message, pattern);
  }
});

test.run();
