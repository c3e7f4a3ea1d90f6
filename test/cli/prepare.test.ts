/** prenorm prepare: every kind of input becomes a folder that training reads, and every bad input says what and where. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EXIT, reportError } from '../../src/cli/errors.js';
import { prepare } from '../../src/cli/prepare.js';
import type { PrepareOptions } from '../../src/cli/prepare-data.js';
import { workingFolder } from '../../src/cli/sources.js';
import { train } from '../../src/cli/train.js';
import { type ReadData, type ReadPairs, readData } from '../../src/recipe/index.js';
import { Tokenizer } from '../../src/text/index.js';
import { lines, translation } from './corpus.js';
import { prenorm } from './spawn.js';

const test = suite('cli: prepare');
const simd = 'strict' as const;
let folder = '';
const at = (name: string) => join(folder, name);

/** The pairs that a recipe takes from a folder. */
async function readPairs(source: string): Promise<ReadPairs['pairs']> {
  return ((await readData({ kind: 'pairs', source }, workingFolder)) as ReadPairs).pairs;
}

test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'prenorm-prepare-'));
});
test.after.each(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(files: Record<string, string | Uint8Array>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(at(name), '..'), { recursive: true });
    writeFileSync(at(name), content);
  }
}

/** What the command wrote on standard output or error, and its exit code. */
async function run(inputs: string[], options: Partial<PrepareOptions> = {}) {
  const written = { out: '', err: '' };
  const [out, err] = [process.stdout.write, process.stderr.write];
  process.stdout.write = ((chunk: string) => {
    written.out += chunk;
    return true;
  }) as typeof out;
  process.stderr.write = ((chunk: string) => {
    written.err += chunk;
    return true;
  }) as typeof err;
  try {
    const given = { kind: 'pairs', out: at('out'), simd, ...options } as PrepareOptions;
    const code = await prepare(
      inputs.map((name) => at(name)),
      given,
    ).catch(reportError);
    return { code, ...written };
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
  }
}

async function good(inputs: string[], options: Partial<PrepareOptions> = {}): Promise<string> {
  const { code, out, err } = await run(inputs, options);
  assert.is(code, EXIT.done, err);
  return out;
}

/** Refused in one line, and nothing written. */
async function refused(inputs: string[], pattern: RegExp, options: Partial<PrepareOptions> = {}) {
  const { code, err } = await run(inputs, options);
  assert.is(code, EXIT.usage, err);
  assert.match(err, /^prenorm: [^\n]*\n$/);
  assert.match(err, pattern);
  assert.not.ok(existsSync(at('out')));
}

const account = () => JSON.parse(readFileSync(at('out/prepare.json'), 'utf8'));
const kept = (name: string) =>
  readFileSync(at(`out/${name}`), 'utf8')
    .split('\n')
    .slice(0, -1);

const de = (n: number, from = 0) => lines(n, (i) => `ein Satz ${i + from}`);
const en = (n: number, from = 0) => lines(n, (i) => `a sentence ${i + from}`);

test("Multi30k's layout: train, val and the one test set; the splits are loadable as they are", async () => {
  write({
    'm/train.de': `${de(5)}  zwei \u00a0 Männer\u0007\r\n`,
    'm/train.en': `${en(5)}two men\n`,
    'm/val.de': de(3, 10),
    'm/val.en': en(3, 10),
    'm/test_2016_flickr.de': de(2, 20),
    'm/test_2016_flickr.en': en(2, 20),
  });
  const said = await good(['m']);
  assert.match(said, /train\.tsv +6 lines/);
  assert.match(said, /source de, target en/);
  const splits = await readPairs(at('out'));
  assert.equal([splits.train.length, splits.valid?.length, splits.test?.length], [6, 3, 2]);
  assert.equal(splits.train[5], ['zwei Männer', 'two men']);
  assert.equal(splits.test?.[1], ['ein Satz 21', 'a sentence 21']);
  const { files, dropped, options } = account();
  assert.equal(dropped, []);
  assert.equal(options.languages, ['de', 'en']);
  assert.match(files['train.tsv'].sha256, /^[0-9a-f]{64}$/);

  rmSync(at('out'), { recursive: true });
  await good(['m'], { languages: 'en-de' });
  assert.equal((await readPairs(at('out'))).train[5], ['two men', 'zwei Männer']);
});

