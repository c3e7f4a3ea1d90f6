/** @file The trainer's dropout: losses with several forwards replay, resume and count like their eager runs. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { add, mean, mul, scale, sub, sum, tensor } from '../../src/autograd/index.js';
import { type CrossEntropyOptions, log } from '../../src/autograd/ops/index.js';
import { type PairBatch, PairBatches } from '../../src/data/index.js';
import type { NumericError } from '../../src/errors.js';
import { CausalLM, Dropout, type LmInput, Module } from '../../src/nn/index.js';
import { Adam, SGD } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { currentRuntime, withRuntime } from '../../src/runtime/runtime.js';
import { Trainer, type TrainerOptions } from '../../src/train/index.js';
import { bits } from '../support.js';
import { pairs, translationTrainer, translator, VOCAB } from './setup.js';

const test = suite('train/dropout');
await init();

/** R-Drop (Liang et al. 2021) with squared distances: two forwards of a batch, and how far they are apart. */
class RDrop extends CausalLM {
  override loss(batch: LmInput, options: CrossEntropyOptions = {}) {
    const first = super.loss(batch, options);
    // One of the two tells the trainer how many targets there are.
    const second = super.loss(batch, { smoothing: options.smoothing });
    const apart = sub(this.forward(batch), this.forward(batch));
    const loss = add(scale(add(first.loss, second.loss), 0.5), mean(mul(apart, apart)));
    return { ...first, loss };
  }
}

/** Batches of three lengths in turn; the place is the number of the next batch. */
function alternating() {
  let n = 0;
  return {
    next(): LmInput & { tokens: number } {
      const random = new RandomStream(4, `test:${n}`);
      const seqLen = [8, 5, 7][n++ % 3];
      const ids = Int32Array.from({ length: 3 * seqLen }, () => random.nextInt(VOCAB));
      return {
        ids,
        targets: ids.map((id) => (id * 7 + 3) % VOCAB),
        batchSize: 3,
        seqLen,
        tokens: ids.length,
      };
    },
    state: () => ({ epoch: 0, batch: n }),
    restore: ({ batch }: { batch: number }) => {
      n = batch;
    },
  };
}

const STEPS = 24;
const SIZES = { vocabSize: VOCAB, dModel: 8, numHeads: 2, numLayers: 1, dFF: 16, maxSeqLen: 8, seed: 3 };

function rdrop(options: Partial<TrainerOptions<LmInput>> = {}) {
  currentRuntime().manualSeed(7);
  const model = new RDrop({
    ...SIZES,
    dropout: 0.2,
    activationDropout: 0.1,
  });
  const optimizer = new Adam(model.parameters(), { lr: 0.01 });
  return new Trainer({ model, data: alternating(), optimizer, steps: STEPS, accumulate: 2, ...options });
}

function runTo(trainer: Trainer<LmInput>, step: number): Trainer<LmInput> {
  while (trainer.step < step) trainer.trainStep();
  return trainer;
}

for (const accumulate of [1, 2]) {
  test(`two forwards in a loss replay to the bits of the eager run, ${accumulate} batches a step`, async () => {
    const run = async (replay: boolean, threads: number) => {
      const runtime = await createRuntime({ threads });
      const hash = withRuntime(runtime, () => {
        const trainer = runTo(rdrop({ replay, accumulate }), STEPS);
        assert.is(trainer.replayRefusal, replay ? null : 'replay is off');
        return trainer.hash();
      });
      runtime.close();
      return hash;
    };
    const expected = await run(false, 1);
    assert.is(await run(true, 1), expected);
    assert.is(await run(true, 2), expected);
  });
}

test('a run that is resumed at any step goes on with the masks of the uninterrupted one', () => {
  const whole = runTo(rdrop(), STEPS);
  for (const cut of [1, 7, 20]) {
    const saved = runTo(rdrop(), cut).save();
    const resumed = rdrop();
    resumed.options.optimizer.runtime.manualSeed(99);
    resumed.restore(saved);
    assert.is(runTo(resumed, STEPS).hash(), whole.hash());
  }
});

/** An encoder-decoder with nothing but attention dropout, wide enough for its attention to be divided among threads. */
function attentive(options: Partial<TrainerOptions<PairBatch>> = {}, attentionDropout = 0.2) {
  const model = translator({ dropout: 0, attentionDropout, numLayers: 2, dModel: 16, maxSeqLen: 32 });
  const data = new PairBatches(pairs(60, 31), { maxTokens: 700, seed: 5, padId: 0, bosId: 1, eosId: 2 });
  return translationTrainer({ data, steps: 10, ...options }, model);
}

test('attention dropout: a replayed step has the bits of the eager one, on any number of threads', async () => {
  const run = async (replay: boolean, threads: number, attentionDropout?: number) => {
    const runtime = await createRuntime({ threads });
    const hash = withRuntime(runtime, () => {
      const trainer = attentive({ replay }, attentionDropout);
      while (trainer.step < 10) trainer.trainStep();
      assert.is(trainer.replayRefusal, replay ? null : 'replay is off');
      return trainer.hash();
    });
    runtime.close();
    return hash;
  };
  const expected = await run(false, 1);
  for (const threads of [1, 2, 3]) {
    assert.is(await run(true, threads), expected, `${threads} threads`);
    assert.is(await run(false, threads), expected, `${threads} threads, eager`);
  }
  assert.is.not(await run(true, 1, 0), expected);
});

