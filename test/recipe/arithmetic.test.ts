/** The arithmetic of a run: said in its recipe, in what decides its bits, and kept by everything that carries it out. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pinned } from '../../src/conformance/index.js';
import { ConfigError } from '../../src/errors.js';
import { planFit } from '../../src/fit/index.js';
import { checkRecipe, type PreparedRun, prepareRun, type Recipe } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { WorkerTrainer, type WorkerTrainerOptions } from '../../src/worker/index.js';
import { inFolder, prenorm } from '../cli/spawn.js';
import { asyncRefusal } from '../support.js';
import { recipes } from './recipes.js';

const test = suite('recipe: arithmetic');

const { text } = recipes;
const int12 = { arithmetic: 'int12' } as const;

async function prepared(recipe: Recipe, arithmetic: 'strict' | 'int12'): Promise<PreparedRun> {
  await init({ arithmetic });
  return prepareRun(checkRecipe(recipe, 'test'));
}

async function hashOf(recipe: Recipe, arithmetic: 'strict' | 'int12'): Promise<string> {
  const trainer = new Trainer((await prepared(recipe, arithmetic)).options);
  for await (const _ of trainer.run());
  return trainer.hash();
}

test('it decides the bits, and strict goes without saying', async () => {
  const usual = await prepared(text, 'strict');
  const written = await prepared({ ...text, arithmetic: 'strict' }, 'strict');
  const own = await prepared(text, 'int12');
  assert.equal(written.options.config, usual.options.config);
  assert.not('arithmetic' in (usual.options.config as object));
  assert.not('arithmetic' in written.recipe);
  assert.equal(own.options.config, { ...usual.options.config, ...int12 });
  // What is stored says how it was computed, though the recipe did not.
  assert.is(own.recipe.arithmetic, 'int12');
});

test('a runtime of another arithmetic refuses a recipe; no arithmetic is refused by name', async () => {
  const error = await asyncRefusal(prepared({ ...text, ...int12 }, 'strict'));
  assert.instance(error, ConfigError);
  assert.match(error.message, 'the recipe is for int12 arithmetic, and the runtime computes in strict');
  assert.match(
    (await asyncRefusal(prepared({ ...text, arithmetic: 'strict' }, 'int12'))).message,
    'strict arithmetic, and the runtime computes in int12',
  );
  assert.throws(
    () => checkRecipe({ ...text, arithmetic: 'int8' }, 'test'),
    /arithmetic must be one of strict, relaxed, int12, got "int8"/,
  );
});

test('a worker computes as the recipe says, and refuses what is asked of it beside', async () => {
  const run = async (more: object) => {
    const trainer = new WorkerTrainer({ ...text, ...more } as WorkerTrainerOptions);
    try {
      for await (const _ of trainer.run());
      return [(await trainer.ready).capabilities.arithmetic, await trainer.hash()];
    } finally {
      trainer.close();
    }
  };
  assert.equal(await run(int12), ['int12', await hashOf(text, 'int12')]);
  assert.equal(await run({ runtime: int12 }), await run(int12));
  assert.equal(await run({}), ['strict', await hashOf(text, 'strict')]);
  const error = await asyncRefusal(run({ ...int12, runtime: { arithmetic: 'strict' } }));
  assert.instance(error, ConfigError);
  assert.match(error.message, 'the recipe is for int12 arithmetic');
});

test('the recipe that fit chooses is for the arithmetic it was chosen in', async () => {
  const data = 'one two three four five six seven eight nine ten. '.repeat(60);
  for (const arithmetic of ['strict', 'int12'] as const) {
    await init({ arithmetic });
    const { recipe } = await planFit({ task: 'lm', data, budget: { steps: 2 }, seed: 0 });
    assert.is(recipe.arithmetic, arithmetic === 'strict' ? undefined : arithmetic);
  }
});

test('train computes as the option says, else as the recipe; a run goes on in its own arithmetic', () =>
  inFolder(async (cwd) => {
    const write = (more: object) => writeFileSync(join(cwd, 'r.json'), JSON.stringify({ ...text, ...more }));
    const train = async (...args: string[]) => {
      const { code, stdout, stderr } = await prenorm(['train', 'r.json', '--json', ...args], { cwd });
      return { code, stderr, hash: stdout && JSON.parse(stdout).hash };
    };
    write({});
    const asked = await train('--out', 'asked', '--arithmetic', 'int12');
    assert.is(asked.code, 0, asked.stderr);
    assert.is(asked.hash, await hashOf({ ...text }, 'int12'));
    const stored = JSON.parse(readFileSync(join(cwd, 'asked/config.json'), 'utf8'));
    assert.is(stored.recipe.arithmetic, 'int12');
    const page = readFileSync(join(cwd, 'asked/report.html'), 'utf8');
    assert.match(page, '--arithmetic int12');
    const strict = await train('--out', 'asked', '--resume');
    assert.is(strict.code, 2);
    assert.match(strict.stderr, 'it was computed in "int12" arithmetic, and this is "strict"');
    const on = await train('--out', 'asked', '--resume', '--arithmetic', 'int12');
    assert.equal([on.code, on.hash], [0, asked.hash], on.stderr);
    write(int12);
    const said = await train('--out', 'said');
    assert.equal([said.code, said.hash], [0, asked.hash], said.stderr);
    const other = await train('--out', 'other', '--arithmetic', 'strict');
    assert.equal([other.code, other.hash], [0, await hashOf(text, 'strict')], other.stderr);
    const both = await train('--out', 'both', '--arithmetic', 'int12', '--simd', 'strict');
    assert.is(both.code, 2);
    assert.match(both.stderr, 'they mean the same thing');
  }));

test('results say their arithmetic, and verify repeats each row in its own', () =>
  inFolder(async (cwd) => {
    const only = ['--only', 'law-jacobian', 'gradients-toy-pre', '--processes', '1'];
    const run = await prenorm(['reproduce', ...only, '--arithmetic', 'int12', '--out', 'r', '--json'], {
      cwd,
    });
    assert.ok(run.code === 0 || run.code === 1, run.stderr);
    const results = JSON.parse(run.stdout);
    assert.equal([results.arithmetic, results.conformance], ['int12', pinned.int12.total]);
    assert.match(results.command, / --arithmetic int12 --only /);
    for (const row of results.runs) assert.is(row.arithmetic, 'int12', row.id);
    assert.match(readFileSync(join(cwd, 'r/report.html'), 'utf8'), 'int12');
    const rows = ['--row', ...results.runs.map(({ id }: { id: string }) => id)];
    const again = await prenorm(['verify', 'r/results.json', ...rows, '--json'], { cwd });
    assert.is(again.code, 0, again.stderr + again.stdout);
    assert.is(JSON.parse(again.stdout).outcome, 'equal');
    const strict = await prenorm(['verify', 'r/results.json', '--arithmetic', 'strict'], { cwd });
    assert.is(strict.code, 2);
    assert.match(strict.stderr, /the row \S+ was computed in int12 arithmetic/);
    // Rows of both in one file, as of nothing else.
    writeFileSync(join(cwd, 'r/results.json'), JSON.stringify({ ...results, arithmetic: 'int8' }));
    const wrong = await prenorm(['verify', 'r/results.json'], { cwd });
    assert.match(wrong.stderr, 'arithmetic must be one of strict, relaxed, int12');
  }));

test.run();
