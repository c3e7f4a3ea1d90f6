/** Layers computed again in the backward: the same bits in every placement, less memory, and plans that say so. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/index.js';
import {
  type CausalLM,
  type ModelOptions,
  type Module,
  normPlacements,
  recompute,
} from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { plan, Trainer } from '../../src/train/index.js';
import { refusal } from '../support.js';
import { languageModel, pairBatches, textWindows, translationTrainer, translator } from './setup.js';

const test = suite('train/recompute');
test.before(async () => {
  await init();
});

type Every = boolean | number;

/** A fixed batch again and again. */
const always = <B>(batch: B) => ({ next: () => batch, state: () => ({ epoch: 0, batch: 0 }), restore() {} });

const dropouts = { dropout: 0.2, attentionDropout: 0.2, activationDropout: 0.2 };

/** Loss and all gradients of one step. */
function gradients(make: () => CausalLM, every: Every): string {
  const model = recompute(make(), every);
  const { runtime } = model.parameters()[0];
  runtime.manualSeed(11);
  const { loss } = model.loss(textWindows().next());
  backward(loss);
  const grads = [...model.namedParameters()].map(([path, { grad }]) => `${path} ${grad?.toArray()}`);
  model.free();
  return [loss.item(), ...grads].join('\n');
}

for (const normPlacement of normPlacements) {
  test(`${normPlacement}: the same bits, layer by layer and in groups`, () => {
    // More than a block of 256 along a sum, so that the order in which gradients are added is seen.
    const make = () => languageModel({ ...dropouts, numLayers: 3, normPlacement, dFF: 264 });
    const expected = gradients(make, false);
    assert.ok(!expected.includes('undefined'));
    for (const every of [true, 2, 3]) assert.is(gradients(make, every), expected, String(every));
  });
}

test('what is frozen changes nothing of it', () => {
  for (const trainable of [/layers\.1/, /layers\.0.*norm/, /^encoder\.norm/]) {
    const make = () =>
      languageModel({ ...dropouts, numLayers: 2 }).setTrainable((path) => trainable.test(path));
    assert.is(gradients(make, true), gradients(make, false), String(trainable));
  }
});

test('in double precision, too', () => {
  withRuntime(createReferenceRuntime(), () => {
    const make = () => languageModel({ ...dropouts, numLayers: 2, normPlacement: 'residual' });
    assert.is(gradients(make, true), gradients(make, false));
  });
});

for (const normPlacement of ['pre', 'residual', 'b2t'] as const) {
  test(`an encoder-decoder, ${normPlacement}: accumulated, replayed and on two threads`, async () => {
    const run = async (every: Every, replay: boolean, threads: number) => {
      const runtime = await createRuntime({ threads });
      try {
        return withRuntime(runtime, () => {
          const model = translator({ ...dropouts, numLayers: 2, normPlacement });
          const trainer = translationTrainer({ replay, recompute: every, steps: 40 }, model);
          while (trainer.step < 40) trainer.trainStep();
          assert.is(trainer.replayRefusal, replay ? null : 'replay is off');
          return trainer.hash();
        });
      } finally {
        runtime.close();
      }
    };
    const expected = await run(false, false, 1);
    assert.is(await run(true, false, 1), expected);
    assert.is(await run(true, true, 1), expected);
    assert.is(await run(2, true, 2), expected);
  });
}

test('plan() tells what is used, which is less', async () => {
  const models: ((options: Partial<ModelOptions>) => [Module, unknown])[] = [
    (options) => [languageModel({ ...options, maxSeqLen: 8 }), textWindows(16).next()],
    (options) => [translator(options), pairBatches(40, 200).next()],
  ];
  for (const make of models) {
    for (const normPlacement of ['pre', 'residual'] as const) {
      const used: number[] = [];
      for (const every of [false, true, 3] as const) {
        const runtime = await createRuntime();
        withRuntime(runtime, () => {
          const [model, batch] = make({ ...dropouts, numLayers: 6, normPlacement });
          const trainer = new Trainer({
            model: model as never,
            data: always(batch),
            optimizer: new Adam(model.parameters(), { lr: 0.01 }),
            steps: 3,
            recompute: every,
          });
          runtime.arena.resetHighWater();
          const { activations } = plan(model as never, batch);
          trainer.trainStep();
          assert.is(runtime.memory().arenaHighWater, activations, `${normPlacement} ${every}`);
          assert.is(runtime.memory().arenaInUse, 0);
          used.push(activations);
        });
      }
      const [kept, each, groups] = used;
      assert.ok(each < 0.45 * kept, `${used}`);
      assert.ok(groups < 0.75 * kept && groups > each, `${used}`);
    }
  }
});

