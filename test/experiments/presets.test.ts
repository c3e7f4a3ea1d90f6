/** @file The registered runs: plain data, complete grids, comparable arms. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type GradientsRun,
  kindOf,
  makePreset,
  type PresetName,
  presetNames,
  type RunSpec,
  type TranslationRun,
} from '../../src/experiments/index.js';
import { resolveConfig } from '../../src/nn/index.js';
import { makeSchedule } from '../../src/optim/index.js';
import { checkRecipe } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';

const test = suite('experiments/presets');
await init();

const isTranslation = (run: RunSpec): run is TranslationRun => run.kind === 'translation';
const isGradients = (run: RunSpec): run is GradientsRun => run.kind === 'gradients';
/** Trainings of the common grid. */
const trainings = (runs: readonly RunSpec[]) =>
  runs.filter(isTranslation).filter(({ id, arm }) => id.startsWith('translation-') && !arm.variant);
const costOf = (run: RunSpec) => kindOf(run).cost(run);

for (const name of presetNames as PresetName[]) {
  const preset = makePreset(name);

  test(`${name}: ids are unique and fit file names, costs are positive`, () => {
    const ids = preset.runs.map(({ id }) => id);
    assert.is(new Set(ids).size, ids.length);
    for (const id of ids) assert.match(id, /^[\w.-]+$/);
    for (const run of preset.runs) assert.ok(costOf(run) > 0 && Number.isFinite(costOf(run)), run.id);
    assert.ok(preset.budgetSeconds > 0 && preset.description.length > 0);
  });

  test(`${name}: runs are plain data, equal after a trip through JSON`, () => {
    assert.equal(JSON.parse(JSON.stringify(preset.runs)), JSON.parse(JSON.stringify(makePreset(name).runs)));
    for (const run of preset.runs) assert.equal(JSON.parse(JSON.stringify(run)), run);
  });

  test(`${name}: every arm runs over the same rates and seeds, the common one among them`, () => {
    const runs = trainings(preset.runs).filter(({ arm }) => arm.placement !== 'peri');
    if (runs.length === 0) return;
    const cells = (placement: string, warmup: boolean) =>
      runs
        .filter(({ arm }) => arm.placement === placement && arm.warmup === warmup)
        .map(({ arm, recipe }) => `${arm.maxLr} ${recipe.seed}`)
        .sort();
    const first = cells('post', false);
    assert.ok(first.some((cell) => Number(cell.split(' ')[0]) === preset.commonRate));
    assert.ok(new Set(runs.map(({ arm }) => arm.maxLr)).size >= 2);
    for (const placement of ['post', 'pre'])
      for (const warmup of name === 'quick' && placement === 'pre' ? [false] : [true, false])
        assert.equal(cells(placement, warmup), first, `${placement} ${warmup}`);
  });

  test(`${name}: arms of one rate differ in placement and warm-up only, and share the tail`, () => {
    for (const run of trainings(preset.runs)) {
      if (run.arm.placement === 'peri' || (name === 'quick' && run.arm.placement === 'pre')) continue;
      const [twin] = trainings(preset.runs).filter(
        (other) =>
          other.recipe.seed === run.recipe.seed &&
          other.arm.maxLr === run.arm.maxLr &&
          other.arm.placement === run.arm.placement &&
          other.arm.warmup !== run.arm.warmup,
      );
      const shared = ({ id: _i, label: _l, arm: _a, recipe, ...rest }: TranslationRun) => {
        const { schedule: _s, ...same } = recipe;
        return { ...rest, recipe: same };
      };
      assert.equal(shared(run), shared(twin));
      const [lr, twinLr] = [run, twin].map(({ recipe }) => makeSchedule(recipe.schedule));
      const start = (run.recipe.schedule as { tailStart: number }).tailStart;
      for (const t of [start, start + 1, 4 * start]) assert.is(lr(t), twinLr(t));
      assert.is.not(lr(1), twinLr(1));
      assert.is(lr(4 * start), run.arm.maxLr / 2);
      assert.ok(start < run.recipe.steps, 'the warm-up ends before the run');
    }
  });

  test(`${name}: every model can be built as configured`, () => {
    for (const run of preset.runs.filter(isTranslation)) {
      const { kind: _, ...model } = run.recipe.model;
      const { vocabSize } = run.recipe.tokenizer as { vocabSize: number };
      makeSchedule(run.recipe.schedule);
      assert.is(model.normPlacement, run.arm.placement);
      resolveConfig(run.id, { ...model, vocabSize });
      checkRecipe(run.recipe, run.id);
    }
  });
}

