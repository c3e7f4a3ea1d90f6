/** @file Normalizers of tokenizer.json: what happens to a text before it is split. */

import { type JsonPart, readTyped } from '../json-part.js';
import { lowercase } from '../text/unicode.js';
import { type NormalForm, normalForm } from './normal-forms.js';
import { checkGrowth, mostOf, readReplace } from './split-pattern.js';
import { isControl, isMark, isNonspacingMark, isSpace } from './unicode-properties.js';

/** A text to another; texts are well-formed. */
export type Normalizer = (text: string) => string;

/** One step of it; `most` is how long its text may be. */
type Step = (text: string, most: number) => string;

const form = (name: NormalForm) => (): Step => (text) => normalForm(text, name);

const READERS: Readonly<Record<string, (part: JsonPart) => Step>> = {
  NFC: form('NFC'),
  NFD: form('NFD'),
  NFKC: form('NFKC'),
  NFKD: form('NFKD'),
  Lowercase: () => lowercaseEach,
  StripAccents: () => (text) => dropMarks(text, isMark),
  BertNormalizer: readBertNormalizer,
  Prepend(part) {
    const prefix = part.text('prepend');
    return (text) => (text === '' ? text : prefix + text);
  },
  Replace: readReplace,
  Strip(part) {
    const left = part.flag('strip_left', true);
    const right = part.flag('strip_right', true);
    return (text) => strip(text, left, right);
  },
};

/**
 * One normalizer out of a file's, in their order. It throws a FormatError for a text that they make far longer than it was,
 * as a few replacements one after the other can.
 */
export function readNormalizer(value: unknown, path: string): Normalizer | null {
  const steps = readTyped(value, path, 'normalizer', 'normalizers', READERS);
  if (steps.length === 0) return null;
  return (text) => {
    const most = mostOf(text.length);
    return steps.reduce((now, step) => {
      const next = step(now, most);
      checkGrowth(next.length, most, path);
      return next;
    }, text);
  };
}

/** Without white space at its ends. */
export function strip(text: string, left: boolean, right: boolean): string {
  let start = 0;
  let end = text.length;
  // White space has no surrogates.
  if (left) while (start < end && isSpace(text.charCodeAt(start))) start++;
  if (right) while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Most texts are; of their characters every engine knows the same. */
const ASCII = /^[\0-\x7f]*$/;
const PRINTABLE = /^[ -~]*$/;
/** Nothing in it is an ideograph, or a mark. */
const BELOW_IDEOGRAPHS = /^[\0-\u33ff]*$/;
const BELOW_MARKS = /^[\0-\u02ff]*$/;

/** Letter by letter: a capital sigma becomes the same letter everywhere, at the end of a word too. */
function lowercaseEach(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return text
    .split('\u03a3')
    .map((part) => lowercase(part))
    .join('\u03c3');
}

/** Without the marks that `test` accepts. */
function dropMarks(text: string, test: (code: number) => boolean): string {
  if (BELOW_MARKS.test(text)) return text;
  let out = '';
  for (const character of text) if (!test(character.codePointAt(0)!)) out += character;
  return out;
}

function readBertNormalizer(part: JsonPart): Normalizer {
  const clean = part.flag('clean_text', true);
  const apart = part.flag('handle_chinese_chars', true);
  const lower = part.flag('lowercase', true);
  const strips = part.flag('strip_accents', lower);
  return (text) => {
    let now = clean ? cleanText(text) : text;
    if (apart) now = setIdeographsApart(now);
    if (strips) now = dropMarks(normalForm(now, 'NFD'), isNonspacingMark);
    return lower ? lowercaseEach(now) : now;
  };
}

function cleanText(text: string): string {
  if (PRINTABLE.test(text)) return text;
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code === 9 || code === 10 || code === 13) out += ' ';
    else if (code === 0 || code === 0xfffd || isControl(code)) continue;
    else out += isSpace(code) ? ' ' : character;
  }
  return out;
}

/**
 * First and last code points of blocks of CJK ideographs, as the Rust library has them: of extension E (from U+2B820 on) it
 * leaves the first 256 out.
 */
const IDEOGRAPHS = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
];

function setIdeographsApart(text: string): string {
  if (BELOW_IDEOGRAPHS.test(text)) return text;
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const ideograph = code >= 0x3400 && IDEOGRAPHS.some(([first, last]) => code >= first && code <= last);
    out += ideograph ? ` ${character} ` : character;
  }
  return out;
}
