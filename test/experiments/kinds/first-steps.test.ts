/** @file What a run changes in its optimizer's first steps does what it says, on a tiny model. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { gridRun, translationGrid } from '../../../src/experiments/figures/translation-grid.js';
import { executeRun, type TranslationRun } from '../../../src/experiments/index.js';
import { type FirstSteps, withFirstSteps } from '../../../src/experiments/kinds/first-steps.js';
import { openPairs } from '../../../src/experiments/kinds/translation.js';
import { buildRun, type OptimizerRecipe } from '../../../src/recipe/index.js';
import { init } from '../../../src/runtime/init.js';
import { Trainer } from '../../../src/train/index.js';

const test = suite('experiments/kinds/first-steps');
await init();

const ADAM: OptimizerRecipe = { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 };
const grid = translationGrid({ preset: 'quick', seed: 0 });

function tiny(
  firstSteps: FirstSteps | undefined,
  optimizer: OptimizerRecipe = ADAM,
  warmupSteps = 0,
): TranslationRun {
  const run = gridRun(grid, { placement: 'post', warmup: false, maxLr: 0.002 }, 9001);
  const { recipe } = run;
  return {
    ...run,
    recipe: {
      ...recipe,
      model: { ...recipe.model, dModel: 16, numHeads: 2, dFF: 16, numLayers: 1 },
      optimizer,
      schedule: { kind: 'inverseSqrt', maxLr: 0.002, warmupSteps, tailStart: 8 },
      steps: 6,
      evalEvery: 6,
    },
    decode: null,
    ...(firstSteps ? { firstSteps } : {}),
  };
}

const grouped = (match: string[]): OptimizerRecipe => ({ ...ADAM, groups: [{ match }] });
const pairs = await openPairs(tiny(undefined).recipe);

/** Weights by name after so many steps. */
function weightsAfter(run: TranslationRun, steps: number): Map<string, Float64Array> {
  const { options, model } = buildRun(run.recipe, pairs);
  const own = run.firstSteps ? withFirstSteps(options, run.firstSteps, run.recipe.optimizer) : options;
  const trainer = new Trainer(own);
  for (let i = 0; i < steps; i++) trainer.trainStep();
  return new Map([...model.namedParameters()].map(([path, p]) => [path, Float64Array.from(p.toArray())]));
}

const start = weightsAfter(tiny(undefined), 0);
/** How far a weight went in the first step. */
const moved = (after: Map<string, Float64Array>, path: string) =>
  Math.max(...after.get(path)!.map((v, i) => Math.abs(v - start.get(path)![i]!)));

test('a warm-up of all parameters as a group is a warm-up', () => {
  const all = weightsAfter(tiny({ warmFirstGroup: 4 }, grouped(['all'])), 6);
  const scheduled = weightsAfter(tiny(undefined, ADAM, 4), 6);
  for (const [path, values] of all)
    values.forEach((v, i) => {
      assert.ok(Math.abs(v - scheduled.get(path)![i]!) < 1e-5, path);
    });
});

test('a warm-up of some parameters leaves the others at the full rate', () => {
  const plain = weightsAfter(tiny(undefined), 1);
  const norms = weightsAfter(tiny({ warmFirstGroup: 4 }, grouped(['norms'])), 1);
  const [norm, matrix] = ['encoder.layers.0.norm1.weight', 'encoder.layers.0.linear1.weight'];
  assert.ok(Math.abs(moved(norms, norm) / moved(plain, norm) - 0.25) < 1e-3);
  assert.ok(Math.abs(moved(norms, matrix) / moved(plain, matrix) - 1) < 1e-3);
});

test('a second moment that begins at the squared gradient makes the first update sqrt(1 - beta2) of what it was', () => {
  const plain = weightsAfter(tiny(undefined), 1);
  const begun = weightsAfter(tiny({ secondMomentFromGradient: true }), 1);
  const path = 'encoder.layers.0.linear1.weight';
  // v = 0.98 g² + 0.02 g², over the correction 0.02.
  assert.ok(Math.abs(moved(begun, path) / moved(plain, path) / Math.sqrt(0.02) - 1) < 1e-3);
});

test('updates are clipped tensor by tensor, and not where the bound is far', () => {
  const plain = weightsAfter(tiny(undefined), 3);
  const far = weightsAfter(tiny({ updateClip: 100 }), 3);
  for (const [path, values] of plain) assert.equal(far.get(path), values, path);
  // In the first step every g / sqrt(v) is one: half of that is half of the update.
  const path = 'encoder.layers.0.linear1.weight';
  const half = weightsAfter(tiny({ updateClip: 0.5 }), 1);
  assert.ok(Math.abs(moved(half, path) / moved(weightsAfter(tiny(undefined), 1), path) - 0.5) < 0.02);
});

test('a run has them in its record, repeats bit for bit, and refuses what does not fit', async () => {
  const run = tiny({ updateClip: 0.5 });
  const [first, second] = [await executeRun(run), await executeRun(run)];
  assert.is(first.hash, second.hash);
  assert.is.not(first.hash, (await executeRun(tiny(undefined))).hash);
  assert.equal(first.config.firstSteps, { updateClip: 0.5 });
  const refused = async (firstSteps: unknown, words: RegExp, optimizer: OptimizerRecipe = ADAM) => {
    try {
      await executeRun(tiny(firstSteps as FirstSteps, optimizer));
    } catch (error) {
      assert.match((error as Error).message, words);
      return;
    }
    assert.unreachable(`${JSON.stringify(firstSteps)} was taken`);
  };
  await refused({}, /one of them at a time/);
  await refused({ updateClip: 1, secondMomentFromGradient: true }, /one of them at a time/);
  await refused({ updateClip: 0 }, /updateClip/);
  await refused({ clip: 1 }, /clip/);
  await refused({ warmFirstGroup: 4 }, /groups/);
  await refused({ updateClip: 1 }, /adam/, { kind: 'sgd' } as OptimizerRecipe);
});

test.run();
