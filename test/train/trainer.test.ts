import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PairBatch, PairBatches } from '../../src/data/index.js';
import { CheckpointError, ConfigError, type NumericError, type PrenormError } from '../../src/errors.js';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { Adam, constant, SGD } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { loadCheckpointWeights, type StepMetrics, Trainer } from '../../src/train/index.js';
import { refusal } from '../support.js';
import { languageModel, pairBatches, pairs, textWindows, translationTrainer, translator } from './setup.js';

const test = suite('trainer');
test.before(async () => {
  await init();
});

async function runTo(trainer: Trainer<PairBatch>, step: number): Promise<StepMetrics[]> {
  const seen: StepMetrics[] = [];
  if (trainer.step === step) return seen;
  for await (const metrics of trainer.run()) {
    seen.push(metrics);
    if (metrics.step === step) break;
  }
  return seen;
}

async function failure(run: () => unknown): Promise<PrenormError> {
  try {
    await run();
  } catch (error) {
    return error as PrenormError;
  }
  throw new Error('nothing was thrown');
}

const bytesEqual = (a: Uint8Array, b: Uint8Array) => assert.is(Buffer.compare(a, b), 0);

test('resumed at any step, a run equals the uninterrupted one bit for bit', async () => {
  const whole = translationTrainer();
  const metrics = await runTo(whole, 30);
  const expected = whole.save();
  assert.ok(metrics[29].loss < metrics[0].loss);
  for (const cut of [0, 1, 13, 29]) {
    const first = translationTrainer();
    const head = await runTo(first, cut);
    const saved = first.save();
    // Another seed and other weights: all of it must come from the checkpoint.
    const second = translationTrainer({}, translator({ seed: 99 }));
    second.options.optimizer.runtime.manualSeed(1234);
    second.restore(saved);
    assert.is(second.step, cut);
    bytesEqual(second.save(), saved);
    const tail = await runTo(second, 30);
    assert.equal([...head, ...tail], metrics);
    bytesEqual(second.save(), expected);
    assert.is(second.hash(), whole.hash());
  }
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

test('a checkpoint that does not fit changes nothing: weights, moments, random position, data cursor', async () => {
  const trainer = translationTrainer();
  await runTo(trainer, 7);
  const before = trainer.save();
  const other = async (make: () => Trainer<PairBatch>) => {
    const donor = make();
    await runTo(donor, 2);
    return donor.save();
  };
  const wider = await other(() => translationTrainer({}, translator({ dFF: 24 })));
  const deeper = await other(() => translationTrainer({}, translator({ numLayers: 2 })));
  const model = translator();
  const sgd = await other(() =>
    translationTrainer({ optimizer: new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }) }, model),
  );
  const content = decodeCheckpoint(before, 'own');
  const beyond = encodeCheckpoint({ ...content, cursor: { epoch: 0, batch: 10_000 } });
  const foreign = encodeCheckpoint({ ...content, extra: null });
  const cases: [Uint8Array, RegExp][] = [
    [
      wider,
      /run\.ckpt: the checkpoint does not fit: .*linear1\.weight must have shape \[16, 8\], got \[24, 8\]/,
    ],
    [deeper, /does not fit: .*layers\.1\./],
    [sgd, /does not fit: .*state of "sgd" does not fit this adam/],
    [beyond, /does not fit: .*cursor is at batch 10000 of epoch 0/],
    [foreign, /was not written by a Trainer/],
    [before.slice(0, -1), /the checkpoint is truncated/],
  ];
  for (const [bytes, pattern] of cases) {
    const error = await failure(() => trainer.restore(bytes, 'run.ckpt'));
    assert.instance(error, CheckpointError);
    assert.match(error.message, pattern);
    assert.not.match(error.message, '\n');
    bytesEqual(trainer.save(), before);
    assert.is(trainer.step, 7);
  }
});

test('a checkpoint of another configuration is refused with the key that differs', async () => {
  const groups = [{ match: ['norms'], lr: 0.1 }];
  const config = { seed: 1, model: { dropout: 0.1, dModel: 8 }, note: undefined, groups };
  const trainer = translationTrainer({ config });
  const saved = trainer.save();
  // The order of keys and what JSON drops are no difference.
  const reordered = [{ lr: 0.1, match: ['norms'] }];
  translationTrainer({
    config: { groups: reordered, model: { dModel: 8, dropout: 0.1 }, seed: 1 },
  }).restore(saved);
  const other = async (change: object) => {
    const trainerOfOther = translationTrainer({ config: { ...config, ...change } });
    return failure(() => trainerOfOther.restore(saved, 'a.ckpt'));
  };
  const inList = await other({ groups: [{ match: ['biases'], lr: 0.1 }] });
  assert.match(inList.message, 'groups[0].match[0] is "norms" there, "biases" here');
  const longer = await other({ groups: [...groups, { match: 'all' }] });
  assert.match(longer.message, 'configuration: groups is [{');
  const error = await other({ model: { dModel: 8, dropout: 0.2 } });
  assert.instance(error, CheckpointError);
  assert.match(
    error.message,
    'a.ckpt: it was made with another configuration: model.dropout is 0.1 there, 0.2 here',
  );
});

test('loadCheckpointWeights gives a model the weights alone', async () => {
  const trainer = translationTrainer();
  await runTo(trainer, 3);
  const model = translator({ seed: 50 });
  assert.is(loadCheckpointWeights(model, trainer.save()), 3);
  for (const [path, { data }] of trainer.options.model.stateDict()) {
    assert.equal(model.stateDict().get(path)!.data, data);
  }
  const error = await failure(() => loadCheckpointWeights(translator({ dFF: 24 }), trainer.save(), 'w.ckpt'));
  assert.match(
    error.message,
    /w\.ckpt: the checkpoint does not fit: .*must have shape \[24, 8\], got \[16, 8\]/,
  );
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
