/** @file Files of tokenizers of others: tokenizer.json in every family's shape, patterns, and vocabularies as lines. */
import { DataError, FormatError } from '../../src/errors.js';
import type { RandomStream } from '../../src/random.js';
import { PretrainedTokenizer, tokenizerFrom } from '../../src/tokenizers/index.js';
import { Pattern } from '../../src/tokenizers/pattern.js';
import { fixture, type TokenizerFile } from '../tokenizers/fixture.js';
import { wellFormed } from '../tokenizers/lines.mjs';
import { damage, pick, serialize, treeOf } from './json-tree.js';
import type { FuzzTarget } from './loop.js';
import { jsonFile, must, only, several, utf8 } from './nearly-right.js';

const NAMES = [
  'llama3',
  'qwen2',
  'smollm2',
  'llama2',
  'llama2-metaspace',
  'bert-cased',
  'bert-uncased',
  'unigram',
  'small-pieces',
];
const SAMPLES = ['The quick café 123 ▁x', 'a\ud800b \u{1f600}\r\n\0 <mask>', '', ' '.repeat(30), 'ﬁ가\u0301'];
/** Words of a vocabulary that stay, so that a change hits something else as well. */
const KEPT = 300;

/** A fixture with fewer words: those of its bytes or letters, and a few merges. */
function small(name: string): TokenizerFile {
  const json = fixture(name);
  const { model } = json;
  if (Array.isArray(model.vocab)) {
    model.vocab = (model.vocab as unknown[]).slice(0, 60) as never;
    return json;
  }
  const entries = Object.entries(model.vocab).filter(([, id]) => id < KEPT);
  model.vocab = Object.fromEntries(entries);
  json.added_tokens = json.added_tokens.map((token) => ({
    ...token,
    id: model.vocab[token.content as string] ?? token.id,
  }));
  if (Array.isArray(model.merges)) {
    const has = (word: string) => Object.hasOwn(model.vocab, word);
    model.merges = (model.merges as string[][]).filter(([a, b]) => has(a) && has(b) && has(a + b));
  }
  return json;
}

const files = NAMES.map(small);

/** Ids are those of words, and a copy of the tokenizer has the same. */
function tryOut(tokenizer: PretrainedTokenizer): void {
  const again = PretrainedTokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)));
  for (const sample of SAMPLES) {
    const ids = tokenizer.encode(sample);
    must(
      [...ids].every((id) => tokenizer.idToToken(id) !== undefined),
      'an id that no token has',
    );
    must(again.encode(sample).join() === ids.join(), 'a copy has other ids');
    must(again.decode(ids) === tokenizer.decode(ids), 'a copy has another text');
    for (const id of ids) tokenizer.tokenBytes(id);
    tokenizer.encodePair(sample, sample, { parseSpecialTokens: false });
  }
}

const tokenizerJSON: FuzzTarget = {
  name: 'tokenizer.json',
  make(random) {
    const json = pick(random, files);
    if (random.nextInt(3) === 0) return jsonFile(treeOf(json), random);
    // Most of a file is its vocabulary: what is around it gets its share.
    const { model, ...rest } = json;
    const { vocab, merges, ...words } = model;
    const around = serialize(several(treeOf({ ...rest, model: words }), random));
    const at = around.lastIndexOf('"model":{');
    if (at < 0) return utf8(around);
    const held = `"vocab":${JSON.stringify(vocab)},${merges === undefined ? '' : `"merges":${JSON.stringify(merges)},`}`;
    const start = at + '"model":{'.length;
    return utf8(around.slice(0, start) + held + around.slice(start));
  },
  run: (bytes) => only([FormatError, DataError], () => tryOut(tokenizerFrom({ 'tokenizer.json': bytes }))),
};

const PARTS = [
  ...[
    "'s",
    ' ?',
    '\\p{L}',
    '\\p{N}',
    '\\P{Lu}',
    '\\s',
    '\\S',
    '\\d',
    '\\w',
    '[^\\s\\p{L}]',
    '[a-z]',
    '[^\\r\\n]',
    '.',
    'a',
    'é',
    '😀',
  ],
  ...[
    '(?i:',
    '(?:',
    '(?=',
    '(?!',
    '(',
    ')',
    '|',
    '[',
    ']',
    '^',
    '$',
    '\\',
    '\\x41',
    '\\u{1f600}',
    '\\p{Han}',
    '&&',
    '-',
    '{2,3}',
    '{',
  ],
];
const REPEATS = ['', '', '', '+', '*', '?', '+?', '*+', '{1,3}', '{2}', '{0,1000}'];

const pattern: FuzzTarget = {
  name: 'pattern',
  make(random) {
    let source = '';
    for (let n = 1 + random.nextInt(12); n > 0; n--) {
      const usual = random.nextInt(5) > 0;
      source += pick(random, usual ? PARTS.slice(0, 16) : PARTS) + pick(random, REPEATS);
      if (random.nextInt(3) === 0) source += '|';
    }
    return utf8(source);
  },
  run(bytes) {
    const source = new TextDecoder().decode(bytes);
    only([FormatError], () => {
      const made = new Pattern(source, 'p');
      for (const sample of [...SAMPLES.map(wellFormed), 'a'.repeat(400), ' \n'.repeat(200)]) {
        const pieces = made.split(sample);
        must(pieces.map((piece) => piece.text).join('') === sample, 'the pieces are not the text');
        must(
          pieces.every((piece) => piece.text !== ''),
          'an empty piece',
        );
      }
    });
  },
};

/** Lines of a fixture's words, or of its merges. */
function linesOf(random: RandomStream): Record<string, string> {
  const bert = files[NAMES.indexOf(pick(random, ['bert-cased', 'bert-uncased']))].model.vocab;
  const { vocab, merges } = files[NAMES.indexOf('smollm2')].model;
  const end = pick(random, ['\n', '\n', '\r\n']);
  if (random.nextInt(2) === 0) return { 'vocab.txt': Object.keys(bert).join(end) };
  const pairs = (merges as string[][]).map((pair) => pair.join(' '));
  return { 'vocab.json': JSON.stringify(vocab), 'merges.txt': `#version: 0.2${end}${pairs.join(end)}${end}` };
}

const vocabularies: FuzzTarget = {
  name: 'vocabularies',
  make(random) {
    const made = linesOf(random);
    const name = pick(random, Object.keys(made));
    const bytes = random.nextInt(3) === 0 ? utf8(made[name]) : damage(utf8(made[name]), random);
    // One file holds them all: a line of names and lengths, then the bytes of each.
    const contents = Object.keys(made).map((key) => (key === name ? bytes : utf8(made[key])));
    const head = utf8(
      `${Object.keys(made)
        .map((key, i) => `${key} ${contents[i].length}`)
        .join(',')}\n`,
    );
    return Uint8Array.from(Buffer.concat([head, ...contents]));
  },
  run(bytes) {
    const start = bytes.indexOf(10) + 1;
    let at = start;
    const folder: Record<string, Uint8Array> = {};
    for (const entry of new TextDecoder().decode(bytes.subarray(0, start - 1)).split(',')) {
      const [name, length] = entry.split(' ');
      folder[name] = bytes.slice(at, at + Number(length));
      at += Number(length);
    }
    only([FormatError, DataError], () => tryOut(tokenizerFrom(folder)));
  },
};

export const tokenizerTargets: readonly FuzzTarget[] = [tokenizerJSON, pattern, vocabularies];
