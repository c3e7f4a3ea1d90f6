/** A configuration of the Lab trained in Node: the trainer's bits, numbers that are what they say, a fingerprint. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firstLab, type LabConfiguration } from '../../src/lab/configuration.js';
import { Lane } from '../../src/lab/lane.js';
import { layoutOf } from '../../src/lab/layout.js';
import { decodeLab } from '../../src/lab/link.js';
import { laneRecipe } from '../../src/lab/recipes.js';
import { type LabResult, runLab } from '../../src/lab/run.js';
import { checkRecipe, prepareRun } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';

const test = suite('lab: run');
let first: LabResult;

test.before(async () => {
  first = await runLab({ ...firstLab(), steps: 20 });
});

/** Numbers of one kind at a step (1, 2, …) of a lane. */
function values(
  result: LabResult,
  lane: number,
  step: number,
  kind: 'gradients' | 'updates' | 'leaving',
): number[] {
  const { beginning, rows } = result.lanes[lane];
  const layout = layoutOf(beginning.shape);
  const count = kind === 'leaving' ? layout.layers : layout.blocks;
  return [...rows[step - 1].slice(layout[kind], layout[kind] + count)];
}

test('lower layers of Post-LN without warm-up lose their gradient within ten steps, those of Pre-LN keep it', () => {
  const ofFeedForward = (lane: number, step: number) =>
    values(first, lane, step, 'gradients').filter((_, block) => block % 2 === 1);
  const post = ofFeedForward(0, 10);
  assert.ok(post[0] < 0.01 * post[5], `${post}`);
  const pre = ofFeedForward(2, 10);
  assert.ok(Math.max(...pre) < 3 * Math.min(...pre), `${pre}`);
  assert.equal(
    values(first, 2, 20, 'leaving').map((norm, l, all) => norm > (all[l - 1] ?? 0)),
    [true, true, true, true, true, true],
  );
  assert.ok(values(first, 0, 20, 'leaving').every((norm) => norm > 0.9 && norm < 1.3));
});

test('the reference lines are the logarithm of the characters and the entropy of their frequencies', () => {
  const { references, shape } = first.lanes[0].beginning;
  assert.is(shape.vocabSize, 61);
  assert.ok(Math.abs(references.nothing - Math.log(61)) < 1e-12);
  assert.ok(references.frequencies > 3 && references.frequencies < 3.05, String(references.frequencies));
});

test('a lane trains to the bits of its recipe by an ordinary trainer', async () => {
  await init();
  const recipe = checkRecipe(
    JSON.parse(JSON.stringify(laneRecipe({ ...firstLab(), steps: 20 }, 1))),
    'recipe',
  );
  const { options } = await prepareRun(recipe);
  const trainer = new Trainer(options);
  await trainer.run();
  assert.equal(
    first.lanes[1].rows.map((row) => row[0]),
    trainer.losses,
  );
});

test('the gradient norms are those of the matrices, and the joint norm is above them', async () => {
  const { rows, beginning } = first.lanes[3];
  const layout = layoutOf(beginning.shape);
  for (const row of rows) {
    const parts = row.slice(layout.gradients, layout.updates).reduce((sum, norm) => sum + norm * norm, 0);
    assert.ok(row[layout.gradient] > Math.sqrt(parts));
    // Adam's first update is the rate in every component.
  }
  const rate = rows[0][layout.rate];
  const [update] = rows[0].slice(layout.updates);
  // Xavier's W_O (64, 64) is uniform with variance 1/64.
  assert.ok(Math.abs(update / (rate * 8) - 1) < 0.05, `${update} ${rate}`);
});

test('the same configuration has the same fingerprint, another seed another', async () => {
  const short: LabConfiguration = { ...decodeLab('1&l=2&lane=p.post&lane=p.peri'), steps: 5 };
  const [a, b] = [await runLab(short), await runLab(short)];
  assert.match(a.fingerprint, /^[0-9a-f]{4} [0-9a-f]{4} [0-9a-f]{4}$/);
  assert.is(a.fingerprint, b.fingerprint);
  const other = await runLab({ ...short, lanes: short.lanes.map((lane) => ({ ...lane, seed: 2 })) });
  assert.is.not(other.fingerprint, a.fingerprint);
});

