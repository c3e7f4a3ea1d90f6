/** @file Fig. 5: the registered runs, and verdicts and figures over runs made up so that every claim is met. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { JudgeContext } from '../../../src/experiments/experiment.js';
import { fig5 } from '../../../src/experiments/figures/fig5.js';
import { type BertRun, bertKind } from '../../../src/experiments/kinds/bert.js';
import { experiments } from '../../../src/experiments/registry.js';
import type { RunRecord } from '../../../src/experiments/results.js';

const test = suite('experiments/figures/fig5');

const standard = { preset: 'standard', seed: 0 } as const;
const context: JudgeContext = { preset: 'standard', commonRate: 0.002, unigramNll: null, log: Math.log };
const specs = fig5.runs(standard) as BertRun[];
const [, large] = [...new Set(specs.map(({ arm }) => arm.maxLr))].sort((a, b) => a - b);
const short = specs.filter(({ arm }) => arm.variant === undefined);
const STEPS = short[0].recipe.steps;

/** Final losses that meet every claim: Post-LN ends at 5 at its better rate, Pre-LN is there after half of the updates. */
function finalLoss({ arm }: BertRun): number {
  if (arm.placement === 'pre') return arm.maxLr === large ? 4.5 : 4.8;
  if (!arm.warmup) return arm.maxLr === large ? 5.95 : 5.4;
  return arm.maxLr === large ? 5.2 : 5;
}

function record(spec: BertRun): RunRecord {
  const end = finalLoss(spec);
  const tuning = spec.fineTuning;
  const accuracies = (level: number) => tuning?.seeds.map((_, i) => level + 0.002 * (i - 2.5)) ?? [];
  const rise = spec.arm.placement === 'pre' ? [0.7, 0.78, 0.8] : [0.6, 0.7, 0.8];
  return {
    id: spec.id,
    experiment: 'bert',
    label: spec.label,
    placement: spec.arm.placement,
    seed: spec.recipe.seed,
    config: { ...spec } as unknown as Record<string, unknown>,
    status: 'measured',
    finalValidNll: end,
    steps: spec.recipe.steps,
    seconds: 1,
    hash: `hash-${spec.id}`,
    unigramNll: 6,
    // Linear in the steps, so that Pre-LN at the larger rate is at 5 after two thirds of them.
    curve: Array.from({ length: 60 }, (_, i) => {
      const step = (spec.recipe.steps * (i + 1)) / 60;
      return { step, lr: 0, trainLoss: end, validNll: 6 + ((end - 6) * (i + 1)) / 60 };
    }),
    measured: tuning
      ? {
          majority: 0.5,
          'accuracy@0': accuracies(0.55),
          ...Object.fromEntries(
            tuning.checkpoints.map((step, i) => [`accuracy@${step}`, accuracies(rise[i])]),
          ),
        }
      : {},
  };
}

const runs = specs.map(record);
const judge = (claim: string, of: readonly RunRecord[] = runs) => {
  const found = fig5.claims.find((c) => c.claim === claim);
  assert.ok(found, claim);
  return found.judge(of, context);
};
const changed = (match: (run: RunRecord) => boolean, change: Partial<RunRecord>) =>
  runs.map((run) => (match(run) ? { ...run, ...change } : run));

test('registered: both placements at two rates with and without warm-up, judged arms over three seeds', () => {
  assert.ok(experiments.includes(fig5));
  const seeds = new Map<string, number[]>();
  for (const {
    arm,
    recipe: { seed },
  } of short) {
    const key = `${arm.placement} ${arm.warmup} ${arm.maxLr === large}`;
    seeds.set(key, [...(seeds.get(key) ?? []), seed]);
  }
  assert.is(seeds.size, 8);
  for (const key of [
    'pre false false',
    'pre false true',
    'post true false',
    'post true true',
    'post false true',
  ])
    assert.is(seeds.get(key)?.length, 3, key);
  assert.ok(specs.every(({ recipe }) => recipe.seed < 1000));
  assert.is(new Set(specs.map(({ id }) => id)).size, specs.length);
  const tuned = specs.filter(({ fineTuning }) => fineTuning);
  assert.equal(
    tuned.map(({ arm }) => `${arm.placement} ${arm.warmup} ${arm.variant}`),
    [1, 2, 3].flatMap(() => ['pre false long', 'post true long']),
  );
  assert.is(new Set(tuned.map(({ recipe }) => recipe.seed)).size, 3);
  for (const { fineTuning, recipe, data } of tuned) {
    assert.is(fineTuning?.seeds.length, 6);
    assert.not.ok(fineTuning?.seeds.includes(fineTuning.choiceSeed));
    assert.is(fineTuning?.checkpoints.at(-1), recipe.steps);
    assert.is(recipe.steps, 20 * STEPS);
    assert.ok(data.taskPairs >= 100 && data.taskPairs <= 300);
  }
  // Within its share of the preset's hours: 40 minutes on two cores.
  assert.ok(specs.reduce((sum, spec) => sum + bertKind.cost(spec), 0) < 4800);
});

test('presets: a seed shifts every seed, other presets have no such runs, paper has the paper’s size', () => {
  const shifted = fig5.runs({ ...standard, seed: 50 }) as BertRun[];
  shifted.forEach((run, i) => {
    assert.is(run.recipe.seed, specs[i].recipe.seed + 50);
    if (run.fineTuning) assert.is(run.fineTuning.seeds[0], (specs[i].fineTuning?.seeds[0] as number) + 50);
  });
  assert.equal(fig5.runs({ ...standard, preset: 'quick' }), []);
  assert.equal(fig5.runs({ ...standard, preset: 'multi30k' }), []);
  const [paper] = fig5.runs({ ...standard, preset: 'paper', data: 'own' }) as BertRun[];
  assert.is(paper.data.name, 'own');
  const { model, schedule } = paper.recipe;
  assert.equal([model.numLayers, model.dModel, schedule?.warmupSteps], [12, 768, 0]);
  assert.equal(JSON.parse(JSON.stringify(specs)), specs);
});

