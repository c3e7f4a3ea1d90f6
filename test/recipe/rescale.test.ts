/** Norms of a tuned vision transformer, rescaled as a recipe says: on top of `rescaleNorms`, in the model and not in the run. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeSafetensors, loadModel } from '../../src/io/index.js';
import type { VisionTransformerOptions } from '../../src/nn/index.js';
import { buildModel, encodeRun, type PreparedRun, prepareRun, type Recipe } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { evaluateBatches, rescaleNorms, Trainer } from '../../src/train/index.js';
import { WorkerTrainer } from '../../src/worker/index.js';
import { asyncRefusal } from '../support.js';

const test = suite('recipe: rescaled norms');
test.before(async () => {
  await init();
});

const model: VisionTransformerOptions & { kind: 'visionTransformer' } = {
  kind: 'visionTransformer',
  ...{ dModel: 16, numHeads: 2, numLayers: 2, patchSize: 4 },
  ...{ imageSize: 8, channels: 1, numClasses: 10 },
};
const weights = async () => encodeSafetensors(buildModel(model, 5).stateDict());
const recipe: Recipe = {
  model,
  data: { kind: 'images', source: 'digits', batchSize: 16, validation: 0.1 },
  trainable: ['norms', 'head'],
  optimizer: { kind: 'adam', lr: 0.02 },
  steps: 6,
  evalEvery: 3,
};

async function trained(changes: Partial<Recipe>): Promise<{ run: PreparedRun; trainer: Trainer<unknown> }> {
  const run = await prepareRun({ ...recipe, weights: await weights(), ...changes });
  const trainer = new Trainer(run.options);
  await trainer.run();
  return { run, trainer };
}

test('the file of the run has the rescaled norms; the run itself, and its checkpoint, do not', async () => {
  const plain = await trained({});
  const { run, trainer } = await trained({ rescaleNorms: 0.5 });
  assert.is(trainer.hash(), plain.trainer.hash());
  const { model: file } = await loadModel(encodeRun(run, trainer));
  const expected = plain.run.model;
  expected.loadStateDict(plain.trainer.best!.weights);
  rescaleNorms(expected, buildModel(model, 5).stateDict(), 0.5);
  assert.equal(file.stateDict(), expected.stateDict());
  assert.is(trainer.hash(), (await trained({})).trainer.hash());
});

test('of several the one with the lowest held-out loss is taken, in a worker too', async () => {
  const lambdas = [0, 0.7, 1, 1.6];
  const { run, trainer } = await trained({ rescaleNorms: lambdas });
  const bytes = encodeRun(run, trainer);
  const { model: file } = await loadModel(bytes);
  const nll = (one: unknown) => evaluateBatches(one as never, run.data.evaluation('valid', 0) as never).nll;
  const all = lambdas.map((lambda) => {
    run.model.loadStateDict(trainer.best!.weights);
    rescaleNorms(run.model, buildModel(model, 5).stateDict(), lambda);
    return nll(run.model.eval());
  });
  assert.is(nll(file), Math.min(...all));
  const worker = new WorkerTrainer({ ...recipe, weights: await weights(), rescaleNorms: lambdas });
  await worker.run();
  const { model: theirs } = await loadModel((await worker.snapshot()).model);
  assert.equal(theirs.stateDict(), file.stateDict());
  worker.close();
});

test('a head over other classes begins anew, the rest is the base; what would do nothing is refused', async () => {
  const other = encodeSafetensors(buildModel({ ...model, numClasses: 3 }, 5).stateDict());
  const { model: tuned } = await prepareRun({ ...recipe, weights: other });
  const own = buildModel(model, 0).stateDict();
  assert.equal(tuned.stateDict().get('head.weight'), own.get('head.weight'));
  const base = buildModel({ ...model, numClasses: 3 }, 5).stateDict();
  assert.equal(tuned.stateDict().get('positions.weight'), base.get('positions.weight'));
  const head = await asyncRefusal(trained({ trainable: 'head', rescaleNorms: 0.5 }));
  assert.match(head.message, /no norm of the model is trained/);
  const data = { ...recipe.data, validation: 0 } as Recipe['data'];
  const none = await asyncRefusal(trained({ data, evalEvery: undefined, rescaleNorms: [0.5, 1] }));
  assert.match(none.message, /nothing is held out to choose among/);
});

test.run();
