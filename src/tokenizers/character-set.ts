/** @file Sets of characters as patterns write them: categories, white space, ranges, and the opposite of all these. */
import { categoryMask, categoryOf, isSpace, WORD_MASK, WORD_SYMBOLS } from './unicode-properties.js';

/** Collects what a class like `[^\s\p{L}a-z]` names, then tells whether a code point is in it. */
export class CharacterSet {
  negated = false;
  /** Categories that are in it, and those whose complement is (`\P{L}`), as bits. */
  #mask = 0;
  readonly #complements: number[] = [];
  #space = false;
  #notSpace = false;
  readonly #ranges: number[] = [];
  #ascii: Uint8Array | undefined;

  /** First and last code point. */
  addRange(first: number, last: number): this {
    this.#ranges.push(first, last);
    return this;
  }

  addCategories(mask: number, negated: boolean): this {
    if (negated) this.#complements.push(mask);
    else this.#mask |= mask;
    return this;
  }

  /** `s`, `d`, `w` or in capitals the opposite; false for another letter. */
  addShorthand(letter: string): boolean {
    const negated = letter < 'a';
    const kind = letter.toLowerCase();
    if (kind === 's') {
      if (negated) this.#notSpace = true;
      else this.#space = true;
    } else if (kind === 'd') this.addCategories(categoryMask('Nd'), negated);
    else if (kind === 'w' && !negated) {
      this.addCategories(WORD_MASK, false);
      for (let i = 0; i < WORD_SYMBOLS.length; i += 2) this.addRange(WORD_SYMBOLS[i], WORD_SYMBOLS[i + 1]);
    } else return false;
    return true;
  }

  has(code: number): boolean {
    if (code >= 128) return this.#judge(code);
    this.#ascii ??= Uint8Array.from({ length: 128 }, (_, i) => Number(this.#judge(i)));
    return this.#ascii[code] === 1;
  }

  #judge(code: number): boolean {
    return this.#includes(code) !== this.negated;
  }

  #includes(code: number): boolean {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i += 2) if (code >= ranges[i] && code <= ranges[i + 1]) return true;
    if (this.#space || this.#notSpace) {
      const space = isSpace(code);
      if (space ? this.#space : this.#notSpace) return true;
    }
    if (this.#mask === 0 && this.#complements.length === 0) return false;
    const bit = 1 << categoryOf(code);
    return (this.#mask & bit) !== 0 || this.#complements.some((mask) => (mask & bit) === 0);
  }
}
