/** sweep: grids of files and modules, an interruption and its continuation, runs that fail, what is refused. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { expandGrid, readGrid } from '../../src/sweep/grid.js';
import type { SweepResults } from '../../src/sweep/results.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: sweep');

const recipe = {
  model: { kind: 'causalLM', dModel: 8, numHeads: 2, numLayers: 1, dFF: 16 },
  data: { kind: 'text', source: 'cats.txt', batchSize: 4, seqLen: 8 },
  optimizer: { kind: 'adamw' },
  schedule: { kind: 'constant', maxLr: 0.01 },
  steps: 10,
  evalEvery: 5,
};
const grid = {
  recipe: 'recipe.json',
  grid: { 'model.normPlacement': ['post', 'pre'], 'schedule.maxLr': [0.01, 0.02], seed: [1, 2] },
};
const text = 'the cat sat on the mat and the dog sat on the log. '.repeat(40);

function writeGrid(folder: string, value: unknown = grid): void {
  writeFileSync(join(folder, 'cats.txt'), text);
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify(recipe));
  writeFileSync(join(folder, 'grid.json'), JSON.stringify(value));
}
const runsIn = (cwd: string) => readdirSync(join(cwd, 'out/runs')).sort();

test('a grid is carried out, cut short and gone on with, and each run has the bits of prenorm train', () =>
  inFolder(async (cwd) => {
    writeGrid(cwd);
    const args = ['sweep', 'grid.json', '--out', 'out', '--processes', '1'];
    const cut = await prenorm(args, { cwd, interruptAt: /1\/8 / });
    assert.is(cut.code, 130, cut.stderr);
    assert.match(cut.stderr, /interrupted; [1-7] of 8 runs are kept, go on with --resume/);
    const kept = runsIn(cwd);
    const before = readFileSync(join(cwd, 'out/runs', kept[0]!), 'utf8');

    const resumed = await prenorm([...args, '--resume', '--json', '--map', 'maxLr,normPlacement'], { cwd });
    assert.is(resumed.code, 0, resumed.stderr);
    const results: SweepResults = JSON.parse(resumed.stdout);
    assert.is(readFileSync(join(cwd, 'out/results.json'), 'utf8'), resumed.stdout);
    assert.is(readFileSync(join(cwd, 'out/runs', kept[0]!), 'utf8'), before, 'a kept run is not made again');
    assert.equal([results.runs.length, results.settings.length, runsIn(cwd).length], [8, 4, 8]);
    assert.equal(
      results.fields.map(({ name }) => name),
      ['model.normPlacement', 'schedule.maxLr', 'seed'],
    );
    assert.is(results.runs[0]!.label, 'normPlacement post, maxLr 0.01, seed 1');
    assert.match(readFileSync(join(cwd, 'out/report.html'), 'utf8'), /^<!doctype html>/i);

    // The best recipe alone.
    const best = results.runs.find(({ id }) => id === results.best)!;
    writeFileSync(join(cwd, 'best.json'), JSON.stringify(best.config.recipe));
    const trained = await prenorm(['train', 'best.json', '--out', 'best', '--json'], { cwd });
    assert.is(trained.code, 0, trained.stderr);
    assert.is(JSON.parse(trained.stdout).hash, best.hash);

    const verified = await prenorm(['verify', 'out/results.json', '--row', best.id], { cwd });
    assert.is(verified.code, 0, verified.stderr);
    assert.match(
      verified.stdout,
      /of 8 runs 1 carried out again: 1 of 1 rows equal in every bit\n.*\nequal\n$/,
    );
    const wrong = {
      ...results,
      runs: results.runs.map((run) => ({ ...run, hash: `0${run.hash.slice(1)}` })),
    };
    writeFileSync(join(cwd, 'wrong.json'), JSON.stringify(wrong));
    const differs = await prenorm(['verify', 'wrong.json', '--row', best.id], { cwd });
    assert.is(differs.code, 1, differs.stdout);
    assert.match(differs.stdout, 'DIFFERENT');

    // A larger grid keeps what it shares with the smaller one.
    writeGrid(cwd, { ...grid, grid: { ...grid.grid, seed: [1, 2, 3] } });
    const larger = await prenorm([...args, '--resume'], { cwd });
    assert.is(larger.code, 0, larger.stderr);
    assert.match(larger.stderr, '4 of 12 runs to do');
    assert.match(larger.stdout, /The best run is .*\n?.*Report: /s);
  }));

test('a run that cannot be carried out is reported, and the others go on', () =>
  inFolder(async (cwd) => {
    // A module that fails only in a process of the pool.
    writeFileSync(
      join(cwd, 'data.mjs'),
      `export function dataset({ fails }) {
        if (fails && process.send) throw new Error('no data today');
        const batch = { ids: Int32Array.from([1, 2, 3, 0]), targets: Int32Array.from([2, 3, 0, 1]), batchSize: 1, seqLen: 4 };
        return { data: { next: () => batch, state: () => ({}), restore() {} }, sha256: 'x', seqLen: 4 };
      }`,
    );
    const own = {
      ...recipe,
      evalEvery: undefined,
      data: { kind: 'module', url: './data.mjs' },
      model: { ...recipe.model, vocabSize: 5 },
    };
    writeFileSync(
      join(cwd, 'grid.json'),
      JSON.stringify({ recipe: own, grid: { 'data.options': [{ fails: false }, { fails: true }] } }),
    );
    const { code, stdout, stderr } = await prenorm(['sweep', 'grid.json', '--out', 'out', '--json'], { cwd });
    assert.is(code, 1, stderr);
    const results: SweepResults = JSON.parse(stdout);
    assert.equal([results.runs.length, results.failed.length], [1, 1]);
    assert.match(results.failed[0]!.error, 'no data today');
    assert.match(stderr, /^prenorm: .*fails true.*no data today/m);
  }));

test('a module is a grid, in place and with what is the same twice left out; --dry-run writes nothing', () =>
  inFolder(async (cwd) => {
    writeGrid(cwd);
    writeFileSync(
      join(cwd, 'grid.mjs'),
      `import { readFileSync } from 'node:fs';
      const recipe = JSON.parse(readFileSync(new URL('recipe.json', import.meta.url)));
      export default async () => ({ ...recipe, seed: { list: [1, 2, 1] }, model: { ...recipe.model, numLayers: { range: { from: 1, to: 2, step: 1 } } } });`,
    );
    const args = ['sweep', 'grid.mjs', '--out', 'out', '--dry-run'];
    const { code, stdout, stderr } = await prenorm([...args, '--json', '--processes', '3'], { cwd });
    assert.is(code, 0, stderr);
    const plan = JSON.parse(stdout);
    assert.equal([plan.runs.length, plan.twice, plan.processes], [4, 2, 3]);
    assert.ok(plan.estimatedSeconds > 0 && plan.megabytes > 0);
    assert.ok(plan.runs[2].megabytes !== plan.runs[0].megabytes, 'two layers take more than one');
    const shown = await prenorm(args, { cwd });
    assert.match(shown.stdout, /numLayers 2 +2 +10 +\d+ MB/);
    assert.match(shown.stdout, '4 runs (2 that are another one again are left out)');
    assert.not(existsSync(join(cwd, 'out')));
  }));

test('what cannot be trained is refused before anything is written, by file and run', () =>
  inFolder(async (cwd) => {
    const refused = async (value: unknown, pattern: RegExp, ...more: string[]): Promise<void> => {
      writeGrid(cwd, value);
      const { code, stderr, stdout } = await prenorm(['sweep', 'grid.json', '--out', 'out', ...more], {
        cwd,
      });
      assert.is(code, 2, stderr);
      assert.is(stdout, '');
      assert.match(stderr, /^prenorm: grid\.json.*\n$|^prenorm: --map.*\n$|^prenorm: .*\.txt.*\n$/);
      assert.match(stderr, pattern);
      assert.not(existsSync(join(cwd, 'out')));
    };
    const with_ = (fields: object) => ({ recipe: 'recipe.json', grid: fields });
    await refused(with_({ 'model.dModel': [8, 9] }), /dModel 9.*numHeads/);
    await refused(with_({ 'schedule.maxLr': [1, 'x'] }), /run 2 \(maxLr x\)|maxLr x/);
    await refused(with_({ 'schedule.maxRate': [1] }), /unknown key "maxRate"/);
    await refused(with_({ seed: { range: { from: 1, to: 3 } } }), /one of step, factor and count/);
    await refused(with_({ 'data.source': ['cats.txt', 'dogs.txt'] }), /dogs\.txt/);
    await refused(grid, /a map is over two fields that vary, got seed,maxLr/, '--map', 'seed,maxLr');
  }));

test('the grids of the document are grids, with as many runs as it says', () => {
  const document = readFileSync(new URL('../../docs/sweeps.md', import.meta.url), 'utf8');
  const blocks = [...document.matchAll(/<!-- grid (\d+) -->\n```json\n([\s\S]*?)```/g)];
  assert.ok(blocks.length >= 3);
  for (const [, count, json] of blocks) {
    const file = readGrid(JSON.parse(json!), 'docs/sweeps.md');
    const recipes =
      'recipes' in file
        ? file.recipes
        : expandGrid(typeof file.recipe === 'string' ? recipe : file.recipe, file.grid, 'docs/sweeps.md');
    assert.is(recipes.length, Number(count), json);
  }
});

test.run();