test('two files or one table: every 23rd pair is held out for validation, another for the test', async () => {
  write({ 'a.de': de(46), 'a.en': en(46), 'all.tsv': lines(46, (i) => `ein Satz ${i}\ta sentence ${i}`) });
  await good(['a.de', 'a.en']);
  const numbers = (name: string) => kept(name).map((line) => Number(line.split(' ').at(-1)));
  assert.equal(numbers('valid.tsv'), [22, 45]);
  assert.equal(numbers('test.tsv'), [10, 33]);
  assert.is(numbers('train.tsv').length, 42);
  const first = account();
  rmSync(at('out'), { recursive: true });
  await good(['all.tsv']);
  for (const part of ['train.tsv', 'valid.tsv', 'test.tsv']) {
    assert.is(account().files[part].sha256, first.files[part].sha256);
  }
});

test('training pairs are cleaned by length and ratio, with a count and places; valid and test are left alone', async () => {
  const long = 'w '.repeat(176);
  write({
    'm/train.de': `${de(3)}${long}\nein\nein Wort zu viel\n`,
    'm/train.en': `${en(3)}${long}\na b\na b c\n`,
    'm/dev.de': 'a b c d\n',
    'm/dev.en': 'a\n',
    'm/test.de': `${long}\n`,
    'm/test.en': 'a\n',
  });
  await good(['m']);
  assert.is(kept('train.tsv').length, 4);
  assert.equal(kept('valid.tsv'), ['a b c d\ta']);
  assert.equal(account().dropped, [
    { reason: 'more than 175 words', count: 1, first: [`${at('m/train.de')}:4`] },
    { reason: 'lengths differ by more than a factor of 1.5', count: 1, first: [`${at('m/train.de')}:5`] },
  ]);
  rmSync(at('out'), { recursive: true });
  await good(['m'], { maxWords: 1000, maxRatio: Number.POSITIVE_INFINITY });
  assert.is(kept('train.tsv').length, 6);
});

test('bad lines are counted and named, and with --strict refused', async () => {
  const latin = Buffer.concat([Buffer.from(de(2)), Buffer.from([0xe9, 10]), Buffer.from(de(3, 3))]);
  write({
    'm/train.de': latin,
    'm/train.en': `${en(4)} \n${en(1)}`,
    'm/valid.de': de(1),
    'm/valid.en': en(1),
    'm/test.de': de(1),
    'm/test.en': en(1),
    't/train.tsv': `${lines(50, (i) => `ein Satz ${i}\ta sentence ${i}`)}no tab\na\tb\tc\n`,
  });
  const said = await good(['m']);
  assert.match(said, /left out +1 not UTF-8: .*train\.de:3/);
  assert.equal(account().dropped, [
    { reason: 'not UTF-8', count: 1, first: [`${at('m/train.de')}:3`] },
    { reason: 'empty', count: 1, first: [`${at('m/train.de')}:5`] },
  ]);
  assert.is(kept('train.tsv').length, 4);
  rmSync(at('out'), { recursive: true });
  await refused(
    ['m'],
    /m\/train\.de:3: 2 lines cannot be used: not UTF-8: 1 \(.*\); empty: 1 \(.*train\.de:5\)/,
    {
      strict: true,
    },
  );
  await refused(
    ['t'],
    /2 lines cannot be used: fewer than 2 columns: 1 \(.*train\.tsv:51\); more than 2 columns: 1 \(.*train\.tsv:52\)/,
    { strict: true },
  );
});

test('tokens and small letters by language, and a joint BPE that training takes as it is', async () => {
  write({
    'm/train.de': lines(60, (i) => `Der Hund Nr. ${i} geht's an.`),
    'm/train.en': lines(60, (i) => `The dog No. ${i} doesn't go.`),
    'c.json': JSON.stringify({
      ...translation,
      data: { ...(translation.data as object), source: 'out' },
      tokenizer: { kind: 'bpe', vocabSize: 290 },
      steps: 1,
    }),
  });
  await good(['m'], { tokenize: true, lowercase: true, vocabSize: 290 });
  assert.is(kept('train.tsv')[1], "der hund nr. 1 geht ' s an .\tthe dog no. 1 doesn 't go .");
  const tokenizer = Tokenizer.fromJSON(readFileSync(at('out/tokenizer.json'), 'utf8'));
  assert.is(tokenizer.vocabSize, 290);
  const { code } = await quietly(() => train(at('c.json'), { simd, out: at('run'), json: true }));
  assert.is(code, EXIT.done);
  assert.is(readFileSync(at('run/tokenizer.json'), 'utf8').trim(), JSON.stringify(tokenizer));
});

async function quietly(use: () => Promise<number>): Promise<{ code: number }> {
  const [out, err] = [process.stdout.write, process.stderr.write];
  process.stdout.write = (() => true) as typeof out;
  process.stderr.write = (() => true) as typeof err;
  try {
    return { code: await use() };
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
  }
}

