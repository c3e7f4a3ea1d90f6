/** @file Reads a regular expression into nodes; what it does not know is an error that names it. */
import { brief, FormatError } from '../errors.js';
import { CharacterSet } from './character-set.js';
import { categoryMask } from './unicode-properties.js';

/** What a pattern is made of. */
export type PatternNode =
  | { kind: 'set'; set: CharacterSet; least: number; most: number; mode: Repeat }
  | { kind: 'group'; choices: readonly (readonly PatternNode[])[]; optional: boolean }
  | { kind: 'look'; choices: readonly (readonly PatternNode[])[]; wanted: boolean };

/** Longest first, shortest first, or the longest and no other. */
export type Repeat = 'greedy' | 'lazy' | 'possessive';

type Choices = readonly (readonly PatternNode[])[];

/** Far beyond any published pattern. */
const MAX_LENGTH = 4096;
const MAX_DEPTH = 16;
const MAX_REPEAT = 1000;
/** In a part that ignores case, two letters of ASCII have a third form. */
const FOLDED: Readonly<Record<string, number>> = { s: 0x17f, k: 0x212a };
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };

/** Of one pattern. */
export class PatternParser {
  readonly #source: string;
  readonly #path: string;
  #at = 0;
  #depth = 0;
  #ignoresCase = false;

  constructor(source: string, path: string) {
    this.#source = source;
    this.#path = path;
    if (source.length > MAX_LENGTH)
      this.#refuse(`has ${source.length} characters, at most ${MAX_LENGTH} are read`);
  }

