/** What version 0.1 left behind is read and gone on with: run folders, configurations, checkpoints of the worker. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError } from '../../src/errors.js';
import { decodeCheckpoint, encodeCheckpoint, loadModel } from '../../src/io/index.js';
import {
  checkRecipe,
  type Decisive,
  isVersion01,
  prepareRun,
  type Recipe,
  readDecisive,
  recipeOf01,
} from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { WorkerTrainer } from '../../src/worker/index.js';
import { inFolder, prenorm } from '../cli/spawn.js';
import { refusal } from '../support.js';

const test = suite('recipe: version 0.1');
const fixtures = join(import.meta.dirname, '../fixtures/version-0.1');
const readConfig = (run: string) =>
  JSON.parse(readFileSync(join(fixtures, run, 'config.json'), 'utf8')).config as Record<string, unknown>;
test.before(async () => {
  await init();
});

/** The run of the fixture `lm`, as a recipe. */
const lm: Recipe = {
  model: { kind: 'causalLM', dModel: 8, numHeads: 2, numLayers: 1, dFF: 16 },
  data: { kind: 'text', source: 'kjv', batchSize: 2, seqLen: 16 },
  tokenizer: { kind: 'bpe', vocabSize: 260 },
  optimizer: { kind: 'adam' },
  schedule: { kind: 'constant', maxLr: 0.003 },
  steps: 6,
  seed: 5,
  checkpointEvery: 3,
  evalEvery: 100,
};

/** The run of worker-text.safetensors, which gave the model a seed and the optimizer a rate of its own. */
const text =
  'In the beginning God created the heaven and the earth. And the earth was without form, and void. '.repeat(
    20,
  );
const ofWorker: Recipe = {
  model: { kind: 'causalLM', dModel: 8, numHeads: 2, numLayers: 1, dFF: 16 },
  optimizer: { kind: 'adam' },
  schedule: { kind: 'constant', maxLr: 0.003 },
  data: { kind: 'text', text, batchSize: 2, seqLen: 16 },
  steps: 5,
  seed: 7,
  seeds: { model: 4 },
};

test('configurations become recipes: every key in its place', () => {
  assert.equal(recipeOf01(readConfig('lm')), lm);
  assert.equal(recipeOf01(readConfig('translation')), {
    model: { kind: 'transformer', dModel: 8, numHeads: 2, numLayers: 1, dFF: 16, normPlacement: 'post' },
    data: { kind: 'pairs', source: 'ui-de-en', maxTokens: 600 },
    tokenizer: { kind: 'bpe', vocabSize: 260 },
    optimizer: { kind: 'adam', betas: [0.9, 0.98] },
    schedule: { kind: 'inverseSqrt', maxLr: 0.002, warmupSteps: 4 },
    steps: 4,
    labelSmoothing: 0.1,
  });
  for (const run of ['lm', 'translation']) {
    const config = readConfig(run);
    assert.ok(isVersion01(config));
    assert.ok(checkRecipe(recipeOf01(config), run));
  }
  assert.not.ok(isVersion01(lm));
  const typo = recipeOf01({ ...readConfig('lm'), stepz: 3 });
  assert.match(refusal(() => checkRecipe(typo, 'c.json')).message, /unknown key "stepz".*"steps"/);
});

test('what a configuration left out is as version 0.1 took it', () =>
  inFolder(async (cwd) => {
    const { seqLen: _s, batchSize: _b, ...short } = readConfig('lm');
    assert.equal(recipeOf01(short).data, { kind: 'text', source: 'kjv', batchSize: 16, seqLen: 64 });
    const { maxTokens: _m, ...pairs } = readConfig('translation');
    assert.equal(recipeOf01(pairs).data, { kind: 'pairs', source: 'ui-de-en', maxTokens: 1000 });
    // The model had room for a window.
    cpSync(join(fixtures, 'lm'), join(cwd, 'run'), { recursive: true });
    writeFileSync(join(cwd, 'run/config.json'), JSON.stringify({ config: short, configPath: 'lm.json' }));
    const stored = join(cwd, 'run/checkpoint.safetensors');
    const content = decodeCheckpoint(new Uint8Array(readFileSync(stored)), stored);
    const { seqLen: _l, batchSize: _c, ...config } = content.config as Record<string, never>;
    writeFileSync(stored, encodeCheckpoint({ ...content, config }));
    const { config: loaded } = await loadModel(join(cwd, 'run'), { kind: 'causalLM' });
    assert.is(loaded.maxSeqLen, 64);
  }));