test('a lane that is saved and opened again goes on bit for bit, digest included', async () => {
  const recipe = laneRecipe({ ...decodeLab('1&l=2&lane=p.post'), steps: 8 }, 0);
  const whole = await Lane.open(recipe);
  const rows: Float64Array[] = [];
  for (let row = whole.train(); row; row = whole.train()) rows.push(row);
  const early = await Lane.open(recipe);
  for (let i = 0; i < 4; i++) early.train();
  early.snapshot();
  const later = await Lane.open(recipe, early.save());
  assert.is(later.step, 4);
  const rest: Float64Array[] = [];
  for (let row = later.train(); row; row = later.train()) rest.push(row);
  assert.equal(rest, rows.slice(4));
  assert.is(later.digest, whole.digest);
  assert.is(later.end, 'done');
});

test('a lane that diverges ends with the last step that had numbers', async () => {
  const { lanes } = await runLab({ ...decodeLab('1&l=2&o=sgd&r=100&lane=p.tfixup'), steps: 50 });
  assert.is(lanes[0].end, 'diverged');
  assert.ok(lanes[0].rows.length < 50);
  assert.ok(lanes[0].rows.every((row) => Number.isFinite(row[0])));
});

test('a lane that is opened where it was left has its row of step 0, and one that diverged stays so', async () => {
  const lab = { ...decodeLab('1&l=2&o=sgd&r=100&lane=p.tfixup'), steps: 50 };
  const recipe = laneRecipe(lab, 0);
  const lane = await Lane.open(recipe);
  while (lane.train());
  assert.is(lane.end, 'diverged');
  const again = await Lane.open(recipe, lane.save());
  assert.is(again.end, 'diverged');
  assert.is(again.train(), null);
  assert.is(again.step, lane.step);
  assert.is(again.digest, lane.digest);
  assert.equal([...again.beginning.row].map(String), [...lane.beginning.row].map(String));
  // Its last weights give no numbers: there is nothing to draw a text from, and that ends nothing.
  assert.equal(again.snapshot().texts, []);
});

test('translation and reversal have both stacks, attention in three places, and texts', async () => {
  for (const task of ['translate', 'reverse']) {
    const { lanes } = await runLab({ ...decodeLab(`1&task=${task}&l=1&b=16&t=40&lane=`), steps: 10 });
    const { beginning, snapshots } = lanes[0];
    assert.equal(
      beginning.shape.layers.map(({ stack, blocks }) => [stack, ...blocks]),
      [
        ['encoder', 'attention', 'ffn'],
        ['decoder', 'attention', 'cross', 'ffn'],
      ],
    );
    assert.equal(
      beginning.attention.map(({ stack }) => stack),
      ['encoder', 'decoder', 'cross'],
    );
    assert.equal(
      snapshots.map(({ step }) => step),
      [0, 10],
    );
    for (const { attention, texts } of snapshots) {
      attention.forEach((weights, at) => {
        const { queries, keys } = beginning.attention[at];
        assert.is(weights.length, 4 * queries.length * keys.length);
        for (let row = 0; row < weights.length; row += keys.length) {
          const sum = weights.subarray(row, row + keys.length).reduce((a, b) => a + b, 0);
          assert.ok(Math.abs(sum - 1) < 1e-5, String(sum));
        }
      });
      assert.is(texts.length, 2);
      assert.ok(texts.every(({ prompt, reference }) => prompt && reference));
    }
  }
});

test('every setting decides: it changes the recipe', () => {
  const base = decodeLab('1&lane=');
  const other: Record<string, unknown> = {
    ...{ placement: 'post', warmup: 5, maxLr: 0.1, decay: 'cosine', norm: 'rms', init: 'torch', layers: 2 },
    ...{ width: 32, heads: 2, optimizer: 'sgd', batch: 4, length: 16, seed: 9, arithmetic: 'int12' },
  };
  const told = JSON.stringify(laneRecipe(base, 0));
  for (const [key, value] of Object.entries(other)) {
    const changed = { ...base, lanes: [{ ...base.lanes[0], [key]: value }] };
    assert.is.not(JSON.stringify(laneRecipe(changed, 0)), told, key);
    checkRecipe(laneRecipe(changed, 0), key);
  }
});

test.run();
