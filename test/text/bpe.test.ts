import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, DataError } from '../../src/errors.js';
import { RandomStream } from '../../src/random.js';
import { trainBPE } from '../../src/text/bpe.js';
import { pieceEnd } from '../../src/text/pre-split.js';

const test = suite('text/bpe');
const SPECIALS = 3;
const FIRST_MERGE = SPECIALS + 256;

/** The definition, written out: count all pairs anew for every merge. */
function naiveMerges(texts: string[], total: number, minFrequency: number): number[] {
  const words: number[][] = [];
  for (const text of texts) {
    for (let start = 0; start < text.length; ) {
      const end = pieceEnd(text, start);
      words.push([...Buffer.from(text.slice(start, end))].map((byte) => byte + SPECIALS));
      start = end;
    }
  }
  const merges: number[] = [];
  for (let id = FIRST_MERGE; id < FIRST_MERGE + total; id++) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) {
        const key = `${word[i]} ${word[i + 1]}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    const ranked = [...counts].map(([key, count]) => [count, ...key.split(' ').map(Number)]);
    ranked.sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
    if (ranked.length === 0 || ranked[0][0] < minFrequency) break;
    const [, left, right] = ranked[0];
    merges.push(left, right);
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++)
        if (word[i] === left && word[i + 1] === right) word.splice(i, 2, id);
    }
  }
  return merges;
}

function thrown(fn: () => unknown): Error {
  try {
    fn();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

test('merges worked by hand', () => {
  // "aaab" twice: aa occurs 4 times, ab twice; then X = aa leaves "X a b" with (97, 98), (X, 97) twice each.
  const a = 97 + SPECIALS;
  const b = 98 + SPECIALS;
  const tokenizer = trainBPE(['aaab', 'aaab'], { vocabSize: FIRST_MERGE + 10 });
  assert.equal(tokenizer.toJSON().merges, [a, a, a, b, FIRST_MERGE, FIRST_MERGE + 1]);
  assert.is(tokenizer.vocabSize, FIRST_MERGE + 3);
  assert.equal([...tokenizer.encode('aaab')], [FIRST_MERGE + 2]);
});

test('ties go to the smaller left id, then the smaller right id', () => {
  const id = (c: string) => c.charCodeAt(0) + SPECIALS;
  const { merges } = trainBPE(['cd', 'ab', 'ac', 'cd', 'ac', 'ab'], { vocabSize: FIRST_MERGE + 3 }).toJSON();
  assert.equal(merges, [id('a'), id('b'), id('a'), id('c'), id('c'), id('d')]);
});

test('incremental counts give what counting anew gives', () => {
  const stream = new RandomStream(5, 'bpe');
  const alphabets = [
    ['a'],
    ['a', 'b'],
    ['a', 'b', ' '],
    ['a', 'b', 'c', 'd', ' ', '.'],
    ['é', '東', '🙂', 'a', ' '],
  ];
  for (let round = 0; round < 60; round++) {
    const alphabet = alphabets[round % alphabets.length];
    const texts = Array.from({ length: 1 + stream.nextInt(8) }, () =>
      Array.from({ length: 1 + stream.nextInt(90) }, () => alphabet[stream.nextInt(alphabet.length)]).join(
        '',
      ),
    );
    const minFrequency = 1 + (round % 3);
    const total = 40;
    const { merges } = trainBPE(texts, { vocabSize: FIRST_MERGE + total, minFrequency }).toJSON();
    assert.equal(merges, naiveMerges(texts, total, minFrequency), `round ${round}`);
  }
});

test('the order of the texts does not matter', () => {
  const texts = 'the cat sat on the mat and the dog sat on the cat'.split(' ');
  const options = { vocabSize: 300 };
  const forwards = JSON.stringify(trainBPE(texts, options));
  assert.is(JSON.stringify(trainBPE([...texts].reverse(), options)), forwards);
});

test('a pinned vocabulary: the same on every engine and in every version', () => {
  const text = gunzipSync(
    readFileSync(new URL('../../data/kjv/genesis-1-37.txt.gz', import.meta.url)),
  ).toString();
  const tokenizer = trainBPE(text.split('\n'), { vocabSize: 1000 });
  assert.is(tokenizer.vocabSize, 1000);
  const hash = (data: string | Int32Array) => createHash('sha256').update(data).digest('hex').slice(0, 16);
  assert.is(hash(JSON.stringify(tokenizer.toJSON().merges)), '7d18971b4b565235');
  assert.is(hash(tokenizer.encode(text)), 'e0aa30b670016168');
});

test('no merges are wanted, and none can be had', () => {
  assert.is(trainBPE(['abc'], { vocabSize: FIRST_MERGE }).vocabSize, FIRST_MERGE);
  assert.is(trainBPE(['abc'], { vocabSize: 400 }).vocabSize, FIRST_MERGE);
  assert.is(trainBPE(['abc'], { vocabSize: 400, minFrequency: 1 }).vocabSize, FIRST_MERGE + 2);
});

test('progress is reported and ends with the number of merges made', () => {
  const seen: number[] = [];
  const tokenizer = trainBPE(['abcdefghij'.repeat(6).replaceAll('j', 'j ')], {
    vocabSize: 1000,
    minFrequency: 1,
    onProgress: ({ merges, total }) => {
      assert.is(total, 1000 - FIRST_MERGE);
      seen.push(merges);
    },
  });
  assert.is(seen.at(-1), tokenizer.vocabSize - FIRST_MERGE);
});

test('more special tokens', () => {
  const specialTokens = ['[PAD]', '[CLS]', '[SEP]', '[MASK]'];
  const tokenizer = trainBPE(['aa', 'aa'], { vocabSize: 261, specialTokens });
  assert.is(tokenizer.specialId('[MASK]'), 3);
  assert.equal([...tokenizer.encode('aa')], [260]);
  assert.equal(
    [...tokenizer.encode('[MASK]')],
    [...Buffer.from('[MASK]')].map((byte) => byte + 4),
  );
});

test('bad options and bad texts are refused in one line', () => {
  // biome-ignore lint/suspicious/noExplicitAny: wrong types on purpose
  const train = trainBPE as any;
  const ok = { vocabSize: 300 };
  const cases: [() => unknown, typeof ConfigError | typeof DataError, string][] = [
    [
      () => train(['a'], { vocabSize: 258 }),
      ConfigError,
      'trainBPE: vocabSize must be at least 259, got 258',
    ],
    [() => train(['a'], { vocabSize: 10.5 }), ConfigError, 'vocabSize must be a whole number'],
    [() => train(['a'], { vocabSize: Number.NaN }), ConfigError, 'vocabSize must be a whole number'],
    [() => train(['a'], {}), ConfigError, 'got undefined'],
    [() => train(['a'], { vocabsize: 300 }), ConfigError, 'did you mean "vocabSize"?'],
    [() => train(['a'], { ...ok, minFrequency: 0 }), ConfigError, 'minFrequency must be a positive integer'],
    [() => train(['a'], { ...ok, specialTokens: ['<pad>'] }), ConfigError, 'at least pad, bos and eos'],
    [() => train(['a'], { ...ok, specialTokens: ['a', 'b', 'a'] }), ConfigError, 'names "a" twice'],
    [() => train(['a'], { ...ok, specialTokens: ['a', 'b', 7] }), ConfigError, 'specialTokens[2]'],
    [() => train('a text', ok), ConfigError, 'pass [text]'],
    [() => train([], ok), DataError, 'the corpus is empty'],
    [() => train(['', ''], ok), DataError, 'all 2 texts are empty'],
    [() => train(['a', 5], ok), DataError, 'text 1 is not a string but number'],
    [() => train(['a', null], ok), DataError, 'text 1 is not a string but null'],
  ];
  for (const [fn, type, message] of cases) {
    const error = thrown(fn);
    assert.instance(error, type, message);
    assert.match(error.message, message);
    assert.is(error.message.includes('\n'), false);
  }
});

test.run();
