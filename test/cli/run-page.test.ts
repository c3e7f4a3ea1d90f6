/** report.html in a run's folder, and compare, as a user meets them. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Figure, Heatmap } from '../../src/experiments/results.js';
import { lm, writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: run page');
const fixtures = resolve(import.meta.dirname, '../fixtures/version-0.1');

const pageOf = (folder: string): string => readFileSync(join(folder, 'report.html'), 'utf8');
const figuresOf = (page: string): Figure[] =>
  JSON.parse(/<script type="application\/json" id="figures"[^>]*>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? '');
const linesOf = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('train leaves a page with the numbers of its files; a Ctrl-C and what follows it are said', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const recipe = { ...lm, steps: 400, evalEvery: 20, checkpointEvery: 30 };
    writeFileSync(join(cwd, 'it is.json'), JSON.stringify(recipe));
    const args = ['train', 'it is.json', '--out', 'run', '--seed', '7'];
    const cut = await prenorm(args, { cwd, interruptAt: /step 40:/ });
    assert.is(cut.code, 130, cut.stderr);
    const run = join(cwd, 'run');
    const [, step] = /interrupted after step (\d+)/.exec(cut.stderr) ?? [];
    const left = pageOf(run);
    assert.match(left, `Interrupted after step ${step} of 400.`);
    assert.match(left, `The last checkpoint is of step ${step}.`);
    assert.match(left, '<code>npx prenorm train &#39;it is.json&#39; --out run --resume --seed 7</code>');
    assert.not.match(left, 'id="live"');

    const resumed = await prenorm([...args, '--resume', '--json'], { cwd });
    assert.is(resumed.code, 0, resumed.stderr);
    const page = pageOf(run);
    assert.match(page, 'Finished: 400 steps.');
    assert.match(page, JSON.parse(resumed.stdout).hash);
    assert.match(page, '<code>npx prenorm train &#39;it is.json&#39; --out run-again --seed 7</code>');
    const metrics = linesOf(join(run, 'metrics.jsonl'));
    const judged = metrics.filter(({ validNll }) => validNll !== undefined);
    const figures = figuresOf(page);
    const [loss, gradNorm, layers] = figures;
    assert.equal(
      loss.series[0].x,
      metrics.map((line) => line.step),
    );
    assert.equal(
      loss.series[0].y,
      metrics.map((line) => line.loss),
    );
    assert.equal(
      loss.series[1].x,
      judged.map((line) => line.step),
    );
    assert.equal(
      loss.series[1].y,
      judged.map((line) => line.validNll),
    );
    assert.equal(
      gradNorm.series[0].y,
      metrics.map((line) => line.gradNorm),
    );
    // Without a word in the recipe, the layers are measured about a hundred times.
    const gradients = linesOf(join(run, 'gradients.jsonl'));
    assert.is(gradients.length, 100);
    const { rows, panels } = layers.heatmap as Heatmap;
    for (const [at, row] of rows.entries())
      assert.equal(
        panels[0].values[at],
        gradients.map(({ norms }) => norms[row]),
      );
    for (const file of ['metrics.csv', 'gradients.csv', 'samples.csv', 'speed.csv', 'model.safetensors'])
      assert.match(page, `<a href="${file}">`);
    assert.match(page, linesOf(join(run, 'samples.jsonl'))[0].prompt);
  }));

test('a page that cannot be written ends no training; a divergence and an error are said', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    writeFileSync(join(cwd, 'c.json'), JSON.stringify({ ...lm, steps: 30 }));
    const wild = {
      ...lm,
      steps: 60,
      optimizer: { kind: 'sgd' },
      schedule: { kind: 'constant', maxLr: 1e30 },
    };
    writeFileSync(join(cwd, 'wild.json'), JSON.stringify(wild));
    const [diverged, first] = await Promise.all([
      prenorm(['train', 'wild.json', '--out', 'wild'], { cwd }),
      prenorm(['train', 'c.json', '--out', 'blocked'], { cwd }),
    ]);
    assert.is(diverged.code, 1, diverged.stderr);
    assert.match(pageOf(join(cwd, 'wild')), /Diverged; ended after step \d+ of 60\./);
    assert.is(first.code, 0, first.stderr);
    // In the way of the page, not of the run.
    const blocked = join(cwd, 'blocked/report.html');
    writeFileSync(join(cwd, 'c.json'), JSON.stringify({ ...lm, steps: 40 }));
    rmSync(blocked);
    mkdirSync(join(blocked, 'x'), { recursive: true });
    const resumed = await prenorm(['train', 'c.json', '--out', 'blocked', '--resume'], { cwd });
    assert.is(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stderr, /cannot write the page: .*training goes on without its page/);
    assert.is(resumed.stderr.match(/without its page/g)?.length, 1);
  }));

test('--open hands the page to what opens files, and says so when that fails', () =>
  inFolder(async (cwd) => {
    if (process.platform !== 'linux') return;
    writeCorpus(cwd);
    const opener = join(cwd, 'opener.sh');
    writeFileSync(opener, `#!/bin/sh\necho "$1" > ${cwd}/opened\n`, { mode: 0o755 });
    const env = { BROWSER: opener, DISPLAY: '', WAYLAND_DISPLAY: '' };
    const shown = await prenorm(['train', 'lm.json', '--out', 'run', '--open'], { cwd, env });
    assert.is(shown.code, 0, shown.stderr);
    assert.match(shown.stderr, /^page: run.report\.html$/m);
    for (let tries = 50; !existsSync(join(cwd, 'opened')) && tries > 0; tries--)
      await new Promise((done) => setTimeout(done, 100));
    assert.match(readFileSync(join(cwd, 'opened'), 'utf8'), /run\/report\.html/);
  }));

test('compare: a sentence, a page with both, JSON; and what cannot be compared is refused in one line', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const recipe = { ...lm, steps: 40, evalEvery: 10 };
    writeFileSync(join(cwd, 'pre.json'), JSON.stringify(recipe));
    writeFileSync(
      join(cwd, 'post.json'),
      JSON.stringify({ ...recipe, model: { ...lm.model, normPlacement: 'post' } }),
    );
    const made = await Promise.all(
      ['pre', 'post'].map((name) => prenorm(['train', `${name}.json`], { cwd })),
    );
    for (const { code, stderr } of made) assert.is(code, 0, stderr);
    const runs = ['runs/pre', 'runs/post'];
    const found = await prenorm(['compare', ...runs], { cwd });
    assert.is(found.code, 0, found.stderr);
    assert.match(found.stdout, /^model\.normPlacement +pre|- +post$/m);
    assert.match(
      found.stdout,
      /^At the end, step 40, runs\/(pre|post) is better: \d\.\d{4}, \d\.\d{4} \([\d.]+ %\) below runs\/(pre|post) \(held-out loss in nats per token\)\.$/m,
    );
    assert.match(found.stdout, /the page is comparison\.html\n$/);
    const page = readFileSync(join(cwd, 'comparison.html'), 'utf8');
    assert.match(page, '<a href="runs/pre/report.html">runs/<wbr>pre</a>');
    const held = figuresOf(page)[0];
    for (const [at, run] of runs.entries()) {
      const judged = linesOf(join(cwd, run, 'metrics.jsonl')).filter(
        ({ validNll }) => validNll !== undefined,
      );
      assert.equal(
        held.series[at].y,
        judged.map(({ validNll }) => validNll),
      );
    }
    // Written anew, elsewhere, from the same folders.
    const json = await prenorm(['compare', ...runs, '--json', '--out', 'pages/c.html'], { cwd });
    assert.is(json.code, 2);
    assert.match(json.stderr, /create the folder first/);
    mkdirSync(join(cwd, 'pages'));
    const again = await prenorm(['compare', ...runs, '--json', '--out', 'pages/c.html'], { cwd });
    const { comparable, measure, differences, runs: rows } = JSON.parse(again.stdout);
    assert.equal([comparable, measure, rows.length], [true, 'validNll', 2]);
    assert.is(differences[0].key, 'model.normPlacement');
    assert.match(readFileSync(join(cwd, 'pages/c.html'), 'utf8'), 'href="../runs/pre/report.html"');

    // Folders of version 0.1; another text; what is no run.
    cpSync(fixtures, join(cwd, 'old'), { recursive: true });
    cpSync(join(cwd, 'old/lm'), join(cwd, 'old/copy'), { recursive: true });
    const old = await prenorm(['compare', 'old/lm', 'old/copy'], { cwd });
    assert.is(old.code, 0, old.stderr);
    assert.match(old.stdout, /At the end, step 6, old\/lm and old\/copy are equal to the last bit: 5\.4676/);
    const mixed = await prenorm(['compare', 'old/lm', 'runs/pre', 'old/translation'], { cwd });
    assert.is(mixed.code, 0, mixed.stderr);
    assert.match(mixed.stdout, /Which is better cannot be said\. .*version 0\.1.*other kinds of data/);
    mkdirSync(join(cwd, 'empty'));
    cpSync(join(cwd, 'runs/pre'), join(cwd, 'young'), { recursive: true });
    writeFileSync(join(cwd, 'young/metrics.jsonl'), '');
    cpSync(join(cwd, 'runs/pre'), join(cwd, 'broken'), { recursive: true });
    writeFileSync(join(cwd, 'broken/metrics.jsonl'), '{"step":1}\n{"st\n{"step":3}\n');
    cpSync(join(cwd, 'runs/pre'), join(cwd, 'short'), { recursive: true });
    writeFileSync(join(cwd, 'short/checkpoint.safetensors'), 'no');
    writeFileSync(join(cwd, 'mine.html'), '<p>mine</p>');
    const wrong: [string[], RegExp][] = [
      [['runs/pre'], /compare takes 2 to 12 runs, got 1/],
      [['runs/pre', './runs/pre'], /the run is given twice/],
      [['runs/pre', 'nowhere'], /nowhere: there is no such folder/],
      [['runs/pre', 'lm.json'], /lm\.json: this is a file/],
      [['runs/pre', 'empty'], /empty.config\.json: there is no such file, so this is no run/],
      [['runs/pre', 'young'], /young: the run has no step yet/],
      [['runs/pre', 'broken'], /broken.metrics\.jsonl:2: the line is no JSON/],
      [['runs/pre', 'short'], /short.checkpoint\.safetensors: not a readable checkpoint/],
      [[...runs, '--out', 'mine.html'], /mine\.html: a file that is no page of prenorm is in the way/],
      [[...runs, '--out', 'pages'], /pages: cannot read|pages: .*folder/],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr, stdout } = await prenorm(['compare', ...args], { cwd });
      assert.is(code, 2, `${args}: ${stderr}`);
      assert.match(stderr, message);
      assert.is(stderr.trim().split('\n').length, 1, stderr);
      assert.is(stdout, '');
    }
    assert.is(readFileSync(join(cwd, 'mine.html'), 'utf8'), '<p>mine</p>');
  }));

test.run();
