/** The rules of the word tokenizer one by one, and that tokenising is stable. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadUiDeEn } from '../../src/data/index.js';
import { tokenizeWords, type WordLanguage } from '../../src/text/index.js';

const cases: [WordLanguage, string, string][] = [
  ['en', 'Two young, White males are outside.', 'Two young , White males are outside .'],
  ['en', '  white\u00a0space\t collapses ', 'white space collapses'],
  ['en', 'It cost $1,000.50 (about 3%).', 'It cost $ 1,000.50 ( about 3 % ) .'],
  ['en', '"Wait..." he said!!', '" Wait ... " he said ! !'],
  ['en', "don't, we'll, dog’s, O'Brien's 'tis", "don 't , we 'll , dog ’s , O'Brien 's ' tis"],
  ['en', "the 1990's dogs' bowl", "the 1990 's dogs ' bowl"],
  ['en', 'Dr. Smith met J. R. Jones, etc. and left.', 'Dr. Smith met J. R. Jones , etc. and left .'],
  ['en', 'a well-known e.g. one', 'a well-known e.g. one'],
  ['en', 'They met on Sat. and again on Sun. Then', 'They met on Sat. and again on Sun . Then'],
  ['de', 'Am 3. Juli geht’s z.B. los.', 'Am 3. Juli geht ’ s z.B. los .'],
  ['de', 'Es sind 3. Und „gut“?', 'Es sind 3. Und „ gut “ ?'],
  ['de', 'Straße, Nr. 5, 3,5 kg', 'Straße , Nr. 5 , 3,5 kg'],
  ['other', "l'eau, 1, 2", "l ' eau , 1 , 2"],
  ['other', 'a\u0301b 字 \u{1d54f}.', 'a\u0301b 字 \u{1d54f} .'],
  ['other', '.5 -- ... .', '.5 -- ... .'],
  ['en', '', ''],
];

test('every rule', () => {
  for (const [language, line, tokens] of cases) assert.is(tokenizeWords(line, language), tokens);
});

test('tokenising twice changes nothing, and no character but white space is lost', async () => {
  const { train } = await loadUiDeEn();
  const lines: [WordLanguage, string][] = train.flatMap(([de, en]) => [
    ['de', de],
    ['en', en],
  ]);
  for (const [language, line] of [...lines, ...cases.map(([l, text]) => [l, text] as const)]) {
    const once = tokenizeWords(line, language);
    assert.is(tokenizeWords(once, language), once);
    assert.is(once.replace(/ /g, ''), line.replace(/\s/g, ''));
  }
});

test('no class of the engine decides: the source has no \\p and no toLowerCase', () => {
  const source = readFileSync(new URL('../../src/text/word-tokenizer.ts', import.meta.url), 'utf8');
  assert.not.match(source, /\\p\{|toLowerCase|toUpperCase|localeCompare/);
});

test.run();
