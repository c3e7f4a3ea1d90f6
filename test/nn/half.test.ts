/** Matrices in 16 bits: a model computes as with the same values in float32, to the bit, wherever it computes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, linear, matmul, tensor } from '../../src/autograd/index.js';
import { Parameter } from '../../src/autograd/variable.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { generate } from '../../src/generate/index.js';
import { fromHalf, toHalf } from '../../src/half.js';
import { loadModel, saveModel } from '../../src/io/index.js';
import { storeInHalf } from '../../src/nn/half.js';
import {
  CausalLM,
  type LibraryModel,
  MaskedLM,
  type ModelOptions,
  Transformer,
  VisionTransformer,
} from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { currentRuntime, type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import { halfStorage } from '../../src/tensor/half-storage.js';
import { plan, Trainer } from '../../src/train/index.js';
import { asyncRefusal, refusal } from '../support.js';
import { languageModel, pairBatches, textWindows, translationTrainer, VOCAB } from '../train/setup.js';

const test = suite('nn/half');
test.before(async () => {
  await init();
});

const TYPES = ['f16', 'bf16'] as const;
const modern: Partial<ModelOptions> = {
  ...{ positions: 'rotary', numKVHeads: 1, norm: 'rms', bias: false },
  ...{ activation: 'silu', gatedFFN: true, numLayers: 2 },
};
const byteBatch = textWindows().next();
const masked = { ...byteBatch, masked: Int32Array.of(1, 5, -1), targets: Int32Array.of(3, 4, 0) };
const imageBatch = {
  images: Float32Array.from({ length: 2 * 64 }, (_, i) => Math.sin(i)),
  labels: Int32Array.of(0, 2),
  batchSize: 2,
};
const small = { dModel: 12, numHeads: 2, numLayers: 1, dFF: 20, seed: 5 };
const MODELS: [string, () => LibraryModel, unknown][] = [
  ['causalLM', () => languageModel(), byteBatch],
  ['causalLM, modern', () => languageModel({ ...modern, tiedEmbeddings: false }), byteBatch],
  ['transformer', () => new Transformer({ ...small, vocabSize: VOCAB, maxSeqLen: 12 }), pairBatches().next()],
  ['maskedLM', () => new MaskedLM({ ...small, vocabSize: VOCAB, maxSeqLen: 8 }), masked],
  [
    'visionTransformer',
    () => new VisionTransformer({ ...small, imageSize: 8, patchSize: 4, numClasses: 3 }),
    imageBatch,
  ],
];

/** Loss and gradients of what is trained: what is no matrix. */
function step(model: LibraryModel, batch: unknown): string {
  model.setTrainable((_, { rank, role }) => rank === 1 || role === 'position');
  model.zeroGrad();
  const { loss } = model.loss(batch as never);
  backward(loss);
  const grads = [...model.namedParameters()].flatMap(([path, { grad, requiresGrad }]) =>
    requiresGrad ? `${path} ${grad?.toArray()}` : [],
  );
  assert.ok(grads.length > 3);
  return [loss.item(), ...grads].join('\n');
}

async function onEach(use: (runtime: Runtime) => void): Promise<void> {
  for (const runtime of [
    currentRuntime(),
    await createRuntime({ arithmetic: 'int12' }),
    createReferenceRuntime(),
  ]) {
    withRuntime(runtime, () => use(runtime));
    runtime.endStep();
  }
}

for (const [name, make, batch] of MODELS) {
  test(`${name}: losses and gradients are those of the rounded weights`, async () => {
    await onEach(({ arithmetic }) => {
      for (const type of TYPES) {
        const half = storeInHalf(make(), type);
        const full = make();
        const before = full.stateDict();
        full.loadStateDict(half.stateDict());
        const changed = [...half.stateDict()].filter(
          ([path, { data }]) => String(data) !== String(before.get(path)?.data),
        );
        assert.ok(changed.length >= 5, 'weights were rounded');
        for (const [path, parameter] of half.namedParameters()) {
          const isMatrix = parameter.rank === 2 && parameter.role !== 'position';
          assert.is(parameter.dtype, isMatrix ? type : 'f32', path);
        }
        assert.is(step(half, batch), step(full, batch), `${arithmetic} ${type}`);
      }
    });
  });
}

