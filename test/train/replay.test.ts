/** A replayed step is the eager step, bit for bit, whatever changes between steps; and on any number of threads. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mul, noGrad, tensor } from '../../src/autograd/index.js';
import { type CausalLM, type LmInput, type ModelOptions, Transformer } from '../../src/nn/index.js';
import { Adam, inverseSqrt, Muon, RAdam, SGD } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { Trainer } from '../../src/train/index.js';
import { refusal } from '../support.js';
import { languageModel, pairBatches, translationTrainer, VOCAB } from './setup.js';

const test = suite('train/replay');
test.before(async () => {
  await init();
});

/** Batches of three lengths in turn, padded with targets that do not count. */
function alternating(batchSize: number) {
  let n = 0;
  const random = new RandomStream(4, 'test:alternating');
  return {
    next(): LmInput {
      const seqLen = [8, 5, 7][n++ % 3];
      const ids = Int32Array.from({ length: batchSize * seqLen }, () => random.nextInt(VOCAB));
      const targets = ids.map((id) => (random.nextInt(5) === 0 ? -1 : (id * 7 + 3) % VOCAB));
      return { ids, targets, batchSize, seqLen };
    },
    state: () => ({ epoch: 0, batch: 0 }),
    restore() {},
  };
}

const optimizers = {
  adam: (model: CausalLM) => new Adam(model.parameters(), { lr: 0.01 }),
  sgd: (model: CausalLM) => new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
  radam: (model: CausalLM) => new RAdam(model.parameters(), { lr: 0.01 }),
  muon: (model: CausalLM) => new Muon(model.parameters(), { lr: 0.01 }),
};

/** Dropout, clipping, a changing rate, accumulation, smoothing and three lengths, over 200 steps. */
async function train(
  threads: number,
  replay: boolean,
  optimizer: keyof typeof optimizers = 'adam',
  options: Partial<ModelOptions> = {},
) {
  const runtime = await createRuntime({ threads });
  try {
    return withRuntime(runtime, () => {
      assert.is(runtime.threads, threads);
      const model = languageModel({
        dropout: 0.2,
        dModel: 24,
        numHeads: 2,
        dFF: 56,
        numLayers: 2,
        ...options,
      });
      const trainer = new Trainer({
        model,
        data: alternating(9),
        optimizer: optimizers[optimizer](model),
        schedule: inverseSqrt({ maxLr: 0.01, warmupSteps: 20 }),
        steps: 200,
        clipNorm: 0.5,
        accumulate: 2,
        labelSmoothing: 0.1,
        replay,
      });
      const tokens: number[] = [];
      while (trainer.step < 200) tokens.push(trainer.trainStep().tokens);
      assert.is(trainer.replayRefusal, replay ? null : 'replay is off');
      return `${trainer.hash()} ${tokens.reduce((a, b) => a + b)}`;
    });
  } finally {
    runtime.close();
  }
}

const eager = new Map<string, string>();
for (const optimizer of ['adam', 'sgd', 'radam', 'muon'] as const) {
  test(`${optimizer}: replay equals eager over 200 steps`, async () => {
    const expected = await train(1, false, optimizer);
    eager.set(optimizer, expected);
    assert.is(await train(1, true, optimizer), expected);
    assert.is(new Set(eager.values()).size, eager.size, 'optimizers differ, so the hash sees the weights');
  });
}

for (const threads of [2, 3, 4]) {
  test(`${threads} threads give the bits of one, eager and replayed`, async () => {
    const expected = await train(1, false);
    assert.is(await train(threads, true), expected);
    assert.is(await train(threads, false), expected);
  });
}

test('muon: the products of Newton-Schulz, divided among 2 and 3 threads, give the bits of one', async () => {
  const wide = { dModel: 48, dFF: 112 };
  const expected = await train(1, false, 'muon', wide);
  assert.is(await train(2, true, 'muon', wide), expected);
  assert.is(await train(3, false, 'muon', wide), expected);
});

