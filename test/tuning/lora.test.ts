/** LoRA on models: apart and merged, several on one base, frozen bases, replay, threads and checkpoints. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.js';
import * as tuning from '../../src/interop/tuning.js';
import { attachedAdapter, LoraAdapter, type LoraOptions } from '../../src/interop/tuning.js';
import { loadModel, saveModel } from '../../src/io/index.js';
import {
  type CausalLM,
  type ModelOptions,
  type Module,
  TextClassifier,
  type Transformer,
} from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { currentRuntime, withRuntime } from '../../src/runtime/runtime.js';
import { plan, Trainer, type TrainerOptions } from '../../src/train/index.js';
import { asyncRefusal, refusal } from '../support.js';
import { languageModel, pairBatches, textWindows, translator } from '../train/setup.js';

const test = suite('tuning: lora');
test.before(async () => {
  await init();
});

const batch = textWindows().next();
const forward = (model: CausalLM) => model.eval().forward(batch).toArray();
const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

/** An adapter whose B is not zero. */
function shaken(model: Module, options: LoraOptions = {}, factor = 1): LoraAdapter {
  const adapter = new LoraAdapter(model, { rank: 2, ...options });
  for (const p of adapter.parameters())
    if (p.path.endsWith('b')) p.set(p.toArray().map((_, i) => factor * Math.sqrt(i % 7) * 0.05));
  return adapter;
}

function tuner(model: CausalLM, options: Partial<TrainerOptions<never>> = {}) {
  return new Trainer({
    model,
    data: textWindows(),
    optimizer: new Adam(
      model.parameters().filter((p) => p.requiresGrad),
      { lr: 0.01 },
    ),
    steps: 6,
    ...(options as object),
  });
}

const freeze = (model: Module) => model.setTrainable((path) => /\.lora_[ab]$/.test(path));

test('new, it changes nothing; trained, the base stays to the bit, and detached the model is its base', () => {
  const model = languageModel({ numLayers: 2 });
  const [before, base] = [forward(model), model.stateDict()];
  const adapter = new LoraAdapter(model, { rank: 2 }).attach();
  assert.ok(largest(forward(model), before) < 1e-6);
  freeze(model);
  model.train();
  const trainer = tuner(model);
  for (let i = 0; i < 6; i++) trainer.trainStep();
  assert.ok(largest(forward(model), before) > 1e-3);
  for (const [name, { data }] of base) assert.equal(model.stateDict().get(name)?.data, data, name);
  const names = [...model.stateDict().keys()].filter((name) => !base.has(name));
  assert.is(names.length, 2 * 4 * 2);
  assert.ok(names.includes('encoder.layers.1.self_attn.in_proj.lora_a'), names.join());
  assert.ok(names.includes('encoder.layers.0.linear2.lora_b'));
  assert.equal([...adapter.stateDict().keys()].sort(), [...names].sort());
  const tuned = forward(model);
  adapter.detach();
  assert.equal(forward(model), before);
  assert.equal([...model.stateDict().keys()], [...base.keys()]);
  adapter.attach();
  assert.equal(forward(model), tuned);
});

test('merged is unmerged within 1e-5, for packed, grouped and gated models, and unmerges to the bit', () => {
  const kinds: [Partial<ModelOptions>, LoraOptions][] = [
    [{}, {}],
    [
      { numHeads: 4, numKVHeads: 2, gatedFFN: true, activation: 'silu', positions: 'rotary', norm: 'rms' },
      {},
    ],
    [{ numHeads: 4, numKVHeads: 2 }, { targets: ['q_proj', 'v_proj', 'linear1'] }],
    [
      { activation: 'geluTanh', tiedEmbeddings: false, bias: false },
      { targets: ['k_proj', 'output.linear'], alpha: 1 },
    ],
  ];
  for (const [options, lora] of kinds) {
    const model = languageModel({ numLayers: 2, ...options });
    const base = model.stateDict();
    const before = forward(model);
    const adapter = shaken(model, lora).attach();
    const apart = forward(model);
    assert.ok(largest(apart, before) > 1e-3);
    adapter.merge();
    assert.ok(adapter.merged && !adapter.attached);
    assert.ok(largest(forward(model), apart) < 1e-5);
    adapter.unmerge();
    assert.equal(model.stateDict(), base);
  }
});

