/** @file The kind `growth` on a tiny model, and the judgement of what it measured. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { peri } from '../../../src/experiments/figures/peri.js';
import { executeRun, type RunRecord } from '../../../src/experiments/index.js';
import type { GrowthRun } from '../../../src/experiments/kinds/growth.js';
import { init } from '../../../src/runtime/init.js';

const test = suite('experiments/figures/peri');
await init();

const context = { preset: 'standard', commonRate: 0, unigramNll: null, log: Number } as const;
const registered = peri.runs({ preset: 'standard', seed: 9000 }) as GrowthRun[];
const tiny = (placement: string): GrowthRun => {
  const run = registered.find((one) => one.placement === placement) as GrowthRun;
  const { recipe } = run;
  return {
    ...run,
    recipe: {
      ...recipe,
      model: { ...recipe.model, dModel: 16, numLayers: 3 },
      data: { ...recipe.data, batchSize: 2, seqLen: 12 },
      steps: 4,
    },
    measureEvery: 2,
  };
};
const run = (spec: GrowthRun) => executeRun(spec);
const records = await Promise.all(['post', 'pre', 'peri'].map((placement) => run(tiny(placement))));
const verdicts = (runs: RunRecord[]) =>
  Object.fromEntries(peri.claims.map((claim) => [claim.claim, claim.judge(runs, context).verdict]));

test('measures before, while and after, per layer, and the same again', async () => {
  for (const { measured } of records)
    for (const name of [
      'variance@0',
      'variance@2',
      'before@4',
      'largest@4',
      'gradientsBefore',
      'gradientsAfter',
    ]) {
      const values = measured![name] as number[];
      assert.is(values.length, 3, name);
      assert.ok(
        values.every((value) => value > 0 && Number.isFinite(value)),
        name,
      );
    }
  const again = await run(tiny('peri'));
  assert.equal(again.measured, records[2].measured);
  assert.is(again.hash, records[2].hash);
});

test('the law of scaling holds in Peri-LN and the function of Pre-LN changes', () => {
  const found = verdicts(records);
  for (const claim of ['peri-scale-function', 'peri-scale-gradient', 'pre-scale-function'])
    assert.is(found[claim], 'holds', claim);
});

/** Made-up variances at the end of the registered runs: linear in Peri-LN, steeper in Pre-LN, flat in Post-LN. */
function made(changes: Record<string, number[]> = {}): RunRecord[] {
  const after: Record<string, number[]> = { post: [1, 1, 1], pre: [5, 20, 60], peri: [4, 8, 12], ...changes };
  const { steps } = registered[0].recipe;
  return records.map((record) => ({
    ...record,
    measured: {
      ...record.measured,
      'variance@0': [2, 4, 6],
      [`variance@${steps}`]: after[record.placement],
      [`before@${steps}`]: after[record.placement],
    },
  }));
}

test('in front of its norm Post-LN is measured as the sum that goes in, elsewhere as what leaves the branch', () => {
  const [post, pre] = records.map(({ measured }) => measured!);
  // Behind the norm the variance is that of the norm's weights: 1, whatever the layers do.
  for (const value of post['variance@0'] as number[]) assert.ok(Math.abs(value - 1) < 0.01);
  for (const value of post['before@0'] as number[]) assert.ok(value > 1.05, String(value));
  assert.ok(
    (pre['before@0'] as number[]).every(
      (value, l) => Math.abs(value / (pre['variance@0'] as number[])[l] - 1) < 1e-5,
    ),
  );
});

test('variances as expected give the verdicts, and one other turns each', () => {
  const names = ['post-variance-constant', 'peri-variance-linear', 'pre-variance-grows-faster'];
  const pick = (runs: RunRecord[]) => names.map((name) => verdicts(runs)[name]);
  assert.equal(pick(made()), ['holds', 'holds', 'holds']);
  assert.equal(pick(made({ post: [1, 1, 2] })), ['does not hold', 'holds', 'holds']);
  assert.equal(pick(made({ peri: [9, 1, 12] })), ['holds', 'does not hold', 'holds']);
  assert.equal(pick(made({ pre: [5, 6, 7] })), ['holds', 'holds', 'does not hold']);
  assert.is(verdicts([])['post-variance-constant'], 'not tested');
});

test('figures before and after, and over the steps, of the registered runs', () => {
  const lr = Math.max(...registered.map((run) => run.lr));
  const { recipe, measureEvery } = registered[0];
  const { steps } = recipe;
  const runs = records.map((record) => {
    const measured = { ...record.measured, [`variance@${steps}`]: [1, 2, 3] };
    for (let step = 0; step <= steps; step += measureEvery) measured[`largest@${step}`] = [1, step + 1];
    return { ...record, measured, config: { ...record.config, lr } };
  });
  const figures = peri.figures(runs, context);
  assert.equal(
    figures.map(({ id, series }) => `${id} ${series.length}`),
    ['peri-variance 6', 'peri-largest 3', 'peri-gradients 6'],
  );
  for (const { series } of figures) for (const { y } of series) assert.ok(y.every(Number.isFinite));
});

test.run();
