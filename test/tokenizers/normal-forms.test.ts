/** Normal forms and categories from the pinned tables against the engine's, for characters older than Unicode 12. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RandomStream } from '../../src/random.js';
import { type NormalForm, normalForm } from '../../src/tokenizers/normal-forms.js';
import { CATEGORIES, categoryMask, categoryOf, isWord } from '../../src/tokenizers/unicode-properties.js';

const FORMS: readonly NormalForm[] = ['NFC', 'NFD', 'NFKC', 'NFKD'];
const test = suite('tokenizers: normal forms');

const text = (...codes: number[]): string => String.fromCodePoint(...codes);
/** Engines may know more characters than the tables, or other properties of new ones; of these they agree. */
const assigned: number[] = [];
for (let code = 0; code < 0x32400; code++) {
  const isSurrogate = code >= 0xd800 && code < 0xe000;
  if (!isSurrogate && CATEGORIES[categoryOf(code)] !== 'Cn') assigned.push(code);
}

test('every character in every form', () => {
  for (const code of assigned)
    for (const form of FORMS)
      assert.is(
        normalForm(text(code), form),
        text(code).normalize(form),
        `${form} of U+${code.toString(16)}`,
      );
});

test('sequences of letters and marks in every form', () => {
  const marks = assigned.filter((code) => (categoryMask('M') >> categoryOf(code)) & 1);
  const composed = assigned.filter((code) => text(code).normalize('NFD') !== text(code));
  const random = new RandomStream(3, 'normal forms');
  for (let i = 0; i < 20000; i++) {
    const codes = Array.from({ length: 1 + random.nextInt(6) }, () => {
      const pool = [marks, marks, composed, assigned][random.nextInt(4)];
      return pool[random.nextInt(pool.length)];
    });
    const sequence = i % 3 === 0 ? text(...codes).normalize('NFD') : text(...codes);
    for (const form of FORMS) assert.is(normalForm(sequence, form), sequence.normalize(form), codes.join());
  }
});

test('Hangul syllables, halves of surrogate pairs and long runs of marks', () => {
  assert.is(normalForm('\u1112\u1161\u11ab', 'NFC'), '한');
  assert.is(normalForm('한', 'NFD'), '\u1112\u1161\u11ab');
  assert.is(normalForm('\ud800e\u0301\udc00', 'NFC'), '\ud800é\udc00');
  const run = `a${'\u0301\u0316'.repeat(20000)}`;
  assert.is(normalForm(run, 'NFD'), run.normalize('NFD'));
});

test('categories are those of the engine, where both know the character', () => {
  const tests = new Map(CATEGORIES.slice(1).map((name) => [name, new RegExp(`^\\p{${name}}$`, 'u')]));
  const wrong = assigned.filter((code) => !tests.get(CATEGORIES[categoryOf(code)])?.test(text(code)));
  // A later version may put a character elsewhere: U+0295 moved between kinds of letters.
  assert.ok(wrong.length <= 5, wrong.map((code) => code.toString(16)).join());
  const word = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
  const otherWords = assigned.filter((code) => isWord(code) !== word.test(text(code)));
  assert.ok(otherWords.length <= 5, otherWords.map((code) => code.toString(16)).join());
});

test.run();
