/** `tokenizerFrom`: which files are read, what they come to, and what is refused with how to convert it. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as Oracle } from '@huggingface/tokenizers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, DataError, FormatError } from '../../src/errors.js';
import { trainBPE } from '../../src/text/index.js';
import { checkWeightFiles, type PretrainedTokenizer, tokenizerFrom } from '../../src/tokenizers/index.js';
import { refusal } from '../support.js';
import { fixture, read } from './fixture.js';
import { mixedLines } from './lines.mjs';

const test = suite('tokenizers: files');
const lines = mixedLines(2000);

/** Both texts and ids are those of the other library, or the first lines where they are not. */
function sameAsOracle(tokenizer: PretrainedTokenizer, json: object): void {
  const oracle = new Oracle(json as never, { clean_up_tokenization_spaces: false } as never);
  const wrong = lines.filter((line) => {
    const [ids, { ids: theirs }] = [Array.from(tokenizer.encode(line)), oracle.encode(line)];
    const text = theirs.length === 0 ? '' : oracle.decode(theirs, { skip_special_tokens: true });
    return ids.join() !== theirs.join() || tokenizer.decode(ids) !== text;
  });
  assert.equal(wrong.slice(0, 5), []);
}

/** vocab.json and merges.txt of a byte-level fixture. */
function gpt2Files(): Record<string, string> {
  const { model } = fixture('smollm2');
  const vocab = { ...model.vocab, '<|endoftext|>': Object.keys(model.vocab).length };
  const merges = (model.merges as string[][]).map((pair) => pair.join(' ')).join('\n');
  return { 'vocab.json': JSON.stringify(vocab), 'merges.txt': `#version: 0.2\n${merges}\n` };
}

/** vocab.txt of a fixture. */
function bertFile(name: string, end = '\n'): string {
  const { vocab } = fixture(name).model;
  return Object.keys(vocab)
    .sort((a, b) => vocab[a] - vocab[b])
    .map((word) => word + end)
    .join('');
}

test('GPT-2: vocab.json and merges.txt, or by their older names, ids as the other library has them', () => {
  const files = gpt2Files();
  const tokenizer = tokenizerFrom(files);
  const json = tokenizer.toTokenizerJSON();
  sameAsOracle(tokenizer, json);
  const end = tokenizer.vocabSize - 1;
  assert.equal(
    [tokenizer.bosId, tokenizer.eosId, tokenizer.unkId, tokenizer.padId],
    [end, end, end, undefined],
  );
  assert.equal([...tokenizer.encode('a<|endoftext|>b')].includes(end), true);
  const older = tokenizerFrom({
    'gpt2/encoder.json': files['vocab.json'],
    'gpt2/vocab.bpe': files['merges.txt'].replaceAll('\n', '\r\n'),
  });
  assert.equal(older.toTokenizerJSON(), json);
});

test('BERT: vocab.txt, lower case unless it has capitals or the configuration says so', () => {
  for (const [name, lowercase] of [
    ['bert-uncased', true],
    ['bert-cased', false],
  ] as const) {
    const text = bertFile(name);
    const tokenizer = tokenizerFrom({ 'vocab.txt': text });
    const json = tokenizer.toTokenizerJSON() as { normalizer: { lowercase: boolean } };
    assert.is(json.normalizer.lowercase, lowercase);
    sameAsOracle(tokenizer, json);
    // The same ids as the fixture's own file.
    const whole = read(fixture(name));
    for (const line of lines.slice(0, 300)) assert.equal(tokenizer.encode(line), whole.encode(line));
    const { padId, unkId, clsId, sepId, maskId, bosId } = tokenizer;
    assert.equal([padId, unkId, clsId, sepId, maskId, bosId], [0, 1, 2, 3, 4, undefined]);
    assert.equal(tokenizerFrom({ 'vocab.txt': bertFile(name, '\r\n') }).toTokenizerJSON(), json);
    const config = { do_lower_case: !lowercase, strip_accents: null, tokenize_chinese_chars: false };
    const told = tokenizerFrom({ 'vocab.txt': text, 'tokenizer_config.json': JSON.stringify(config) });
    assert.equal((told.toTokenizerJSON() as { normalizer: object }).normalizer, {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: false,
      strip_accents: null,
      lowercase: !lowercase,
    });
    const wanted = tokenizerFrom({ 'vocab.txt': text, 'tokenizer_config.json': '{}' }, { lowercase: true });
    assert.is(
      (wanted.toTokenizerJSON() as { normalizer: { lowercase: boolean } }).normalizer.lowercase,
      true,
    );
  }
});

