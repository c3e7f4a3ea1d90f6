/** `PretrainedTokenizer`: special tokens, pairs, texts as they come, files of its own. */
import { Tokenizer as Oracle } from '@huggingface/tokenizers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, DataError, FormatError } from '../../src/errors.js';
import { TextStream } from '../../src/generate/text-stream.js';
import { PretrainedTokenizer } from '../../src/tokenizers/index.js';
import { refusal } from '../support.js';
import { fixture, read } from './fixture.js';
import { mixedLines, oddLines, wellFormed } from './lines.mjs';

const test = suite('tokenizers: pretrained');
const NAMES = [
  'llama3',
  'qwen2',
  'smollm2',
  'llama2',
  'llama2-metaspace',
  'bert-cased',
  'bert-uncased',
  'unigram',
];
const lines = [...mixedLines(500), ...oddLines];

test('pairs of texts with their segments, as the other library has them', () => {
  for (const name of NAMES) {
    const json = fixture(name);
    const tokenizer = read(json);
    const oracle = new Oracle(json as never, {} as never);
    for (const [first, second] of [
      ['hello world', 'the end'],
      ['', 'x'],
    ]) {
      const { ids, segments } = tokenizer.encodePair(first, second);
      const [plain, other] = [first, second].map((text) =>
        tokenizer.encode(text, { addSpecialTokens: false }),
      );
      if (json.post_processor === null || json.post_processor.type === 'ByteLevel') {
        // Nothing stands around or between; the other library forgets the second text.
        assert.equal([...ids], [...plain, ...other], name);
        assert.equal([...segments], [...plain.map(() => 0), ...other.map(() => 1)], name);
        continue;
      }
      const theirs = oracle.encode(first, { text_pair: second, return_token_type_ids: true });
      assert.equal([...ids], theirs.ids, name);
      assert.equal([...segments], theirs.token_type_ids, name);
    }
    const empty = tokenizer.encodePair('a', '');
    assert.is(empty.ids.length, empty.segments.length);
  }
});

test('RoBERTa has two separators between texts and one segment', () => {
  const json = fixture('bert-cased');
  json.post_processor = {
    type: 'RobertaProcessing',
    sep: ['[SEP]', 3],
    cls: ['[CLS]', 2],
    trim_offsets: true,
    add_prefix_space: false,
  };
  const { ids, segments } = read(json).encodePair('a', 'a');
  const a = read(json).tokenToId('a') as number;
  assert.equal([...ids], [2, a, 3, 3, a, 3]);
  assert.equal([...segments], [0, 0, 0, 0, 0, 0]);
});

test('special tokens: with and without those around, and as text of strangers', () => {
  const tokenizer = read(fixture('qwen2'));
  const start = tokenizer.tokenToId('<|im_start|>') as number;
  const plain = tokenizer.encode('<|im_start|>user added', { parseSpecialTokens: false });
  assert.not([...plain].includes(start));
  assert.is(tokenizer.decode(plain), '<|im_start|>useradded', 'it takes the space in front with it');
  // An added token that is not special stays one.
  assert.is(plain[plain.length - 1], tokenizer.tokenToId('added'));
  assert.is(tokenizer.encode('<|im_start|>user')[0], start);
  assert.is(tokenizer.decode([start]), '');
  assert.is(tokenizer.decode([start], { skipSpecialTokens: false }), '<|im_start|>');
  assert.equal(tokenizer.specialTokens, ['<|endoftext|>', '<|im_start|>', '<|im_end|>']);
  const bert = read(fixture('bert-cased'));
  assert.equal([...bert.encode('a', { addSpecialTokens: false })], [bert.tokenToId('a')]);
  assert.equal([...bert.encode('')], [2, 3]);
  assert.is(bert.idToToken(2), '[CLS]');
  assert.is(bert.idToToken(99999), undefined);
});

test('texts without the space in front of punctuation where the configuration or the caller wants it', () => {
  const json = { ...fixture('bert-cased'), decoder: { type: 'WordPiece', prefix: '##', cleanup: false } };
  const ids = read(json).encode("the end . the , a n't !");
  assert.is(read(json).decode(ids), "the end . the , a n ' t !");
  assert.is(read(json, { clean_up_tokenization_spaces: true }).decode(ids), "the end. the, an't!");
  assert.is(read(json).decode(ids, { cleanUp: true }), "the end. the, an't!");
});

