/** @file The registered runs: plain data, complete grids, comparable arms. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  costOf,
  makePreset,
  type PresetName,
  presetNames,
  type RunSpec,
  type TranslationRun,
} from '../../src/experiments/index.js';
import { resolveConfig } from '../../src/nn/index.js';
import { makeSchedule } from '../../src/optim/index.js';
import { init } from '../../src/runtime/runtime.js';

const test = suite('experiments/presets');
await init();

const trainings = (runs: readonly RunSpec[]) =>
  runs.filter((run): run is TranslationRun => run.kind === 'translation');

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
    const runs = trainings(preset.runs);
    const cells = (placement: string, warmup: boolean) =>
      runs
        .filter(({ arm }) => arm.placement === placement && arm.warmup === warmup)
        .map(({ arm, seed }) => `${arm.maxLr} ${seed}`)
        .sort();
    const first = cells('post', false);
    assert.ok(first.some((cell) => Number(cell.split(' ')[0]) === preset.commonRate));
    assert.ok(new Set(runs.map(({ arm }) => arm.maxLr)).size >= 2);
    for (const placement of new Set(runs.map(({ arm }) => arm.placement))) {
      for (const warmup of [true, false])
        assert.equal(cells(placement, warmup), first, `${placement} ${warmup}`);
    }
    assert.ok(['post', 'pre'].every((placement) => runs.some(({ arm }) => arm.placement === placement)));
  });

  test(`${name}: arms of one rate differ in placement and warm-up only, and share the tail`, () => {
    for (const run of trainings(preset.runs)) {
      const [twin] = trainings(preset.runs).filter(
        (other) =>
          other.seed === run.seed &&
          other.arm.maxLr === run.arm.maxLr &&
          other.arm.placement === run.arm.placement &&
          other.arm.warmup !== run.arm.warmup,
      );
      const { id: _i, label: _l, arm: _a, schedule: _s, ...mine } = run;
      const { id: _i2, label: _l2, arm: _a2, schedule: _s2, ...its } = twin;
      assert.equal(mine, its);
      const [lr, twinLr] = [makeSchedule(run.schedule), makeSchedule(twin.schedule)];
      const start = (run.schedule as { tailStart: number }).tailStart;
      for (const t of [start, start + 1, 4 * start]) assert.is(lr(t), twinLr(t));
      assert.is.not(lr(1), twinLr(1));
      assert.is(lr(4 * start), run.arm.maxLr / 2);
      assert.ok(start < run.steps, 'the warm-up ends before the run');
    }
  });

  test(`${name}: every model can be built as configured`, () => {
    for (const run of trainings(preset.runs)) {
      assert.is(run.model.normPlacement, run.arm.placement);
      resolveConfig(run.id, { ...run.model, vocabSize: run.data.vocabSize });
    }
  });
}

test('a seed shifts every run and changes nothing else', () => {
  const [plain, shifted] = [makePreset('quick'), makePreset('quick', { seed: 1000 })];
  plain.runs.forEach((run, i) => {
    {
      const other = shifted.runs[i];
      if (run.kind === 'translation' && other.kind === 'translation') assert.is(other.seed, run.seed + 1000);
      else if (run.kind === 'gradients' && other.kind === 'gradients') {
        assert.equal(
          other.seeds,
          run.seeds.map((seed) => seed + 1000),
        );
      } else assert.unreachable('runs are in another order');
    }
  });
});

test('own data replaces the data of every run that has any', () => {
  const { runs } = makePreset('standard', { data: 'my/folder' });
  assert.ok(runs.some((run) => run.data));
  for (const run of runs) if (run.data) assert.is(run.data.name, 'my/folder');
});

test('gradients are measured in all settings and placements, without sharing seeds with the trainings', () => {
  const { runs } = makePreset('quick');
  const gradients = runs.flatMap((run) => (run.kind === 'gradients' ? [run] : []));
  assert.equal(
    [...new Set(gradients.map(({ setting, placement }) => `${setting} ${placement}`))].length,
    gradients.length,
  );
  assert.is(gradients.length, 9);
  const trained = new Set(trainings(runs).map(({ seed }) => seed));
  for (const { seeds } of gradients) assert.not(seeds.some((seed) => trained.has(seed)));
});

test('more steps, layers or seeds cost more', () => {
  const { runs } = makePreset('quick');
  for (const run of runs) {
    const more: RunSpec =
      run.kind === 'translation'
        ? { ...run, steps: 2 * run.steps }
        : { ...run, seeds: [...run.seeds, ...run.seeds] };
    assert.ok(Math.abs(costOf(more) / costOf(run) - 2) < 1e-12, run.id);
  }
});

test.run();
