import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PairBatch, PairBatches } from '../../src/data/index.js';
import { ConfigError, type NumericError } from '../../src/errors.js';
import { Adam, constant, SGD } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { refusal } from '../support.js';
import {
  bytesEqual,
  failure,
  languageModel,
  pairBatches,
  pairs,
  runTo,
  textWindows,
  translationTrainer,
  translator,
} from './setup.js';

const test = suite('trainer');
test.before(async () => {
  await init();
});

test('breaking out of run() and going on changes nothing', async () => {
  const whole = translationTrainer();
  await runTo(whole, 30);
  const broken = translationTrainer();
  for (const stop of [1, 2, 17, 30]) await runTo(broken, stop);
  bytesEqual(broken.save(), whole.save());
});

test('what is evaluated and decoded between steps does not change the run', async () => {
  const validation = [pairBatches(10).next()];
  const plain = translationTrainer();
  await runTo(plain, 12);
  const watched = translationTrainer({ validation, evalEvery: 3 });
  const metrics = await runTo(watched, 12);
  assert.equal(
    metrics.map((m) => m.validNll !== undefined),
    metrics.map((m) => m.step % 3 === 0),
  );
  assert.is(watched.hash(), plain.hash());
  assert.is(watched.evaluate(), metrics[11].validNll);
});

test('two trainers may take turns on one runtime', async () => {
  const alone = translationTrainer();
  await runTo(alone, 8);
  const first = translationTrainer();
  const second = translationTrainer({}, translator({ seed: 4 }));
  for (let step = 1; step <= 8; step++) {
    await runTo(first, step);
    await runTo(second, step);
    second.options.optimizer.runtime.manualSeed(1);
  }
  assert.is(first.hash(), alone.hash());
});

test('an abort finishes the step, writes a checkpoint and throws an AbortError', async () => {
  const controller = new AbortController();
  const saved: [number, Uint8Array][] = [];
  const trainer = translationTrainer({
    signal: controller.signal,
    onCheckpoint: (bytes, step) => void saved.push([step, bytes]),
  });
  const error = await failure(async () => {
    for await (const { step } of trainer.run()) if (step === 4) controller.abort();
  });
  assert.is(error.name, 'AbortError');
  assert.match(error.message, 'after step 4');
  assert.equal(
    saved.map(([step]) => step),
    [4],
  );
  const resumed = translationTrainer();
  resumed.restore(saved[0][1]);
  await runTo(resumed, 30);
  const whole = translationTrainer();
  await runTo(whole, 30);
  assert.is(resumed.hash(), whole.hash());
});

/** A translation model that calls `during` before the loss of each batch of a training. */
function watched(during: () => void) {
  const model = translator();
  const { loss } = model;
  model.loss = (...args) => {
    if (!model.runtime().planning) during();
    return loss.apply(model, args);
  };
  return model;
}

test('an abort inside a step gives up its batches so far; what is saved there is the step before', async () => {
  const controller = new AbortController();
  const saved: Uint8Array[] = [];
  const inside: Uint8Array[] = [];
  let losses = 0;
  const model = watched(() => {
    losses++;
    if (losses % 5 !== 3 || trainer.step < 4) return;
    inside.push(trainer.save());
    for (const change of [() => trainer.trainStep(), () => trainer.restore(inside[0])]) {
      const error = refusal(change);
      assert.instance(error, ConfigError);
      assert.match(error.message, 'a step is under way');
    }
    controller.abort();
  });
  const trainer = translationTrainer(
    {
      accumulate: 5,
      replay: false,
      signal: controller.signal,
      onCheckpoint: (bytes) => void saved.push(bytes),
    },
    model,
  );
  const before: Uint8Array[] = [];
  const error = await failure(async () => {
    for await (const _ of trainer.run()) before.push(trainer.save());
  });
  assert.is(error.name, 'AbortError');
  assert.match(error.message, 'after step 4');
  assert.is(losses, 4 * 5 + 3, 'the rest of the step is not computed');
  for (const bytes of [...inside, ...saved]) assert.equal(bytes, before[3]);
  assert.is(saved.length, 1);
  const resumed = translationTrainer({ accumulate: 5 });
  resumed.restore(saved[0]);
  await runTo(resumed, 8);
  const whole = translationTrainer({ accumulate: 5 });
  await runTo(whole, 8);
  assert.is(resumed.hash(), whole.hash());
  // The trainer that was aborted is itself as it was, too.
  losses = -1000;
  while (trainer.step < 8) trainer.trainStep();
  assert.is(trainer.hash(), whole.hash());
});

