import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { characterClass, LETTER, lowercase, MARK, NUMBER, OTHER, SPACE } from '../../src/text/unicode.js';

const test = suite('text/unicode');

/** Few code points ever change their category from one Unicode version to the next. */
const MOST_CHANGES = 40;
const CODES = Array.from({ length: 0x110000 }, (_, code) => code);
const unassigned = (code: number) => /^\p{Cn}$/u.test(String.fromCodePoint(code));

test('the table holds as many code points of each class as Unicode 16.0.0', () => {
  const counts = [0, 0, 0, 0, 0];
  for (const code of CODES) counts[characterClass(code)]++;
  assert.equal(counts, [968647, 141028, 2501, 1911, 25]);
});

test('the classes are those of the engine wherever both know the code point', () => {
  const patterns: [number, RegExp][] = [
    [LETTER, /^\p{L}$/u],
    [MARK, /^\p{M}$/u],
    [NUMBER, /^\p{N}$/u],
    [SPACE, /^\p{White_Space}$/u],
  ];
  for (const [value, pattern] of patterns) {
    const own = CODES.filter((code) => characterClass(code) === value && !unassigned(code));
    const different = own.filter((code) => !pattern.test(String.fromCodePoint(code)));
    assert.ok(different.length <= MOST_CHANGES, `class ${value} differs at ${different.slice(0, 20)}`);
  }
});

test('classes at the edges of runs', () => {
  const expected: [number, number][] = [
    [0x00, OTHER],
    [0x09, SPACE],
    [0x0d, SPACE],
    [0x1c, OTHER],
    [0x20, SPACE],
    [0x30, NUMBER],
    [0x3a, OTHER],
    [0x41, LETTER],
    [0x5a, LETTER],
    [0x5b, OTHER],
    [0x85, SPACE],
    [0xb2, NUMBER],
    [0x300, MARK],
    [0x36f, MARK],
    [0x370, LETTER],
    [0x3000, SPACE],
    [0x4e00, LETTER],
    [0x9fff, LETTER],
    [0xa000, LETTER],
    [0xd800, OTHER],
    [0xdfff, OTHER],
    [0xfeff, OTHER],
    [0x1f600, OTHER],
    [0x20000, LETTER],
    [0x323af, LETTER],
    [0x323b0, OTHER],
    [0xe0100, MARK],
    [0xe01ef, MARK],
    [0x10ffff, OTHER],
  ];
  for (const [code, value] of expected) assert.is(characterClass(code), value, `U+${code.toString(16)}`);
});

test('lowercasing agrees with the engine, one code point at a time', () => {
  const changed = CODES.map((code) => String.fromCodePoint(code)).filter((text) => lowercase(text) !== text);
  assert.is(changed.length, 1460);
  const different = changed.filter(
    (text) => !unassigned(text.codePointAt(0)!) && lowercase(text) !== text.toLowerCase(),
  );
  assert.ok(different.length <= MOST_CHANGES, `differs at ${different.slice(0, 20)}`);
});

test('a capital sigma ends a word only behind a cased letter and before none', () => {
  const words = [
    'ΣΑΣ',
    'ΟΔΟΣ ΟΔΟΣ.',
    'Σ',
    'ΑΣ\u0301',
    "ΑΣ'Α",
    "ΑΣ'",
    'Α\u00adΣ',
    '1Σ',
    '𐐀Σ𐐀',
    '𐐀Σ',
    'Α\ud800Σ',
    '\udc00Σ',
    'ΑΣ🙂',
    'ʰΣ',
  ];
  for (const word of words) assert.is(lowercase(word), word.toLowerCase(), word);
});

test('other text stays as it is', () => {
  for (const text of ['', 'straße', '\ud800x\udc00', '東京 🙂 ９']) assert.is(lowercase(text), text);
});

test('the class and the lower case of every code point, a capital sigma beside it too, are those of Unicode 16.0.0', () => {
  const hash = createHash('sha256');
  for (const code of CODES) {
    const c = String.fromCodePoint(code);
    const texts = [c, `A${c}\u03a3${c}`, `A\u03a3${c}b`, `${c}\u03a3`, `\u03a3${c}`];
    hash.update(`${characterClass(code)}${texts.map(lowercase).join('')}`);
  }
  assert.is(hash.digest('hex'), '6d639734414d04acdabc70bcfac05c971678f1d5f690cf652373726412e49d8c');
});

test.run();