test('tokens that the configuration or added_tokens.json adds to a vocabulary', () => {
  const files = gpt2Files();
  const count = tokenizerFrom(files).vocabSize;
  const config = {
    added_tokens_decoder: { [count]: { content: '<|pad|>', special: true, lstrip: false } },
    pad_token: '<|pad|>',
  };
  const told = tokenizerFrom({ ...files, 'tokenizer_config.json': JSON.stringify(config) });
  assert.equal([told.padId, told.vocabSize], [count, count + 1]);
  assert.equal([...told.encode('<|pad|>')], [count]);
  const beside = tokenizerFrom({ ...files, 'added_tokens.json': JSON.stringify({ wörd: count }) });
  assert.equal([...beside.encode('wörd')], [count]);
  assert.is(beside.decode([count]), 'wörd');
});

test('roles: what the kind implies, special_tokens_map.json, tokenizer_config.json, options; later ones count', () => {
  const json = JSON.stringify(fixture('qwen2'));
  const map = {
    eos_token: { content: '<|im_start|>', lstrip: false },
    bos_token: '<|im_start|>',
    pad_token: '<|endoftext|>',
  };
  const config = {
    eos_token: '<|im_end|>',
    bos_token: null,
    model_max_length: 1e30,
    clean_up_tokenization_spaces: false,
  };
  const files = {
    'tokenizer.json': json,
    'special_tokens_map.json': JSON.stringify(map),
    'tokenizer_config.json': JSON.stringify(config),
  };
  const made = tokenizerFrom(files, { padToken: '<|im_start|>' });
  const id = (token: string) => made.tokenToId(token);
  assert.equal(
    [made.eosId, made.bosId, made.padId],
    [id('<|im_end|>'), id('<|im_start|>'), id('<|im_start|>')],
  );
  assert.is(made.maxLength, null);
  assert.is(read(fixture('qwen2'), { model_max_length: 512 }).maxLength, 512);
  const error = refusal(() => tokenizerFrom(files, { eosToken: '<eos>' }));
  assert.match(error.message, /the eos_token "<eos>" is not in the vocabulary/);
});

test('a chat template is handed over as it is, from either place, and never run', () => {
  const json = JSON.stringify(fixture('qwen2'));
  const evil = '{{ constructor.constructor("throw 1")() }}';
  const of = (config: object, more = {}) =>
    tokenizerFrom({ 'tokenizer.json': json, 'tokenizer_config.json': JSON.stringify(config), ...more })
      .chatTemplate;
  assert.is(of({ chat_template: evil }), evil);
  assert.is(of({ chat_template: evil }, { 'chat_template.jinja': '{{ x }}' }), '{{ x }}');
  const named = [
    { name: 'tool_use', template: 'a' },
    { name: 'default', template: 'b' },
  ];
  assert.is(of({ chat_template: named }), 'b');
  assert.is(of({ chat_template: named.slice(0, 1) }), 'a');
  assert.is(of({}), null);
  assert.match(
    refusal(() => of({ chat_template: 3 })).message,
    /chat_template: must be a string or a list, got 3/,
  );
});

