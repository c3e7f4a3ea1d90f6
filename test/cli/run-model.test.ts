/** The run's model as one file: what every command takes in place of a folder, here, moved, and of version 0.1. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadModel, saveModel } from '../../src/io/index.js';
import { init } from '../../src/runtime/init.js';
import { lm, writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: the model of a run');
const fixtures = join(import.meta.dirname, '../fixtures/version-0.1');

test('the folder, its model and its checkpoint are the same to every command', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const trained = await prenorm(['train', 'lm.json', '--out', 'run', '--json'], { cwd });
    assert.is(trained.code, 0, trained.stderr);
    const outputs = [];
    for (const run of ['run', 'run/model.safetensors']) {
      const judged = await prenorm(['evaluate', run, '--json'], { cwd });
      assert.is(judged.code, 0, judged.stderr);
      const text = await prenorm(['generate', run, '--prompt', 'the', '--length', '4'], { cwd });
      assert.is(text.code, 0, text.stderr);
      outputs.push([judged.stdout, text.stdout]);
    }
    assert.equal(outputs[1], outputs[0]);

    // Elsewhere it still generates; its data are looked for beside it.
    mkdirSync(join(cwd, 'elsewhere'));
    cpSync(join(cwd, 'run/model.safetensors'), join(cwd, 'elsewhere/mine.safetensors'));
    const moved = join('elsewhere', 'mine.safetensors');
    const text = await prenorm(['generate', moved, '--prompt', 'the', '--length', '4'], { cwd });
    assert.is(text.stdout, outputs[0][1]);
    const lost = await prenorm(['evaluate', moved, '--json'], { cwd });
    assert.is(lost.code, 2);
    assert.match(lost.stderr, /elsewhere\/text\.txt/);
    cpSync(join(cwd, 'text.txt'), join(cwd, 'elsewhere/text.txt'));
    const found = await prenorm(['evaluate', moved, '--json'], { cwd });
    assert.is(found.stdout, outputs[0][0]);
    const wrong = await prenorm(['translate', moved], { cwd });
    assert.match(wrong.stderr, /this run is a causalLM, which does not translate/);
  }));

test('the library loads what the command wrote, and the folders of version 0.1', () =>
  inFolder(async (cwd) => {
    await init();
    for (const [run, kind] of [
      ['lm', 'causalLM'],
      ['translation', 'transformer'],
    ] as const) {
      const loaded = await loadModel(join(fixtures, run), { kind });
      assert.is(loaded.tokenizer?.vocabSize, (loaded.config as { vocabSize: number }).vocabSize);
      assert.is(loaded.step, run === 'lm' ? 6 : 4);
      assert.not(loaded.model.training);
      const alone = await loadModel(join(fixtures, run, 'checkpoint.safetensors'));
      assert.is(alone.tokenizer, null);
      assert.equal(alone.config, loaded.config);
    }
    const worker = await loadModel(readFileSync(join(fixtures, 'worker-text.safetensors')));
    assert.is(worker.kind, 'causalLM');
    assert.is(worker.config.seed, 4);

    writeCorpus(cwd);
    const trained = await prenorm(['train', 'lm.json', '--out', 'run', '--json'], { cwd });
    const loaded = await loadModel(join(cwd, 'run'));
    assert.is(loaded.step, JSON.parse(trained.stdout).steps);
    assert.ok(loaded.dataHash && loaded.tokenizer && loaded.recipe);
    const { data } = loaded.recipe as { data: { source: string } };
    assert.is(data.source, 'text.txt', 'names stay as the recipe has them');
    assert.not(
      JSON.stringify(loaded.recipe).includes(cwd),
      'no place of this machine goes out with the file',
    );
    rmSync(join(cwd, 'run/model.safetensors'));
    const before = await loadModel(join(cwd, 'run'));
    assert.equal(before.config, loaded.config);
    assert.equal(before.tokenizer?.toJSON(), loaded.tokenizer?.toJSON());
  }));

for (const [kept, recipe] of [
  ['the last weights', { ...lm, checkpointEvery: 2 }],
  // So high a rate that the best evaluation is not the last one.
  ['the best weights', { ...lm, evalEvery: 1, schedule: { kind: 'constant', maxLr: 0.3 } }],
] as const) {
  test(`a folder whose model is not that of its checkpoint gives the checkpoint's: ${kept}`, () =>
    inFolder(async (cwd) => {
      writeCorpus(cwd);
      const [model, checkpoint] = ['model', 'checkpoint'].map((name) => join(cwd, `run/${name}.safetensors`));
      const train = async (steps: number, ...more: string[]) => {
        writeFileSync(join(cwd, 'own.json'), JSON.stringify({ ...recipe, steps }));
        const trained = await prenorm(['train', 'own.json', '--out', 'run', '--json', ...more], { cwd });
        assert.is(trained.code, 0, trained.stderr);
        return { result: JSON.parse(trained.stdout), files: [model, checkpoint].map((f) => readFileSync(f)) };
      };
      const judge = async (run: string) => {
        const judged = await prenorm(['evaluate', run, '--json'], { cwd });
        assert.is(judged.code, 0, judged.stderr);
        return { ...judged, step: JSON.parse(judged.stdout).step };
      };
      /** What `loadModel` takes the folder's model to be. */
      const loaded = async () => {
        const { model: own, step } = await loadModel(join(cwd, 'run'));
        return { step, weights: saveModel(own) };
      };
      const first = await train(1);
      const last = await train(6, '--resume');
      const step = last.result.best?.step ?? 6;
      assert.is(step < 6, recipe.evalEvery === 1, `best at ${step}`);
      assert.not.equal(step, 1);
      const whole = await judge('run');
      assert.is(whole.step, step);
      assert.is(whole.stderr, '');
      const ofLibrary = await loaded();
      assert.is(ofLibrary.step, step);

      // As Prenorm 0.2.0 leaves it, or a kill between the two files.
      writeFileSync(model, first.files[0]);
      const behind = await judge('run');
      assert.is(behind.stdout, whole.stdout);
      const told = `prenorm: run/model.safetensors is of step 1, the model of the run of step ${step}`;
      assert.is(behind.stderr, `${told}: taken from run/checkpoint.safetensors\n`);
      assert.equal(await loaded(), ofLibrary, 'the library compares too');
      const asked = await judge('run/model.safetensors');
      assert.is(asked.step, 1);
      assert.is(asked.stderr, `${told} (give the folder, run, to use that)\n`);
      await train(6, '--resume');
      assert.equal(readFileSync(model), last.files[0], 'going on writes it anew');

      rmSync(model);
      const none = await judge('run');
      assert.is(none.stdout, whole.stdout);
      assert.is(none.stderr, '');
      assert.equal(await loaded(), ofLibrary);

      // An earlier checkpoint that somebody put back.
      writeFileSync(model, last.files[0]);
      writeFileSync(checkpoint, first.files[1]);
      const ahead = await judge('run');
      assert.is(ahead.step, 1);
      assert.match(ahead.stderr, `is of step ${step}, the model of the run of step 1:`);
      assert.is((await loaded()).step, 1);

      for (const broken of [new Uint8Array(), first.files[1].subarray(0, 5), Buffer.alloc(99, 0x7b)]) {
        writeFileSync(checkpoint, broken);
        const unknown = await judge('run');
        assert.is(unknown.stdout, whole.stdout);
        assert.match(unknown.stderr, /^prenorm: run\/checkpoint\.safetensors cannot be read, so whether /);
        assert.equal(await loaded(), ofLibrary);
      }
      rmSync(checkpoint);
      assert.is((await judge('run')).stderr, '');
    }));
}

test.run();
