import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError, FormatError } from '../../src/errors.js';
import { RandomStream } from '../../src/random.js';
import { trainBPE } from '../../src/text/bpe.js';
import { Tokenizer, type TokenizerJSON } from '../../src/text/tokenizer.js';

const test = suite('text/tokenizer');
const texts = [
  'the cat sat on the mat',
  'der Hund saß auf der Straße',
  '東京 東京 🙂🙂 1999 1999',
  'aaaa aaaa aaa',
];
const tokenizer = trainBPE(texts, { vocabSize: 320 });

/** The definition of encoding: apply the merges one after the other to the whole piece. */
function naiveEncode(piece: string, { merges, specialTokens }: TokenizerJSON): number[] {
  const first = specialTokens.length;
  const ids = [...Buffer.from(piece)].map((byte) => byte + first);
  for (let m = 0; 2 * m < merges.length; m++) {
    for (let i = 0; i + 1 < ids.length; i++) {
      if (ids[i] === merges[2 * m] && ids[i + 1] === merges[2 * m + 1]) ids.splice(i, 2, first + 256 + m);
    }
  }
  return ids;
}

test('every string round-trips', () => {
  const samples = [
    '',
    ...texts,
    ' leading and trailing ',
    'tabs\tand\r\nlines\n\n',
    '\0\x01\x7f\x80',
    'e\u0301 ﬃ İ ß ẞ',
    '<pad><bos><eos>',
    '\ufeffmark',
    '\ud800',
    '\udc00\ud800',
    'x\ud83d y\ude00',
    '👩‍👩‍👧‍👦🏳️‍🌈',
    'नमस्ते สวัสดี שָׁלוֹם',
    'a'.repeat(1000),
  ];
  for (const text of samples) assert.is(tokenizer.decode(tokenizer.encode(text)), text, JSON.stringify(text));
});

test('random strings of any UTF-16 units round-trip', () => {
  const stream = new RandomStream(7, 'tokenizer');
  for (let round = 0; round < 2000; round++) {
    const units = Array.from({ length: stream.nextInt(40) }, () => {
      const kind = stream.nextInt(4);
      if (kind === 0) return stream.nextInt(0x10000);
      if (kind === 1) return 0xd800 + stream.nextInt(0x800);
      return 0x20 + stream.nextInt(0x60);
    });
    const text = String.fromCharCode(...units);
    assert.is(tokenizer.decode(tokenizer.encode(text)), text, JSON.stringify(text));
  }
});

test('merges apply in the order they were learned', () => {
  const stream = new RandomStream(8, 'tokenizer');
  const json = tokenizer.toJSON();
  for (let round = 0; round < 500; round++) {
    const piece = Array.from(
      { length: 1 + stream.nextInt(30) },
      () => 'thecatsonmß'[stream.nextInt(11)],
    ).join('');
    assert.equal([...tokenizer.encode(piece)], naiveEncode(piece, json), piece);
  }
});

test('bos and eos are added when asked for, and special ids never come from text', () => {
  const plain = tokenizer.encode('<eos> cat');
  assert.ok(plain.every((id) => id >= 3));
  assert.instance(plain, Int32Array);
  const { bosId, eosId, padId } = tokenizer;
  assert.equal([padId, bosId, eosId], [0, 1, 2]);
  assert.equal([...tokenizer.encode('<eos> cat', { bos: true, eos: true })], [bosId, ...plain, eosId]);
  assert.equal([...tokenizer.encode('', { bos: true, eos: true })], [bosId, eosId]);
  assert.is(tokenizer.decode([bosId, ...plain, eosId, padId, padId]), '<eos> cat');
});

test('ids cut inside a character decode to U+FFFD', () => {
  const bytes = trainBPE(['x'], { vocabSize: 259 });
  const ids = bytes.encode('é🙂');
  assert.is(bytes.decode(ids.subarray(0, 1)), '\ufffd');
  assert.is(bytes.decode(ids.subarray(1, 5)), '\ufffd\ufffd');
});

test('the cache changes nothing, even when it overflows', () => {
  const other = Tokenizer.fromJSON(JSON.stringify(tokenizer));
  const before = other.encode('the cat sat');
  for (let i = 0; i < 40000; i++) other.encode(`w${i}`);
  assert.equal(other.encode('the cat sat'), before);
});