  /** @throws FormatError for what is no pattern, or has what is not known here */
  parse(): Choices {
    const choices = this.#choices();
    if (this.#at < this.#source.length) this.#refuse('has a ")" without a "("');
    return choices;
  }

  #choices(): PatternNode[][] {
    const choices: PatternNode[][] = [[]];
    while (this.#at < this.#source.length && this.#peek() !== ')') {
      if (this.#take('|')) choices.push([]);
      else choices[choices.length - 1].push(this.#item());
    }
    return choices;
  }

  #item(): PatternNode {
    if (this.#take('(')) return this.#group();
    const start = this.#at;
    const set = this.#single();
    const [least, most, mode] = this.#repeat(start);
    return { kind: 'set', set, least, most, mode };
  }

  #group(): PatternNode {
    if (++this.#depth > MAX_DEPTH) this.#refuse(`nests more than ${MAX_DEPTH} groups`);
    const outer = this.#ignoresCase;
    let look: boolean | undefined;
    if (this.#take('?i:')) this.#ignoresCase = true;
    else if (this.#take('?=')) look = true;
    else if (this.#take('?!')) look = false;
    else if (!this.#take('?:') && this.#peek() === '?') this.#refuse('has a kind of group that is not known');
    const choices = this.#choices();
    if (!this.#take(')')) this.#refuse('has a "(" without a ")"');
    this.#ignoresCase = outer;
    this.#depth--;
    if (look !== undefined) return { kind: 'look', choices, wanted: look };
    const start = this.#at;
    const [least, most, mode] = this.#repeat(start);
    if (most !== 1 || mode !== 'greedy') {
      this.#at = start;
      this.#refuse('repeats a group; only single characters and classes may be repeated');
    }
    return { kind: 'group', choices, optional: least === 0 };
  }

  #repeat(start: number): [number, number, Repeat] {
    let bounds: [number, number] | undefined;
    if (this.#take('*')) bounds = [0, Infinity];
    else if (this.#take('+')) bounds = [1, Infinity];
    else if (this.#take('?')) bounds = [0, 1];
    else {
      const braces = /^\{(\d*)(,?)(\d*)\}/.exec(this.#source.slice(this.#at, this.#at + 16));
      if (braces !== null && (braces[1] !== '' || braces[3] !== '')) {
        this.#at += braces[0].length;
        const least = Number(braces[1]);
        bounds = [least, braces[2] === '' ? least : braces[3] === '' ? Infinity : Number(braces[3])];
      }
    }
    if (bounds === undefined) return [1, 1, 'greedy'];
    const [least, most] = bounds;
    if (least > most || least > MAX_REPEAT || (most > MAX_REPEAT && most !== Infinity)) {
      this.#at = start;
      this.#refuse(`repeats ${least} to ${most} times`);
    }
    const mode = this.#take('?') ? 'lazy' : this.#take('+') ? 'possessive' : 'greedy';
    if (/[*+?]/.test(this.#peek())) this.#refuse('repeats a repetition');
    return [least, most, mode];
  }

  /** One character or class outside brackets. */
  #single(): CharacterSet {
    const set = new CharacterSet();
    if (this.#take('[')) return this.#class(set);
    if (this.#take('.')) {
      set.negated = true;
      return set.addRange(10, 10);
    }
    if (/[*+?^$]/.test(this.#peek())) this.#refuse(`has ${brief(this.#peek())}, which is not known there`);
    const code = this.#escapeInto(set) ?? this.#next();
    return code < 0 ? set : this.#letter(set, code);
  }

  #letter(set: CharacterSet, code: number): CharacterSet {
    set.addRange(code, code);
    if (!this.#ignoresCase) return set;
    const letter = String.fromCodePoint(code);
    if (code > 127) this.#refuse(`ignores the case of ${brief(letter)}; known for ASCII only`);
    if (!/[a-zA-Z]/.test(letter)) return set;
    const folded = FOLDED[letter.toLowerCase()];
    if (folded !== undefined) set.addRange(folded, folded);
    return set.addRange(code ^ 32, code ^ 32);
  }

  #class(set: CharacterSet): CharacterSet {
    if (this.#ignoresCase) this.#refuse('has a class in a part that ignores case');
    set.negated = this.#take('^');
    for (let first = true; first || !this.#take(']'); first = false) {
      if (this.#at >= this.#source.length) this.#refuse('has a "[" without a "]"');
      if (this.#peek() === '[' || this.#source.startsWith('&&', this.#at))
        this.#refuse('has a class within a class, or an intersection');
      const from = this.#escapeInto(set) ?? this.#next();
      if (from < 0) continue;
      const isRange = this.#peek() === '-' && this.#source[this.#at + 1] !== ']';
      if (!isRange) {
        set.addRange(from, from);
        continue;
      }
      this.#at++;
      const to = this.#escapeInto(set) ?? this.#next();
      if (to < from) this.#refuse('has a range that ends before it begins');
      set.addRange(from, to);
    }
    return set;
  }

  /** A code point, -1 when the escape was a class and is in the set now, undefined when there is no escape. */
  #escapeInto(set: CharacterSet): number | undefined {
    if (!this.#take('\\')) return undefined;
    const letter = String.fromCodePoint(this.#next());
    if (letter === 'p' || letter === 'P') {
      const name = /^\{(\^?)([A-Za-z_]+)\}/.exec(this.#source.slice(this.#at, this.#at + 32));
      const mask = name === null ? 0 : categoryMask(name[2]);
      if (name === null || mask === 0) return this.#refuse('has a property that is no general category');
      this.#at += name[0].length;
      set.addCategories(mask, (letter === 'P') !== (name[1] === '^'));
      return -1;
    }
    if (/[sSdDw]/.test(letter) && set.addShorthand(letter)) return -1;
    if (letter in CONTROLS) return CONTROLS[letter];
    const hex = /^[xu]/.test(letter)
      ? /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}|[0-9a-fA-F]{2}))/.exec(
          this.#source.slice(this.#at, this.#at + 8),
        )
      : null;
    if (hex !== null) {
      const digits = hex[1] ?? (letter === 'x' ? hex[2].slice(0, 2) : hex[2]);
      this.#at += hex[1] === undefined ? digits.length : hex[0].length;
      const code = Number.parseInt(digits, 16);
      if (code > 0x10ffff) this.#refuse('names no code point');
      return code;
    }
    if (/[A-Za-z0-9]/.test(letter))
      this.#refuse(`has the escape ${brief(`\\${letter}`)}, which is not known`);
    return letter.codePointAt(0)!;
  }

  #peek(): string {
    return this.#source[this.#at] ?? '';
  }

  #take(what: string): boolean {
    if (!this.#source.startsWith(what, this.#at)) return false;
    this.#at += what.length;
    return true;
  }

  #next(): number {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) return this.#refuse('ends in the middle');
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }

  #refuse(what: string): never {
    throw new FormatError(`the pattern ${brief(this.#source)} ${what}, at ${this.#at}`, {
      path: this.#path,
      actual: this.#source.slice(0, 200),
      hint: 'known are alternatives, (?:…), (?i:…), (?=…), (?!…), classes, \\p{…} of general categories, \\s \\d \\w, and repetition of single characters',
    });
  }
}
