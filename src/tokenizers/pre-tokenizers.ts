/** @file Pre-tokenizers of tokenizer.json: how a normalized text is split into the pieces that a model gets. */
import { brief, FormatError } from '../errors.js';
import { type JsonPart, readTyped, refusal } from '../json-part.js';
import { encodeBytes } from '../utf8.js';
import { lettersOf } from './byte-letters.js';
import { Pattern } from './pattern.js';
import { behave, readBehavior, readPattern, type Stretch, splitCharacters } from './split-pattern.js';
import { isNumber, isPunctuation, isSpace, isWord } from './unicode-properties.js';

/** Pieces to pieces. `atStart`: the first piece stands at the beginning of the whole text. */
export type PreTokenizer = (pieces: readonly string[], atStart: boolean) => string[];

/** GPT-2's split (Radford et al., 2019). */
const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const each =
  (split: (piece: string) => string[]): PreTokenizer =>
  (pieces) =>
    pieces.flatMap(split);

const READERS: Readonly<Record<string, (part: JsonPart) => PreTokenizer>> = {
  ByteLevel: readByteLevel,
  Metaspace: readMetaspace,
  Split(part) {
    const behavior = readBehavior(part);
    const invert = part.flag('invert', false);
    const split = readPattern(part);
    const turned = (stretch: Stretch): Stretch => ({ text: stretch.text, matches: !stretch.matches });
    return each((piece) => behave(invert ? split(piece).map(turned) : split(piece), behavior));
  },
  Digits(part) {
    const behavior = part.flag('individual_digits', false) ? 'Isolated' : 'Contiguous';
    return each((piece) => behave(splitCharacters(piece, isNumber), behavior));
  },
  Punctuation(part) {
    const behavior = readBehavior(part, 'Isolated');
    return each((piece) => behave(splitCharacters(piece, isPunctuation), behavior));
  },
  BertPreTokenizer: () =>
    each((piece) =>
      behave(splitCharacters(piece, isSpace), 'Removed').flatMap((word) =>
        behave(splitCharacters(word, isPunctuation), 'Isolated'),
      ),
    ),
  WhitespaceSplit: () => each((piece) => behave(splitCharacters(piece, isSpace), 'Removed')),
  Whitespace: () => each(wordsAndSigns),
};

/** One pre-tokenizer out of a file's, in their order. */
export function readPreTokenizer(value: unknown, path: string): PreTokenizer {
  const steps = readTyped(value, path, 'pre-tokenizer', 'pretokenizers', READERS);
  return (pieces, atStart) =>
    steps.reduce<string[]>((now, step) => step(now, atStart).filter((piece) => piece !== ''), [...pieces]);
}

function readByteLevel(part: JsonPart): PreTokenizer {
  const prefix = part.flag('add_prefix_space', true);
  const pattern = part.flag('use_regex', true) ? new Pattern(GPT2_PATTERN, part.path) : null;
  part.irrelevant('trim_offsets');
  return each((piece) => {
    const text = prefix && !piece.startsWith(' ') ? ` ${piece}` : piece;
    const words = pattern === null ? [text] : pattern.split(text).map((stretch) => stretch.text);
    return words.map((word) => lettersOf(encodeBytes(word)));
  });
}

/** The sign for a space and when it is put in front. */
export function readMetaspaceOptions(part: JsonPart): { sign: string; scheme: 'always' | 'never' | 'first' } {
  const sign = part.text('replacement', '\u2581');
  if ([...sign].length !== 1) throw refusal(part.at('replacement'), 'must be one character', sign);
  // Older files have the flag alone; newer ones may have both.
  const flag = part.flag('add_prefix_space', true);
  const scheme = part.text('prepend_scheme', flag ? 'always' : 'never');
  if (scheme === 'always' || scheme === 'never' || scheme === 'first') return { sign, scheme };
  throw new FormatError(`must be always, never or first, got ${brief(scheme)}`, {
    path: part.at('prepend_scheme'),
    actual: scheme,
  });
}

function readMetaspace(part: JsonPart): PreTokenizer {
  const { sign, scheme } = readMetaspaceOptions(part);
  const splits = part.flag('split', true);
  // What older files write beside the sign is the same sign.
  part.among('str_rep', [sign], 'another sign is not known');
  const code = sign.codePointAt(0);
  return (pieces, atStart) =>
    pieces.flatMap((piece, i) => {
      let text = piece.replaceAll(' ', sign);
      const wanted = scheme === 'always' || (scheme === 'first' && atStart && i === 0);
      if (wanted && !text.startsWith(sign)) text = sign + text;
      return splits
        ? behave(
            splitCharacters(text, (c) => c === code),
            'MergedWithNext',
          )
        : [text];
    });
}

/** Runs of word characters and runs of what is neither these nor white space. */
function wordsAndSigns(text: string): string[] {
  const pieces: string[] = [];
  let before = -1;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const kind = isWord(code) ? 1 : isSpace(code) ? 0 : 2;
    if (kind === before && kind > 0) pieces[pieces.length - 1] += character;
    else if (kind > 0) pieces.push(character);
    before = kind;
  }
  return pieces;
}