test('memory of an encoder goes through it, too, merged and apart', () => {
  const model = translator({ dropout: 0 });
  const pair = pairBatches().next();
  const run = (m: Transformer) => m.eval().forward(pair).toArray();
  const before = run(model);
  for (const targets of [undefined, ['k_proj', 'q_proj']]) {
    const adapter = shaken(model, targets && { targets }).attach();
    const apart = run(model);
    assert.ok(largest(apart, before) > 1e-3);
    adapter.merge();
    assert.ok(largest(run(model), apart) < 1e-5);
    adapter.unmerge();
  }
});

test('of several on one base one is attached; what does not go together is refused', () => {
  const model = languageModel();
  const [one, two] = [shaken(model), shaken(model, { targets: ['linear1'] }, -1)];
  one.attach();
  const first = forward(model);
  two.attach();
  const second = forward(model);
  assert.is(attachedAdapter(model), two);
  assert.ok(!one.attached && largest(first, second) > 1e-4);
  one.attach();
  assert.equal(forward(model), first);
  const said = (fn: () => unknown, message: RegExp) => {
    const error = refusal(fn);
    assert.instance(error, ConfigError);
    assert.match(error.message, message);
  };
  said(() => saveModel(model), /^saveModel: an adapter is attached .*merge\(\) the adapter/);
  one.merge();
  said(() => two.attach(), /an adapter is merged into the model .*unmerge\(\) it first/);
  said(() => two.merge(), /an adapter is merged/);
  said(() => two.unmerge(), /it is not merged into its model/);
  one.unmerge();
  said(() => new LoraAdapter(model, { rank: 0 }), /rank must be a whole number from 1/);
  said(
    () => new LoraAdapter(model, { rank: 9 }),
    /rank 9 is larger than the matrix of .*in_proj, which has at most 8/,
  );
  said(
    () => new LoraAdapter(model, { targets: ['mlp'] }),
    /no projection "mlp" .*in_proj, q_proj, k_proj, v_proj, out_proj, linear1, linear2/,
  );
  said(() => new LoraAdapter(model, { targets: ['in_proj', 'q_proj'] }), /q_proj is a part of in_proj/);
  said(() => new LoraAdapter(model, { alpha: 0 }), /alpha must be a finite number > 0/);
  said(() => new LoraAdapter(model, { colour: 1 } as never), /colour/);
  said(() => new LoraAdapter({} as never), /model must be a model/);
  const other = new LoraAdapter(languageModel({ dFF: 12 }), { rank: 2 });
  said(
    () => other.loadStateDict(one.stateDict()),
    /linear1\.lora_b must have the shape \[12, 2\], got \[16, 2\]/,
  );
  said(() => two.loadStateDict(one.stateDict()), /is no part of it/);
  said(() => one.loadStateDict(two.stateDict()), /is missing/);
  one.free();
  assert.is(attachedAdapter(model), null);
});

test('initial values are by seed and path alone', () => {
  const values = (model: CausalLM, seed: number, targets?: string[]) =>
    new LoraAdapter(model, { rank: 2, seed, targets }).stateDict();
  const name = 'encoder.layers.0.linear1.lora_a';
  const [a, b, c] = [
    values(languageModel(), 3),
    values(languageModel({ seed: 9 }), 3, ['linear1']),
    values(languageModel(), 4),
  ];
  assert.equal(a.get(name), b.get(name));
  assert.not.equal(a.get(name), c.get(name));
  const bound = 1 / Math.sqrt(8);
  assert.ok(a.get(name)?.data.every((value) => Math.abs(value) <= bound && value !== 0));
  assert.ok(a.get(name.replace('_a', '_b'))?.data.every((value) => value === 0));
});