test('labelled pairs: columns may be picked, a header skipped; labels must be known to training', async () => {
  const row = (i: number) => `${i % 2 ? 'yes' : 'no'}\tid${i}\tfirst text ${i}\tsecond text ${i}`;
  write({ 'mrpc.tsv': `label\tid\ta\tb\n${lines(46, row)}` });
  await good(['mrpc.tsv'], { kind: 'labelled', columns: [3, 4, 1], header: true });
  assert.is(kept('train.tsv')[0], 'first text 0\tsecond text 0\tno');
  assert.is(kept('valid.tsv').length, 2);
  rmSync(at('out'), { recursive: true });
  write({
    'l/train.tsv': 'a\tb\tyes\nc\td\tno\n',
    'l/valid.tsv': 'a\tb\tmaybe\n',
    'l/test.tsv': 'a\tb\tyes\n',
    'one/train.tsv': lines(46, (i) => `a ${i}\tb\tyes`),
  });
  await refused(['l'], /valid\.tsv:1: the label "maybe" does not occur in the training part/, {
    kind: 'labelled',
  });
  await refused(['one'], /1 label, "yes", at least 2 are needed.*--columns/, { kind: 'labelled' });
});

test('labelled texts sorted by label: every label is trained on, the rare ones too', async () => {
  // Line 23 of every 23 validates, line 11 tests: here the only text of a label, and both of another.
  const label = (i: number) => (i === 10 ? 'once' : i === 33 || i === 45 ? 'twice' : i < 60 ? 'a' : 'b');
  write({ 'sorted.tsv': lines(115, (i) => `message ${i}\t${label(i)}`) });
  await good(['sorted.tsv'], { kind: 'labelled' });
  const labels = (part: string) => kept(`${part}.tsv`).map((line) => line.split('\t')[1]);
  assert.equal(new Set(labels('train')), new Set(['a', 'b', 'once', 'twice']));
  assert.equal(labels('valid'), ['a', 'twice', 'b', 'b', 'b']);
  assert.equal(labels('test'), ['a', 'b', 'b']);
  assert.is(kept('train.tsv').length, 115 - 8);
  rmSync(at('out'), { recursive: true });
});

test('columns with commas between are refused, saying what is read; tabs are read whatever the file is called', async () => {
  write({
    'quoted.csv': lines(46, (i) => `"message, number ${i}",${i % 2 ? 'spam' : 'ham'}`),
    'tabs.csv': lines(46, (i) => `message, number ${i}\t${i % 2 ? 'spam' : 'ham'}`),
  });
  for (const kind of ['labelled', 'pairs'] as const) {
    await refused(['quoted.csv'], /quoted\.csv: columns with commas between are not read .*as \.tsv/, {
      kind,
    });
  }
  await good(['tabs.csv'], { kind: 'labelled' });
  assert.is(kept('train.tsv')[0], 'message, number 0\tham');
  rmSync(at('out'), { recursive: true });
});

test('labelled texts: two columns are text and label, several labels have a separator', async () => {
  write({ 'two.tsv': lines(46, (i) => `message  ${i}\t${i % 2 ? 'spam' : 'ham'}`) });
  await good(['two.tsv'], { kind: 'labelled' });
  assert.is(kept('train.tsv')[0], 'message 0\tham');
  const { dataKind } = JSON.parse(readFileSync(at('out/prepare.json'), 'utf8'));
  assert.is(dataKind, 'labelledTexts');
  rmSync(at('out'), { recursive: true });
  write({ 'first.tsv': lines(46, (i) => `${i % 2 ? 'spam' : 'ham'}\tmessage ${i}`) });
  await good(['first.tsv'], { kind: 'labelled', columns: [2, 1] });
  assert.is(kept('train.tsv')[1], 'message 1\tspam');
  rmSync(at('out'), { recursive: true });
  write({ 'tags.tsv': lines(69, (i) => `note ${i}\t${['a,b', 'b', '', 'a , c'][i % 4]}`) });
  await good(['tags.tsv'], { kind: 'labelled', labelSeparator: ',' });
  assert.ok(kept('train.tsv').includes('note 2\t'));
  rmSync(at('out'), { recursive: true });
  await refused(['two.tsv'], /--label-separator is for --kind labelled/, { labelSeparator: ',' });
});

test('text: one file or several; empty lines part documents and are not doubled', async () => {
  write({ 'a.txt': 'One  line.\r\n\n\n\nAnother\tline.\n\n', 'b.txt': '\n\nThe end.' });
  await good(['a.txt', 'b.txt'], { kind: 'text', vocabSize: 260, lowercase: true });
  const data = { kind: 'text', source: at('out') } as const;
  const { whole } = (await readData(data, workingFolder)) as ReadData & { whole: string };
  assert.is(whole, 'one line.\n\nanother line.\n\nthe end.\n');
  assert.ok(existsSync(at('out/tokenizer.json')));
  assert.is(account().files['text.txt'].kept, 5);
});

