/** A checkpoint says which model it is of, so that `loadModel` needs nothing else. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.js';
import { loadModel } from '../../src/io/index.js';
import { CausalLM, type LmInput, TextClassifier } from '../../src/nn/index.js';
import { AdamW } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE, trainChars } from '../../src/text/index.js';
import { Trainer } from '../../src/train/index.js';
import { refusal } from '../support.js';

const test = suite('train/companions');
await init();

const tokenizer = trainChars('abcdef');
const options = { dModel: 8, numHeads: 2, numLayers: 1, seed: 3, vocabSize: tokenizer.vocabSize };
const batch = { ids: Int32Array.of(1, 2, 3, 4), targets: Int32Array.of(2, 3, 4, 5), batchSize: 1, seqLen: 4 };
const source = <B>(one: B) => ({ next: () => one, state: () => ({ epoch: 0, batch: 0 }), restore() {} });

function lmTrainer(more: object = {}, model = new CausalLM(options)): Trainer<LmInput> {
  const optimizer = new AdamW(model.parameters(), { lr: 0.01 });
  return new Trainer({ model, data: source(batch) as never, optimizer, steps: 3, ...more });
}

test('a checkpoint of a trainer loads as a model, with tokenizer where the trainer knew it', async () => {
  for (const companions of [undefined, { tokenizer }]) {
    const trainer = lmTrainer({ companions });
    for await (const _ of trainer.run());
    const loaded = await loadModel(trainer.save(), { kind: 'causalLM' });
    assert.equal(loaded.model.stateDict(), trainer.options.model.stateDict());
    assert.is(loaded.step, 3);
    assert.is(loaded.model.training, false);
    assert.equal({ ...loaded.config, seed: 3 }, (trainer.options.model as CausalLM).config);
    assert.equal(loaded.tokenizer?.toJSON(), companions && tokenizer.toJSON());
  }
});

test('labels go with a classifier', async () => {
  const model = new TextClassifier({ ...options, numClasses: 2 });
  const rows = { ids: batch.ids, labels: Int32Array.of(1), batchSize: 1, seqLen: 4 };
  const trainer = new Trainer({
    model,
    data: source(rows) as never,
    optimizer: new AdamW(model.parameters(), { lr: 0.01 }),
    steps: 1,
    companions: { tokenizer, labels: ['no', 'yes'] },
  });
  trainer.trainStep();
  assert.equal((await loadModel(trainer.save())).labels, ['no', 'yes']);
});

test('a class of your own trains and saves, and is refused as a model with a word on what to do', async () => {
  class Mine extends CausalLM {
    readonly extra = new CausalLM(options);
  }
  const trainer = lmTrainer({}, new Mine(options));
  trainer.trainStep();
  let message = '';
  await loadModel(trainer.save()).catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, /the weights do not belong to the configuration.*unexpected extra/);
});

test('companions that are none are refused', () => {
  for (const companions of [3, { tokenizer: 'x' }, { labels: [1] }, { labels: 'ab' }, { vocab: 1 }]) {
    const error = refusal(() => lmTrainer({ companions }));
    assert.instance(error, ConfigError);
    assert.match(error.message, /companions must be/);
  }
  assert.ok(lmTrainer({ companions: { tokenizer: trainBPE(['ab'], { vocabSize: 259 }), labels: null } }));
});

test.run();
