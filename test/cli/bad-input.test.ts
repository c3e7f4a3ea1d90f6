/**
 * Every wrong input gives one line that says what, where and how to mend it, exit code 2, and leaves nothing.
 * Most commands are called in this process; a few run as a user runs them.
 */

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate } from '../../src/cli/evaluate.js';
import { reproduce } from '../../src/cli/reproduce.js';
import { train } from '../../src/cli/train.js';
import { generate, translate } from '../../src/cli/use-run.js';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { parseJson } from '../../src/json.js';
import { lm, text, translation } from './corpus.js';
import { at, change, folder, refused, silently, simd, trainBad } from './refused.js';
import { type Outcome, prenorm } from './spawn.js';

const test = suite('cli: bad input');

test.after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('recipes', async () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ modle: 1 }, /bad\.json: unknown key "modle" \(did you mean "model"\?\)/],
    [{ 'model.dmodel': 1 }, /bad\.json: CausalLM: unknown key "dmodel" \(did you mean "dModel"\?\)/],
    [{ 'schedule.warmup': 1 }, /bad\.json: constant: unknown key "warmup"/],
    [{ 'schedule.kind': 'cosin' }, /bad\.json: .*must be one of .*cosine.*, got "cosin"/],
    [
      { schedule: { kind: 'cosine', maxLr: 1, warmupSteps: 1 } },
      /totalSteps must be a positive integer, got undefined/,
    ],
    [{ 'schedule.maxLr': -1 }, /bad\.json: constant: maxLr must be a finite number >= 0, got -1/],
    [{ optimizer: { kind: 'adma' } }, /optimizer\.kind must be one of adam, .*got "adma"/],
    [{ optimizer: { kind: 'sgd', betas: [0.9, 0.9] } }, /bad\.json: SGD: unknown key "betas"/],
    [{ optimizer: { kind: 'adam', betas: [0.9] } }, /optimizer\.betas must be two numbers, got \[0\.9\]/],
    [
      { optimizer: { kind: 'adam', lr: 1 } },
      /optimizer must be without lr where there is a schedule: it is schedule\.maxLr, got 1/,
    ],
    [{ optimizer: {} }, /bad\.json: optimizer\.kind must be one of adam, .*got nothing/],
    [{ optimizer: undefined }, /bad\.json: optimizer must be an object with a kind, got nothing/],
    [{ schedule: undefined }, /optimizer\.lr must be a number where there is no schedule, got nothing/],
    [
      { 'model.kind': 'classify' },
      /bad\.json: model\.kind must be one of causalLM, transformer, .*, got "classify"/,
    ],
    [
      { 'model.kind': 'transformer' },
      /model\.kind must be causalLM for data of kind text, got "transformer"/,
    ],
    [{ 'data.kind': 'classify' }, /bad\.json: data\.kind must be one of text, pairs, .*, got "classify"/],
    [{ dataset: lm.data }, /bad\.json: the key "dataset" of version 0\.1 is data now/],
    [{ vocabSize: 300 }, /bad\.json: the key "vocabSize" of version 0\.1 is tokenizer\.vocabSize now/],
    [
      { data: 'text.txt' },
      /data must be an object with a kind; the name goes into data\.source, got "text\.txt"/,
    ],
    [{ steps: 'many' }, /bad\.json: steps must be a positive integer, got "many"/],
    [{ accumulate: 0 }, /accumulate must be a positive integer, got 0/],
    [{ labelSmoothing: 1 }, /labelSmoothing must be a number in \[0, 1\), got 1/],
    [{ clipNorm: -1 }, /clipNorm must be a positive number, got -1/],
    [{ seed: -1 }, /seed must be a whole number >= 0, got -1/],
    [{ 'data.maxTokens': 5 }, /bad\.json: data: unknown key "maxTokens"/],
    [{ 'model.vocabSize': 100 }, /bad\.json: model: vocabSize is 100, the data has 280/],
    [{ 'model.numHeads': 3 }, /bad\.json: CausalLM: dModel must be a multiple of numHeads 3, got 16/],
    [{ 'tokenizer.vocabSize': 100 }, /bad\.json: trainBPE: vocabSize must be at least 259, got 100/],
    [{ 'model.maxSeqLen': 4 }, /bad\.json: model: maxSeqLen is 4, the data has 8/],
    [
      { 'data.source': 'ui-de-en' },
      /ui-de-en: there is no such file .*data of kind "text" is "kjv" \(embedded\)/,
    ],
    [{ 'data.source': 'none.txt' }, /none\.txt: there is no such file/],
    [{ 'data.source': 'pairs' }, /pairs: cannot read the file: the path is a folder/],
  ];
  for (const [changes, pattern] of cases) await trainBad(change(lm, changes), pattern);
  for (const value of [null, [1], 'text', 3])
    await trainBad(JSON.stringify(value), /bad\.json: must be an object, got/);
});