test('a seed shifts every run and changes nothing else', () => {
  const [plain, shifted] = [makePreset('standard'), makePreset('standard', { seed: 1000 })];
  assert.is(shifted.runs.length, plain.runs.length);
  plain.runs.forEach((run, i) => {
    const kind = kindOf(run);
    assert.equal(
      kind.seeds(shifted.runs[i]),
      kind.seeds(run).map((seed) => seed + 1000),
      run.id,
    );
  });
});

test('own data replaces the data of every translation', () => {
  const runs = makePreset('standard', { data: 'my/folder' }).runs.filter(isTranslation);
  assert.ok(runs.length > 0);
  for (const run of runs) assert.is(run.recipe.data.source, 'my/folder');
});

test('runs that experiments share are equal and carried out once', () => {
  for (const name of presetNames) {
    const byId = new Map<string, string>();
    for (const run of makePreset(name).experiments.flatMap(({ runs }) => runs)) {
      const text = JSON.stringify(run);
      assert.is(byId.get(run.id) ?? text, text, run.id);
      byId.set(run.id, text);
    }
    assert.is(makePreset(name).runs.length, byId.size);
  }
});

test('standard: five seeds for the four headline arms, three elsewhere, four rates', () => {
  const preset = makePreset('standard');
  const seeds = new Map<string, number>();
  for (const { arm } of trainings(preset.runs)) {
    const key = `${arm.placement} ${arm.warmup} ${arm.maxLr}`;
    seeds.set(key, (seeds.get(key) ?? 0) + 1);
  }
  for (const [key, count] of seeds) {
    const headline = key.endsWith(` ${preset.commonRate}`) && !key.startsWith('peri');
    assert.is(count, headline ? 5 : 3, key);
  }
  assert.is(new Set(trainings(preset.runs).map(({ arm }) => arm.maxLr)).size, 4);
});

test('only chooses experiments or runs, and refuses what it does not know', () => {
  const ids = makePreset('quick', { only: ['gradients-toy-post', 'fig6'] }).experiments.map(
    ({ experiment, runs }) => `${experiment.name} ${runs.length}`,
  );
  assert.equal(ids, ['fig3 1', 'fig6 4']);
  assert.throws(() => makePreset('quick', { only: ['fig9'] }), /fig9.*fig2/s);
});

test('gradients are measured in all settings and placements, without sharing seeds with the trainings', () => {
  const { runs } = makePreset('quick');
  const gradients = runs.filter(isGradients);
  assert.equal(
    [...new Set(gradients.map(({ setting, placement }) => `${setting} ${placement}`))].length,
    gradients.length,
  );
  const trained = new Set(trainings(runs).map(({ recipe }) => recipe.seed));
  for (const { seeds } of gradients) assert.not(seeds.some((seed) => trained.has(seed)));
});

test('more steps or seeds cost more', () => {
  for (const run of makePreset('quick').runs) {
    if (isTranslation(run)) {
      const more = { ...run, recipe: { ...run.recipe, steps: 2 * run.recipe.steps } };
      assert.ok(costOf(more) > costOf(run));
    }
    if (isGradients(run)) {
      const more: GradientsRun = { ...run, seeds: [...run.seeds, ...run.seeds] };
      assert.ok(Math.abs(costOf(more) / costOf(run) - 2) < 1e-12, run.id);
    }
  }
});

test.run();
