import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FormatError } from '../../src/errors.js';
import { refusal } from '../support.js';
import { fixture, read, type TokenizerFile } from './fixture.js';

const test = suite('tokenizers: malformed files');

/** Changes of a file, and what the error says. */
const REFUSED: readonly (readonly [string, string, (json: TokenizerFile) => void, RegExp])[] = [
  ['another version', 'qwen2', (json) => Object.assign(json, { version: '2.0' }), /\.version: must be "1.0"/],
  ['an unknown key', 'qwen2', (json) => Object.assign(json, { extra: 1 }), /the key "extra" is not known/],
  [
    'no model',
    'qwen2',
    (json) => Reflect.deleteProperty(json, 'model'),
    /\.model: must be an object, it is missing/,
  ],
  [
    'another model',
    'qwen2',
    (json) => Object.assign(json.model, { type: 'WordLevel' }),
    /no model "WordLevel" here/,
  ],
  [
    'an unknown key of a model',
    'qwen2',
    (json) => Object.assign(json.model, { dropin: 1 }),
    /model: the key "dropin"/,
  ],
  [
    'merging by chance',
    'qwen2',
    (json) => Object.assign(json.model, { dropout: 0.1 }),
    /dropout: must be 0: ids would/,
  ],
  [
    'a sign at the end of words',
    'qwen2',
    (json) => Object.assign(json.model, { end_of_word_suffix: '</w>' }),
    /end_of_word_suffix/,
  ],
  [
    'an unknown word without id',
    'qwen2',
    (json) => Object.assign(json.model, { unk_token: '<none>' }),
    /"<none>" is not in the vocabulary/,
  ],
  [
    'a merge of one word',
    'qwen2',
    (json) => (json.model.merges as unknown[]).push(['a']),
    /merges\[\d+\]: must be two words/,
  ],
  [
    'a merge into no word',
    'qwen2',
    (json) => (json.model.merges as unknown[]).push(['~', '~']),
    /merges\[\d+\]: "~~" is not in/,
  ],
  [
    'an id too large',
    'qwen2',
    (json) => Object.assign(json.model.vocab, { far: 2 ** 24 }),
    /vocab\["far"\]: must be a whole number/,
  ],
  [
    'two words of one id',
    'qwen2',
    (json) => Object.assign(json.model.vocab, { far: 3 }),
    /the id 3 of "far" belongs/,
  ],
  [
    'an added token with a word’s id',
    'qwen2',
    (json) => Object.assign(json.added_tokens[0], { id: 3 }),
    /has the id of/,
  ],
  ['an added token twice', 'qwen2', (json) => json.added_tokens.push(json.added_tokens[0]), /stands twice/],
  [
    'an added token without content',
    'qwen2',
    (json) => Object.assign(json.added_tokens[0], { content: '' }),
    /must have 1 to 4096/,
  ],
  [
    'an unknown normalizer',
    'qwen2',
    (json) => Object.assign(json, { normalizer: { type: 'Precompiled', precompiled_charsmap: '' } }),
    /normalizer: there is no normalizer "Precompiled" here \(known are Sequence, NFC/,
  ],
  [
    'a key of a normalizer',
    'qwen2',
    (json) => Object.assign(json, { normalizer: { type: 'NFC', form: 1 } }),
    /normalizer: the key "form"/,
  ],
  [
    'an unknown pre-tokenizer',
    'qwen2',
    (json) => Object.assign(json, { pre_tokenizer: { type: 'UnicodeScripts' } }),
    /no pre-tokenizer "UnicodeScripts"/,
  ],
  [
    'an unknown decoder',
    'qwen2',
    (json) => Object.assign(json, { decoder: { type: 'CTC' } }),
    /no decoder "CTC"/,
  ],
  [
    'an unknown post-processor',
    'qwen2',
    (json) => Object.assign(json, { post_processor: { type: 'X' } }),
    /no post-processor "X"/,
  ],
  [
    'a template’s unknown token',
    'llama3',
    (json) =>
      Object.assign(json, {
        post_processor: {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: '<s>', type_id: 0 } }],
          pair: [],
          special_tokens: {},
        },
      }),
    /"<s>" is not among special_tokens/,
  ],
  [
    'a template’s id without a word',
    'llama3',
    (json) =>
      Object.assign(json, { post_processor: { type: 'BertProcessing', cls: ['x', 9999], sep: ['y', 1] } }),
    /must name ids of the vocabulary, got 9999/,
  ],
  [
    'a bad pattern',
    'qwen2',
    (json) =>
      Object.assign(json, {
        pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+' }, behavior: 'Isolated', invert: false },
      }),
    /pre_tokenizer.pattern.Regex: the pattern "\(a\+\)\+" repeats a group/,
  ],
  [
    'an empty pattern',
    'qwen2',
    (json) => Object.assign(json, { normalizer: { type: 'Replace', pattern: { String: '' }, content: 'x' } }),
    /String: must not be empty/,
  ],
  [
    'an unknown behavior',
    'qwen2',
    (json) => Object.assign(json, { pre_tokenizer: { type: 'Punctuation', behavior: 'Mixed' } }),
    /behavior: must be one of Removed/,
  ],
  [
    'a sign of two characters',
    'llama2-metaspace',
    (json) => Object.assign(json.pre_tokenizer as object, { replacement: '__' }),
    /replacement: must be one character/,
  ],
  [
    'a scheme that is none',
    'llama2-metaspace',
    (json) => Object.assign(json.pre_tokenizer as object, { prepend_scheme: 'last' }),
    /prepend_scheme: must be always, never or first/,
  ],
  [
    'parts nested without end',
    'qwen2',
    (json) => Object.assign(json, { normalizer: nested(30) }),
    /must not nest deeper/,
  ],
  [
    'a score that is no number',
    'unigram',
    (json) => Object.assign(json.model, { vocab: [['a', null]] }),
    /vocab\[0\]: must be a word and its finite score/,
  ],
  [
    'a word twice',
    'unigram',
    (json) =>
      Object.assign(json.model, {
        vocab: [
          ['a', 0],
          ['a', 1],
        ],
      }),
    /the word "a" stands twice/,
  ],
  [
    'a word without end',
    'unigram',
    (json) => Object.assign(json.model, { vocab: [['a'.repeat(600), 0]] }),
    /at most 512/,
  ],
  [
    'an unknown id outside',
    'unigram',
    (json) => Object.assign(json.model, { unk_id: 9999 }),
    /unk_id: must be null or an id/,
  ],
  [
    'words of any length',
    'bert-cased',
    (json) => Object.assign(json.model, { max_input_chars_per_word: 1e9 }),
    /from 1 to 1000/,
  ],
  [
    'no unknown word',
    'bert-cased',
    (json) => Object.assign(json.model, { unk_token: '<?>' }),
    /"<\?>" is not in the vocabulary/,
  ],
];

