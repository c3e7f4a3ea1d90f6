/** @file The `pattern` of a part: a text or a regular expression; replacing and splitting by either. */
import { brief, FormatError } from '../errors.js';
import { type JsonPart, refusal } from '../json-part.js';
import { Pattern } from './pattern.js';

/** What becomes of the matches when a text is split. */
export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';
const BEHAVIORS: readonly string[] = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
];

/** Stretches of a text by turns; joined they are the text. */
export interface Stretch {
  text: string;
  matches: boolean;
}
export type Splitter = (text: string) => Stretch[];

/** The stretches that a part's `pattern` makes. */
export function readPattern(part: JsonPart): Splitter {
  const pattern = part.part('pattern');
  const source = pattern.take('Regex');
  if (source !== undefined) {
    if (typeof source !== 'string') throw refusal(pattern.at('Regex'), 'must be a string', source);
    pattern.finish();
    const compiled = new Pattern(source, pattern.at('Regex'));
    return (text) => compiled.split(text);
  }
  const wanted = pattern.text('String');
  pattern.finish();
  if (wanted === '') throw refusal(pattern.at('String'), 'must not be empty', wanted);
  return (text) => splitAt(text, wanted);
}

/** Characters that a file may make of a text: so many for each of its own (NFKD makes 18 of one), and some besides. */
export const mostOf = (length: number): number => 4096 + 32 * length;

/** @throws FormatError for a text that a file has made longer than `mostOf` allows */
export function checkGrowth(length: number, most: number, path: string): void {
  if (length <= most) return;
  throw new FormatError(`makes more than ${most} characters of a text`, {
    path,
    expected: most,
    actual: length,
    hint: 'is the file damaged? fetch it again',
  });
}

/** A text whose matches became a part's `content`; it is measured before it is made. */
export function readReplace(part: JsonPart): (text: string, most: number) => string {
  const content = part.text('content');
  const split = readPattern(part);
  return (text, most) => {
    const stretches = split(text);
    const lengthOf = ({ text, matches }: Stretch) => (matches ? content : text).length;
    checkGrowth(
      stretches.reduce((sum, stretch) => sum + lengthOf(stretch), 0),
      most,
      part.path,
    );
    return stretches.map(({ text, matches }) => (matches ? content : text)).join('');
  };
}

function splitAt(text: string, wanted: string): Stretch[] {
  const stretches: Stretch[] = [];
  let open = 0;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, open)) {
    if (open < at) stretches.push({ text: text.slice(open, at), matches: false });
    stretches.push({ text: wanted, matches: true });
    open = at + wanted.length;
  }
  if (open < text.length) stretches.push({ text: text.slice(open), matches: false });
  return stretches;
}

/** Splits where the characters that `test` accepts stand, one match per character. */
export function splitCharacters(text: string, test: (code: number) => boolean): Stretch[] {
  const stretches: Stretch[] = [];
  let open = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at)!;
    const next = at + (code > 0xffff ? 2 : 1);
    if (test(code)) {
      if (open < at) stretches.push({ text: text.slice(open, at), matches: false });
      stretches.push({ text: text.slice(at, next), matches: true });
      open = next;
    }
    at = next;
  }
  if (open < text.length) stretches.push({ text: text.slice(open), matches: false });
  return stretches;
}

/** `behavior` of a part. */
export function readBehavior(part: JsonPart, otherwise?: SplitBehavior): SplitBehavior {
  const behavior = part.text('behavior', otherwise);
  if (BEHAVIORS.includes(behavior)) return behavior as SplitBehavior;
  throw new FormatError(`must be one of ${BEHAVIORS.join(', ')}, got ${brief(behavior)}`, {
    path: part.at('behavior'),
    expected: BEHAVIORS,
    actual: behavior,
  });
}

/** Pieces of a text out of its stretches. */
export function behave(stretches: readonly Stretch[], behavior: SplitBehavior): string[] {
  const pieces: string[] = [];
  const append = (text: string) => pieces.push((pieces.pop() ?? '') + text);
  let before: boolean | undefined;
  for (const { text, matches } of stretches) {
    if (behavior === 'Removed') {
      if (!matches) pieces.push(text);
    } else if (behavior === 'Contiguous' && matches && before === true) append(text);
    else if (behavior === 'MergedWithPrevious' && matches && before === false) append(text);
    else if (behavior === 'MergedWithNext' && !matches && before === true) append(text);
    else pieces.push(text);
    before = matches;
  }
  return pieces;
}