test('evaluate, generate and translate read the folders', () =>
  inFolder(async (cwd) => {
    const run = (name: string) => join(fixtures, name);
    const [ofLm, ofTranslation, generated, translated] = await Promise.all([
      prenorm(['evaluate', run('lm')], { cwd }),
      prenorm(['evaluate', run('translation'), '--beam', '1', '--json'], { cwd }),
      prenorm(['generate', run('lm'), '--prompt', 'In', '--length', '5', '--json'], { cwd }),
      prenorm(['translate', run('translation'), '--beam', '1', '--json'], { cwd, input: 'Datei\n' }),
    ]);
    // As version 0.1 printed them.
    assert.match(ofLm.stdout, /^step 6: valid NLL 5\.4676, /, ofLm.stderr);
    const { step, nll } = JSON.parse(ofTranslation.stdout);
    assert.equal([step, nll.toFixed(4)], [4, '5.8999'], ofTranslation.stderr);
    assert.is(JSON.parse(generated.stdout).tokens, 5, generated.stderr);
    assert.is(JSON.parse(translated.stdout)[0].source, 'Datei', translated.stderr);
  }));

test('a run goes on under its old configuration and under the recipe, to the same bits', () =>
  inFolder(async (cwd) => {
    const config = { ...readConfig('lm'), steps: 9 };
    writeFileSync(join(cwd, 'old.json'), JSON.stringify(config));
    writeFileSync(join(cwd, 'new.json'), JSON.stringify({ ...lm, steps: 9 }));
    const resumed = async (out: string, file: string) => {
      cpSync(join(fixtures, 'lm'), join(cwd, out), { recursive: true });
      const { code, stdout, stderr } = await prenorm(['train', file, '--resume', '--out', out, '--json'], {
        cwd,
      });
      assert.is(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const [old, now] = await Promise.all([resumed('a', 'old.json'), resumed('b', 'new.json')]);
    assert.is(old.steps, 9);
    assert.equal({ ...old, out: now.out }, now);
    const log = readFileSync(join(cwd, 'a/metrics.jsonl'), 'utf8').trim().split('\n');
    assert.is(log.length, 9);
    const before = readFileSync(join(fixtures, 'lm/metrics.jsonl'), 'utf8').trim().split('\n');
    assert.equal(log.slice(0, 6), before);
    // The folder is one of this version now.
    const { recipe } = JSON.parse(readFileSync(join(cwd, 'a/config.json'), 'utf8'));
    assert.is(recipe.model.kind, 'causalLM');
    assert.is((await resumed2(cwd)).code, 0);
    async function resumed2(folder: string) {
      writeFileSync(join(folder, 'new.json'), JSON.stringify({ ...lm, steps: 10 }));
      return prenorm(['train', 'new.json', '--resume', '--out', 'a'], { cwd: folder });
    }
  }));

test('a translation goes on; other data, model or rate is refused by name', () =>
  inFolder(async (cwd) => {
    const config: Record<string, unknown> = { ...readConfig('translation'), steps: 5 };
    const book = 'the quick brown fox jumps over the lazy dog\n'.repeat(40);
    writeFileSync(join(cwd, 'text.txt'), book);
    let count = 0;
    const outcome = async (
      run: string,
      change: object,
      base: object = run === 'lm' ? { ...readConfig('lm'), steps: 9 } : config,
    ) => {
      const name = `${run}-${count++}`;
      mkdirSync(join(cwd, name));
      cpSync(join(fixtures, run), join(cwd, name), { recursive: true });
      writeFileSync(join(cwd, `${name}.json`), JSON.stringify({ ...base, ...change }));
      return prenorm(['train', `${name}.json`, '--resume', '--out', name], { cwd });
    };
    const model = { ...(config.model as object), dFF: 32 };
    const held = { ...lm, data: { ...lm.data, validation: 0.2 }, steps: 9 };
    const [good, otherShare, otherData, otherModel, otherRate, otherSeed] = await Promise.all([
      outcome('translation', {}),
      outcome('lm', held, {}),
      outcome('lm', { data: 'text.txt' }),
      outcome('translation', { model }),
      outcome('translation', { schedule: { kind: 'inverseSqrt', maxLr: 0.001, warmupSteps: 4 } }),
      outcome('translation', { seed: 3 }),
    ]);
    assert.is(good.code, 0, good.stderr);
    assert.match(good.stdout, /^5 steps/);
    for (const [refused, pattern] of [
      [otherShare, /another configuration: data\.sha256 is "adfbecffae4c389c" there/],
      [otherData, /another configuration: data\.sha256 is "adfbecffae4c389c" there/],
      [otherModel, /another configuration: model\.dFF is 16 there, 32 here/],
      [otherRate, /another configuration: schedule\.maxLr is 0\.002 there, 0\.001 here/],
      [otherSeed, /another configuration: seeds\.model is 0 there, 3 here/],
    ] as const) {
      assert.is(refused.code, 2, refused.stderr);
      assert.match(refused.stderr, pattern);
    }
  }));

const checkpoint = new Uint8Array(readFileSync(join(fixtures, 'worker-text.safetensors')));

/** A trainer of this thread that has read the worker's checkpoint. */
async function restored(recipe: Recipe): Promise<Trainer<unknown>> {
  const run = await prepareRun(checkRecipe(recipe, 'test'));
  const trainer = new Trainer(run.options);
  trainer.restore(checkpoint, 'worker-text', {
    read: (saved, own) => readDecisive(saved, own as Decisive, run.data),
  });
  return trainer;
}

test('the worker goes on from a checkpoint of the worker of 0.1, as this thread does', async () => {
  const recipe = { ...ofWorker, steps: 8 };
  const here = await restored(recipe);
  assert.is(here.step, 5);
  for await (const _ of here.run());
  const trainer = new WorkerTrainer(recipe);
  try {
    assert.is((await trainer.restore(checkpoint))?.step, 5);
    for await (const _ of trainer.run());
    assert.is(await trainer.hash(), here.hash());
  } finally {
    trainer.close();
  }
});

const others: [string, Recipe, RegExp][] = [
  ['text', { ...ofWorker, data: { ...ofWorker.data, text: `${text}x` } as never }, /data\.sha256/],
  [
    'batches',
    { ...ofWorker, data: { ...ofWorker.data, batchSize: 3 } as never },
    /data\.batchSize is 2 there, 3/,
  ],
  [
    'model',
    { ...ofWorker, model: { ...ofWorker.model, dFF: 24 } as never },
    /model\.dFF is 16 there, 24 here/,
  ],
  ['seed of the model', { ...ofWorker, seeds: undefined }, /seeds\.model is 4 there, 7 here/],
  [
    'schedule',
    { ...ofWorker, schedule: { kind: 'constant', maxLr: 0.1 } },
    /schedule\.maxLr is 0\.003 there/,
  ],
  ['clipping', { ...ofWorker, clipNorm: 1 }, /clipNorm/],
];

for (const [what, recipe, pattern] of others) {
  test(`a checkpoint of the worker of 0.1 is refused by name with another ${what}`, async () => {
    const error = await restored(recipe).then(
      () => null,
      (reason: Error) => reason,
    );
    assert.instance(error, CheckpointError);
    assert.match((error as Error).message, pattern);
  });
}

test.run();
