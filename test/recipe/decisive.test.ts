/** What decides the bits of a run, and what does not: a checkpoint goes on under the one and is refused by the other. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fileSources } from '../../src/cli/sources.js';
import { encodeSafetensors } from '../../src/io/index.js';
import { checkRecipe, prepareRun, type Recipe, type Sources } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { inFolder } from '../cli/spawn.js';
import { contents, recipes } from './recipes.js';

const test = suite('recipe: what decides the bits');
test.before(async () => {
  await init();
});

const decided = async (recipe: object, sources?: Sources) =>
  (await prepareRun(checkRecipe(recipe, 'test'), { sources })).options.config;

const { text } = recipes;
const data = text.data as { kind: 'text'; text: string; batchSize: number; seqLen: number };

const same: [string, Partial<Recipe> | object][] = [
  ['steps', { steps: 9 }],
  ['evalEvery', { evalEvery: 1 }],
  ['checkpointEvery', { checkpointEvery: 1 }],
  ['recompute', { recompute: true }],
  ['seeds as seed says', { seed: undefined, seeds: { model: 3, data: 3, dropout: 3 } }],
  ['defaults written out', { trainable: 'all', accumulate: 1, labelSmoothing: 0 }],
  ['the default decay written out', { optimizer: { ...text.optimizer, decay: 'all' } }],
  ['sizes written out', { model: { ...text.model, maxSeqLen: 8 } }],
  ['the default share held out', { data: { ...data, validation: 0.1 } }],
  ['the same text as bytes', { data: { ...data, text: new TextEncoder().encode(data.text) } }],
  ['keys in another order', Object.fromEntries(Object.entries(text).reverse())],
];

for (const [what, changes] of same) {
  test(`does not: ${what}`, async () => {
    assert.equal(await decided({ ...text, ...changes }), await decided(text));
  });
}

const other: [string, Partial<Recipe> | object][] = [
  ['the text', { data: { ...data, text: `${data.text}x` } }],
  ['the share held out', { data: { ...data, validation: 0.2 } }],
  ['batchSize', { data: { ...data, batchSize: 3 } }],
  ['seqLen', { data: { ...data, seqLen: 7 } }],
  ['the tokenizer', { tokenizer: { kind: 'chars', maxVocab: 12 } }],
  ['an option of the model', { model: { ...text.model, dropout: 0.2 } }],
  ['a size of the model', { model: { ...text.model, maxSeqLen: 9 } }],
  ['trainable', { trainable: 'norms' }],
  ['the optimizer', { optimizer: { kind: 'adamw' } }],
  ['an option of the optimizer', { optimizer: { kind: 'adam', eps: 1e-6 } }],
  ['the decay', { optimizer: { ...text.optimizer, weightDecay: 0.1, decay: 'matrices' } }],
  ['groups', { optimizer: { kind: 'adam', groups: [{ match: 'norms', weightDecay: 0 }] } }],
  ['the schedule', { schedule: { kind: 'constant', maxLr: 0.02 } }],
  ['no schedule', { schedule: undefined, optimizer: { kind: 'adam', lr: 0.01 } }],
  ['accumulate', { accumulate: 2 }],
  ['clipNorm', { clipNorm: 1 }],
  ['labelSmoothing', { labelSmoothing: 0.1 }],
  ['seed', { seed: 4 }],
  ['the seed of the model', { seeds: { model: 4 } }],
  ['the seed of the data', { seeds: { data: 4 } }],
  ['the seed of dropout', { seeds: { dropout: 4 } }],
];

for (const [what, changes] of other) {
  test(`does: ${what}`, async () => {
    assert.not.equal(await decided({ ...text, ...changes }), await decided(text));
  });
}

test('does: weights, by their content', async () => {
  const { model } = await prepareRun(checkRecipe(text, 'test'));
  const weights = encodeSafetensors(model.stateDict());
  const from = await decided({ ...text, weights });
  assert.not.equal(from, await decided(text));
  assert.equal(await decided({ ...text, weights: weights.slice() }), from);
  const more = encodeSafetensors(model.stateDict(), { step: '1' });
  assert.not.equal(await decided({ ...text, weights: more }), from);
});

test('does, of a tuning: how what is frozen is stored; does not: what becomes of its norms afterwards', async () => {
  const { model } = await prepareRun(checkRecipe(text, 'test'));
  const tuned = { ...text, weights: encodeSafetensors(model.stateDict()), trainable: 'norms' };
  const by = (changes: Partial<Recipe>) => decided({ ...tuned, ...changes });
  const plain = await decided(tuned);
  assert.not.equal(await by({ dtype: 'f16' }), plain);
  assert.not.equal(await by({ dtype: 'f16' }), await by({ dtype: 'bf16' }));
  assert.equal(await by({ rescaleNorms: [0.5, 2] }), plain);
});

test('does not: the name and the place of content', () =>
  inFolder(async (folder) => {
    mkdirSync(join(folder, 'b'));
    writeFileSync(join(folder, 'a.txt'), contents.text);
    copyFileSync(join(folder, 'a.txt'), join(folder, 'b/text.txt'));
    const { text: _, ...rest } = data;
    const inline = await decided(text);
    for (const source of ['a.txt', 'b', 'b/text.txt', join(folder, 'a.txt')]) {
      assert.equal(
        await decided({ ...text, data: { ...rest, source } }, fileSources(folder)),
        inline,
        source,
      );
    }
    assert.equal(
      await decided({ ...text, data: { ...rest, source: 'text.txt' } }, fileSources(join(folder, 'b'))),
      inline,
    );
  }));

test('every key of every kind of data but those of its content', async () => {
  const changes: Record<string, object> = {
    pairs: { maxTokens: 300, onTooLong: 'drop' },
    labelledPairs: { batchSize: 5, maxTokens: 90, maxLen: 40, lengthMultiple: 4 },
    labelledTexts: { batchSize: 5, maxTokens: 90, maxLen: 40, lengthMultiple: 4 },
    masked: { batchSize: 5, maxTokens: 90, maxLen: 40, lengthMultiple: 4, maskedShare: 0.3 },
    images: { batchSize: 5 },
    tokens: { batchSize: 3, seqLen: 7 },
    module: { options: { model: 'maskedLM', more: 1 } },
  };
  for (const [kind, keys] of Object.entries(changes)) {
    const recipe = recipes[kind as keyof typeof recipes];
    const config = await decided(recipe);
    for (const [key, value] of Object.entries(keys)) {
      const changed = await decided({ ...recipe, data: { ...recipe.data, [key]: value } });
      assert.not.equal(changed, config, `${kind}: ${key}`);
    }
  }
});

test('what the content decides of a kind of rows is as if the recipe said so', async () => {
  for (const kind of ['labelledTexts', 'labelledPairs', 'masked'] as const) {
    const {
      batchSize: _,
      maxLen: __,
      ...rest
    } = recipes[kind].data as { batchSize?: number; maxLen?: number };
    const { recipe, options } = await prepareRun(checkRecipe({ ...recipes[kind], data: rest }, 'test'));
    const { batchSize, maxLen } = recipe.data as { batchSize: number; maxLen: number };
    assert.is(batchSize, 32);
    assert.ok(maxLen >= 5 && maxLen < 60, `${kind}: ${maxLen}`);
    assert.is((recipe.model as { maxSeqLen?: number }).maxSeqLen, maxLen);
    assert.equal(
      await decided({ ...recipes[kind], data: { ...rest, batchSize, maxLen } as never }),
      options.config,
    );
    const bounded = await prepareRun(
      checkRecipe({ ...recipes[kind], data: { ...rest, maxTokens: 200 } }, 'test'),
    );
    assert.is((bounded.recipe.data as { batchSize?: number }).batchSize, undefined);
  }
});

test('it is plain JSON, with nothing of what is secret or large', async () => {
  for (const recipe of Object.values(recipes)) {
    const config = await decided(recipe);
    assert.equal(JSON.parse(JSON.stringify(config)), config);
    assert.ok(JSON.stringify(config).length < 1500, JSON.stringify(config));
  }
});

test.run();