test('memory for what the host writes is given back with the recordings', async () => {
  const runtime = await createRuntime();
  withRuntime(runtime, () => {
    const trainer = translationTrainer({ recompute: true, steps: 200, accumulate: 1 });
    const held = runtime.memory().persistentInUse;
    for (let i = 0; i < 60; i++) trainer.trainStep();
    const recorded = runtime.memory().persistentInUse;
    assert.ok(recorded > held, 'lengths of recorded steps have a place of their own');
    // A new gradient moves the graph's version, and every recording is dropped and made again.
    for (let round = 0; round < 3; round++) {
      runtime.graphChanged();
      for (let i = 0; i < 60; i++) trainer.trainStep();
      assert.ok(runtime.memory().persistentInUse <= recorded);
    }
    trainer.free();
    assert.ok(runtime.memory().persistentInUse < held);
  });
});

test('a recording that is refused, or fails, gives it back at once', async () => {
  const runtime = await createRuntime();
  withRuntime(runtime, () => {
    const model = translator({ numLayers: 1 });
    const batch = pairBatches(4).next();
    const loss = model.loss.bind(model);
    let spoil = (): void => {};
    model.loss = (...args) => {
      const result = loss(...args);
      spoil();
      return result;
    };
    const trainer = translationTrainer(
      { recompute: true, accumulate: 1, data: always(batch) as never },
      model,
    );
    trainer.trainStep();
    const held = runtime.memory().persistentInUse;
    spoil = () => {
      throw new Error('spoilt');
    };
    assert.throws(() => trainer.trainStep(), /spoilt/);
    assert.is(runtime.memory().persistentInUse, held);
    spoil = () => void runtime.recording?.refuse('spoilt');
    trainer.trainStep();
    assert.is(trainer.replayRefusal, 'spoilt');
    assert.is(runtime.memory().persistentInUse, held);
  });
});

test('a NaN is traced to its module as ever', () => {
  const messages = [false, true].map((every) => {
    const model = translator({ numLayers: 2 });
    const trainer = translationTrainer({ recompute: every }, model);
    trainer.trainStep();
    const { weight } = model.decoder.layers[1].feedForward.linear2;
    weight.set(Float32Array.from({ length: weight.size }, () => 3e38));
    return refusal(() => trainer.trainStep()).message;
  });
  assert.match(messages[0], /decoder\.layers\.1\.linear2/);
  assert.is(messages[1], messages[0]);
});

test('what it cannot do is refused', () => {
  const trainer = (model: Module, every: unknown) => () =>
    new Trainer({
      model: model as never,
      data: textWindows(),
      optimizer: new Adam(model.parameters(), { lr: 0.01 }),
      steps: 1,
      recompute: every as never,
    });
  const model = languageModel({ numLayers: 2 });
  const { layers } = model.encoder;
  for (const wrong of [0, -1, 1.5, 'all', null, {}]) {
    const error = refusal(trainer(model, wrong));
    assert.is(error.code, 'CONFIG');
    assert.match(error.message, 'recompute must be true or false or a positive integer');
  }
  assert.match(
    refusal(() => recompute(model, 3)).message,
    'recompute must be at most 2, the layers of the deepest stack of the model, got 3',
  );
  const part = layers[0].feedForward;
  assert.match(
    refusal(() => recompute(part, true)).message,
    'recompute must be at most 0, the layers of the deepest stack',
  );
  assert.is(recompute(part, false), part);
  assert.is(refusal(() => recompute(null as never, true)).code, 'CONFIG');
});

test.run();
