/** What a run begins with beside its seed: weights of others, heads made anew, weights of classes, the profile of Admin. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fileSources } from '../../src/cli/sources.js';
import { FormatError } from '../../src/errors.js';
import { encodeSafetensors } from '../../src/io/index.js';
import { MaskedLM, type Module, profileAdmin, type TextClassifier } from '../../src/nn/index.js';
import {
  buildModel,
  checkRecipe,
  type Decisive,
  openData,
  type PreparedRun,
  prepareRun,
  type Recipe,
  readDecisive,
} from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { inFolder } from '../cli/spawn.js';
import { asyncRefusal } from '../support.js';
import { finish, prepare } from './prepared.js';
import { recipes } from './recipes.js';

const test = suite('recipe: beginnings');
test.before(async () => {
  await init();
});

test('weights: bytes and a file are the same beginning; those of another model are refused', () =>
  inFolder(async (folder) => {
    const first = await prepare(recipes.text, { seed: 8 });
    const weights = encodeSafetensors(first.model.stateDict());
    writeFileSync(join(folder, 'w.safetensors'), weights);
    const ofBytes = await prepare(recipes.text, { weights });
    const named = checkRecipe({ ...recipes.text, weights: 'w.safetensors' }, 'test');
    const ofFile = await prepareRun(named, { sources: fileSources(folder) });
    const state = (run: PreparedRun) => [...run.model.stateDict()].map(([, { data }]) => [...data]);
    assert.equal(state(ofBytes), state(first));
    assert.equal(state(ofFile), state(first));
    const ofSeed = await prepare(recipes.text);
    assert.not.equal(state(ofSeed), state(first));
    assert.equal(ofFile.options.config, ofBytes.options.config, 'where the weights lie decides nothing');
    assert.not.equal(ofBytes.options.config, ofSeed.options.config);
    assert.is(await finish(ofFile), await finish(ofBytes));
    const other = await asyncRefusal(
      prepare(recipes.text, { weights, model: { ...recipes.text.model, dModel: 32 } as never }),
    );
    assert.instance(other, FormatError);
    const damaged = await asyncRefusal(prepare(recipes.text, { weights: new Uint8Array(9) }));
    assert.instance(damaged, FormatError);
    const nowhere = await asyncRefusal(prepareRun(named));
    assert.match(nowhere.message, /w\.safetensors: there are no files here/);
  }));

test('a classifier begins from a masked model, its head anew', async () => {
  const masked = await prepare(recipes.masked);
  assert.instance(masked.model, MaskedLM);
  const pretrained = masked.model.stateDict();
  const tokenizer = { kind: 'saved', json: masked.data.tokenizer?.toJSON?.() } as const;
  const weights = encodeSafetensors(pretrained);
  const { model } = await prepare(recipes.labelledPairs, { weights, tokenizer });
  const shared = [...model.stateDict()].filter(([path]) => path.startsWith('encoder.'));
  assert.ok(shared.length > 0);
  for (const [path, { data }] of shared) assert.equal(data, pretrained.get(path)?.data, path);
});

test('a pairClassifier of 0.2 is a textClassifier: the same bits, and its checkpoint goes on under either name', async () => {
  // From that version.
  const hashes = { labelledTexts: /^79d325abe3ae47e4134f/, labelledPairs: /^7c90afe5b9ef4f9bb7ff/ };
  for (const kind of ['labelledTexts', 'labelledPairs'] as const) {
    const recipe = recipes[kind];
    const old = { ...recipe, model: { ...recipe.model, kind: 'pairClassifier' } as Recipe['model'] };
    const [before, now] = [await prepare(old), await prepare(recipe)];
    assert.is(now.recipe.model.kind, 'textClassifier');
    assert.equal(before.options.config, now.options.config);
    const saved = { ...now.options.config, model: { ...before.recipe.model } } as never;
    assert.equal(readDecisive(saved, now.options.config as Decisive, now.data), now.options.config);
    const hash = await finish(before);
    assert.match(hash, hashes[kind]);
    assert.is(await finish(now), hash);
  }
});

test('a causal classifier begins from a causal model; balanced weights are those of the training part', async () => {
  const language = await prepare({ ...recipes.text, tokenizer: { kind: 'bpe', vocabSize: 270 } } as Recipe);
  const tokenizer = { kind: 'saved', json: language.data.tokenizer?.toJSON?.() } as const;
  const { model: small } = recipes.text;
  const { kind: _, ...stack } = { ...small } as Record<string, unknown>;
  const { maxSeqLen } = language.recipe.model as { maxSeqLen: number };
  const model = {
    ...stack,
    kind: 'textClassifier',
    causal: true,
    classWeights: 'balanced',
    maxSeqLen: Math.max(24, maxSeqLen),
  };
  const weights = encodeSafetensors(language.model.stateDict());
  const run = await prepare(recipes.labelledTexts, { model: model as never, weights, tokenizer });
  for (const [path, { data }] of language.model.stateDict()) {
    if (path.startsWith('encoder.')) assert.equal(run.model.stateDict().get(path)?.data, data, path);
  }
  const { classWeights, pooling } = (run.model as TextClassifier).config;
  assert.is(pooling, 'last');
  // Of the 27 texts that are trained on, 9 are bad and 18 are good.
  assert.equal(classWeights, [27 / 18, 27 / 36]);
  assert.is.not(
    await finish(run),
    await finish(
      await prepare(recipes.labelledTexts, {
        model: { ...model, classWeights: [1, 1] } as never,
        weights,
        tokenizer,
      }),
    ),
  );
});

test('Admin is profiled on the first batch, which is trained on all the same; loaded weights bring their own scales', async () => {
  const model = { ...recipes.pairs.model, normPlacement: 'admin', numLayers: 2 } as Recipe['model'];
  const run = await prepare(recipes.pairs, { model });
  const gains = (of: Module) =>
    [...of.stateDict()].filter(([path]) => path.includes('gain')).map(([, { data }]) => [...data]);
  const made = gains(run.model);
  assert.ok(made.length > 0);
  assert.ok(
    made.some((gain) => gain.some((x) => x !== 1)),
    'not profiled',
  );
  const plain = buildModel(run.recipe.model, 3);
  assert.ok(gains(plain).every((gain) => gain.every((x) => x === 1)));
  assert.equal(run.options.data.state(), { epoch: 0, batch: 0 });
  const opened = await openData(recipes.pairs);
  profileAdmin(plain as never, opened.train(3, 32).next() as never);
  assert.equal(gains(plain), made);
  const weights = encodeSafetensors(buildModel(run.recipe.model, 3).stateDict());
  const loaded = await prepare(recipes.pairs, { model, weights });
  assert.ok(gains(loaded.model).every((gain) => gain.every((x) => x === 1)));
});

test('Admin in the decoder alone is profiled too', async () => {
  const model = {
    ...recipes.pairs.model,
    normPlacement: 'post',
    decoderNormPlacement: 'admin',
  } as Recipe['model'];
  const run = await prepare(recipes.pairs, { model });
  const scales = [...run.model.stateDict()].filter(([path]) => path.includes('gain'));
  assert.ok(scales.some(([, { data }]) => data.some((x) => x !== 1)));
});

test.run();