test('a --seed that would decide nothing', () => {
  writeFileSync(at('bad.json'), JSON.stringify({ ...lm, seeds: { model: 1, data: 2, dropout: 3 } }));
  const options = { simd, out: at('out'), seed: 4 };
  return refused(() => train(at('bad.json'), options), /bad\.json: the recipe gives all seeds, so --seed/);
});

test('rates that are no numbers', async () => {
  const json = JSON.stringify(lm);
  await trainBad(
    json.replace('0.003', '1e999'),
    /bad\.json: constant: maxLr must be a finite number >= 0, got Infinity/,
  );
  await trainBad(json.replace('0.003', '-1e999'), /got -Infinity/);
  await trainBad(json.replace('0.003', 'NaN'), /bad\.json:1:\d+: not valid JSON: Unexpected token 'N'/);
  await trainBad(
    json.replace('0.003', '"0.003"'),
    /maxLr must be a finite number >= 0, got 0\.003|got "0\.003"/,
  );
});

test('malformed JSON is shown with line and column', async () => {
  const cases: [string, string][] = [
    ['{\n "steps": 1,\n "data": lm\n}', 'c:3:10: not valid JSON: Unexpected token'],
    ['[1,}', 'c:1:4: not valid JSON: Unexpected token'],
    ['{"a": 1,\n}', 'c:2:1: not valid JSON'],
    ["{'a': 1}", 'c:1:2: not valid JSON'],
    ['{"a": 1', 'c:1:8: not valid JSON'],
    ['{"a": "x', 'c:1:9: not valid JSON'],
    ['{"a": 1} x', 'c:1:10: not valid JSON'],
  ];
  for (const [json, expected] of cases) {
    try {
      parseJson(json, 'c');
      assert.unreachable(json);
    } catch (error) {
      assert.match((error as Error).message, expected, json);
    }
  }
  await trainBad('', /bad\.json: the file is empty, JSON is expected/);
  await refused(() => train(at('none.json'), { simd }), /none\.json: cannot read the file/);
});

test('texts', async () => {
  const bad = async (content: string | Uint8Array, pattern: RegExp) => {
    writeFileSync(at('bad.txt'), content);
    await trainBad(change(lm, { 'data.source': 'bad.txt' }), pattern);
    rmSync(at('bad.txt'));
  };
  await bad('', /bad\.txt: the text is empty/);
  await bad(' \n', /bad\.txt: the text is empty/);
  await bad('too short', /bad\.txt: there are \d+ tokens to train on, one batch of 2 x 8 needs 17/);
  await bad(Buffer.from('good\nb\xe4d\n', 'latin1'), /bad\.txt:2: .*UTF-8/);
});

test('sentence pairs', async () => {
  const good = readFileSync(at('pairs/train.tsv'), 'utf8');
  const bad = async (part: string, content: string | Uint8Array, pattern: RegExp) => {
    cpSync(at('pairs'), at('bad'), { recursive: true });
    writeFileSync(at(`bad/${part}.tsv`), content);
    await trainBad(change(translation, { 'data.source': 'bad' }), pattern);
    rmSync(at('bad'), { recursive: true });
  };
  await bad('train', '', /bad\/train\.tsv: the text is empty/);
  await bad('valid', '\n\n', /bad\/valid\.tsv: the text is empty/);
  await bad('train', 'a\tb\nno tab\n', /bad\/train\.tsv:2: line without a tab/);
  await bad('train', 'a\tb\na\t\n', /bad\/train\.tsv:2: empty target/);
  await bad('test', Buffer.from('a\tb\n\xff\tb\n', 'latin1'), /bad\/test\.tsv:2: .*UTF-8/);
  const long = 'qwertz'.repeat(10);
  // No part of it repeats, so that the tokenizer, which sees it too, does not learn it.
  const rare = 'eine sehr lange Zeile mit vielen ganz anderen Wörtern, die es sonst nirgends gibt';
  await bad('train', `${good}${rare}\tb\n`, /bad\/train\.tsv:21: the source has \d+ tokens, maxSeqLen is 40/);
  await bad('valid', `a\tb\nb\t${long}\n`, /bad\/valid\.tsv:2: the target has \d+ tokens, maxSeqLen is 40/);
  const tokens = change(translation, { 'data.maxTokens': 5 });
  await trainBad(
    tokens,
    /pairs\/train\.tsv:1: the pair has \d+ tokens, more than a batch may have \(maxTokens 5\)/,
  );
  await trainBad(change(translation, { 'data.source': 'none' }), /none\/train\.tsv: there is no such file/);
});

