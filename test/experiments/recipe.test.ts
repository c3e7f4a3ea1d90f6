/** One recipe, one run: by the library, inside an experiment and by the command line, to the same bits. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.js';
import {
  checkSpec,
  executeRun,
  kindOf,
  makePreset,
  presetNames,
  type RunSpec,
  type TextRecipe,
  type TranslationRecipe,
  type TranslationRun,
} from '../../src/experiments/index.js';
import type { BertRun } from '../../src/experiments/kinds/bert.js';
import type { PlacementRun } from '../../src/experiments/kinds/placement.js';
import { checkRecipe, prepareRun, type Recipe } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { inFolder, prenorm } from '../cli/spawn.js';
import { asyncRefusal, memorySources, refusal } from '../support.js';

const test = suite('experiments/recipe');
await init();

const size = { dModel: 16, numHeads: 2, dFF: 16, numLayers: 1, dropout: 0.2, normPlacement: 'pre' } as const;
const training = {
  optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 },
  schedule: { kind: 'inverseSqrt', maxLr: 0.01, warmupSteps: 2 },
  labelSmoothing: 0.1,
  accumulate: 2,
  clipNorm: 1,
  steps: 4,
  evalEvery: 2,
} as const;
const translation: TranslationRecipe = {
  model: { kind: 'transformer', ...size, init: 'fairseq' },
  data: { kind: 'pairs', source: 'ui-de-en', maxTokens: 300, onTooLong: 'drop' },
  tokenizer: { kind: 'bpe', vocabSize: 300 },
  ...training,
  seed: 9001,
};
const language: TextRecipe = {
  model: { kind: 'causalLM', ...size },
  data: { kind: 'text', source: 'kjv', batchSize: 4, seqLen: 16 },
  tokenizer: { kind: 'chars' },
  ...training,
  seed: 9002,
};

const translationRun = (recipe = translation): TranslationRun => ({
  kind: 'translation',
  id: 'recipe-translation',
  label: 'Pre-LN',
  arm: { placement: 'pre', warmup: true, maxLr: 0.01 },
  recipe,
  decode: null,
});
const placementRun = (recipe = language): PlacementRun => ({
  kind: 'placement',
  id: 'recipe-placement',
  label: 'Pre-LN',
  placement: 'pre',
  warmup: true,
  recipe,
});

/** What the library makes of a recipe. */
async function trained(recipe: Recipe): Promise<string> {
  const { options } = await prepareRun(checkRecipe(recipe, 'test'));
  const trainer = new Trainer(options);
  for await (const _ of trainer.run());
  return trainer.hash();
}

for (const [name, spec, of] of [
  ['translation', translationRun(), (recipe: never) => translationRun(recipe)],
  ['placement', placementRun(), (recipe: never) => placementRun(recipe)],
] as const) {
  test(`${name}: the run of an experiment, of the library and of the command line are one`, () =>
    inFolder(async (cwd) => {
      const hash = await trained(spec.recipe);
      assert.is((await executeRun(spec)).hash, hash);
      writeFileSync(join(cwd, 'recipe.json'), JSON.stringify(spec.recipe));
      const run = await prenorm(['train', 'recipe.json', '--json'], { cwd });
      assert.is(run.code, 0, run.stderr);
      assert.is(JSON.parse(run.stdout).hash, hash);
      // It is the recipe that decides: another seed of dropout alone is another run.
      const other = { ...spec.recipe, seeds: { dropout: 1 } };
      const otherHash = await trained(other);
      assert.is.not(otherHash, hash);
      assert.is((await executeRun(of(other as never))).hash, otherHash);
    }));
}

const parts = {
  'train.tsv': 'a b\tb a\nc d\td c\na\ta\nb d\td b\n',
  'valid.tsv': 'a c\tc a\nd\td\n',
  'test.tsv': 'c\tc\n',
};
const folder = (name: string, changes: Partial<typeof parts> = {}) =>
  Object.fromEntries(
    Object.entries({ ...parts, ...changes }).map(([file, text]) => [`${name}/${file}`, text]),
  );

