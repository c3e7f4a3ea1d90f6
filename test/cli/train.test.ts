/** train, evaluate, translate, generate, gradients and info as a user runs them. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lm, writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: train');

test('Ctrl-C leaves a run that --resume finishes as if nothing had happened, bit for bit', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const config = { ...lm, steps: 600, evalEvery: 20, checkpointEvery: 50, accumulate: 2, clipNorm: 1 };
    writeFileSync(join(cwd, 'c.json'), JSON.stringify(config));
    const [whole, cut] = await Promise.all([
      prenorm(['train', 'c.json', '--out', 'whole', '--json'], { cwd }),
      prenorm(['train', 'c.json', '--out', 'cut'], { cwd, interruptAt: /step 40:/ }),
    ]);
    assert.is(whole.code, 0, whole.stderr);
    assert.is(cut.code, 130, cut.stderr);
    assert.is(cut.stdout, '');
    const step = Number(cut.stderr.match(/interrupted after step (\d+); go on with --resume/)?.[1]);
    assert.ok(step >= 40 && step < 600, cut.stderr);
    const read = (run: string, name: string) => readFileSync(join(cwd, run, name));
    const metrics = read('cut', 'metrics.jsonl').toString();
    assert.is(metrics.trim().split('\n').length, step);
    // As if it had been killed later: a step that the checkpoint does not know, and half a line.
    writeFileSync(join(cwd, 'cut/metrics.jsonl'), `${metrics}{"step":${step + 1},"loss":9}\n{"step":`);
    const resumed = await prenorm(['train', 'c.json', '--out', 'cut', '--resume', '--json'], { cwd });
    assert.is(resumed.code, 0, resumed.stderr);
    const [a, b] = [JSON.parse(whole.stdout), JSON.parse(resumed.stdout)];
    assert.equal({ ...b, out: a.out }, a);
    assert.is(a.steps, 600);
    assert.match(a.hash, /^[0-9a-f]{64}$/);
    for (const name of [
      'checkpoint.safetensors',
      'tokenizer.json',
      'metrics.jsonl',
      'metrics.csv',
      'samples.jsonl',
    ]) {
      assert.is(Buffer.compare(read('cut', name), read('whole', name)), 0, name);
    }
    assert.equal(readdirSync(join(cwd, 'cut')).sort(), readdirSync(join(cwd, 'whole')).sort());

    // A longer run goes on from there; the moved folder needs its data no more to generate.
    writeFileSync(join(cwd, 'c.json'), JSON.stringify({ ...config, steps: 610 }));
    const longer = await prenorm(['train', 'c.json', '--out', 'cut', '--resume'], { cwd });
    assert.match(
      longer.stdout,
      /^610 steps, loss \d\.\d{4}, valid NLL \d\.\d{4} \(perplexity [\d.]+, [\d.]+ bits per byte\)(?:, best validNll [\d.]+ at step \d+)?; the run is in cut\n$/,
    );
    writeFileSync(join(cwd, 'text.txt'), '');
    const args = ['generate', 'cut', '--prompt', 'the', '--length', '4', '--json'];
    const [one, two] = await Promise.all([prenorm(args, { cwd }), prenorm(args, { cwd })]);
    assert.is(one.code, 0, one.stderr);
    assert.is(one.stderr, '');
    assert.equal(Object.keys(JSON.parse(one.stdout)), ['prompt', 'continuation', 'tokens', 'reason']);
    assert.is(one.stdout, two.stdout);
    // Far beyond the context, behind a prompt that is longer than it, and as plain text.
    const text = 'the '.repeat(30);
    const far = ['generate', 'cut', '--prompt', text, '--max-new-tokens', '60', '--temperature', '0'];
    const long = await prenorm([...far, '--json'], { cwd });
    assert.is(JSON.parse(long.stdout).tokens, 60, long.stderr);
    const plain = await prenorm([...far, '--stop', 'zqz', '#'], { cwd });
    assert.is(plain.stdout, `${text}${JSON.parse(long.stdout).continuation}\n`, plain.stderr);
    const wrong = await prenorm([...far, '--length', '3'], { cwd });
    assert.match(wrong.stderr, /cannot be used with/);
  }));

test('translation: dry run, training on the embedded pairs, evaluation, translations line by line', () =>
  inFolder(async (cwd) => {
    const config = {
      model: { kind: 'transformer', dModel: 16, numHeads: 2, numLayers: 1, dFF: 32 },
      data: { kind: 'pairs', source: 'ui-de-en', maxTokens: 400 },
      tokenizer: { kind: 'bpe', vocabSize: 300 },
      optimizer: { kind: 'adam' },
      steps: 20,
      schedule: { kind: 'inverseSqrt', maxLr: 0.01, warmupSteps: 5 },
    };
    writeFileSync(join(cwd, 'c.json'), JSON.stringify(config));
    const dry = await prenorm(['train', 'c.json', '--dry-run', '--json'], { cwd });
    assert.is(dry.code, 0, dry.stderr);
    const planned = JSON.parse(dry.stdout);
    assert.is(planned.vocabSize, 300);
    assert.ok(planned.memory.peakBytes > 4 * planned.parameters);
    assert.is(planned.summary.parameters, planned.parameters);
    const told = await prenorm(['train', 'c.json', '--dry-run'], { cwd });
    assert.match(told.stdout, /^part +module +shapes +parameters$/m);
    assert.match(told.stdout, `${planned.parameters} parameters, vocabulary 300, `);
    assert.equal(readdirSync(cwd), ['c.json']);

    const trained = await prenorm(['train', 'c.json', '--json'], { cwd });
    assert.is(trained.code, 0, trained.stderr);
    assert.is(trained.stderr, '');
    const result = JSON.parse(trained.stdout);
    assert.is(result.out, join('runs', 'c'));
    writeFileSync(join(cwd, 'line.txt'), JSON.stringify(config.data));
    const greedy = ['--beam', '1', '--json'];
    const [evaluated, translated, fromFile] = await Promise.all([
      prenorm(['evaluate', 'runs/c', ...greedy], { cwd }),
      prenorm(['translate', 'runs/c', '--length-penalty', '0'], { cwd, input: 'Hallo\n\nDatei öffnen\n' }),
      prenorm(['translate', 'runs/c', '--input', 'line.txt', ...greedy], { cwd }),
    ]);
    assert.is(evaluated.code, 0, evaluated.stderr);
    const scores = JSON.parse(evaluated.stdout);
    assert.is(scores.nll, result.validNll);
    assert.is(scores.bleu.sentences, 450);
    assert.is(translated.code, 0, translated.stderr);
    const lines = translated.stdout.split('\n');
    assert.is(lines.length, 4);
    assert.is(lines[1], '');
    assert.is(JSON.parse(fromFile.stdout).length, 1);
    const input = 'Hallo\n\nDatei öffnen\n';
    const nBest = ['translate', 'runs/c', '--beam', '3', '--length-penalty', '0', '--n-best', '3'];
    const [listed, json, tooMany] = await Promise.all([
      prenorm(nBest, { cwd, input }),
      prenorm([...nBest, '--json'], { cwd, input }),
      prenorm([...nBest, '--n-best', '4'], { cwd, input }),
    ]);
    const rows = listed.stdout.trimEnd().split('\n');
    assert.equal(
      rows.map((row) => row.split('\t')[0]),
      ['1', '1', '1', '2', '3', '3', '3'],
    );
    const scored = JSON.parse(json.stdout)[2].hypotheses as { text: string; score: number }[];
    assert.equal(
      rows.slice(4),
      scored.map(({ text, score }) => `3\t${score.toFixed(4)}\t${text}`),
    );
    assert.ok(scored[0].score >= scored[1].score && scored[1].score >= scored[2].score);
    assert.is(tooMany.code, 2);
    assert.match(tooMany.stderr, /nBest must be a whole number from 1 to 3, got 4/);
  }));

test('a run killed before its first checkpoint begins again with --resume', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const [whole] = await Promise.all([
      prenorm(['train', 'lm.json', '--out', 'whole', '--json'], { cwd }),
      prenorm(['train', 'lm.json', '--out', 'cut', '--json'], { cwd }),
    ]);
    // The tokenizer is written first.
    for (const name of readdirSync(join(cwd, 'cut')))
      if (name !== 'tokenizer.json') rmSync(join(cwd, 'cut', name));
    const refused = await prenorm(['train', 'lm.json', '--out', 'cut'], { cwd });
    assert.is(refused.code, 2);
    assert.match(refused.stderr, /tokenizer\.json is in the way/);
    const resumed = await prenorm(['train', 'lm.json', '--out', 'cut', '--resume', '--json'], { cwd });
    assert.is(resumed.code, 0, resumed.stderr);
    assert.is(JSON.parse(resumed.stdout).hash, JSON.parse(whole.stdout).hash);
    // Killed after the first checkpoint and before the configuration was stored.
    rmSync(join(cwd, 'cut/config.json'));
    const again = await prenorm(['train', 'lm.json', '--out', 'cut', '--resume', '--json'], { cwd });
    assert.is(again.code, 0, again.stderr);
    assert.equal(readdirSync(join(cwd, 'cut')).sort(), readdirSync(join(cwd, 'whole')).sort());
  }));

test('the recipes that the help shows are accepted', () =>
  inFolder(async (cwd) => {
    const { stdout } = await prenorm(['train', '--help'], { cwd });
    const shown = stdout.match(/^ {2}\{[\s\S]*?\}$/gm) ?? [];
    assert.is(shown.length, 2, stdout);
    writeFileSync(
      join(cwd, 'book.txt'),
      'It was the best of times, it was the worst of times.\n'.repeat(400),
    );
    for (const [i, recipe] of shown.entries()) {
      writeFileSync(join(cwd, `${i}.json`), recipe);
      const { code, stderr } = await prenorm(['train', `${i}.json`, '--dry-run'], { cwd });
      assert.is(code, 0, stderr);
    }
  }));

test('info and gradients', () =>
  inFolder(async (cwd) => {
    const small = [
      'gradients',
      '--layers',
      '2,3',
      '--placement',
      'post,pre',
      '--seeds',
      '1',
      '--d-model',
      '16',
    ];
    const [info, json, table] = await Promise.all([
      prenorm(['info', '--json'], { cwd }),
      prenorm([...small, '--json'], { cwd }),
      prenorm(small, { cwd }),
    ]);
    assert.match(JSON.parse(info.stdout).kernels.strict, /^[0-9a-f]{64}$/);
    const { results } = JSON.parse(json.stdout);
    assert.is(json.stderr, '');
    assert.equal(
      results.map((r: { placement: string; numLayers: number }) => [r.placement, r.numLayers]),
      [
        ['post', 2],
        ['post', 3],
        ['pre', 2],
        ['pre', 3],
      ],
    );
    for (const { w2, hidden, numLayers } of results) {
      assert.is(w2.length, numLayers);
      assert.is(hidden.length, numLayers);
    }
    assert.is(table.code, 0, table.stderr);
    assert.match(table.stdout, /Post-LN +2 /);
    assert.match(table.stdout, /Layer by layer at 3 layers/);
    assert.ok(table.stdout.split('\n').every((line) => line.length <= 110));
  }));

test.run();