for (const [name, says] of [
  [
    'spiece.model',
    /SentencePiece's own file, is not read here \(write it as tokenizer.json, in Python: .*AutoTokenizer/,
  ],
  ['tokenizer.model', /SentencePiece/],
  ['source.spm', /SentencePiece/],
  ['llama-q4.gguf', /GGUF.*not read here \(fetch the folder of the original model/],
] as const) {
  test(`${name} alone is refused with how to convert it`, () => {
    const error = refusal(() => tokenizerFrom({ 'README.md': 'x', [name]: new Uint8Array(4) }));
    assert.instance(error, FormatError);
    assert.match(error.message, says);
    assert.is(error.path, name);
    // Beside a file that is read it does no harm.
    assert.ok(tokenizerFrom({ ...gpt2Files(), [name]: new Uint8Array(4) }).vocabSize > 0);
  });
}

test('weights that are not read: one error each that says how to convert', () => {
  for (const name of ['pytorch_model.bin', 'model.pt', 'checkpoint.ckpt', 'a/model.pth'])
    assert.match(
      refusal(() => checkWeightFiles(['config.json', name])).message,
      /pickle.*model.safetensors, in Python/,
    );
  assert.match(refusal(() => checkWeightFiles(['m.gguf'])).message, /GGUF.*\*\.safetensors/);
  const config = { quantization_config: { quant_method: 'gptq', bits: 4 } };
  const error = refusal(() => checkWeightFiles(['model.safetensors'], config));
  assert.match(error.message, /the weights are quantised \(gptq\) \(fetch the original model/);
  checkWeightFiles(['model.safetensors', 'pytorch_model.bin', 'm.gguf'], { model_type: 'gpt2' });
  checkWeightFiles(['config.json', 'tokenizer.model']);
});

test('files as texts, bytes, and what fetch gives', () => {
  const text = bertFile('bert-cased');
  const bytes = new TextEncoder().encode(text);
  const ids = tokenizerFrom({ 'vocab.txt': text }).encode('the end');
  for (const content of [bytes, bytes.buffer, Buffer.from(bytes)])
    assert.equal(tokenizerFrom({ 'vocab.txt': content }).encode('the end'), ids);
});

test('no tokenizer, a file twice, a content of another kind, a tokenizer of ours', () => {
  const none = refusal(() => tokenizerFrom({ 'config.json': '{}' }));
  assert.instance(none, DataError);
  assert.match(none.message, /no tokenizer among the files \(there are "config.json"\)/);
  assert.instance(
    refusal(() => tokenizerFrom({})),
    DataError,
  );
  assert.instance(
    refusal(() => tokenizerFrom({ 'vocab.json': '{}' })),
    DataError,
  );
  for (const wrong of [null, [], 'tokenizer.json', new Uint8Array(2), 3])
    assert.instance(
      refusal(() => tokenizerFrom(wrong as never)),
      ConfigError,
    );
  assert.instance(
    refusal(() => tokenizerFrom({ 'a/vocab.txt': '', 'b/vocab.txt': '' })),
    ConfigError,
  );
  assert.match(
    refusal(() => tokenizerFrom({ 'vocab.txt': 3 as never })).message,
    /vocab.txt must be bytes.*got 3/,
  );
  const ours = JSON.stringify(trainBPE(['ab ab'], { vocabSize: 262 }));
  assert.match(refusal(() => tokenizerFrom({ 'tokenizer.json': ours })).message, /of a training of Prenorm/);
  const lower = refusal(() => tokenizerFrom(gpt2Files(), { lowercase: true }));
  assert.match(lower.message, /lowercase is for vocab.txt/);
});

test('damaged vocabularies are typed errors that name file and line', () => {
  const { 'vocab.json': vocab, 'merges.txt': merges } = gpt2Files();
  const gpt2 = (files: Record<string, string | Uint8Array>) =>
    refusal(() => tokenizerFrom({ 'vocab.json': vocab, 'merges.txt': merges, ...files })).message;
  assert.match(gpt2({ 'merges.txt': 'a b\na b c\n' }), /^merges.txt:2: must be two words/);
  assert.match(gpt2({ 'merges.txt': 'a b\nqq zz\n' }), /"qq" is not in the vocabulary/);
  assert.match(gpt2({ 'vocab.json': '{"a": 0, "b": 0}' }), /the id 0 of "b" belongs to another word/);
  assert.match(gpt2({ 'vocab.json': '{"a": -1}' }), /must be a whole number from 0 to 16777215, got -1/);
  assert.match(gpt2({ 'vocab.json': '[]' }), /must be an object/);
  assert.match(gpt2({ 'vocab.json': '{"a": 0' }), /^vocab.json:1:\d+: not valid JSON/);
  assert.match(gpt2({ 'vocab.json': Uint8Array.of(123, 255) }), /^vocab.json:1: invalid UTF-8/);
  const bert = (text: string) => refusal(() => tokenizerFrom({ 'vocab.txt': text })).message;
  assert.match(bert('[UNK]\n[CLS]\n[SEP]\na\na\n'), /^vocab.txt:5: the word "a" stands twice/);
  assert.match(bert('a\nb\n'), /^vocab.txt: there is no line \[UNK\]/);
});

// Vocabularies that may not be shipped: a folder with gpt2/ and bert-base-uncased/, e.g. PRENORM_TOKENIZERS=/data/tokenizers.
const published = process.env.PRENORM_TOKENIZERS;
if (published === undefined)
  console.log('published vocabularies: skipped, PRENORM_TOKENIZERS names no folder');
else {
  const files = (folder: string, ...names: string[]) =>
    Object.fromEntries(
      names
        .filter((name) => existsSync(join(published, folder, name)))
        .map((name) => [name, readFileSync(join(published, folder, name))]),
    );
  for (const [folder, ...names] of [
    ['gpt2', 'encoder.json', 'vocab.bpe', 'vocab.json', 'merges.txt'],
    ['bert-base-uncased', 'vocab.txt'],
  ])
    test(`${folder}: 2,000 lines as the other library has them`, () => {
      const tokenizer = tokenizerFrom(files(folder, ...names));
      sameAsOracle(tokenizer, tokenizer.toTokenizerJSON());
    });
}

test.run();