test('the hash of data is of their content: every part counts, the name of the folder does not', async () => {
  const files = memorySources({
    ...folder('one'),
    ...folder('moved/elsewhere'),
    ...folder('train', { 'train.tsv': `${parts['train.tsv']}c\tc\n` }),
    ...folder('valid', { 'valid.tsv': 'a c\tc a\nd\tc\n' }),
    ...folder('test', { 'test.tsv': 'c\td\n' }),
  });
  const at = (source: string) => {
    const data = { ...translation.data, source, maxTokens: 40 };
    return translationRun({ ...translation, data, tokenizer: { kind: 'bpe', vocabSize: 270 } });
  };
  const hashOf = (source: string) => kindOf(at(source)).dataHash?.(at(source), files);
  const hash = await hashOf('one');
  assert.match(hash ?? '', /^[0-9a-f]{64}$/);
  assert.is(await hashOf('moved/elsewhere'), hash);
  const changed = await Promise.all(['train', 'valid', 'test'].map(hashOf));
  assert.is(new Set([hash, ...changed]).size, 4, 'every part counts');
  const [one, moved, other] = await Promise.all(
    ['one', 'moved/elsewhere', 'test'].map((source) => executeRun(at(source), { sources: files })),
  );
  assert.equal([one.dataHash, moved.dataHash, other.dataHash], [hash, hash, changed[2]]);
  assert.is(moved.hash, one.hash);
  assert.is(other.hash, one.hash, 'the test part is not trained on');
});

test('pre-training: every file of the folder counts', async () => {
  const [bert] = makePreset('standard', { only: ['fig5'] }).runs as BertRun[];
  const texts = {
    'text.txt': `${Array.from({ length: 20 }, (_, i) => `sentence ${i}`).join('\n')}\n`,
    'pairs-train.tsv': 'a\tb\tyes\nc\td\tno\n',
    'pairs-dev.tsv': 'k\tl\tno\n',
  };
  const hashOf = (name: string, changes: Record<string, string> = {}) => {
    const files = Object.entries({ ...texts, ...changes }).map(([file, text]) => [`${name}/${file}`, text]);
    const spec = { ...bert, data: { ...bert.data, name } };
    return kindOf(spec).dataHash?.(spec, memorySources(Object.fromEntries(files)));
  };
  const hash = await hashOf('one');
  assert.is(await hashOf('two'), hash);
  const changed = await Promise.all(
    Object.entries(texts).map(([file, text]) => hashOf('one', { [file]: `more ${text}` })),
  );
  assert.is(new Set([hash, ...changed]).size, 4);
});

test('every registered run is a specification that its kind takes', () => {
  for (const preset of presetNames) {
    for (const { id, config } of makePreset(preset, { data: 'x' }).runs.map((run) => ({
      id: run.id,
      config: JSON.parse(JSON.stringify(run)) as RunSpec,
    }))) {
      assert.is(checkSpec(config).kind, config.kind, id);
    }
  }
});

test('a specification with a member too many, too few or a recipe that is none is refused by its name', async () => {
  const refused = async (spec: object, pattern: RegExp) => {
    const error = await asyncRefusal(executeRun(spec as RunSpec));
    assert.instance(error, ConfigError);
    assert.match(error.message, pattern);
    assert.is(refusal(() => checkSpec(spec as RunSpec)).message, error.message);
  };
  for (const run of makePreset('quick').runs.filter(({ kind }) => kind === 'gradients' || kind === 'law')) {
    await refused({ ...run, seeds: null }, /seeds must be a list, each of it a whole number >= 0, got null/);
    await refused({ ...run, dModel: 1e6 }, /dModel must be .*from 1 to 4096.*got 1000000/);
    await refused({ ...run, dModel: null }, /dModel must be .*got null/);
    await refused({ ...run, layers: [1e9] }, /layers must be a list.*from 1 to 1000|unknown key "layers"/);
  }
  const run = translationRun();
  await refused({ ...run, steps: 3 }, /a run of kind translation: unknown key "steps"/);
  await refused({ ...run, arms: run.arm }, /unknown key "arms".*did you mean "arm"/);
  const { decode: _, ...without } = run;
  await refused(without, /a run of kind translation: "decode" is missing/);
  for (const spec of [run, placementRun()]) {
    await refused(
      { ...spec, recipe: { ...spec.recipe, labelSmooth: 0.1 } },
      new RegExp(`${spec.id}: unknown key "labelSmooth"`),
    );
    await refused({ ...spec, recipe: { ...spec.recipe, steps: 0 } }, /steps must be a positive integer/);
  }
  for (const spec of makePreset('standard').runs) {
    const { recipe, source, trained: after } = spec as RunSpec & Record<string, object>;
    const held = { recipe, source, trained: after };
    for (const [key, value] of Object.entries(held)) {
      if (value === undefined) continue;
      const error = refusal(() => checkSpec({ ...spec, [key]: { ...value, acumulate: 2 } } as RunSpec));
      assert.match(error.message, /unknown key "acumulate".*did you mean "accumulate"/, `${spec.id} ${key}`);
    }
  }
});

test.run();
