/** The two ends of the PyTorch twin: what it is given, and the test of what it trained. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareTwin, exportTwin, testTwin } from '../../../scripts/multi30k-twin.js';
import { workingFolder } from '../../../src/cli/sources.js';
import { pairsOf } from '../../../src/experiments/figures/translation-grid.js';
import {
  executeRun,
  multi30kRuns,
  type TranslationRun,
  testScoreName,
} from '../../../src/experiments/index.js';
import { decodeSafetensors } from '../../../src/io/index.js';
import { makeSchedule } from '../../../src/optim/index.js';
import { init } from '../../../src/runtime/init.js';

const test = suite('experiments/figures/multi30k-twin');
await init();

const [registered] = multi30kRuns();
/** The first arm as it is registered, but for its size. */
const folder = mkdtempSync(join(tmpdir(), 'prenorm-twin-'));
const data = join(folder, 'data');
const run: TranslationRun = {
  ...registered,
  recipe: {
    ...registered.recipe,
    ...pairsOf(data, 270, 40),
    model: { ...registered.recipe.model, dModel: 16, dFF: 16, numHeads: 2, numLayers: 1 },
    steps: 3,
    evalEvery: 1,
  },
};
const twin = join(folder, 'twin');
const pairs = {
  train: ['a b\tb a', 'c\tc', 'd a\ta d', 'b\tb'],
  valid: ['a\ta', 'b c\tc b'],
  test: ['d\td'],
};

test.before(async () => {
  mkdirSync(data);
  for (const [part, lines] of Object.entries(pairs)) {
    writeFileSync(join(data, `${part}.tsv`), `${lines.join('\n')}\n`);
  }
  await exportTwin(run, data, twin);
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

test('the twin is given the batches, rates and weights of the run', () => {
  const path = join(twin, 'data.safetensors');
  const { tensors, metadata } = decodeSafetensors(readFileSync(path), path);
  const values = (name: string) => Array.from(tensors.get(name)?.data ?? [], Number);
  assert.equal(JSON.parse(metadata.run), JSON.parse(JSON.stringify(run.recipe)));
  assert.equal(values('train.source.lengths').length, 4);
  assert.is(values('train.sizes').length, run.recipe.steps, 'one batch a step');
  assert.is(
    values('train.indices').length,
    values('train.sizes').reduce((a, b) => a + b, 0),
  );
  assert.equal(values('valid.indices').sort(), [0, 1]);
  const schedule = makeSchedule(run.recipe.schedule);
  assert.equal(values('rates'), [schedule(1), schedule(2), schedule(3)]);
});

test('weights of the twin come back by their names and are tested as the arm is', async () => {
  for (const step of [1, 2])
    copyFileSync(join(twin, 'initial.safetensors'), join(twin, `step-${step}.safetensors`));
  const evaluations = [1, 2, 3].map((step) => ({ step, validNll: 6 - step / 10 }));
  const record = { torch: '1.13', seconds: 1, evaluations };
  writeFileSync(join(twin, 'record.json'), JSON.stringify(record));
  const tested = await testTwin(run, data, twin);
  // A rate of zero leaves the arm where it began, which is what the twin was given.
  const still: TranslationRun = {
    ...run,
    recipe: { ...run.recipe, schedule: { kind: 'constant', maxLr: 0 }, steps: 1 },
  };
  const ours = await executeRun(still, { sources: workingFolder });
  assert.is(tested.measured?.['valid NLL best'], ours.measured?.['valid NLL best']);
  assert.equal(tested.bleu, ours.bleu);
  assert.is(tested.measured?.['best step'], 2, 'step 3 has no weights');
  assert.equal(JSON.parse(readFileSync(join(twin, 'result.json'), 'utf8')).torch, '1.13');
});

test('the twin is judged on the bar that was registered', () => {
  const scored = (score: number) => ({ measured: { [testScoreName('best', 'beam', 'cased 13a')]: [score] } });
  assert.is(compareTwin(scored(29), scored(29.75)), 'twin minus ours: -0.75 BLEU, within 1: holds');
  assert.is(compareTwin(scored(31), scored(29.75)), 'twin minus ours: 1.25 BLEU, within 1: does not hold');
});

test.run();
