/** evaluate: on what was held out, on a file of one's own, on the first examples, without translations. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lines, writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: evaluate');

interface Found {
  nll: number;
  examples: number;
  of: number;
  bitsPerByte?: number;
  split?: string;
  input?: string;
  bleu?: { sentences: number };
}

const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6, `${a} and ${b}`);

async function run(cwd: string, args: string[]) {
  const done = await prenorm(args, { cwd });
  assert.is(done.code, 0, done.stderr);
  return done;
}

const judge = async (cwd: string, ...args: string[]): Promise<Found> =>
  JSON.parse((await run(cwd, ['evaluate', ...args, '--json'])).stdout) as Found;

async function refused(cwd: string, args: string[], pattern: RegExp) {
  const done = await prenorm(['evaluate', ...args], { cwd });
  assert.is(done.code, 2, done.stderr);
  assert.match(done.stderr, pattern);
}

test('a translation: a file is judged as the part with the same lines, by its first ones, without BLEU', async () => {
  await inFolder(async (cwd) => {
    writeCorpus(cwd);
    const valid = lines(7, (i) => `noch ein Satz ${i}\tone more sentence ${i * i}`);
    writeFileSync(join(cwd, 'pairs/valid.tsv'), valid);
    writeFileSync(join(cwd, 'own.tsv'), valid);
    writeFileSync(join(cwd, 'three.tsv'), valid.split('\n').slice(0, 3).join('\n'));
    await run(cwd, ['train', 'translation.json', '--out', 'run', '--json']);
    const split = await judge(cwd, 'run', '--beam', '2');
    assert.equal([split.examples, split.of, split.split, split.bleu?.sentences], [7, 7, 'valid', 7]);
    const own = await judge(cwd, 'run', '--input', 'own.tsv', '--nll-only');
    assert.equal([own.nll, own.examples, own.input, own.bleu], [split.nll, 7, 'own.tsv', undefined]);
    assert.is(own.bitsPerByte, split.bitsPerByte);
    const three = await judge(cwd, 'run', '--limit', '3', '--beam', '1');
    assert.equal([three.examples, three.of, three.bleu?.sentences], [3, 7, 3]);
    const cut = await judge(cwd, 'run/model.safetensors', '--input', 'three.tsv', '--nll-only');
    assert.is(cut.nll, three.nll);
    const more = await judge(cwd, 'run', '--limit', '100', '--nll-only');
    assert.equal([more.nll, more.examples], [split.nll, 7]);
    const told = await run(cwd, ['evaluate', 'run']);
    assert.match(told.stderr, /^translating: sentence 7\/7/m);
    const { stdout } = await run(cwd, ['evaluate', 'run', '--limit', '3', '--nll-only']);
    assert.match(
      stdout,
      /^step 4: valid NLL of the first 3 of 7 examples \d+\.\d{4}, perplexity [\d.]+, [\d.]+ bits per byte\n$/,
    );

    writeFileSync(join(cwd, 'bad.tsv'), 'a\tb\nno tab\n');
    await refused(cwd, ['run', '--input', 'bad.tsv'], /^prenorm: bad\.tsv:2: line without a tab/m);
    writeFileSync(join(cwd, 'empty.tsv'), '\n');
    await refused(cwd, ['run', '--input', 'empty.tsv'], /empty\.tsv: the text is empty/);
    await refused(cwd, ['run', '--input', 'none.tsv'], /none\.tsv: cannot read the file: no such file/);
    await refused(cwd, ['run', '--input', 'own.tsv', '--split', 'test'], /--split does not go with --input/);
    await refused(
      cwd,
      ['run', '--nll-only', '--beam', '3'],
      /'--nll-only' cannot be used with option '--beam/,
    );
    await refused(cwd, ['run', '--limit', '0'], /--limit <n>.* must be a whole number of at least 1/);
  });
});

test('a masked model: a file is judged as the part with the same documents; it has no first examples', async () => {
  await inFolder(async (cwd) => {
    writeCorpus(cwd);
    const document = (d: number) =>
      Array.from(
        { length: 10 },
        (_, i) => `the ${['quick', 'lazy', 'brown'][(d + i) % 3]} fox ${i} jumps over ${d}`,
      );
    const documents = [0, 1, 2].map(document);
    writeFileSync(join(cwd, 'docs.txt'), documents.map((all) => all.join('\n')).join('\n\n'));
    const recipe = {
      model: { kind: 'maskedLM', dModel: 16, numHeads: 2, numLayers: 1 },
      data: { kind: 'masked', source: 'docs.txt', batchSize: 2, validation: 0.3 },
      tokenizer: { kind: 'bpe', vocabSize: 280 },
      optimizer: { kind: 'adam' },
      schedule: { kind: 'constant', maxLr: 0.003 },
      steps: 3,
    };
    writeFileSync(join(cwd, 'masked.json'), JSON.stringify(recipe));
    await run(cwd, ['train', 'masked.json', '--out', 'run', '--json']);
    const held = documents.map((all) => all.slice(7).join('\n')).join('\n\n');
    writeFileSync(join(cwd, 'held.txt'), held);
    const split = await judge(cwd, 'run');
    const own = await judge(cwd, 'run', '--input', 'held.txt');
    assert.ok(split.nll > 0);
    assert.equal([own.nll, own.input], [split.nll, 'held.txt']);
    const alone = await judge(cwd, 'run/model.safetensors', '--input', 'held.txt');
    assert.is(alone.nll, split.nll);
    await refused(cwd, ['run', '--limit', '2'], /--limit: valid has no first examples: which of its tokens/);
    await refused(cwd, ['run', '--input', 'held.txt', '--limit', '2'], /held\.txt has no first examples/);
    writeFileSync(join(cwd, 'empty.txt'), '\n');
    await refused(cwd, ['run', '--input', 'empty.txt'], /empty\.txt/);
  });
});

test('options of translations are refused where none are made, and those that would decide nothing', async () => {
  await inFolder(async (cwd) => {
    writeCorpus(cwd);
    await run(cwd, ['train', 'lm.json', '--out', 'run', '--json']);
    for (const option of [['--beam', '5'], ['--length-penalty', '1.2'], ['--nll-only']])
      await refused(
        cwd,
        ['run', ...option],
        new RegExp(`^prenorm: ${option[0]}: it is for runs that translate, this run is a causalLM`, 'm'),
      );
    const other = async (args: string[], pattern: RegExp) => {
      const done = await prenorm(args, { cwd });
      assert.is(done.code, 2, done.stderr);
      assert.match(done.stderr, pattern);
    };
    for (const command of ['evaluate', 'translate'])
      await other(
        [command, 'run', '--beam', '1', '--length-penalty', '1'],
        /--length-penalty: it compares the hypotheses of a beam, and --beam 1 has only one/,
      );
    for (const option of ['--top-k', '--top-p', '--min-p'])
      await other(
        ['generate', 'run', '--prompt', 'the', '--temperature', '0', option, '1'],
        new RegExp(`${option}: it narrows what is drawn from, and --temperature 0`),
      );
    await other(
      ['reproduce', '--only', 'law-jacobian', '--data', 'pairs', '--dry-run'],
      /--data: none of the chosen runs reads pairs/,
    );
  });
});

test('a text: every token but the first is a target, a window is an example', async () => {
  await inFolder(async (cwd) => {
    writeCorpus(cwd);
    await run(cwd, ['train', 'lm.json', '--out', 'run', '--json']);
    const text = 'the lazy fox jumps over the quick brown dog and over the other dog\n';
    writeFileSync(join(cwd, 'kjv'), text);
    const whole = await judge(cwd, 'run', '--input', 'kjv');
    // Windows of 8 tokens: the first alone is a text of 9.
    const first = await judge(cwd, 'run', '--input', 'kjv', '--limit', '1');
    assert.ok(whole.of > 2 && first.examples === 1 && first.of === whole.of);
    assert.ok(first.nll !== whole.nll);
    const held = await judge(cwd, 'run', '--limit', '1');
    assert.ok(held.of > 1 && held.examples === 1 && (held.bitsPerByte as number) > 0);
    // The same text by two tokenizers has the same bytes: nats per byte are nats per token times tokens per byte.
    const nats = (whole.bitsPerByte as number) * Math.LN2;
    assert.ok(nats > 0 && nats < whole.nll);
    writeFileSync(join(cwd, 'binary'), Uint8Array.of(97, 98, 0xff, 0x80));
    await refused(cwd, ['run', '--input', 'binary'], /binary:1: invalid UTF-8/);
  });
});

test('a classifier: labels have the numbers that they were trained with, whatever the file has of them', async () => {
  await inFolder(async (cwd) => {
    mkdirSync(join(cwd, 'data'));
    const part = (count: number) =>
      lines(
        count,
        (i) => `${['good film', 'bad film', 'so so'][i % 3]} number ${i}\t${['pos', 'neg', 'mid'][i % 3]}`,
      );
    writeFileSync(join(cwd, 'data/train.tsv'), part(30));
    writeFileSync(join(cwd, 'data/valid.tsv'), part(9));
    const recipe = {
      model: { kind: 'textClassifier', dModel: 16, numHeads: 2, numLayers: 1 },
      data: { kind: 'labelledTexts', source: 'data', batchSize: 4 },
      tokenizer: { kind: 'bpe', vocabSize: 280 },
      optimizer: { kind: 'adam' },
      schedule: { kind: 'constant', maxLr: 0.003 },
      steps: 6,
    };
    writeFileSync(join(cwd, 'recipe.json'), JSON.stringify(recipe));
    await run(cwd, ['train', 'recipe.json', '--out', 'run', '--json']);
    const valid = readFileSync(join(cwd, 'data/valid.tsv'), 'utf8').trimEnd().split('\n');
    const split = await judge(cwd, 'run');
    writeFileSync(join(cwd, 'own.tsv'), valid.join('\n'));
    const own = await judge(cwd, 'run', '--input', 'own.tsv');
    close(own.nll, split.nll);
    // A file with one class alone, in a place of its own among the names.
    let sum = 0;
    for (const label of ['pos', 'neg', 'mid']) {
      const mine = valid.filter((line) => line.endsWith(label));
      writeFileSync(join(cwd, 'one.tsv'), `${mine.join('\n')}\n`);
      const one = await judge(cwd, 'run/model.safetensors', '--input', 'one.tsv');
      assert.is(one.examples, mine.length);
      sum += one.nll * mine.length;
    }
    close(sum / valid.length, split.nll);
    writeFileSync(join(cwd, 'unknown.tsv'), 'good film\tpos\nfilm\tgreat\n');
    await refused(cwd, ['run', '--input', 'unknown.tsv'], /unknown\.tsv:2: .*great/);
  });
});

test.run();
