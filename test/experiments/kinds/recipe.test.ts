/** Runs of kind `recipe`: the bits of `prenorm train`, what evaluations found, and a hash of all that is read. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { executeRun, kindOf } from '../../../src/experiments/index.js';
import type { RecipeRun } from '../../../src/experiments/kinds/recipe.js';
import { encodeSafetensors } from '../../../src/io/index.js';
import { noFiles, prepareRun, type Recipe } from '../../../src/recipe/index.js';
import { init } from '../../../src/runtime/init.js';
import { Trainer } from '../../../src/train/index.js';
import { asyncRefusal, memorySources } from '../../support.js';

const test = suite('experiments: kind recipe');
await init();

const TEXT = 'the cat sat on the mat and the dog sat on the log. '.repeat(40);
const recipe: Recipe = {
  model: { kind: 'causalLM', dModel: 8, numHeads: 2, numLayers: 1, dFF: 16, dropout: 0.1 },
  data: { kind: 'text', text: TEXT, batchSize: 4, seqLen: 8 },
  tokenizer: { kind: 'chars' },
  optimizer: { kind: 'adamw', lr: 0.01 },
  steps: 12,
  evalEvery: 4,
  seed: 3,
};
const spec = (changed: Partial<Recipe> = {}, id = 'r'): RecipeRun => ({
  kind: 'recipe',
  id,
  label: id,
  recipe: { ...recipe, ...changed },
});

test('a run has the losses and weights of a training of its recipe, whatever ran before it in the process', async () => {
  const { options } = await prepareRun(recipe);
  const trainer = new Trainer(options);
  await trainer.run();
  const record = await executeRun(spec());
  assert.is(record.hash, trainer.hash());
  assert.is((await executeRun(spec())).hash, trainer.hash());
  assert.equal([record.steps, record.seed, record.placement, record.status], [12, 3, 'pre', 'measured']);
  assert.is(record.measured?.bestStep, trainer.best?.step);
  assert.is(record.measured?.best, trainer.best?.value);
  assert.is(record.measured?.bestValidNll, trainer.best?.value);
  assert.ok((record.measured?.bestBitsPerByte as number) > 0);
  assert.is.not((await executeRun(spec({ seed: 4 }))).hash, record.hash);
});

test('a run that blows up is a result', async () => {
  const record = await executeRun(spec({ optimizer: { kind: 'sgd', lr: 1e30 }, stopOnDivergence: true }));
  assert.is(record.status, 'diverged');
  assert.is(record.finalValidNll, undefined);
});

test('the hash of what is read covers text, tokenizer and weights, and no setting of the training', async () => {
  const { dataHash } = kindOf(spec());
  const hash = (changed: Partial<Recipe>, sources = noFiles) =>
    dataHash!(spec(changed), sources) as Promise<string>;
  const own = await hash({});
  assert.is(await hash({ seed: 9, steps: 1, data: { ...recipe.data, batchSize: 2 } as Recipe['data'] }), own);
  const { options } = await prepareRun(recipe);
  const weights = encodeSafetensors((options.model as unknown as { stateDict(): never }).stateDict());
  const files = memorySources({ 'w.safetensors': weights });
  const others = await Promise.all([
    hash({ data: { ...recipe.data, text: `${TEXT}!` } as Recipe['data'] }),
    hash({ tokenizer: { kind: 'bpe', vocabSize: 270 } }),
    hash({ weights: 'w.safetensors' }, files),
  ]);
  assert.is(new Set([own, ...others]).size, 4);
  const record = await executeRun(spec({ weights: 'w.safetensors' }), { sources: files });
  assert.is(record.dataHash, others[2]);
  const refused = await asyncRefusal(hash({ weights }));
  assert.match(refused.message, 'a run is plain data');
});

test('a recipe of another arithmetic than the runtime has is refused', async () => {
  const refused = await asyncRefusal(executeRun(spec({ arithmetic: 'int12' })));
  assert.match(refused.message, 'the recipe is for int12 arithmetic');
});

test.run();