test('a tuned run is the same, recorded, on two threads, with layers computed again', async () => {
  const run = async (half: boolean, threads: number, replay: boolean, recompute: boolean) => {
    const runtime = await createRuntime({ threads });
    try {
      return withRuntime(runtime, () => {
        const model = new Transformer({
          ...{ vocabSize: VOCAB, dModel: 40, numHeads: 2, numLayers: 2, dFF: 72 },
          ...{ maxSeqLen: 12, dropout: 0.1, seed: 3 },
        });
        const rounded = storeInHalf(model, 'f16');
        const state = rounded.stateDict();
        const own = half ? rounded : new Transformer(model.config).setTrainable(() => true);
        own.loadStateDict(state);
        own.setTrainable((_, { rank }) => rank === 1);
        const trainer = translationTrainer({ steps: 30, replay, recompute }, own);
        while (trainer.step < 30) trainer.trainStep();
        assert.is(trainer.replayRefusal, replay ? null : 'replay is off');
        return trainer.hash();
      });
    } finally {
      runtime.close();
    }
  };
  const expected = await run(false, 1, false, false);
  assert.is(await run(true, 1, false, false), expected);
  assert.is(await run(true, 1, true, true), expected);
  assert.is(await run(true, 2, true, false), expected);
});

test('a file is loaded into it, generates the same with its cache, and takes half the memory', async () => {
  const options = { vocabSize: 300, dModel: 64, numHeads: 4, numLayers: 3, maxSeqLen: 32, seed: 2 };
  const bytes = saveModel(new CausalLM(options));
  const used: number[] = [];
  const runtime = currentRuntime();
  for (const dtype of [undefined, ...TYPES]) {
    const before = runtime.memory().persistentInUse;
    const { model } = await loadModel(bytes, { kind: 'causalLM', dtype });
    used.push(runtime.memory().persistentInUse - before);
    const batch = { ids: new Int32Array(8), targets: new Int32Array(8), batchSize: 1, seqLen: 8 };
    model.setTrainable((_, { rank }) => rank === 1);
    const stored = model.parameters().reduce((sum, p) => sum + p.size * (p.dtype === 'f32' ? 4 : 2), 0);
    assert.is(plan(model, batch, 2).parameters, stored);
    assert.is(model.summary().memory.parameters, stored);
    if (dtype) {
      const full = new CausalLM(options);
      full.loadStateDict(model.stateDict());
      const of = async (m: CausalLM) => {
        const ids: number[] = [];
        for await (const id of generate(m, null, [1, 2, 3], { maxNewTokens: 12 })) ids.push(id);
        return ids;
      };
      assert.equal(await of(model), await of(full.eval()));
      // What is saved has the rounded weights, and is no other when it comes back.
      const again = await loadModel(saveModel(model), { dtype });
      assert.equal(again.model.stateDict(), model.stateDict());
      for (const done of [full, again.model]) done.free();
    }
    model.free();
  }
  assert.ok(used[1] < 0.55 * used[0] && used[1] === used[2], `${used}`);
});

test('the host writes and reads any part of it, an odd one too', () => {
  for (const type of TYPES) {
    const storage = halfStorage(currentRuntime(), type, 101);
    const values = Float32Array.from({ length: 101 }, (_, i) => Math.cos(i));
    storage.write(0, values);
    storage.write(3, Float32Array.of(9, 8));
    storage.write(100, Float32Array.of(7));
    storage.write(51, [0.1, 0.2, 0.3]);
    values.set([9, 8], 3);
    values.set([7], 100);
    values.set([0.1, 0.2, 0.3], 51);
    const expected = values.map((value) => fromHalf(type, toHalf(type, value)));
    assert.equal(storage.read(0, 101), expected);
    assert.equal(storage.read(51, 3), expected.slice(51, 54));
    assert.equal(storage.read(100, 1), expected.slice(100));
    assert.is(storage.bytes, 202);
    storage.release();
    assert.is(refusal(() => storage.read(0, 1)).code, 'MEMORY');
  }
});