const nested = (depth: number): object =>
  depth === 0 ? { type: 'NFC' } : { type: 'Sequence', normalizers: [nested(depth - 1)] };

for (const [what, name, change, says] of REFUSED) {
  test(`${what} is a typed error that names the place`, () => {
    const json = fixture(name);
    change(json);
    const error = refusal(() => read(json));
    assert.instance(error, FormatError);
    assert.match(error.message, says);
    assert.match(error.message, /^tokenizer\.json/);
  });
}

/** Six of them make a thousand million characters of one. */
const growing = (type: 'normalizers' | 'decoders') => ({
  type: 'Sequence',
  [type]: Array.from({ length: 6 }, () => ({
    type: 'Replace',
    pattern: { String: 'a' },
    content: 'a'.repeat(32),
  })),
});

test('replacements that make a text without end are a typed error, not a program without memory', () => {
  const normalized = fixture('unigram');
  normalized.normalizer = growing('normalizers');
  const before = read(normalized);
  assert.is(before.encode('b').length > 0, true);
  const decoded = fixture('unigram');
  decoded.decoder = growing('decoders');
  const after = read(decoded);
  const ids = Int32Array.from({ length: after.vocabSize }, (_, id) => id);
  for (const [run, says] of [
    [
      () => before.encode('a banana'),
      /^tokenizer\.json\.normalizer.*makes more than \d+ characters of a text/,
    ],
    [() => after.decode(ids), /^tokenizer\.json\.decoder.*makes more than \d+ characters of a text/],
  ] as const) {
    const error = refusal(run);
    assert.instance(error, FormatError);
    assert.match(error.message, says);
  }
});

test.run();