const MODERN: [string, Partial<ModelOptions>][] = [
  [
    'rotary, one key for two heads, SwiGLU, RMSNorm, no biases',
    {
      ...{ positions: 'rotary', numKVHeads: 1, norm: 'rms', bias: false },
      ...{ activation: 'silu', gatedFFN: true, attentionDropout: 0.1 },
    },
  ],
  [
    "rotary, GELU's tanh form, biases of queries and keys alone",
    { positions: 'rotary', bias: 'qkv', activation: 'geluTanh' },
  ],
];
for (const [name, options] of MODERN) {
  test(`${name}: a replayed run on two threads has the bits of an eager one`, async () => {
    const expected = await train(1, false, 'adam', options);
    assert.is(await train(1, true, 'adam', options), expected);
    assert.is(await train(2, true, 'adam', options), expected);
  });
}

test('an encoder-decoder with padding replays the bits of its eager run', async () => {
  const run = async (replay: boolean, threads: number) => {
    const runtime = await createRuntime({ threads });
    const hash = withRuntime(runtime, () => {
      const trainer = translationTrainer({ steps: 120, replay });
      while (trainer.step < 120) trainer.trainStep();
      return trainer.hash();
    });
    runtime.close();
    return hash;
  };
  const expected = await run(false, 1);
  assert.is(await run(true, 1), expected);
  assert.is(await run(true, 2), expected);
});

test('frozen and thawed parameters get programs of their own', () => {
  const run = (replay: boolean) => {
    const model = languageModel({ dropout: 0.1 });
    const optimizer = new SGD(model.parameters(), { lr: 0.05 });
    const trainer = new Trainer({ model, data: alternating(3), optimizer, steps: 60, replay });
    while (trainer.step < 60) {
      const frozen = Math.floor(trainer.step / 15) % 2 === 1;
      for (const [path, parameter] of model.namedParameters())
        parameter.requiresGrad = !(frozen && path.includes('linear1'));
      trainer.trainStep();
    }
    return trainer.hash();
  };
  assert.is(run(true), run(false));
});

test('a new optimizer moves the gradients, and recorded programs are forgotten', () => {
  const run = (replay: boolean) => {
    const model = languageModel();
    const losses: number[] = [];
    for (let part = 0; part < 2; part++) {
      const optimizer = new Adam(model.parameters(), { lr: 0.01 });
      const trainer = new Trainer({ model, data: alternating(3), optimizer, steps: 20, replay });
      while (trainer.step < 20) losses.push(trainer.trainStep().loss);
    }
    return losses.join();
  };
  assert.is(run(true), run(false));
});

test('evaluation and other work between replayed steps change nothing', () => {
  const run = (replay: boolean, between: boolean) => {
    const trainer = translationTrainer({ steps: 60, replay, data: pairBatches(12) });
    const batch = pairBatches(8).next();
    while (trainer.step < 60) {
      trainer.trainStep();
      if (between) {
        trainer.evaluate([batch]);
        noGrad(() => mul(tensor(new Float32Array(5000).fill(2)), tensor(new Float32Array(5000).fill(3))));
      }
    }
    return trainer.hash();
  };
  const expected = run(false, false);
  assert.is(run(true, true), expected);
  assert.is(run(false, true), expected);
});

test('bad ids and targets are refused in a replay as they are eagerly, and the run goes on', () => {
  const run = (spoil: boolean) => {
    const model = languageModel();
    const data = alternating(3);
    const trainer = new Trainer({
      model,
      data: { ...data, next: () => spoiled(data.next()) },
      optimizer: new Adam(model.parameters(), { lr: 0.01 }),
      steps: 30,
    });
    let bad: 'ids' | 'targets' | null = null;
    const spoiled = (batch: ReturnType<typeof data.next>) => {
      if (bad) batch[bad] = batch[bad]!.map((id, i) => (i === 4 ? VOCAB : id));
      return batch;
    };
    while (trainer.step < 12) trainer.trainStep();
    if (spoil) {
      for (const name of ['ids', 'targets'] as const) {
        bad = name;
        for (let i = 0; i < 3; i++) assert.is(refusal(() => trainer.trainStep()).code, 'DATA');
      }
      bad = null;
    }
    while (trainer.step < 30) trainer.trainStep();
    return trainer.losses.slice(0, 12).join();
  };
  assert.is(run(true), run(false));
});