test('memory comes back with the model', () => {
  const before = currentRuntime().memory().persistentInUse;
  storeInHalf(languageModel(), 'f16').free();
  assert.is(currentRuntime().memory().persistentInUse, before);
});

test('what it is not for is refused', async () => {
  const model = storeInHalf(languageModel(), 'f16');
  assert.is(model.numParameters({ trainable: true }) < model.numParameters(), true);
  const refused = (fn: () => unknown, message: RegExp) => {
    const error = refusal(fn);
    assert.instance(error, ConfigError);
    assert.match(error.message, message);
  };
  model.setTrainable(() => true);
  refused(
    () => new Adam(model.parameters(), { lr: 0.1 }),
    /a weight stored in f16 is for linear layers.*is not trained/,
  );
  refused(() => model.loss(byteBatch), /weight is stored in f16, and only a frozen one may be/);
  currentRuntime().endStep();
  const { weight } = model.encoder.layers[0].feedForward.linear1;
  weight.requiresGrad = false;
  assert.match(refusal(() => matmul(tensor([[1, 2]]), weight)).message, 'matmul: b must be f32, got f16');
  assert.is(linear(tensor(new Float32Array(8)), weight, null).size, 16);
  currentRuntime().endStep();
  for (const wrong of ['f32', 'f8', 16, null, undefined])
    refused(() => storeInHalf(languageModel(), wrong as never), /type must be one of f16, bf16/);
  refused(() => storeInHalf({} as never, 'f16'), /model must be a model/);
  const error = await asyncRefusal(loadModel(saveModel(languageModel()), { dtype: 'f32' as never }));
  assert.match(error.message, 'dtype must be one of f16, bf16');
});

test('a weight that has no room is named, and nothing is changed', () => {
  const model = languageModel();
  const { weight } = model.encoder.layers[0].feedForward.linear2;
  weight.set(weight.toArray().map((x, i) => (i === 7 ? 70000 : x)));
  const before = model.stateDict();
  const error = refusal(() => storeInHalf(model, 'f16'));
  assert.instance(error, DataError);
  assert.match(
    error.message,
    /encoder\.layers\.0\.linear2\.weight has the weight 70000, beyond the largest f16.*bf16/,
  );
  assert.equal(model.stateDict(), before);
  assert.ok(model.parameters().every(({ dtype, requiresGrad }) => dtype === 'f32' && requiresGrad));
  storeInHalf(model, 'bf16');
  assert.is(weight.toArray()[7], fromHalf('bf16', toHalf('bf16', 70000)));
  const halved = storeInHalf(languageModel(), 'f16').encoder.layers[0].feedForward.linear2.weight;
  assert.match(
    refusal(() => halved.set(new Float32Array(halved.size).fill(1e6))).message,
    'the weight 1000000 is beyond the largest f16',
  );
});

test('a NaN among such weights is found', () => {
  const model = storeInHalf(languageModel(), 'bf16').setTrainable((_, { rank }) => rank === 1);
  const { weight } = model.encoder.layers[0].feedForward.linear1;
  weight.set(new Float32Array(weight.size).fill(NaN));
  const trainer = new Trainer({
    model,
    data: textWindows(),
    optimizer: new Adam(model.parameters(), { lr: 0.01 }),
    steps: 1,
  });
  assert.match(
    refusal(() => trainer.trainStep()).message,
    /linear1\.weight: 128 of 128 values of its parameter/,
  );
  assert.instance(weight, Parameter);
});

test.run();
