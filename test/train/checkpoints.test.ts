/** Checkpoints of a trainer: resumed at any step; of another model or configuration refused, and nothing changed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PairBatch } from '../../src/data/index.js';
import { CheckpointError } from '../../src/errors.js';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { SGD } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { loadCheckpointWeights, type Trainer } from '../../src/train/index.js';
import { bytesEqual, failure, runTo, translationTrainer, translator } from './setup.js';

const test = suite('trainer: checkpoints');
test.before(async () => {
  await init();
});

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

test.run();
