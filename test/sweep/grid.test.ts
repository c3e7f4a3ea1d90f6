/** Grids: what their recipes are, in which order, and what is refused in which words. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.js';
import { init } from '../../src/runtime/init.js';
import { labelOf, shortNames, sweptFields } from '../../src/sweep/fields.js';
import { expandGrid, MOST_RUNS, readGrid } from '../../src/sweep/grid.js';
import { type Range, rangeValues } from '../../src/sweep/range.js';
import { refusal } from '../support.js';

const test = suite('sweep: grid');
await init();

const recipe = {
  model: { kind: 'causalLM', dModel: 16, numLayers: 2, normPlacement: 'pre' },
  optimizer: { kind: 'adamw', betas: [0.9, 0.98], groups: [{ match: 'norms', lr: 0.1 }] },
  schedule: { kind: 'constant', maxLr: 0.001 },
  seed: 1,
};
type Made = typeof recipe & Record<string, unknown>;
const expand = (grid: unknown, base: object = recipe): Made[] =>
  expandGrid(base as Record<string, unknown>, grid, 'g.json') as Made[];
const refused = (grid: unknown, pattern: RegExp, base?: object): void => {
  const error = refusal(() => expand(grid, base));
  assert.instance(error, ConfigError);
  assert.match(error.message, pattern);
};

test('fields of one object multiply, the first slowest, and the rest of the recipe stays', () => {
  const made = expand({ 'schedule.maxLr': [0.1, 0.2], seed: [1, 2, 3] });
  assert.equal(
    made.map(({ schedule, seed }) => [schedule.maxLr, seed]),
    [0.1, 0.2].flatMap((lr) => [1, 2, 3].map((seed) => [lr, seed])),
  );
  for (const one of made) assert.equal({ ...one, schedule: recipe.schedule, seed: 1 }, recipe);
});

test('a field may be varied in its place, and multiplies with the grid', () => {
  const base = {
    ...recipe,
    seed: { range: { from: 1, to: 3, step: 2 } },
    schedule: { list: [{ kind: 'a' }, { kind: 'b' }] },
  };
  const made = expand({ 'model.numLayers': [1, 2] }, base);
  assert.is(made.length, 8);
  assert.equal(made[0]!.schedule as object, { kind: 'a' });
  assert.equal(
    made.map(({ seed, schedule, model }) => [seed, schedule.kind, model.numLayers].join()).sort(),
    ['1,a,1', '1,a,2', '1,b,1', '1,b,2', '3,a,1', '3,a,2', '3,b,1', '3,b,2'],
  );
  // Content of others may have such keys.
  const foreign = { data: { kind: 'module', url: 'x', options: { list: [1, 2] } } };
  assert.equal(expand(undefined, foreign), [foreign] as never);
});

test('zip goes side by side, list is what it says, and both nest', () => {
  const zipped = { zip: [{ 'schedule.maxLr': [0.1, 0.2] }, { 'model.dModel': [32, 64] }] };
  const listed = { list: [{ 'model.normPlacement': 'post', clipNorm: 1 }, { 'model.normPlacement': 'pre' }] };
  const made = expand({ product: [zipped, listed, { seed: [7] }] });
  assert.equal(
    made.map(({ schedule, model, clipNorm, seed }) => [
      schedule.maxLr,
      model.dModel,
      model.normPlacement,
      clipNorm,
      seed,
    ]),
    [
      [0.1, 32, 'post', 1, 7],
      [0.1, 32, 'pre', undefined, 7],
      [0.2, 64, 'post', 1, 7],
      [0.2, 64, 'pre', undefined, 7],
    ],
  );
});

test('null leaves a field out, a number is a place in a list, and a missing object is made', () => {
  const made = expand({
    list: [
      { schedule: null, 'optimizer.lr': 0.1 },
      { 'optimizer.groups.0.lr': 3, 'earlyStopping.patience': 2 },
    ],
  });
  assert.not('schedule' in made[0]!);
  assert.is((made[0]!.optimizer as { lr?: number }).lr, 0.1);
  assert.is(made[1]!.optimizer.groups[0]!.lr, 3);
  assert.equal(made[1]!.earlyStopping, { patience: 2 });
  assert.is(recipe.optimizer.groups[0]!.lr, 0.1, 'the recipe itself stays');
});

test('ranges: steps, factors and counts, rounded as one would write them', () => {
  const of = (range: Range) => rangeValues(range, 'g');
  assert.equal(of({ from: 0.1, to: 0.5, step: 0.1 }), [0.1, 0.2, 0.3, 0.4, 0.5]);
  assert.equal(of({ from: 4, to: -1, step: -2 }), [4, 2, 0]);
  assert.equal(of({ from: 0.0005, to: 0.004, factor: 2 }), [0.0005, 0.001, 0.002, 0.004]);
  assert.equal(of({ from: 1, to: 0.001, factor: 0.1 }), [1, 0.1, 0.01, 0.001]);
  assert.equal(of({ from: 0, to: 1, count: 5 }), [0, 0.25, 0.5, 0.75, 1]);
  assert.equal(of({ from: 0.0001, to: 0.01, count: 3, scale: 'log' }), [0.0001, 0.001, 0.01]);
  assert.equal(of({ from: 3, to: 3, step: 1 }), [3]);
  for (const [range, pattern] of [
    [{ from: 1, to: 2 }, /one of step, factor and count, got none/],
    [{ from: 1, to: 2, step: 1, count: 2 }, /got several/],
    [{ from: 1, to: 2, step: -1 }, /step leads away/],
    [{ from: 1, to: 2, step: 0 }, /step must not be 0/],
    [{ from: 1, to: 2, factor: 0.5 }, /factor leads away/],
    [{ from: 0, to: 2, factor: 2 }, /ends above 0/],
    [{ from: 1, to: 2, step: 0.5, scale: 'log' }, /scale goes with count/],
    [{ from: 1, to: 1, count: 3 }, /the same/],
    [{ from: 1, to: 2, steps: 1 }, /unknown key "steps"/],
    [{ from: '1', to: 2, step: 1 }, /from must be a finite number/],
    [{ from: 0, to: 1, step: 1e-9 }, /more than 10000/],
  ] as const)
    assert.match(refusal(() => of(range as never)).message, pattern);
});

test('what is no grid is refused with its place', () => {
  refused([], /g\.json: grid: must be an object with fields/);
  refused({}, /an empty one/);
  refused({ seed: 3 }, /g\.json: grid\.seed: must be a list that is not empty, or a range, got 3/);
  refused({ seed: [] }, /grid\.seed: must be a list that is not empty/);
  refused({ product: [{ seed: [1] }], clipNorm: [1] }, /product stands alone/);
  refused({ zip: [{ seed: [1, 2] }, { clipNorm: [1] }] }, /equally many values, got 2, 1/);
  refused({ product: [{ seed: [1] }, { seed: [2] }] }, /seed is given twice/);
  refused({ schedule: [{ kind: 'a' }], 'schedule.maxLr': [1] }, /one in the other/);
  refused({ list: [{ a: 1 }, 3] }, /grid\.list\[1\]: must be an object with fields/);
  refused({ list: [{ schedule: {}, 'schedule.maxLr': 1 }] }, /list\[0\]: .*one in the other/);
  refused({ 'schedule..maxLr': [1] }, /no field of a recipe/);
  refused({ '__proto__.polluted': [1] }, /no field of a recipe/);
  refused({ 'seed.x': [1] }, /seed is 1, which has no x/);
  refused({ 'optimizer.groups.5.lr': [1] }, /optimizer\.groups has 1 entries, and none at 5/);
  const many = Object.fromEntries(
    'abcdef'.split('').map((key) => [key, Array.from({ length: 10 }, (_, i) => i)]),
  );
  refused(many, /has 1000000 runs, at most 100000/);
  assert.is(MOST_RUNS, 100_000);
  assert.is(({} as Record<string, unknown>).polluted, undefined);
});

test('a list of points may give a whole in one and a part in another', () => {
  const made = expand({ list: [{ schedule: { kind: 'x' } }, { 'schedule.maxLr': 5 }] });
  assert.equal(made.map(({ schedule }) => schedule) as unknown[], [
    { kind: 'x' },
    { kind: 'constant', maxLr: 5 },
  ]);
});

test('a file is a recipe, a recipe with a grid, or a list of recipes', () => {
  assert.equal(readGrid(recipe, 'g'), { recipe });
  assert.equal(readGrid({ recipe: 'r.json', grid: { seed: [1] } }, 'g'), {
    recipe: 'r.json',
    grid: { seed: [1] },
  });
  assert.equal(readGrid([recipe], 'g'), { recipes: [recipe] });
  for (const [value, pattern] of [
    [[], /an empty one/],
    [[recipe, 3], /must be a list of recipes, got 3/],
    [null, /must be an object, or a list of recipes/],
    [{ recipe: 4 }, /recipe: must be a recipe, or the name/],
    [{ recipe, gird: {} }, /unknown key "gird"/],
  ] as const)
    assert.match(refusal(() => readGrid(value, 'g')).message, pattern);
});

test('fields are what differs, and labels have their short names', () => {
  const made = expand({
    'schedule.maxLr': [0.1, 0.2],
    'model.normPlacement': ['pre'],
    seed: [1, 2],
    clipNorm: [null, 1],
  });
  const fields = sweptFields(made);
  assert.equal(fields, [
    { name: 'schedule.maxLr', values: [0.1, 0.2] },
    { name: 'clipNorm', values: [null, 1] },
    { name: 'seed', values: [1, 2] },
  ]);
  const short = shortNames(fields.map(({ name }) => name));
  assert.is(labelOf(made[0]!, fields, short), 'maxLr 0.1, clipNorm none, seed 1');
  assert.is(labelOf(recipe, [], short), 'the recipe');
  assert.equal(
    [...shortNames(['a.kind', 'b.kind', 'optimizer.betas.0', 'seed']).values()],
    ['a.kind', 'b.kind', 'betas.0', 'seed'],
  );
});

test.run();