test('a tokenizer survives JSON, as text and as an object', () => {
  const text = JSON.stringify(tokenizer);
  for (const source of [text, JSON.parse(text)]) {
    const copy = Tokenizer.fromJSON(source);
    assert.is(JSON.stringify(copy), text);
    assert.is(copy.vocabSize, tokenizer.vocabSize);
    assert.equal(copy.encode(texts.join(' ')), tokenizer.encode(texts.join(' ')));
  }
});

test('it cannot be changed from outside', () => {
  const json = tokenizer.toJSON();
  json.merges.length = 0;
  json.specialTokens[0] = 'x';
  assert.ok(tokenizer.toJSON().merges.length > 0);
  assert.throws(() => (tokenizer.specialTokens as string[]).push('x'));
  const ids = tokenizer.encode('the');
  const first = ids[0];
  ids[0] = 0;
  assert.is(tokenizer.encode('the')[0], first);
});

test('damaged files are refused with what is wrong', () => {
  const good = tokenizer.toJSON();
  const cases: [unknown, string][] = [
    ['{', 'not valid JSON'],
    ['[]', 'must be an object, got an array'],
    [null, 'must be an object, got null'],
    [5, 'must be an object, got 5'],
    [{}, '"format" is missing'],
    [Object.create(good), '"format" is missing'],
    [{ ...good, extra: 1 }, 'unknown key "extra"'],
    [`{"__proto__": {}, ${JSON.stringify(good).slice(1)}`, 'unknown key "__proto__"'],
    [{ ...good, format: 'tokenizer' }, '"format" must be "prenorm-tokenizer", got "tokenizer"'],
    [{ ...good, version: 2 }, '"version" must be 1, got 2'],
    [{ ...good, unicode: '15.0.0' }, '"unicode" must be "16.0.0", got "15.0.0"'],
    [{ ...good, specialTokens: {} }, '"specialTokens" must be an array'],
    [{ ...good, specialTokens: ['a', 'b'] }, 'must name pad, bos and eos'],
    [{ ...good, specialTokens: ['a', 'b', 3] }, 'specialTokens[2] must be a string'],
    [{ ...good, specialTokens: ['a', 'b', ''] }, 'specialTokens[2] must be a string'],
    [{ ...good, specialTokens: ['a', 'b', 'a'] }, 'specialTokens[2] is there twice'],
    [{ ...good, merges: '1 2' }, '"merges" must be an array'],
    [{ ...good, merges: [100] }, 'merges must hold pairs'],
    [{ ...good, merges: [100, 259] }, 'merge 0 must join two ids in [3, 259), got 259'],
    [{ ...good, merges: [2, 100] }, 'got 2'],
    [{ ...good, merges: [100, 1.5] }, 'got 1.5'],
    [{ ...good, merges: [100, null] }, 'got null'],
    [{ ...good, merges: ['100', 100] }, 'got "100"'],
    [{ ...good, merges: [100, 101, 100, 101] }, 'merge 1 repeats the pair (100, 101)'],
    [
      { ...good, merges: Array.from({ length: 60 }, (_, i) => (i < 2 ? 100 : 258 + (i >> 1))) },
      'merge 7 makes a token of 256 bytes, at most 195 can occur',
    ],
  ];
  for (const [source, message] of cases) {
    try {
      Tokenizer.fromJSON(source);
      assert.unreachable(message);
    } catch (error) {
      assert.instance(error, FormatError, `${message}: ${error}`);
      assert.match((error as Error).message, message);
      assert.is((error as Error).message.includes('\n'), false);
    }
  }
  assert.is(({} as { format?: string }).format, undefined);
});

test('ids and texts of the wrong kind are refused', () => {
  for (const id of [-1, tokenizer.vocabSize, 1.5, Number.NaN]) {
    assert.throws(
      () => tokenizer.decode([5, id]),
      (error: Error) => error instanceof DataError && error.message.includes(`id ${id} at position 1`),
    );
  }
  // biome-ignore lint/suspicious/noExplicitAny: wrong types on purpose
  const wrong = tokenizer as any;
  assert.throws(() => wrong.encode(undefined), /Tokenizer.encode: text must be a string, got undefined/);
  assert.throws(() => wrong.encode('a', { boss: true }), /unknown key "boss" \(did you mean "bos"\?\)/);
});

test.run();