test('what cannot be used is refused in one line, and nothing is written', async () => {
  write({
    'm/train.de': de(3),
    'm/train.en': en(2),
    'three/train.de': de(1),
    'three/train.en': en(1),
    'three/train.fr': en(1),
    'tests/train.de': de(1),
    'tests/train.en': en(1),
    'tests/test_a.de': de(1),
    'tests/test_a.en': en(1),
    'tests/test_b.de': de(1),
    'tests/test_b.en': en(1),
    'vals/train.de': de(1),
    'vals/train.en': en(1),
    'vals/val.de': de(1),
    'vals/val.en': en(1),
    'vals/dev.de': de(1),
    'vals/dev.en': en(1),
    'all.tsv': lines(46, (i) => `ein Satz ${i}\ta sentence ${i}`),
    'empty.tsv': '',
    'few.tsv': 'a\tb\n',
    'none/readme': '',
    'blank.txt': '\n \n',
  });
  await refused(['m'], /train\.en: 2 lines, but .*train\.de has 3: line i must be the translation of line i/);
  await refused(['three'], /train exists in 3 languages: de, en, fr \(.*--languages de-en\)/);
  await refused(['tests'], /2 test sets: test_a, test_b \(choose one, e\.g\. --test test_a\)/);
  await refused(['tests'], /there is no test_c\.de and test_c\.en/, { test: 'test_c' });
  await refused(['vals'], /2 validation sets: val, dev/);
  await refused(['vals'], /there is no train\.de and train\.cs/, { languages: 'de-cs' });
  await refused(['vals'], /--languages must be source and target like de-en, got "de"/, { languages: 'de' });
  await refused(['empty.tsv'], /empty\.tsv: the file is empty/);
  await refused(['few.tsv'], /no example is left for valid: 1 in all, 23 are needed to hold some out/);
  await refused(['none'], /there is no train\.tsv, nor two files like train\.de and train\.en/);
  await refused(['none'], /there is no train\.tsv/, { kind: 'labelled' });
  await refused(['missing.tsv'], /missing\.tsv: cannot read the file: no such file/);
  await refused(['a', 'b', 'c'], /parallel text is one folder, one file or two files, got 3/);
  await refused(['a', 'b'], /labelled pairs are one folder or one file, got 2/, { kind: 'labelled' });
  await refused(['blank.txt'], /no text is left/, { kind: 'text' });
  await refused(['few.tsv'], /--columns must name 2 columns \(source,target\), got 3/, {
    columns: [1, 2, 3],
  });
  await refused(['blank.txt'], /--columns is for --kind pairs and labelled/, { kind: 'text', columns: [1] });
  await refused(['blank.txt'], /--languages is for --kind pairs/, { kind: 'text', languages: 'de-en' });
  await refused(['all.tsv'], /vocabSize must be at least 259, got 12/, { vocabSize: 12 });
});

test('a folder that holds prepared data is not overwritten, and leftovers of nothing remain', async () => {
  write({ 'all.tsv': lines(46, (i) => `ein Satz ${i}\ta sentence ${i}`) });
  await good(['all.tsv']);
  const before = readdirSync(at('out')).sort();
  assert.equal(before, ['prepare.json', 'test.tsv', 'train.tsv', 'valid.tsv']);
  const { code, err } = await run(['all.tsv']);
  assert.is(code, EXIT.usage);
  assert.match(err, /out\/prepare\.json: the folder holds prepared data already/);
  assert.equal(readdirSync(at('out')).sort(), before);
});

test('as a user runs it: options by name, and the account as JSON', async () => {
  write({ 'all.tsv': lines(46, (i) => `${i}\tEin Satz\tA sentence`) });
  const args = ['prepare', 'all.tsv', '--out', 'o', '--columns', '3,2', '--lowercase', '--json'];
  const { code, stdout, stderr } = await prenorm([...args, '--max-ratio', 'none'], { cwd: folder });
  assert.is(code, 0, stderr);
  const { options, files } = JSON.parse(stdout);
  assert.equal(options, {
    tokenize: false,
    lowercase: true,
    maxWords: 175,
    maxRatio: null,
    columns: [3, 2],
  });
  assert.is(files['train.tsv'].kept, 42);
  assert.is(readFileSync(at('o/train.tsv'), 'utf8').split('\n')[0], 'a sentence\tein satz');
  const wrong = await prenorm(['prepare', 'all.tsv', '--out', 'p', '--max-ratio', '0.5'], { cwd: folder });
  assert.is(wrong.code, 2);
});

test.run();