test('speed: holds at two thirds; a slower Pre-LN, or one that never gets there, does not', () => {
  const judged = judge('bert-pre-is-faster');
  assert.is(judged.verdict, 'holds');
  for (const share of judged.perSeed) assert.ok(Math.abs(share - 2 / 3) < 1e-9, `${share}`);
  assert.is(judged.runHashes.length, 6);
  const pre = (run: RunRecord) => run.placement === 'pre';
  assert.equal(judge('bert-pre-is-faster', changed(pre, { curve: [] })).verdict, 'does not hold');
  const one = (run: RunRecord) => pre(run) && run.seed === specs[0].recipe.seed;
  assert.is(judge('bert-pre-is-faster', changed(one, { curve: [] })).verdict, 'not decided');
  const stuck = judge(
    'bert-pre-is-faster',
    changed((run) => run.placement === 'post', { finalValidNll: 6.1 }),
  );
  assert.is(stuck.verdict, 'not tested');
  assert.is(judge('bert-pre-is-faster', []).verdict, 'not tested');
});

test('warm-up at the larger rate: worse by more than the margin, or diverged', () => {
  const none = (run: RunRecord) => run.id.includes(`post-none-${large}`);
  assert.is(judge('bert-post-needs-warmup').verdict, 'holds');
  assert.is(judge('bert-post-needs-warmup', changed(none, { finalValidNll: 5.24 })).verdict, 'does not hold');
  const diverged = changed(none, { finalValidNll: undefined, status: 'diverged' });
  assert.is(judge('bert-post-needs-warmup', diverged).verdict, 'holds');
});

test('fine-tuning: no verdict unless pre-training beats majority and scratch by two standard errors', () => {
  const claim = 'bert-fine-tuning-rises-faster';
  const tuned = (run: RunRecord, change: Record<string, number | number[]>) =>
    ({ ...run, measured: { ...run.measured, ...change } }) as RunRecord;
  const all = (change: Record<string, number | number[]>, placement?: string) =>
    runs.map((run) =>
      run.measured?.majority && (!placement || run.placement === placement) ? tuned(run, change) : run,
    );
  const judged = judge(claim);
  assert.is(judged.verdict, 'holds');
  assert.is(judged.perSeed.length, 18, 'six fine-tunings after each of three pre-trainings');
  judged.perSeed.forEach((gap) => {
    assert.ok(Math.abs(gap - 0.09) < 1e-9, `${gap}`);
  });
  const good = [0.8, 0.81, 0.79, 0.8, 0.81, 0.79];
  for (const [name, value] of [
    ['accuracy@0', good],
    ['majority', 0.8],
  ] as const) {
    const refused = judge(claim, all({ [name]: value as number | number[] }, 'post'));
    assert.is(refused.verdict, 'not tested');
    assert.match(refused.reason ?? '', /two standard errors/);
  }
  const [quarter, half] =
    specs[0].fineTuning?.checkpoints ?? specs.find((s) => s.fineTuning)?.fineTuning?.checkpoints ?? [];
  const same = { [`accuracy@${quarter}`]: good, [`accuracy@${half}`]: good };
  assert.is(judge(claim, all(same)).verdict, 'does not hold');
  const barely = { [`accuracy@${quarter}`]: good.map((x) => x + 0.001), [`accuracy@${half}`]: good };
  const close = all(same).map((run) =>
    run.placement === 'pre' && run.measured?.majority ? tuned(run, barely) : run,
  );
  assert.is(judge(claim, close).verdict, 'not decided');
});

test('figures: curves, thresholds with the unreached left out, accuracies with interval and levels', () => {
  const [curves, thresholds, tuning] = fig5.figures(runs, context);
  assert.is(curves.series.length, 8);
  assert.equal(curves.levels, [{ label: 'unigram', y: 6 }]);
  assert.ok(curves.series.every(({ x, y }) => x.length === 60 && y.length === 60));
  const of = (label: RegExp) => thresholds.series.find((series) => label.test(series.label));
  assert.equal(of(new RegExp(`^Post-LN, no warm-up, maxLr ${large}$`))?.y, [null, null, null]);
  const pre = of(new RegExp(`^Pre-LN, no warm-up, maxLr ${large}$`))?.y as number[];
  assert.equal(
    pre.map((step) => Math.round((60 * step) / STEPS)),
    [20, 34, 40],
  );
  assert.is(tuning.series.length, 2);
  for (const { x, y, low, high } of tuning.series) {
    assert.equal(x.length, 4);
    assert.is(x[0], 0);
    y.forEach((value, i) => {
      // Three times six values, 0.002 apart: standard error 0.000828, and Student's t of ten values, 2.262, on the safe side.
      assert.ok(Math.abs((high?.[i] as number) - (value as number) - 0.001874) < 1e-5);
      assert.ok(Math.abs((value as number) - (low?.[i] as number) - 0.001874) < 1e-5);
    });
  }
  assert.equal(
    tuning.levels?.map(({ label }) => label),
    ['majority class', 'from scratch'],
  );
  const none = runs.map((run) => ({ ...run, measured: {} }));
  assert.is(fig5.figures(none, context).length, 2);
});

test.run();
