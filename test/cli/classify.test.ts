/** From a raw table of two columns to labels: prepare, train, evaluate, classify. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: classify');

const things = ['tea', 'bread', 'rain', 'a song', 'the cat', 'a long walk', 'snow', 'the sea'];
const rows = (count: number, row: (thing: string, good: boolean, i: number) => string) =>
  `${Array.from({ length: count }, (_, i) => row(things[i % 8], (i >> 3) % 2 === 0, i)).join('\n')}\n`;
const recipe = (data: object) => ({
  model: { kind: 'textClassifier', dModel: 16, numHeads: 2, numLayers: 1, pooling: 'mean' },
  data,
  tokenizer: { kind: 'bpe', vocabSize: 290 },
  optimizer: { kind: 'adamw', lr: 0.01 },
  steps: 40,
});

test('what prepare --kind labelled makes of two columns, train trains, evaluate judges and classify uses', () =>
  inFolder(async (cwd) => {
    const write = (name: string, content: string | object) =>
      writeFileSync(join(cwd, name), typeof content === 'string' ? content : JSON.stringify(content));
    const run = async (...args: string[]) => {
      const outcome = await prenorm(args, { cwd });
      assert.is(outcome.code, 0, outcome.stderr);
      return outcome;
    };
    write(
      'raw.tsv',
      rows(240, (thing, good, i) => `I ${good ? 'love' : 'hate'} ${thing} ${i}\t${good ? 'good' : 'bad'}`),
    );
    const said = await run('prepare', 'raw.tsv', '--kind', 'labelled', '--out', 'data');
    assert.match(said.stdout, '"data": { "kind": "labelledTexts", "source": "data" } in a recipe');
    write('r.json', recipe({ kind: 'labelledTexts', source: 'data' }));
    await run('train', 'r.json', '--out', 'run');
    const judged = await run('evaluate', 'run');
    assert.match(
      judged.stdout,
      /^step 40: valid NLL [\d.]+.*\naccuracy 1\.0000, macro F1 1\.0000, 10 texts\n/,
    );
    assert.match(judged.stdout, /\nrows: what is right; columns: what was predicted\n/);
    const { classification } = JSON.parse((await run('evaluate', 'run', '--split', 'test', '--json')).stdout);
    assert.is(classification.count, 10);
    assert.is(classification.classes.length, 2);

    write('in.txt', 'I love rain 9\n\r\nI hate the sea 7\n');
    for (const path of ['run', 'run/model.safetensors']) {
      const { stdout } = await run('classify', path, '--input', 'in.txt');
      assert.match(stdout, /^good\t0\.\d{4}\n\nbad\t[01]\.\d{4}\n$/, path);
    }
    const piped = await prenorm(['classify', 'run', '--json'], { cwd, input: 'I hate rain 9' });
    const [one] = JSON.parse(piped.stdout);
    assert.is(one.label, 'bad');
    assert.equal(Object.keys(one.probabilities), ['bad', 'good']);

    const refused = async (message: RegExp, args: string[], input = '') => {
      const { code, stdout, stderr } = await prenorm(args, { cwd, input });
      assert.is(code, 2, stderr);
      assert.is(stdout, '');
      assert.match(stderr, message);
    };
    const long = `I love ${'rain '.repeat(400)}`;
    await refused(
      /standard input:2: the text has \d+ tokens .*--cut/,
      ['classify', 'run'],
      `I love tea\n${long}`,
    );
    const cut = await prenorm(['classify', 'run', '--cut'], { cwd, input: long });
    assert.match(cut.stderr, /1 of 1 texts were cut/);
    assert.match(cut.stdout, /^good\t/);
    await refused(
      /standard input:1: line with 2 columns, the run reads one text/,
      ['classify', 'run'],
      'a\tb',
    );
    await refused(/there is nothing to classify/, ['classify', 'run'], '\n \n');
    await refused(/threshold is for a model with multiLabel/, ['classify', 'run', '--threshold', '0.5'], 'a');
    writeFileSync(join(cwd, 'binary'), Uint8Array.of(0x89, 0x50, 0, 0, 0xff, 0xfe, 0, 1, 2, 3));
    await refused(/binary/, ['classify', 'run', '--input', 'binary']);
    write('binary.json', recipe({ kind: 'labelledTexts', source: 'binary' }));
    await refused(/binary/, ['train', 'binary.json']);
  }));

test('pairs, and several labels', () =>
  inFolder(async (cwd) => {
    const write = (name: string, content: object) => writeFileSync(join(cwd, name), JSON.stringify(content));
    writeFileSync(
      join(cwd, 'p.tsv'),
      rows(96, (t, good, i) => `${t} ${i}\t${good ? t : 'nothing'}\t${good ? 'same' : 'other'}`),
    );
    writeFileSync(
      join(cwd, 'm.tsv'),
      rows(96, (t, good, i) => `${t} ${i}\t${['', 'a', 'b', 'a,b'][(i % 2) + (good ? 2 : 0)]}`),
    );
    write('p.json', recipe({ kind: 'labelledPairs', source: 'p.tsv' }));
    const several = recipe({ kind: 'labelledTexts', source: 'm.tsv', labelSeparator: ',' });
    write('m.json', { ...several, evalEvery: 20, metric: 'macroF1' });
    for (const name of ['p', 'm']) {
      const { code, stderr } = await prenorm(['train', `${name}.json`, '--out', name], { cwd });
      assert.is(code, 0, stderr);
      const judged = await prenorm(['evaluate', name], { cwd });
      assert.match(judged.stdout, /accuracy [01]\.\d{4}, macro F1/, judged.stderr);
    }
    const log = readFileSync(join(cwd, 'm/metrics.jsonl'), 'utf8').trim().split('\n');
    const { metric: macroF1 } = JSON.parse(log[log.length - 1]);
    const judged = await prenorm(['evaluate', 'm', '--json'], { cwd });
    const { classification } = JSON.parse(judged.stdout);
    assert.ok(macroF1 > 0 && macroF1 <= 1, String(macroF1));
    assert.ok(classification.macroF1 > 0 && classification.confusion === null);
    const pair = await prenorm(['classify', 'p'], { cwd, input: 'tea 1\ttea\n' });
    assert.match(pair.stdout, /^(same|other)\t[01]\.\d{4}\n$/, pair.stderr);
    const one = await prenorm(['classify', 'p'], { cwd, input: 'tea\n' });
    assert.match(one.stderr, /standard input:1: line with 1 columns, the run reads text TAB text/);
    const all = await prenorm(['classify', 'm', '--threshold', '0'], { cwd, input: 'tea 1\n' });
    assert.match(all.stdout, /^[ab]\t[01]\.\d{4}\t[ab]\t[01]\.\d{4}\n$/, all.stderr);
  }));

test.run();
