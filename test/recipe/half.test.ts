/** A base in 16 bits, as a recipe says it: what is frozen takes half, what is trained stays float32. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeSafetensors } from '../../src/io/index.js';
import { storeInHalf } from '../../src/nn/half.js';
import { buildModel, prepareRun, type Recipe } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { plan, Trainer } from '../../src/train/index.js';
import { WorkerTrainer } from '../../src/worker/index.js';

const test = suite('recipe: half');
test.before(async () => {
  await init();
});

const lm: Recipe = {
  model: { kind: 'causalLM', dModel: 16, numHeads: 2, numLayers: 2, dropout: 0.1, vocabSize: 16 },
  optimizer: { kind: 'adam', lr: 1e-2 },
  data: { kind: 'text', text: 'abcdefgh '.repeat(60), batchSize: 2, seqLen: 8, validation: 0.2 },
  trainable: { lora: { rank: 2 } },
  steps: 4,
};

const hashOf = async (recipe: Recipe): Promise<string> => {
  const trainer = new Trainer((await prepareRun(recipe)).options);
  await trainer.run();
  return trainer.hash();
};

test('it trains as on the rounded base in float32, in half the memory, and in a worker too', async () => {
  const base = buildModel({ ...lm.model, maxSeqLen: 8 } as Recipe['model'], 7);
  const weights = encodeSafetensors(base.stateDict());
  const rounded = encodeSafetensors(storeInHalf(base, 'bf16').stateDict());
  const inHalf: Recipe = { ...lm, weights, dtype: 'bf16' };
  const run = await prepareRun(inHalf);
  const trainer = new Trainer(run.options);
  await trainer.run();
  assert.is(trainer.hash(), await hashOf({ ...lm, weights: rounded }));
  assert.not.equal(trainer.hash(), await hashOf({ ...lm, weights }));
  const full = await prepareRun({ ...lm, weights });
  const [half, whole] = [run, full].map(({ model, data }) =>
    plan(model as never, data.train(0, 8).next() as never),
  );
  assert.ok(half.parameters < 0.7 * whole.parameters, `${half.parameters} of ${whole.parameters}`);
  const worker = new WorkerTrainer(inHalf);
  await worker.run();
  assert.is(await worker.hash(), trainer.hash());
  worker.close();
});

test('matrices that are trained are in float32: a table of tokens, and a head that is new', async () => {
  const weights = encodeSafetensors(
    buildModel({ ...lm.model, maxSeqLen: 8 } as Recipe['model'], 7).stateDict(),
  );
  const { model } = await prepareRun({ ...lm, weights, dtype: 'f16', trainable: 'head' });
  for (const [path, { dtype, requiresGrad, rank }] of model.namedParameters()) {
    const isHead = path === 'embedding.tokens.weight';
    assert.is(requiresGrad, isHead, path);
    assert.is(dtype, isHead || rank === 1 ? 'f32' : 'f16', path);
  }
  const classifier: Recipe = {
    ...lm,
    model: { kind: 'textClassifier', causal: true, dModel: 16, numHeads: 2, numLayers: 2, vocabSize: 261 },
    data: { kind: 'labelledTexts', text: 'a b\tx\nb a\ty\n'.repeat(10), batchSize: 4, maxLen: 8 },
    tokenizer: { kind: 'bpe', vocabSize: 260 },
  };
  const stack = { ...lm.model, vocabSize: 261, maxSeqLen: 8 } as Recipe['model'];
  const base = encodeSafetensors(buildModel(stack, 7).stateDict());
  const run = async (dtype?: 'f16') => (await prepareRun({ ...classifier, weights: base, dtype })).model;
  const [half, whole] = [await run('f16'), await run()].map((one) => new Map(one.namedParameters()));
  for (const [path, parameter] of half) {
    if (!path.startsWith('head.')) continue;
    assert.is(parameter.dtype, 'f32', path);
    assert.equal(parameter.toArray(), whole.get(path)?.toArray(), path);
  }
  assert.is(half.get('encoder.layers.0.linear1.weight')?.dtype, 'f16');
});

test.run();