test('what others do on the runtime between the batches of a step changes none of its bits', async () => {
  const whole = translationTrainer({ accumulate: 4, steps: 5 });
  await runTo(whole, 5);
  const slow = () => {
    const end = performance.now() + 13; // long enough for a turn of others
    while (performance.now() < end);
  };
  const trainer = translationTrainer({ accumulate: 4, steps: 5, replay: false }, watched(slow));
  const other = translationTrainer({ accumulate: 3, steps: 5, replay: false }, watched(slow));
  let turns = 0;
  let isDone = false;
  const meddle = async () => {
    while (!isDone) {
      trainer.options.model.eval();
      trainer.evaluate([pairBatches().next()]);
      trainer.options.optimizer.runtime.manualSeed(turns++);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const finish = async (one: typeof trainer) => {
    for await (const _ of one.run());
  };
  // Their first batches, which take the seed, come before.
  const running = Promise.all([finish(trainer), finish(other)]);
  await new Promise((resolve) => setImmediate(resolve));
  const meddling = meddle();
  await running;
  isDone = true;
  await meddling;
  assert.ok(turns > 10, `${turns} turns`);
  assert.is(trainer.hash(), whole.hash());
});

test('events tell steps, evaluations and checkpoints, until their listener is removed', async () => {
  const seen: string[] = [];
  const trainer = translationTrainer({
    steps: 6,
    validation: [pairBatches().next()],
    evalEvery: 4,
    checkpointEvery: 5,
    onCheckpoint: () => {},
  });
  const stop = trainer.on('step', ({ step }) => {
    seen.push(`step ${step}`);
    if (step === 2) stop();
  });
  trainer.on('evaluate', ({ step }) => seen.push(`evaluate ${step}`));
  trainer.on('checkpoint', ({ step }) => seen.push(`checkpoint ${step}`));
  await runTo(trainer, 6);
  for await (const _ of trainer.run()) assert.unreachable();
  assert.equal(seen, ['step 1', 'step 2', 'evaluate 4', 'checkpoint 5', 'evaluate 6', 'checkpoint 6']);
});

test('a NaN in a weight is named, and the step leaves everything as it was', async () => {
  const trainer = translationTrainer();
  await runTo(trainer, 3);
  const weight = trainer.options.model.parameters().find((p) => p.path === 'decoder.layers.0.linear1.weight');
  const values = weight!.toArray();
  const good = values[5];
  values[5] = Number.NaN;
  weight!.set(values);
  const before = trainer.save();
  const error = await failure(() => trainer.trainStep());
  assert.is((error as NumericError).code, 'NUMERIC');
  assert.is(error.path, 'decoder.layers.0.linear1.weight');
  assert.match(error.message, '1 of 128 values');
  bytesEqual(trainer.save(), before);
  assert.is(trainer.options.optimizer.runtime.memory().arenaInUse, 0);
  // Mended, the run goes on as if nothing had happened.
  values[5] = good;
  weight!.set(values);
  await runTo(trainer, 30);
  const whole = translationTrainer();
  await runTo(whole, 30);
  assert.is(trainer.hash(), whole.hash());
});

test('an exploding rate ends in an error that names a module', async () => {
  const model = translator();
  const optimizer = new SGD(model.parameters(), { lr: 1e30 });
  const trainer = translationTrainer({ optimizer, schedule: undefined, clipNorm: undefined }, model);
  const error = await failure(() => runTo(trainer, 30));
  assert.is(error.code, 'NUMERIC');
  const paths = [...model.namedModules()].map(([path]) => path);
  const parameters = [...model.namedParameters()].map(([path]) => path);
  assert.ok([...paths, ...parameters, 'model'].includes(error.path as string), error.message);
  assert.match(error.message, 'lower the learning rate');
});

test('a rate that is no number is refused before the step', async () => {
  const trainer = translationTrainer({ schedule: (step) => (step === 3 ? Number.NaN : 0.01) });
  const error = await failure(() => runTo(trainer, 30));
  assert.match(error.message, 'the learning rate of step 3 is NaN');
  assert.is(trainer.step, 2);
});

test('two half batches accumulated equal the whole batch', () => {
  const all = pairs(12);
  const batchOf = (from: number, to: number) => {
    const options = { maxTokens: 10_000, seed: 0, padId: 0, bosId: 1, eosId: 2 };
    return new PairBatches(all.slice(from, to), options).next();
  };
  // Different numbers of tokens in the halves: a mean of means would be off.
  const halves = [batchOf(0, 3), batchOf(3, 12)];
  assert.is.not(halves[0].tokens, halves[1].tokens);
  const source = (list: PairBatch[]) => {
    let at = 0;
    const state = () => ({ epoch: 0, batch: at });
    return {
      next: () => list[at++ % list.length],
      state,
      restore: (cursor: { batch: number }) => {
        at = cursor.batch;
      },
    };
  };
  const make = (list: PairBatch[], accumulate: number) => {
    const model = translator({ dropout: 0 });
    const optimizer = new SGD(model.parameters(), { lr: 1 });
    const rest = { schedule: constant({ maxLr: 1 }), clipNorm: undefined, data: source(list), accumulate };
    return translationTrainer({ ...rest, optimizer }, model);
  };
  const [whole, split] = [make([batchOf(0, 12)], 1), make(halves, 2)];
  const [a, b] = [whole.trainStep(), split.trainStep()];
  assert.ok(Math.abs(a.loss - b.loss) < 1e-6 * a.loss, `${a.loss} ${b.loss}`);
  assert.ok(Math.abs(a.gradNorm - b.gradNorm) < 1e-6 * a.gradNorm, `${a.gradNorm} ${b.gradNorm}`);
  assert.is(a.tokens, b.tokens);
  const [ours, theirs] = [whole.options.model.stateDict(), split.options.model.stateDict()];
  for (const [path, { data }] of ours) {
    theirs.get(path)!.data.forEach((value, i) => {
      assert.ok(Math.abs(value - data[i]) < 1e-6, `${path}[${i}]: ${value} and ${data[i]}`);
    });
  }
});

test('options are checked', async () => {
  const model = languageModel();
  const base = {
    model,
    data: textWindows(),
    optimizer: new Adam(model.parameters(), { lr: 0.01 }),
    steps: 3,
  };
  const typo = await failure(() => new Trainer({ ...base, clipnorm: 1 } as never));
  assert.instance(typo, ConfigError);
  assert.match(typo.message, 'Trainer: unknown key "clipnorm" (did you mean "clipNorm"?)');
  for (const wrong of [
    { steps: 0 },
    { accumulate: 1.5 },
    { evalEvery: -1 },
    { checkpointEvery: Number.NaN },
  ]) {
    const error = await failure(() => new Trainer({ ...base, ...wrong }));
    assert.match(
      error.message,
      new RegExp(`^Trainer: ${Object.keys(wrong)[0]} must be a (?:positive|whole)`),
    );
  }
});

test.run();
