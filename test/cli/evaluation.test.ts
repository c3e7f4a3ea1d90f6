/** A training that looks after itself: what the command shows, keeps, writes, and when it ends. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeCheckpoint } from '../../src/io/index.js';
import { lm, translation, writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: evaluation');

test('the files of a run say the same in JSON and in tables, and a resume leaves no trace in them', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const recipe = { ...lm, steps: 9, evalEvery: 3, checkpointEvery: 4, gradNormEvery: 2 };
    writeFileSync(join(cwd, 'c.json'), JSON.stringify({ ...recipe, samples: { length: 5, count: 2 } }));
    const whole = await prenorm(['train', 'c.json', '--out', 'a'], { cwd });
    assert.is(whole.code, 0, whole.stderr);
    assert.match(whole.stderr, /step 3: loss \d\.\d{4}, valid NLL \d\.\d{4} \(best so far\)\n {2}\S/);
    assert.match(whole.stdout, /\(perplexity [\d.]+, [\d.]+ bits per byte\)/);
    const read = (run: string, name: string) => readFileSync(join(cwd, run, name), 'utf8');
    const rows = (name: string) => read('a', name).trimEnd().split('\n');
    const json = (name: string) => rows(name).map((line) => JSON.parse(line));

    const metrics = json('metrics.jsonl');
    assert.equal(
      metrics.map(({ step, validNll }) => [step, validNll !== undefined]),
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((step) => [step, step % 3 === 0]),
    );
    assert.equal(Object.keys(metrics[2]), [
      'step',
      'lr',
      'loss',
      'gradNorm',
      'tokens',
      'validNll',
      'bitsPerByte',
      'isBest',
    ]);
    const table = rows('metrics.csv').map((row) => row.split(','));
    assert.is(table[0].join(), 'step,lr,loss,gradNorm,tokens,validNll,bitsPerByte,metric,isBest');
    assert.is(table.length, 10);
    const back = table
      .slice(1)
      .map((cells) =>
        Object.fromEntries(
          table[0].flatMap((key, i) => (cells[i] === '' ? [] : [[key, JSON.parse(cells[i])]])),
        ),
      );
    assert.equal(back, metrics);

    const gradients = json('gradients.jsonl');
    assert.equal(
      gradients.map(({ step }) => step),
      [2, 4, 6, 8],
    );
    const [header, first] = rows('gradients.csv').map((row) => row.split(','));
    assert.equal(header, ['step', ...Object.keys(gradients[0].norms)]);
    assert.ok(header.includes('encoder.layers.0'));
    assert.equal(first.map(Number), [2, ...Object.values(gradients[0].norms)]);

    const samples = json('samples.jsonl');
    assert.equal(
      samples.map(({ step, prompt }) => [step, prompt]),
      [3, 3, 6, 6, 9, 9].map((step) => [step, samples[0].prompt]),
    );
    assert.is(rows('samples.csv')[0], 'step,prompt,text,reference');
    for (const { seconds, tokensPerSecond, step } of json('speed.jsonl')) {
      assert.ok(seconds > 0 && Math.abs(tokensPerSecond * seconds - 16) < 1e-6, String(step));
    }

    // Killed behind step 4, with lines of later steps in every file.
    writeFileSync(
      join(cwd, 'short.json'),
      JSON.stringify({ ...recipe, samples: { length: 5, count: 2 }, steps: 4 }),
    );
    const cut = await prenorm(['train', 'short.json', '--out', 'b'], { cwd });
    assert.is(cut.code, 0, cut.stderr);
    const names = readdirSync(join(cwd, 'a')).filter((name) => /\.(?:jsonl|csv)$/.test(name));
    assert.is(names.length, 8);
    for (const name of ['metrics', 'gradients', 'samples']) {
      const text = read('a', `${name}.jsonl`);
      writeFileSync(join(cwd, 'b', `${name}.jsonl`), text.slice(0, -3));
      writeFileSync(join(cwd, 'b', `${name}.csv`), 'nonsense');
    }
    // The last step of the short run was evaluated, which no step of the long one is.
    writeFileSync(join(cwd, 'b/metrics.jsonl'), read('a', 'metrics.jsonl'));
    const resumed = await prenorm(['train', 'c.json', '--out', 'b', '--resume'], { cwd });
    assert.is(resumed.code, 0, resumed.stderr);
    for (const name of names) {
      if (!name.startsWith('speed')) assert.is(read('b', name), read('a', name), name);
    }
  }));

test('early stopping ends the command with 0, says why, and a resume does not train on unless told', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const recipe = { ...translation, steps: 9, evalEvery: 1, earlyStopping: { patience: 2, minDelta: 100 } };
    const write = (more: object) =>
      writeFileSync(join(cwd, 'c.json'), JSON.stringify({ ...recipe, metric: 'bleu', ...more }));
    write({});
    const stopped = await prenorm(['train', 'c.json', '--out', 'run', '--json'], { cwd });
    assert.is(stopped.code, 0, stopped.stderr);
    const result = JSON.parse(stopped.stdout);
    assert.is(result.steps, 3);
    assert.match(result.stopped, /^bleu has not become better than [\d.]+ in 2 evaluations$/);
    assert.match(stopped.stderr, /stopped early: bleu has not become better/);
    assert.is(result.best.metric, 'bleu');
    assert.is(typeof result.bitsPerByte, 'number');
    const bytes = readFileSync(join(cwd, 'run/checkpoint.safetensors'));
    const { step, tensors } = decodeCheckpoint(bytes, 'run');
    assert.is(step, 3);
    assert.ok(tensors.has('best.embedding.tokens.weight'));
    const again = await prenorm(['train', 'c.json', '--out', 'run', '--resume', '--json'], { cwd });
    assert.is(again.code, 0, again.stderr);
    assert.equal(JSON.parse(again.stdout), result);
    write({ earlyStopping: undefined });
    const on = await prenorm(['train', 'c.json', '--out', 'run', '--resume', '--json'], { cwd });
    assert.is(JSON.parse(on.stdout).steps, 9, on.stderr);
    // A sentence of its own, the same every time.
    const samples = readFileSync(join(cwd, 'run/samples.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(
      samples.slice(0, 4).map(({ step, prompt, reference }) => [step, prompt, reference]),
      [
        [1, 'ein Satz 0', 'a sentence 0'],
        [1, 'ein Satz 1', 'a sentence 1'],
        [1, 'ein Satz 2', 'a sentence 2'],
        [2, 'ein Satz 0', 'a sentence 0'],
      ],
    );
    write({ metric: undefined });
    const other = await prenorm(['train', 'c.json', '--out', 'run', '--resume'], { cwd });
    assert.is(other.code, 2);
    assert.match(other.stderr, /its best weights are those by bleu, the run here goes by validNll/);
  }));

test('a training that diverges ends with 1, and goes on only where the recipe says so', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const recipe = { ...lm, steps: 200, schedule: { kind: 'constant', maxLr: 30 } };
    writeFileSync(join(cwd, 'c.json'), JSON.stringify(recipe));
    const diverged = await prenorm(['train', 'c.json', '--out', 'run'], { cwd });
    assert.is(diverged.code, 1, diverged.stderr);
    assert.is(diverged.stdout, '');
    const step = Number(
      diverged.stderr.match(/the training has diverged by step (\d+): \d+ of its last 50/)?.[1],
    );
    assert.ok(step >= 50 && step < 200, diverged.stderr);
    const at = () => decodeCheckpoint(readFileSync(join(cwd, 'run/checkpoint.safetensors')), 'run').step;
    assert.is(at(), step);
    const again = await prenorm(['train', 'c.json', '--out', 'run', '--resume'], { cwd });
    assert.is(again.code, 1);
    assert.is(at(), step);
    writeFileSync(join(cwd, 'c.json'), JSON.stringify({ ...recipe, stopOnDivergence: false }));
    const on = await prenorm(['train', 'c.json', '--out', 'run', '--resume'], { cwd });
    assert.is(at(), 200);
    // Its end is judged all the same.
    assert.is(on.code, 1);
    assert.match(on.stderr, /the run has diverged: its last tenth/);
  }));

test.run();
