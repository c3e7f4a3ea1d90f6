/**
 * @file Words and punctuation apart by rule, for Western languages: what translation papers call tokenised text.
 * The rules are in the manner of Moses' tokenizer (Koehn et al. 2007) but are our own and fewer, so tokens may
 * differ from its in rare cases; nothing is escaped. Classes come from the pinned Unicode table, so the tokens are the
 * same on every engine, and tokenising twice changes nothing.
 *
 * 1. Every symbol and punctuation mark is a token, except the ones below; hyphens stay where they are.
 * 2. A comma stays between digits, a point inside a word; two or more points in a row are one token.
 * 3. An apostrophe in an English word is split off together with what follows, when that is a short form
 *    (`don 't`, `dog 's`), else it stays (`O'Brien`). In other languages it is a token.
 * 4. A point at the end of a word stays with abbreviations and single letters (`Dr.`, `z.B.`, `J.`), with German
 *    ordinals (`3. Juli`), and in front of a small letter.
 */
import { checkValue, oneOf } from '../checks.js';
import { splitWords } from './tokenize-13a.js';
import { characterClass, LETTER, lowercase, MARK, NUMBER } from './unicode.js';

/** Languages with abbreviations and apostrophes of their own, and all others. */
export type WordLanguage = 'en' | 'de' | 'other';
/** All of them. */
export const wordLanguages: readonly WordLanguage[] = ['en', 'de', 'other'];

const SHORT_FORMS = new Set(['s', 't', 'd', 'm', 're', 've', 'll']);

const ABBREVIATIONS: Record<WordLanguage, ReadonlySet<string>> = {
  en: new Set('mr mrs ms dr prof st sr jr vs etc inc ltd co corp no fig vol pp ca approx'.split(' ')),
  de: new Set('dr prof hr fr str nr bzw usw ca vgl evtl ggf inkl max min abb bd st mio mrd tel'.split(' ')),
  other: new Set(['dr', 'prof', 'etc', 'ca', 'st', 'no', 'nr']),
};

/** The tokens of a line, joined by single spaces. */
export function tokenizeWords(line: string, language: WordLanguage = 'other'): string {
  checkValue('tokenizeWords', 'language', language, oneOf(...wordLanguages));
  const tokens = splitWords(line).flatMap((chunk) => splitChunk([...chunk], language));
  return tokens
    .flatMap((token, i) => (keepsPoint(token, tokens[i + 1], language) ? [token] : splitPoint(token)))
    .join(' ');
}

const classOf = (character: string | undefined): number =>
  character === undefined ? -1 : characterClass(character.codePointAt(0) as number);
const isWord = (character: string | undefined): boolean => {
  const kind = classOf(character);
  return kind === LETTER || kind === MARK || kind === NUMBER;
};
const isNumber = (character: string | undefined): boolean => classOf(character) === NUMBER;
const isLetter = (character: string | undefined): boolean => classOf(character) === LETTER;
const isApostrophe = (character: string): boolean => character === "'" || character === '\u2019';

/** Rules 1 to 3, on what stands between white space. Points at the end of words are left for rule 4. */
function splitChunk(characters: readonly string[], language: WordLanguage): string[] {
  const tokens: string[] = [];
  let word = '';
  const cut = (token = ''): void => {
    if (word !== '') tokens.push(word);
    if (token !== '') tokens.push(token);
    word = '';
  };
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i];
    if (isWord(character) || character === '-') word += character;
    else if (character === ',' && isNumber(characters[i - 1]) && isNumber(characters[i + 1])) word += ',';
    else if (character === '.') {
      let end = i + 1;
      while (characters[end] === '.') end++;
      if (end - i > 1) cut('.'.repeat(end - i));
      else if (word === '' && !isWord(characters[i + 1])) cut('.');
      else word += '.';
      i = end - 1;
    } else if (isApostrophe(character) && language === 'en' && isLetter(characters[i + 1])) {
      const rest = lettersFrom(characters, i + 1);
      if (SHORT_FORMS.has(lowercase(rest))) {
        cut();
        word = character;
      } else if (isWord(characters[i - 1])) word += character;
      else cut(character);
    } else cut(character);
  }
  cut();
  return tokens;
}

function lettersFrom(characters: readonly string[], start: number): string {
  let end = start;
  while (isWord(characters[end])) end++;
  return characters.slice(start, end).join('');
}

/** Rule 4. */
function keepsPoint(token: string, next: string | undefined, language: WordLanguage): boolean {
  if (!token.endsWith('.') || /^\.+$/.test(token)) return true;
  const word = token.slice(0, -1);
  const characters = [...word];
  if (word.includes('.') && characters.some(isLetter)) return true;
  if (characters.length === 1 && isLetter(word) && lowercase(word) !== word) return true;
  if (ABBREVIATIONS[language].has(lowercase(word))) return true;
  if (next === undefined) return false;
  if (language === 'de' && characters.every(isNumber) && isLetter([...next][0])) return true;
  const [first] = next;
  return isLetter(first) && lowercase(first) === first;
}

function splitPoint(token: string): string[] {
  return [token.slice(0, -1), '.'];
}