test('trained with dropout, steps are replayed to the bits of eager ones, on two threads too, and across a checkpoint', async () => {
  const train = async (threads: number, replay: boolean, cut = false, recompute = false) => {
    const runtime = await createRuntime({ threads });
    return withRuntime(runtime, async () => {
      const make = () => {
        currentRuntime().manualSeed(5);
        const model = languageModel({ numLayers: 2, dropout: 0.1 });
        new LoraAdapter(model, { rank: 2, dropout: 0.3, seed: 1 }).attach();
        freeze(model);
        return tuner(model, { replay, recompute });
      };
      let trainer = make();
      for (let i = 0; i < 6; i++) {
        if (cut && i === 3) {
          const bytes = trainer.save();
          trainer.free();
          trainer = make();
          trainer.restore(bytes);
        }
        trainer.trainStep();
      }
      assert.is(trainer.replayRefusal, replay ? null : 'replay is off');
      const hash = trainer.hash();
      runtime.close();
      return hash;
    });
  };
  const eager = await train(1, false);
  assert.is(await train(1, true), eager);
  assert.is(await train(1, true, true), eager);
  assert.is(await train(2, true), eager);
  assert.is(await train(1, true, false, true), eager, 'layers computed again');
});

test('plan() is what is used, and frozen parts take neither gradients nor moments', async () => {
  const peaks: number[] = [];
  for (const isLora of [false, true]) {
    const runtime = await createRuntime();
    withRuntime(runtime, () => {
      const model = languageModel({ dModel: 32, dFF: 128, numLayers: 2, dropout: 0.1 });
      if (isLora) {
        new LoraAdapter(model, { rank: 2, dropout: 0.2 }).attach();
        freeze(model);
      }
      const trained = model.parameters().filter((p) => p.requiresGrad);
      runtime.arena.resetHighWater();
      const planned = plan(model as never, batch);
      assert.is(planned.optimizer, trained.reduce((sum, p) => sum + p.size, 0) * 12);
      const before = runtime.memory().persistentInUse;
      const trainer = tuner(model);
      trainer.trainStep();
      trainer.trainStep();
      assert.is(runtime.memory().arenaHighWater, planned.activations);
      const added = runtime.memory().persistentInUse - before;
      assert.ok(
        added >= planned.optimizer && added < planned.optimizer * 1.2 + 8192,
        `${added} ${planned.optimizer}`,
      );
      peaks.push(planned.optimizer);
    });
  }
  assert.ok(peaks[1] * 5 < peaks[0], peaks.join());
});

test('a checkpoint gives the model with the adapter in its matrices', async () => {
  const model = languageModel();
  const adapter = shaken(model).attach();
  freeze(model);
  const trainer = tuner(model);
  trainer.trainStep();
  const apart = forward(model);
  const loaded = await loadModel(trainer.save(), { tuning });
  assert.match((await asyncRefusal(loadModel(trainer.save()))).message, /an adapter lies beside the weights/);
  assert.ok(largest(forward(loaded.model as CausalLM), apart) < 1e-5);
  assert.equal([...loaded.model.stateDict().keys()], [...languageModel().stateDict().keys()]);
  adapter.merge({ forGood: true });
  assert.equal(loaded.model.stateDict(), model.stateDict());
  assert.match((await asyncRefusal(Promise.resolve().then(() => adapter.unmerge()))).message, /for good/);
});

test('heads of classifiers may have one, tables of tokens may not', () => {
  const model = new TextClassifier({
    vocabSize: 20,
    numClasses: 8,
    dModel: 8,
    numHeads: 2,
    numLayers: 1,
    maxSeqLen: 8,
  });
  const adapter = shaken(model, { targets: ['head.classifier', 'pooler'] }).attach();
  assert.is(adapter.parameters().length, 4);
  assert.match(
    refusal(() => new LoraAdapter(languageModel(), { targets: ['output'] })).message,
    /no projection "output"/,
  );
});

test.run();
