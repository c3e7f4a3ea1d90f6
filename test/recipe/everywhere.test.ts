/** One recipe file by `prenorm train`, in a worker and in this thread: one hash; checkpoints go from one to the other. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fileSources } from '../../src/cli/sources.js';
import { checkRecipe, prepareRun, type Recipe, seedsOf } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { WorkerTrainer } from '../../src/worker/index.js';
import { inFolder, prenorm } from '../cli/spawn.js';
import { contents, recipes } from './recipes.js';

const test = suite('recipe: everywhere');
const open: WorkerTrainer[] = [];
test.after.each(() => {
  for (const trainer of open.splice(0)) trainer.close();
});

/** What a run can be made of: dropout, batches in sums, clipping, BPE, groups, frozen parts, seeds of its own. */
const full: Recipe = {
  model: { kind: 'causalLM', dModel: 16, numHeads: 2, numLayers: 2, dropout: 0.1, normPlacement: 'pre' },
  data: { kind: 'text', text: contents.text, batchSize: 2, seqLen: 12, validation: 0.2 },
  tokenizer: { kind: 'bpe', vocabSize: 290 },
  trainable: ['all', '!encoder.layers.0.*bias'],
  optimizer: {
    kind: 'adamw',
    betas: [0.9, 0.98],
    weightDecay: 0.1,
    groups: [{ match: ['norms', 'biases'], lr: 0.003, weightDecay: 0 }],
  },
  schedule: { kind: 'inverseSqrt', maxLr: 0.01, warmupSteps: 4 },
  steps: 9,
  accumulate: 2,
  clipNorm: 1,
  labelSmoothing: 0.1,
  seed: 5,
  seeds: { dropout: 6 },
  evalEvery: 4,
  checkpointEvery: 3,
};

async function here(value: unknown, folder: string): Promise<{ hash: string; nll: number }> {
  const runtime = await init();
  const recipe = checkRecipe(value, 'here');
  runtime.manualSeed(1234); // prepareRun sets the recipe's
  const { options } = await prepareRun(recipe, { sources: fileSources(folder) });
  const trainer = new Trainer(options);
  for await (const _ of trainer.run());
  return { hash: trainer.hash(), nll: trainer.evaluate() };
}

function worker(value: unknown): WorkerTrainer {
  const trainer = new WorkerTrainer(value as Recipe);
  open.push(trainer);
  return trainer;
}

async function finish(trainer: WorkerTrainer): Promise<string> {
  for await (const _ of trainer.run());
  return trainer.hash();
}

async function byCommand(
  cwd: string,
  args: readonly string[],
): Promise<{ hash: string; steps: number; validNll: number }> {
  const { code, stdout, stderr } = await prenorm(['train', ...args, '--json'], { cwd });
  assert.is(code, 0, stderr);
  return JSON.parse(stdout);
}

const read = (folder: string, name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));

test('the same file has one hash everywhere, and checkpoints go from the worker to the command and back', () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'r.json'), JSON.stringify(full));
    const whole = await byCommand(cwd, ['r.json', '--out', 'whole']);
    const inWorker = worker(read(cwd, 'r.json'));
    assert.is(await finish(inWorker), whole.hash);
    const inThread = await here(read(cwd, 'r.json'), cwd);
    assert.equal([inThread.hash, inThread.nll], [whole.hash, whole.validNll]);
    assert.is(await inWorker.evaluate(), whole.validNll);
    assert.equal(seedsOf(full), { model: 5, data: 5, dropout: 6 });

    // Three steps in a worker, three more by the command, the rest in another worker.
    const first = worker({ ...full, steps: 3 });
    for await (const _ of first.run());
    mkdirSync(join(cwd, 'moved'));
    const { checkpoint, step } = await first.snapshot();
    assert.is(step, 3);
    writeFileSync(join(cwd, 'moved/checkpoint.safetensors'), checkpoint);
    writeFileSync(join(cwd, 'six.json'), JSON.stringify({ ...full, steps: 6 }));
    const middle = await byCommand(cwd, ['six.json', '--resume', '--out', 'moved']);
    assert.is(middle.steps, 6);
    const last = worker(read(cwd, 'r.json'));
    const bytes = new Uint8Array(readFileSync(join(cwd, 'moved/checkpoint.safetensors')));
    assert.is((await last.restore(bytes))?.step, 6);
    assert.is(await finish(last), whole.hash);
    const ends = [
      (await last.snapshot()).checkpoint,
      readFileSync(join(cwd, 'whole/checkpoint.safetensors')),
    ];
    assert.is(Buffer.compare(ends[0], ends[1]), 0, 'the last checkpoint differs');

    // The folder is a whole run now.
    const evaluated = await prenorm(['evaluate', 'moved', '--json'], { cwd });
    assert.is(JSON.parse(evaluated.stdout).step, 6, evaluated.stderr);
    // The folder's own config.json holds the recipe that it goes on with.
    const { recipe } = read(cwd, 'moved/config.json') as { recipe: Recipe };
    assert.is(await finish(worker({ ...recipe, steps: 9 })), whole.hash);
  }));

for (const kind of ['pairs', 'labelledTexts', 'masked', 'images', 'tokens', 'module'] as const) {
  test(`${kind}: one hash by the command and in a worker, and the run can be evaluated and gone on with`, () =>
    inFolder(async (cwd) => {
      writeFileSync(join(cwd, 'r.json'), JSON.stringify(recipes[kind]));
      const whole = await byCommand(cwd, ['r.json', '--out', 'run']);
      assert.is(await finish(worker(read(cwd, 'r.json'))), whole.hash);
      const greedy = kind === 'pairs' ? ['--beam', '1'] : [];
      const evaluated = await prenorm(['evaluate', 'run', ...greedy, '--json'], { cwd });
      assert.is(JSON.parse(evaluated.stdout || '{}').nll, whole.validNll, evaluated.stderr);
      writeFileSync(join(cwd, 'r.json'), JSON.stringify({ ...recipes[kind], steps: 4 }));
      const [longer, resumed] = await Promise.all([
        byCommand(cwd, ['r.json', '--out', 'longer']),
        byCommand(cwd, ['r.json', '--out', 'run', '--resume']),
      ]);
      assert.is(resumed.hash, longer.hash);
    }));
}

test('an embedded text has one hash too, and begins from the weights of another run', () =>
  inFolder(async (cwd) => {
    const recipe = { ...recipes.text, data: { kind: 'text', source: 'kjv', batchSize: 2, seqLen: 8 } };
    writeFileSync(join(cwd, 'r.json'), JSON.stringify(recipe));
    const whole = await byCommand(cwd, ['r.json', '--out', 'run']);
    const first = worker(recipe);
    assert.is(await finish(first), whole.hash);
    const { weights } = await first.snapshot();
    writeFileSync(join(cwd, 'w.safetensors'), weights);
    writeFileSync(join(cwd, 'tune.json'), JSON.stringify({ ...recipe, weights: 'w.safetensors' }));
    const tuned = await byCommand(cwd, ['tune.json', '--out', 'tuned']);
    assert.is(await finish(worker({ ...recipe, weights })), tuned.hash);
    assert.is.not(tuned.hash, whole.hash);
    // The weights are named in the folder, not copied.
    const { recipe: stored } = read(cwd, 'tuned/config.json') as { recipe: Recipe };
    assert.is(stored.weights, 'w.safetensors');
    const generated = await prenorm(['generate', 'tuned', '--prompt', 'In', '--length', '3', '--json'], {
      cwd,
    });
    assert.is(JSON.parse(generated.stdout || '{}').tokens, 3, generated.stderr);
  }));

test.run();