test('attention dropout: a resumed run has the masks of the uninterrupted one', () => {
  const finish = (trainer: Trainer<PairBatch>) => {
    while (trainer.step < 10) trainer.trainStep();
    return trainer.hash();
  };
  const whole = finish(attentive());
  for (const cut of [1, 5, 9]) {
    const donor = attentive();
    while (donor.step < cut) donor.trainStep();
    const resumed = attentive();
    resumed.options.optimizer.runtime.manualSeed(99);
    resumed.restore(donor.save());
    assert.is(finish(resumed), whole);
  }
});

test('evaluation and forwards of your own between the steps change no bit', async () => {
  const validation = [alternating().next()];
  const whole = runTo(rdrop(), STEPS).hash();
  const evaluated = rdrop({ validation, evalEvery: 5 });
  for await (const _ of evaluated.run());
  assert.is(evaluated.hash(), whole);
  const watched = rdrop();
  while (watched.step < STEPS) {
    watched.trainStep();
    watched.evaluate(validation);
    (watched.options.model as RDrop).train().loss(validation[0]);
    currentRuntime().endStep();
  }
  assert.is(watched.hash(), whole);
});

const nothing = { next: () => ({ tokens: 1 }), state: () => ({ epoch: 0, batch: 0 }), restore() {} };

/** Writes down its masks. */
class Masked extends Module {
  readonly weight = new CausalLM(SIZES).embedding.tokens;
  readonly dropout = new Dropout(0.5);
  readonly seen: string[] = [];
  loss() {
    const y = this.dropout.forward(this.weight.weight);
    if (!y.runtime.planning) this.seen.push(bits(y.toArray().map((value) => Number(value !== 0))));
    const loss = sum(y);
    return { loss, nll: loss, count: 1 };
  }
}

test('the batches of one step and the steps have masks of their own', () => {
  currentRuntime().manualSeed(3);
  const model = new Masked();
  const optimizer = new SGD(model.parameters(), { lr: 0 });
  const trainer = new Trainer({ model, data: nothing, optimizer, steps: 4, accumulate: 3 });
  while (trainer.step < 4) trainer.trainStep();
  assert.is(model.seen.length, 12);
  assert.is(new Set(model.seen).size, 12);
});

test('a loss that moves the random position is one microbatch all the same, eager and replayed', () => {
  class Moving extends CausalLM {
    dropsAfter = false;
    override loss(batch: LmInput, options: CrossEntropyOptions = {}) {
      const before = super.loss(batch, options);
      currentRuntime().setRandomPosition(77, 5);
      return this.dropsAfter ? { ...before, loss: super.loss(batch).loss } : before;
    }
  }
  const run = (dropsAfter: boolean, replay: boolean) => {
    currentRuntime().manualSeed(1);
    const model = new Moving({ ...SIZES, dropout: 0.3 });
    model.dropsAfter = dropsAfter;
    const optimizer = new SGD(model.parameters(), { lr: 0.01 });
    const trainer = new Trainer({ model, data: alternating(), optimizer, steps: 12, accumulate: 2, replay });
    while (trainer.step < 12) trainer.trainStep();
    return { hash: trainer.hash(), refusal: trainer.replayRefusal };
  };
  for (const dropsAfter of [true, false]) {
    const replayed = run(dropsAfter, true);
    assert.is(replayed.hash, run(dropsAfter, false).hash);
    assert.is(/dropout follows/.test(String(replayed.refusal)), dropsAfter);
  }
});

/** Infinite where the third of four draws of its one element drops it. */
class Fragile extends Module {
  readonly parts = new CausalLM({ vocabSize: 2, dModel: 2, numHeads: 1, numLayers: 1, maxSeqLen: 2 });
  readonly dropout = new Dropout(0.5);
  readonly inner = new Logarithm();
  loss() {
    const one = tensor(new Float32Array([1]));
    const draws = Array.from({ length: 4 }, () => this.dropout.forward(one));
    const loss = add(sum(this.parts.embedding.tokens.weight), sum(this.inner.forward(draws[2])));
    return { loss, nll: loss, count: 1 };
  }
}
class Logarithm extends Module {
  forward(x: Parameters<typeof log>[0]) {
    return log(x);
  }
}

test('a step that is computed again to find an infinity has its own masks', () => {
  let found = 0;
  for (let seed = 0; seed < 20; seed++) {
    currentRuntime().manualSeed(seed);
    const model = new Fragile();
    const optimizer = new SGD(model.parameters(), { lr: 0 });
    const trainer = new Trainer({ model, data: nothing, optimizer, steps: 1 });
    try {
      trainer.trainStep();
    } catch (error) {
      assert.is((error as NumericError).path, 'inner');
      found++;
    }
  }
  assert.ok(found > 4 && found < 16);
});

test.run();
