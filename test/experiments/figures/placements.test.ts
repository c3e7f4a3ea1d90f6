/** @file The experiment over all placements: its grid, its judges on made-up runs, and one real run in small. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { placementCurves, placementRun } from '../../../src/experiments/figures/placements.js';
import { executeRun, kindOf, type RunRecord } from '../../../src/experiments/index.js';
import { normPlacements } from '../../../src/nn/index.js';
import { init } from '../../../src/runtime/init.js';

const test = suite('experiments/figures/placements');
await init();

const specs = placementCurves.runs({ preset: 'standard', seed: 0 }) as ReturnType<typeof placementRun>[];

test('every placement is there with and without warm-up, on the common tail, within the budget', () => {
  assert.equal(
    specs.map(({ placement, warmup }) => `${placement} ${warmup}`),
    // At the common rate all; at a faster one those that need no warm-up, and Post-LN beside them.
    [...normPlacements, 'post', 'pre', 'rezero', 'tfixup'].flatMap((p) => [`${p} true`, `${p} false`]),
  );
  assert.is(new Set(specs.map(({ id }) => id)).size, specs.length);
  for (const { recipe } of specs) {
    const { schedule, seed } = recipe;
    assert.is((schedule as { tailStart?: number }).tailStart, 50);
    assert.ok(seed < 1000);
  }
  assert.ok(specs.reduce((sum, spec) => sum + kindOf(spec).cost(spec), 0) < 360);
  assert.equal(placementCurves.runs({ preset: 'quick', seed: 0 }), []);
});

/** Runs whose final NLL `nll` decides; undefined is a diverged one. */
const records = (nll: (placement: string, warmup: boolean) => number | undefined): RunRecord[] =>
  specs.map((spec) => {
    const finalValidNll = nll(spec.placement, spec.warmup);
    return {
      id: spec.id,
      experiment: 'placement',
      label: spec.label,
      placement: spec.placement,
      seed: spec.recipe.seed,
      config: { ...spec },
      status: finalValidNll === undefined ? 'diverged' : 'measured',
      finalValidNll,
      steps: spec.recipe.steps,
      seconds: 1,
      hash: spec.id,
      measured: { unigramNll: 3 },
      curve: [{ step: 200, lr: 1e-3, trainLoss: 2, validNll: finalValidNll }],
    };
  });

const context = { preset: 'standard', commonRate: 2e-3, unigramNll: null, log: Math.log } as const;
const verdicts = (runs: RunRecord[]) =>
  placementCurves.claims.map((claim) => claim.judge(runs, context).verdict);

test('the claims fail where they should', () => {
  assert.equal(verdicts(records((p) => (p === 'deepnorm' ? 3 : 2))), ['holds', 'holds', 'holds']);
  assert.equal(verdicts(records((p, warmup) => (p === 'b2t' && warmup ? 2.9 : 2)))[0], 'does not hold');
  assert.equal(verdicts(records((p, warmup) => (p === 'lns' && warmup ? undefined : 2)))[0], 'does not hold');
  assert.equal(verdicts(records(() => 2))[1], 'does not hold');
  assert.equal(verdicts(records((p, warmup) => (p === 'tfixup' && !warmup ? 2.4 : 2)))[2], 'does not hold');
  assert.equal(
    verdicts(records((p, warmup) => (p === 'pre' && !warmup ? undefined : 2)))[2],
    'does not hold',
  );
  assert.equal(verdicts([]), ['not tested', 'not tested', 'not tested']);
});

test('two figures with every placement and the unigram level', () => {
  const figures = placementCurves.figures(
    records(() => 2),
    context,
  );
  assert.equal(
    figures.map(({ series, levels }) => [series.length, levels]),
    [
      [16, [{ label: 'unigram', y: 3 }]],
      [16, [{ label: 'unigram', y: 3 }]],
    ],
  );
});

test('a run is its specification: the same twice, another with another seed, profiled for Admin', async () => {
  const text = 'In the beginning was a text of some length. '.repeat(40);
  const tiny = (seed: number) => {
    const run = placementRun('admin', true, seed);
    const { recipe } = run;
    const model = { ...recipe.model, dModel: 16, numHeads: 2, dFF: 16, numLayers: 2 };
    const { source: _, ...data } = { ...recipe.data, text, seqLen: 16 };
    return { ...run, recipe: { ...recipe, model, data, steps: 3, evalEvery: 3 } };
  };
  const [one, same, other] = [
    await executeRun(tiny(9001)),
    await executeRun(tiny(9001)),
    await executeRun(tiny(9002)),
  ];
  assert.is(one.hash, same.hash);
  assert.is.not(one.hash, other.hash);
  assert.is(one.status, 'measured');
  assert.ok(one.finalValidNll! > 0 && one.curve!.length === 2);
  assert.ok((one.measured!.unigramNll as number) > 2 && (one.measured!.unigramNll as number) < 3);
});

test.run();