test('a text shown token by token is the text', () => {
  for (const name of ['llama3', 'qwen2', 'smollm2', 'llama2', 'llama2-metaspace']) {
    const tokenizer = read(fixture(name));
    for (const line of lines.map(wellFormed)) {
      const stream = new TextStream(tokenizer, []);
      const ids = tokenizer.encode(line, { parseSpecialTokens: false });
      let shown = '';
      for (const id of ids) shown += stream.push(id);
      shown += stream.end();
      // Inside a text the first word keeps the space that a whole text loses.
      assert.is(name.startsWith('llama2') ? shown.replace(/^ /, '') : shown, tokenizer.decode(ids), name);
    }
  }
  const bert = read(fixture('bert-cased'));
  const bytes = (word: string) => new TextDecoder().decode(bert.tokenBytes(bert.tokenToId(word) as number));
  assert.equal([bytes('the'), bytes('##e'), bytes('[SEP]')], [' the', 'e', '']);
});

test('a byte that begins a character is shown with the rest of it', () => {
  const tokenizer = read(fixture('llama2'));
  const ids = [...tokenizer.encode('😀')];
  assert.ok(ids.length >= 5, 'spelled in bytes');
  assert.equal([...tokenizer.tokenBytes(ids[ids.length - 1])], [0x80]);
  assert.is(tokenizer.decode(ids.slice(0, -1)), '\ufffd\ufffd\ufffd');
});

test('JSON and back: the same ids, texts, roles and template', () => {
  const config = {
    eos_token: '<|im_end|>',
    chat_template: 'x',
    model_max_length: 77,
    clean_up_tokenization_spaces: true,
  };
  const made = read(fixture('qwen2'), config);
  const again = PretrainedTokenizer.fromJSON(JSON.parse(JSON.stringify(made)));
  for (const line of lines) {
    assert.equal(again.encode(line), made.encode(line));
    assert.is(again.decode(made.encode(line)), made.decode(made.encode(line)));
  }
  assert.equal([again.eosId, again.chatTemplate, again.maxLength], [made.eosId, 'x', 77]);
  const stored = made.toJSON();
  for (const [change, says] of [
    [{ format: 'x' }, /not a pretrained tokenizer/],
    [{ version: 2 }, /must be 1: a newer Prenorm/],
    [{ unicode: '15.0.0' }, /unicode: must be "16.0.0".*got "15.0.0"/],
    [{ more: 1 }, /the key "more" is not known/],
    [{ settings: 3 }, /settings: must be an object/],
    [{ settings: { ...stored.settings, x: 1 } }, /the key "x" is not known/],
    [{ tokenizer: {} }, /tokenizer.model: must be an object/],
  ] as const) {
    const error = refusal(() => PretrainedTokenizer.fromJSON({ ...stored, ...change }));
    assert.instance(error, FormatError);
    assert.match(error.message, says);
  }
});

test('ids without a token are no text; ids outside, and wrong arguments, are errors', () => {
  const json = fixture('smollm2');
  json.added_tokens.push({ id: 1000, content: '<far>', special: true });
  const tokenizer = read(json);
  assert.is(tokenizer.vocabSize, 1001);
  assert.is(tokenizer.decode([999]), '');
  assert.equal([...tokenizer.tokenBytes(999)], []);
  for (const id of [1001, -1, 0.5, Number.NaN, 'x' as never])
    assert.instance(
      refusal(() => tokenizer.decode([id])),
      DataError,
    );
  assert.instance(
    refusal(() => tokenizer.tokenBytes(1001)),
    ConfigError,
  );
  assert.instance(
    refusal(() => tokenizer.encode(3 as never)),
    ConfigError,
  );
  assert.instance(
    refusal(() => tokenizer.encodePair('a', null as never)),
    ConfigError,
  );
});

test('a text of a megabyte in one piece takes time in proportion', () => {
  const tokenizer = read(fixture('llama2'));
  const text = 'the world and the heavens and '.repeat(10000);
  const ids = tokenizer.encode(text);
  assert.is(tokenizer.decode(ids), text);
});

test.run();
