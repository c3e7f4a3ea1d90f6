/** Low-rank parts as a recipe says them: what is trained, the file of the run, resume, a worker, the hash. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadModel } from '../../src/io/index.js';
import { type CausalLM, TextClassifier } from '../../src/nn/index.js';
import { decisive, encodeRun, prepareRun, type Recipe } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { WorkerTrainer } from '../../src/worker/index.js';
import { asyncRefusal } from '../support.js';

const test = suite('recipe: tuning');
test.before(async () => {
  await init();
});

const recipe: Recipe = {
  model: { kind: 'causalLM', dModel: 16, numHeads: 2, numLayers: 2, dropout: 0.1 },
  optimizer: { kind: 'adam', lr: 1e-2 },
  data: { kind: 'text', text: 'abcdefgh '.repeat(60), batchSize: 2, seqLen: 8, validation: 0.2 },
  trainable: { lora: { rank: 2, dropout: 0.2 } },
  evalEvery: 2,
  steps: 5,
};
const isPart = (path: string): boolean => /\.lora_[ab]$/.test(path);

test('the pairs alone are trained, and the file of the run has them in its matrices', async () => {
  const run = await prepareRun(recipe);
  const base = run.model.stateDict();
  const trained = [...run.model.namedParameters()].filter(([, { requiresGrad }]) => requiresGrad);
  assert.is(trained.length, 2 * 4 * 2);
  assert.ok(trained.every(([path]) => isPart(path)));
  const trainer = new Trainer(run.options);
  await trainer.run();
  const state = run.model.stateDict();
  for (const [name, { data }] of base) if (!isPart(name)) assert.equal(state.get(name)?.data, data, name);
  const { model } = await loadModel(encodeRun(run, trainer));
  assert.not.ok([...model.stateDict().keys()].some(isPart));
  run.model.loadStateDict((trainer.best as { weights: typeof base }).weights);
  const batch = { ids: Int32Array.of(1, 2, 3, 4), batchSize: 1, seqLen: 4 };
  const [ours, theirs] = [run.model, model].map((m) => (m as CausalLM).eval().forward(batch).toArray());
  ours.forEach((value, i) => {
    assert.ok(Math.abs(value - theirs[i]) < 1e-5);
  });
});

test('a checkpoint goes on, in a worker too, to the same hash; defaults decide the same said or not', async () => {
  const whole = new Trainer((await prepareRun(recipe)).options);
  await whole.run();
  const first = new Trainer((await prepareRun(recipe)).options);
  for await (const { step } of first.run()) if (step === 3) break;
  const worker = new WorkerTrainer(recipe);
  await worker.restore(first.save());
  await worker.run();
  assert.is(await worker.hash(), whole.hash());
  worker.close();
  const { data, recipe: own } = await prepareRun(recipe);
  const said = { ...own, trainable: { lora: { rank: 2, alpha: 4, dropout: 0.2 } } };
  assert.equal(decisive(said, data), decisive(own, data));
  const other = new Trainer((await prepareRun({ ...recipe, trainable: { lora: { rank: 2 } } })).options);
  const refused = await asyncRefusal((async () => other.restore(first.save()))());
  assert.match(refused.message, /trainable\.lora\.dropout is 0\.2 there, 0 here/);
});

test('the head of a model that classifies is trained, too, and what is named beside', async () => {
  const texts: Recipe = {
    ...recipe,
    model: { kind: 'textClassifier', dModel: 16, numHeads: 2, numLayers: 1 },
    data: { kind: 'labelledTexts', text: 'a b\tx\nb a\ty\n'.repeat(10), batchSize: 4, maxLen: 8 },
    tokenizer: { kind: 'bpe', vocabSize: 260 },
    evalEvery: undefined,
  };
  const trainedBy = async (trainable: Recipe['trainable']): Promise<string[]> => {
    const { model } = await prepareRun({ ...texts, trainable });
    assert.instance(model, TextClassifier);
    return [...model.namedParameters()].flatMap(([path, p]) =>
      p.requiresGrad && !isPart(path) ? [path] : [],
    );
  };
  const head = ['head.pooler.weight', 'head.pooler.bias', 'head.classifier.weight', 'head.classifier.bias'];
  assert.equal(await trainedBy({ lora: { rank: 2, targets: ['q_proj'] } }), head);
  assert.equal(await trainedBy('head'), head);
  assert.ok((await trainedBy({ lora: {}, also: 'norms' })).every((path) => path.includes('norm')));
  const wrong = await asyncRefusal(trainedBy({ lora: { targets: ['nothing'] } }));
  assert.match(wrong.message, /^LoraAdapter: the model has no projection "nothing"/);
});

test.run();
