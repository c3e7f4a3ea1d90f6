/** Patterns against JavaScript's own regular expressions, where both mean the same; refusals; bounded time. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FormatError } from '../../src/errors.js';
import { Pattern } from '../../src/tokenizers/pattern.js';
import { refusal } from '../support.js';
import { mixedLines, wellFormed } from './lines.mjs';

const test = suite('tokenizers: pattern');

const split = (source: string, text: string): string[] =>
  new Pattern(source, 'p').split(text).map((piece) => (piece.matches ? piece.text : `(${piece.text})`));

/** Patterns that JavaScript reads alike, but for white space. */
const SHARED = [
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  '[\\p{Lu}\\p{Lt}]?[\\p{Ll}\\p{Lm}]+|\\P{L}+?a|[^\\n]',
  'a{2}|a{3,}|[a-f0-9]{1,4}?|x(?:y|z)?|(?=q)q',
  '(?:th|he)e?|[^a-z]|\\d+|[\\u4e00-\\u9fff]+|\\x41|\\u{1f600}',
  '[-a]+|[\\]\\-b]+|\\.|\\t',
];

for (const source of SHARED) {
  test(`${source} as JavaScript has it`, () => {
    const own = new RegExp(source, 'gu');
    const pattern = new Pattern(source, 'p');
    for (const line of mixedLines(600).map(wellFormed)) {
      const matches = pattern.split(line).filter((piece) => piece.matches);
      assert.equal(
        matches.map((piece) => piece.text),
        [...line.matchAll(own)].flatMap(([match]) => match || []),
      );
      assert.is(
        pattern
          .split(line)
          .map((piece) => piece.text)
          .join(''),
        line,
      );
    }
  });
}

test('ignoring case is for ASCII, with the two letters that fold to it', () => {
  assert.equal(split("(?i:'s|'ll|'K)x?", "'S'LL'lL'ſ'ks'\u212a"), [
    "'S",
    "'LL",
    "'lL",
    "'ſ",
    "'k",
    '(s)',
    "'\u212a",
  ]);
  assert.equal(split('(?i:a)b', 'AbABab'), ['Ab', '(AB)', 'ab']);
});

test('white space is Unicode\u2019s, not JavaScript\u2019s', () => {
  assert.equal(split('\\s+', 'a\u0085b\ufeffc\u2003'), ['(a)', '\u0085', '(b\ufeffc)', '\u2003']);
  assert.equal(split('\\S+', ' \u0085x '), ['( \u0085)', 'x', '( )']);
});

test('a possessive repetition gives nothing back', () => {
  assert.equal(split('a++a|b', 'aaab'), ['(aaa)', 'b']);
  assert.equal(split('a+a|b', 'aaab'), ['aaa', 'b']);
});

test('an empty match is none', () => {
  assert.equal(split('x*', 'abx'), ['(ab)', 'x']);
  assert.equal(split('', 'ab'), ['(ab)']);
});

for (const [source, says] of [
  ['(a+)+', 'repeats a group'],
  ['(?:ab)*', 'repeats a group'],
  ['a**', 'repeats a repetition'],
  ['a{3,2}', 'repeats 3 to 2 times'],
  ['a{100000}', 'repeats 100000 to 100000 times'],
  ['^a', 'has "^"'],
  ['a$', 'has "$"'],
  ['*a', 'has "*"'],
  ['(?<=a)b', 'kind of group'],
  ['(?<n>b)', 'kind of group'],
  ['(?i)b', 'kind of group'],
  ['(a', '"(" without a ")"'],
  ['a)', '")" without a "("'],
  ['[a', '"[" without a "]"'],
  ['[[:alpha:]]', 'class within a class'],
  ['[a&&b]', 'intersection'],
  ['[z-a]', 'ends before it begins'],
  ['(?i:[a-z])', 'class in a part that ignores case'],
  ['(?i:é)', 'known for ASCII only'],
  ['\\p{Greek}', 'no general category'],
  ['\\p{Script=Han}', 'no general category'],
  ['\\b', 'escape'],
  ['\\1', 'escape'],
  ['\\', 'ends in the middle'],
  ['\\u{110000}', 'no code point'],
  ['('.repeat(20), 'nests more than'],
  ['a'.repeat(5000), 'at most 4096'],
] as const) {
  test(`${source.slice(0, 20)} is refused`, () => {
    const error = refusal(() => new Pattern(source, 'tokenizer.json.x'));
    assert.instance(error, FormatError);
    assert.ok(
      error.message.startsWith('tokenizer.json.x: the pattern') && error.message.includes(says),
      error.message,
    );
  });
}

test('a pattern that takes too long is an error, a long text is none', () => {
  const slow = new Pattern(`${'a*'.repeat(12)}b`, 'p');
  const error = refusal(() => slow.split('a'.repeat(2000)));
  assert.instance(error, FormatError);
  assert.match(error.message, /takes too long/);
  const gpt2 = new Pattern(SHARED[1], 'p');
  for (const long of [' '.repeat(200000), 'a'.repeat(200000), '\n '.repeat(100000), '!'.repeat(200000)])
    assert.is(
      gpt2
        .split(long)
        .map((piece) => piece.text)
        .join('').length,
      200000,
    );
});

test.run();