test('a loss that reads values, or brings its own, runs eagerly and says why', () => {
  class Reading extends Transformer {
    override loss(...args: Parameters<Transformer['loss']>) {
      const result = super.loss(...args);
      if (result.loss.item() > 1e9) throw new Error('never');
      return result;
    }
  }
  class Bringing extends Transformer {
    override loss(...args: Parameters<Transformer['loss']>) {
      const result = super.loss(...args);
      return { ...result, loss: mul(result.loss, tensor(0.5)) };
    }
  }
  const config = { vocabSize: VOCAB, dModel: 8, numHeads: 2, numLayers: 1, maxSeqLen: 12 };
  for (const [Model, reason] of [
    [Reading, 'a computed value is read in the middle of the step'],
    [Bringing, '1 host values are used that are not among the declared inputs'],
  ] as const) {
    const run = (replay: boolean) => {
      const trainer = translationTrainer({ replay }, new Model(config));
      while (trainer.step < 20) trainer.trainStep();
      return [trainer.hash(), trainer.replayRefusal];
    };
    const [expected] = run(false);
    assert.equal(run(true), [expected, reason]);
  }
});

test('a model without declared inputs runs eagerly', () => {
  const model = languageModel();
  (model as { inputs?: unknown }).inputs = undefined;
  const optimizer = new Adam(model.parameters(), { lr: 0.01 });
  const trainer = new Trainer({ model, data: alternating(2), optimizer, steps: 5 });
  while (trainer.step < 5) trainer.trainStep();
  assert.is(trainer.replayRefusal, 'the model does not declare the inputs of its loss');
});

test('two inputs that are one array are told apart when they are two', () => {
  const run = (replay: boolean) => {
    const model = languageModel();
    let n = 0;
    const data = {
      next() {
        const ids = Int32Array.from({ length: 16 }, (_, i) => (i * 3 + n) % VOCAB);
        return { ids, targets: n++ % 2 ? ids : ids.map((id) => (id + 1) % VOCAB), batchSize: 2, seqLen: 8 };
      },
      state: () => ({ epoch: 0, batch: 0 }),
      restore() {},
    };
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    const trainer = new Trainer({ model, data, optimizer, steps: 20, replay });
    while (trainer.step < 20) trainer.trainStep();
    return trainer.losses.join();
  };
  assert.is(run(true), run(false));
});

test('a batch of padding only counts for nothing in a step that has other batches', () => {
  const run = (replay: boolean, padding: boolean) => {
    const model = languageModel();
    const full = alternating(3);
    let n = 0;
    const data = {
      ...full,
      next() {
        if (!padding || n++ % 2 === 0) return full.next();
        const empty = new Int32Array(24).fill(-1);
        return { ids: empty.map(() => 1), targets: empty, batchSize: 3, seqLen: 8 };
      },
    };
    const optimizer = new SGD(model.parameters(), { lr: 0.05 });
    const accumulate = padding ? 2 : 1;
    const trainer = new Trainer({ model, data, optimizer, steps: 15, accumulate, replay });
    while (trainer.step < 15) trainer.trainStep();
    return trainer.hash();
  };
  const expected = run(false, false);
  assert.is(run(false, true), expected);
  assert.is(run(true, true), expected);
});

test('the cache over shapes is bounded', async () => {
  const runtime = await createRuntime({ threads: 2 });
  withRuntime(runtime, () => {
    const model = languageModel({ maxSeqLen: 128 });
    let n = 0;
    const data = {
      next() {
        const seqLen = 1 + (Math.floor(n++ / 2) % 100);
        const ids = Int32Array.from({ length: seqLen }, (_, i) => (i + n) % VOCAB);
        return { ids, targets: ids, batchSize: 1, seqLen };
      },
      state: () => ({ epoch: 0, batch: 0 }),
      restore() {},
    };
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    const trainer = new Trainer({ model, data, optimizer, steps: 800 });
    while (trainer.step < 400) trainer.trainStep();
    const { persistentInUse, bufferBytes } = runtime.memory();
    while (trainer.step < 800) trainer.trainStep();
    assert.is(runtime.memory().persistentInUse, persistentInUse);
    assert.is(runtime.memory().bufferBytes, bufferBytes);
  });
  runtime.close();
});

test.run();