test('folders', async () => {
  await trainBad(lm, /text\.txt\/x: cannot create the folder: a part of the path is a file/, {
    out: at('text.txt/x'),
  });
  await trainBad(lm, /text\.txt: cannot create the folder: a file of this name is in the way/, {
    out: at('text.txt'),
  });
  await trainBad(lm, /pairs: there is no run to go on with/, { out: at('pairs'), resume: true } as never);
  if (process.platform === 'linux') {
    await trainBad(lm, /\/proc\/nope: cannot create the folder/, { out: '/proc/nope' });
  }
  // A file of the user's must not be replaced by one of the run's.
  mkdirSync(at('mine'));
  writeFileSync(at('mine/config.json'), '{}');
  await trainBad(lm, /mine: config\.json is in the way/, { out: at('mine') });
});

test('runs and checkpoints', async () => {
  const out = at('run');
  await silently(() => train(at('lm.json'), { simd, out, json: true }));
  assert.equal(readdirSync(out).sort(), [
    'checkpoint.safetensors',
    'config.json',
    'gradients.csv',
    'gradients.jsonl',
    'metrics.csv',
    'metrics.jsonl',
    'model.safetensors',
    'report.html',
    'speed.csv',
    'speed.jsonl',
    'tokenizer.json',
  ]);
  const files = readdirSync(out).map((name) => [name, readFileSync(join(out, name))] as const);
  await refused(
    () => train(at('lm.json'), { simd, out }),
    /run: the folder holds a run already \(go on with --resume/,
  );
  const resumeWith = (changes: Record<string, unknown>, pattern: RegExp) => {
    writeFileSync(at('bad.json'), JSON.stringify(change(lm, changes)));
    return refused(() => train(at('bad.json'), { simd, out, resume: true }), pattern);
  };
  await resumeWith({ 'model.dModel': 32 }, /another configuration: model\.dModel is 16 there, 32 here/);
  await resumeWith({ 'schedule.maxLr': 1 }, /another schedule: schedule\.maxLr is 0\.003 there, 1 here/);
  await resumeWith({ steps: 2 }, /bad\.json: the run has 4 steps already, steps is 2 \(raise steps/);
  const option = { simd, out, resume: true, seed: 5 };
  await refused(() => train(at('lm.json'), option), /another configuration: seeds\.model is 0 there, 5 here/);
  writeFileSync(at('text.txt'), `${text}one more line\n`);
  await refused(
    () => train(at('lm.json'), { simd, out, resume: true }),
    /another configuration: data\.sha256/,
  );
  writeFileSync(at('text.txt'), text);
  for (const [name, content] of files) assert.equal(readFileSync(join(out, name)), content, name);

  const path = join(out, 'checkpoint.safetensors');
  const whole = readFileSync(path);
  const flipped = Uint8Array.from(whole);
  flipped[flipped.length - 9] ^= 1;
  const content = decodeCheckpoint(new Uint8Array(whole), path);
  const tensors = new Map([...content.tensors].filter(([name]) => !name.includes('linear1')));
  const damage: [Uint8Array | string, RegExp][] = [
    [
      whole.subarray(0, 9000),
      /checkpoint\.safetensors: the checkpoint is truncated: \d+ bytes expected, 9000 found/,
    ],
    [whole.subarray(0, 5), /not a readable checkpoint/],
    ['', /not a readable checkpoint/],
    [flipped, /the checkpoint is damaged/],
    [
      whole.toString('latin1').replace(/"version":"[12]"/, '"version":"7"'),
      /version 7, .* \(update prenorm\)/,
    ],
    [encodeCheckpoint({ ...content, tensors }), /the checkpoint does not fit: .*missing .*linear1/],
  ];
  const split = 'valid' as const;
  // Whoever reads a model does not know yet that it is a checkpoint, and judges sizes first.
  const ofFile = ({ source }: RegExp) =>
    new RegExp(
      source
        .replace('readable checkpoint', 'readable model')
        .replace(/^the checkpoint does not.*/, 'asks for'),
    );
  for (const [bytes, pattern] of damage) {
    writeFileSync(path, bytes, 'latin1');
    await refused(() => evaluate(path, { simd, split }), ofFile(pattern));
    await refused(() => train(at('lm.json'), { simd, out, resume: true }), pattern);
  }
  writeFileSync(path, whole);
  const prompt = { simd, length: 3, temperature: 1 };
  await refused(() => generate(out, { ...prompt, prompt: '' }), /the prompt is empty/);
  await refused(
    () => translate(out, { simd, beam: 1 }),
    /run: this run is a causalLM, which does not translate \(use `prenorm generate`/,
  );
  await refused(
    () => evaluate(out, { simd, split: 'test' }),
    /run: the data of this run has no test part \(leave out --split/,
  );
  const model = join(out, 'model.safetensors');
  await silently(() => generate(model, { ...prompt, prompt: 'a' }));
  const file = readFileSync(model);
  file[file.length - 9] ^= 1;
  writeFileSync(model, file);
  for (const run of [out, model])
    await refused(
      () => generate(run, { ...prompt, prompt: 'a' }),
      /model\.safetensors: the model is damaged/,
    );
  await refused(() => generate(at('lm.json'), { ...prompt, prompt: 'a' }), /lm\.json: not a readable model/);
  await refused(() => generate(at('nowhere'), { ...prompt, prompt: 'a' }), /nowhere: there is no such file/);
  rmSync(join(out, 'config.json'));
  await refused(
    () => generate(out, { ...prompt, prompt: 'a' }),
    /there is no config\.json in it, so it is neither a run nor/,
  );
});

test('sentences to translate', async () => {
  const out = at('translator');
  await silently(() => train(at('translation.json'), { simd, out, json: true }));
  const input = at('input.txt');
  const bad = async (content: string | Uint8Array, pattern: RegExp) => {
    writeFileSync(input, content);
    await refused(() => translate(out, { simd, input, beam: 1 }), pattern);
  };
  await bad('\n', /input\.txt: there is nothing to translate/);
  await bad(
    `ein Satz\n${'wörter '.repeat(20)}\n`,
    /input\.txt:2: a sentence of \d+ tokens is longer than .*maxSeqLen 40/,
  );
  await bad(Buffer.from('a\n\xff\n', 'latin1'), /input\.txt:2: .*UTF-8/);
  await bad('ein Satz\nein Satz\ta sentence\n', /input\.txt:2: line with 2 columns, a sentence a line/);
  await refused(
    () => generate(out, { simd, prompt: 'a', length: 3, temperature: 1 }),
    /this run is a transformer, which does not continue a text \(use `prenorm translate`/,
  );
});

test('reproduce', async () => {
  const options = { simd, preset: 'quick', out: at('results') };
  await refused(
    () => reproduce({ ...options, preset: 'fast' }),
    /no preset "fast" \(use one of quick, standard, field, own, multi30k, paper\)/,
  );
  await refused(() => reproduce({ ...options, only: ['fig9'] }), /--only does not know "fig9"/);
  await refused(() => reproduce({ ...options, preset: 'paper' }), /paper preset needs your copy/);
  await refused(() => reproduce({ ...options, data: at('none') }), /none\/train\.tsv: there is no such file/);
  const { preset: _, ...own } = options;
  for (const preset of [undefined, 'own'])
    await refused(
      () => reproduce({ ...own, preset, data: at('none') }),
      /none: there is neither train\.tsv \(pairs of sentences\) nor text\.txt/,
    );
  await refused(() => reproduce({ ...own, preset: 'own' }), /the own preset is about your data .*--data DIR/);
  await refused(
    () => reproduce({ ...options, out: at('text.txt/x') }),
    /text\.txt\/x: cannot create the folder/,
  );
});

test('usage: one line on stderr, nothing on stdout, exit code 2', async () => {
  const one = (outcome: Outcome, pattern: RegExp) => {
    assert.is(outcome.code, 2, outcome.stderr);
    assert.is(outcome.stdout, '');
    assert.match(outcome.stderr, /^prenorm: .*\n$/);
    assert.match(outcome.stderr, pattern);
  };
  const cases: [string[], RegExp][] = [
    [['tarin'], /unknown command 'tarin'.*Did you mean train\?/],
    [['train', 'lm.json', '--reusme'], /unknown option '--reusme'.*Did you mean --resume\?/],
    [['train', 'lm.json', '--seed', 'abc'], /'--seed <n>' argument 'abc' is invalid. must be a whole number/],
    [['train', 'none.json'], /none\.json: cannot read the file: no such file/],
    [['evaluate'], /missing required argument 'run'/],
    // Where it would decide nothing there is no such option.
    ...['evaluate', 'translate', 'classify', 'verify', 'info', 'conformance', 'compare', 'report'].map(
      (name): [string[], RegExp] => [[name, '--seed', '1'], /unknown option '--seed'/],
    ),
    ...['compare', 'report'].flatMap((name): [string[], RegExp][] => [
      [[name, '--threads', '2'], /unknown option '--threads'/],
      [[name, '--simd', 'relaxed'], /unknown option '--simd'/],
    ]),
  ];
  await Promise.all(cases.map(async ([args, pattern]) => one(await prenorm(args, { cwd: folder }), pattern)));
});

test.run();
