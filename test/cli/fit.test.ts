/** fit as a user runs it. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: fit');

test('a text becomes a run, the recipe is printed first and alone gives the same run; Ctrl-C can be resumed', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const fit = ['fit', 'text.txt', '--steps', '150', '--out'];
    const [whole, cut] = await Promise.all([
      prenorm([...fit, 'whole'], { cwd }),
      prenorm([...fit, 'cut'], { cwd, interruptAt: /step \d+:/ }),
    ]);
    assert.is(whole.code, 0, whole.stderr);
    assert.match(whole.stdout, /^task: lm \(its lines have no tabs\)\n\{\n "model"/);
    assert.match(whole.stdout, /150 steps; the recipe is in whole.recipe\.json\n150 steps, loss /);
    assert.match(whole.stdout, /perplexity \S+, \d\.\d{3} bits per byte\)/);
    const read = (run: string, name: string) => readFileSync(join(cwd, run, name));
    const recipe = JSON.parse(read('whole', 'recipe.json').toString());
    const config = JSON.parse(read('whole', 'config.json').toString());
    assert.equal(config.recipe.optimizer, recipe.optimizer);
    assert.is(recipe.data.source, join(cwd, 'text.txt'));

    assert.is(cut.code, 130, cut.stderr);
    writeFileSync(join(cwd, 'other.txt'), readFileSync(join(cwd, 'text.txt')));
    const stays = read('cut', 'checkpoint.safetensors');
    const other = await prenorm(['fit', 'other.txt', '--out', 'cut', '--resume'], { cwd });
    assert.is(other.code, 2, other.stderr);
    assert.match(other.stderr, /other\.txt: the run learns from other data than those given with --resume/);
    assert.match(other.stderr, 'text.txt: give these');
    assert.is(Buffer.compare(read('cut', 'checkpoint.safetensors'), stays), 0);
    const resumed = await prenorm(['fit', './text.txt', '--out', 'cut', '--resume', '--json'], { cwd });
    assert.is(resumed.code, 0, resumed.stderr);
    const again = await prenorm(['train', 'whole/recipe.json', '--out', 'again', '--json'], { cwd });
    assert.is(again.code, 0, again.stderr);
    assert.is(JSON.parse(again.stdout).hash, JSON.parse(resumed.stdout).hash);
    for (const run of ['cut', 'again']) {
      const [own, first] = [run, 'whole'].map((name) => read(name, 'checkpoint.safetensors'));
      assert.is(Buffer.compare(own, first), 0, run);
    }
    assert.equal(readdirSync(join(cwd, 'cut')).sort(), readdirSync(join(cwd, 'whole')).sort());
  }));

test('labelled texts are told from pairs, and what does not go together is refused before anything is written', () =>
  inFolder(async (cwd) => {
    const rows = Array.from(
      { length: 40 },
      (_, i) => `${i % 2 ? 'sun' : 'rain'} on day ${i}\t${i % 2 ? 'good' : 'bad'}`,
    );
    writeFileSync(join(cwd, 'days.tsv'), `${rows.join('\n')}\n`);
    const made = await prenorm(['fit', 'days.tsv', '--minutes', '0.02', '--out', 'days'], { cwd });
    assert.is(made.code, 0, made.stderr);
    assert.match(made.stdout, /^task: classify \(text TAB text with 2 different values in 40 lines\)\n/);
    const { model, steps } = JSON.parse(readFileSync(join(cwd, 'days/recipe.json'), 'utf8'));
    assert.is(model.kind, 'textClassifier');
    assert.match(made.stdout, `\n${steps} steps, loss `);
    const said = /\nmodel\.safetensors: accuracy (\S+), macro F1 (\S+) on what is held out\n$/.exec(
      made.stdout,
    );
    assert.ok(said, made.stdout);
    const judged = await prenorm(['evaluate', 'days/model.safetensors', '--json'], { cwd });
    const { accuracy, macroF1 } = JSON.parse(judged.stdout).classification;
    assert.equal(said.slice(1), [accuracy.toFixed(4), macroF1.toFixed(4)]);
    const done = await prenorm(['fit', 'days.tsv', '--out', 'days', '--resume', '--json'], { cwd });
    assert.equal(JSON.parse(done.stdout).classification, { accuracy, macroF1 });

    // No folder of this machine goes out with the model, wherever it is said in the run's own files.
    for (const name of readdirSync(join(cwd, 'days'))) {
      const isOwn = name === 'config.json' || name === 'recipe.json';
      assert.is(readFileSync(join(cwd, 'days', name)).includes(cwd), isOwn, name);
    }
    mkdirSync(join(cwd, 'sent'));
    copyFileSync(join(cwd, 'days/model.safetensors'), join(cwd, 'sent/model.safetensors'));
    const alone = await prenorm(['evaluate', 'sent/model.safetensors', '--json'], { cwd });
    assert.is(alone.code, 2);
    assert.match(alone.stderr, /sent.days\.tsv.*there is no such file/);
    copyFileSync(join(cwd, 'days.tsv'), join(cwd, 'sent/days.tsv'));
    const beside = await prenorm(['evaluate', 'sent/model.safetensors', '--json'], { cwd });
    const { sameData, classification } = JSON.parse(beside.stdout);
    assert.equal([sameData, classification.accuracy], [true, accuracy]);

    writeFileSync(join(cwd, 'short.txt'), 'not much');
    writeFileSync(join(cwd, 'unclear.tsv'), `${rows.map((row, i) => `${row}${i % 10}`).join('\n')}\n`);
    writeFileSync(join(cwd, 'once.tsv'), `${rows.map((row, i) => `${row}${i}`).join('\n')}\n`);
    writeFileSync(join(cwd, 'one.tsv'), `${rows.map((row) => `${row.slice(0, 9)}\tgood`).join('\n')}\n`);
    const wrong: [string[], RegExp][] = [
      [['once.tsv', '--task', 'classify', '--out', 'x'], /once\.tsv: .*its labels occur once each/],
      [['one.tsv', '--out', 'x'], /one class only, "good" in all lines[^;]*is the last column\W*$/],
      [['short.txt', '--out', 'x'], /there are 8 tokens, fit needs 100 at least/],
      [['nowhere.txt', '--out', 'x'], /nowhere\.txt: there is no such file or folder/],
      [['unclear.tsv', '--out', 'x'], /say what it is for with --task/],
      [['days.tsv', '--steps', '5', '--minutes', '1', '--out', 'x'], /not both/],
      [['days.tsv', '--out', 'days'], /holds a run already/],
      [['days.tsv', '--out', 'days', '--resume', '--steps', '5'], /--steps does not go with --resume/],
      [['days.tsv', '--out', 'x', '--resume'], /recipe\.json/],
      [['days.tsv', '--task', 'poetry', '--out', 'x'], /--task/],
      [['days.tsv', '--minutes', '0', '--out', 'x'], /--minutes/],
      [['days.tsv'], /--out/],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr, stdout } = await prenorm(['fit', ...args], { cwd });
      assert.is(code, 2, `${args}: ${stderr}`);
      assert.match(stderr, message);
      assert.is(stdout, '');
    }
    assert.not(existsSync(join(cwd, 'x')));
  }));

test('what prepare makes of several labels, and of pairs with a label, is learned as such', () =>
  inFolder(async (cwd) => {
    const row = (i: number): string => `${i % 2 ? 'sun' : 'rain'} on day ${i}`;
    const rows = (columns: (i: number) => string) =>
      `${Array.from({ length: 120 }, (_, i) => `${row(i)}\t${columns(i)}`).join('\n')}\n`;
    const labels = (i: number): string => [...(i % 2 ? ['good'] : []), ...(i % 3 ? [] : ['long'])].join(',');
    writeFileSync(join(cwd, 'several.tsv'), rows(labels));
    writeFileSync(
      join(cwd, 'pairs.tsv'),
      rows((i) => `${row(i + (i % 4))}\t${i % 4 ? 'other' : 'same'}`),
    );
    const made: [string, string[], string, string[]][] = [
      ['several', ['--label-separator', ','], 'labelledTexts', ['good', 'long']],
      ['pairs', [], 'labelledPairs', ['other', 'same']],
    ];
    for (const [name, more, kind, classes] of made) {
      const args = ['prepare', `${name}.tsv`, '--kind', 'labelled', ...more, '--out', `${name}-data`];
      const prepared = await prenorm(args, { cwd });
      assert.is(prepared.code, 0, prepared.stderr);
      // The folder, or a file of it.
      const data = name === 'pairs' ? 'pairs-data' : 'several-data/train.tsv';
      const run = await prenorm(['fit', data, '--steps', '4', '--out', name], { cwd });
      assert.is(run.code, 0, run.stderr);
      assert.ok(run.stdout.startsWith(`task: classify (prepare.json says ${kind})\n`), run.stdout);
      const { recipe } = JSON.parse(readFileSync(join(cwd, name, 'config.json'), 'utf8'));
      assert.equal([recipe.data.kind, recipe.model.numClasses], [kind, classes.length]);
      assert.is(recipe.data.labelSeparator, more[1]);
    }
  }));

test.run();
