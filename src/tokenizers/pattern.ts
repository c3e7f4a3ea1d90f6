/**
 * @file Regular expressions as files of tokenizers have them (Oniguruma's writing), without JavaScript's: classes come
 * from the pinned Unicode table, and a pattern that takes too long is an error, not a hang. Repetition is for single
 * characters and classes, which is all that published patterns need; so a match costs little more than its length.
 */
import { brief, FormatError } from '../errors.js';
import { type PatternNode, PatternParser } from './pattern-parser.js';

/** Where the rest of the match goes on; -1 when it does not. */
type Rest = (at: number) => number;
type Matcher = (at: number, rest: Rest) => number;

/** Steps that a text may cost, beside this many per character. */
const FREE_STEPS = 20_000;
const STEPS_PER_UNIT = 200;

/** A compiled pattern. */
export class Pattern {
  readonly #match: Matcher;
  #text = '';
  #steps = 0;

  /**
   * @param path what messages call it
   * @throws FormatError for a construct that is not known here
   */
  constructor(
    readonly source: string,
    readonly path: string,
  ) {
    this.#match = this.#choices(new PatternParser(source, path).parse());
  }

  /**
   * The stretches of a well-formed text from the left, matches and what is between them by turns; none is empty. An
   * empty match is no match.
   * @throws FormatError when the pattern needs far more steps than the text has characters
   */
  split(text: string): { text: string; matches: boolean }[] {
    const pieces: { text: string; matches: boolean }[] = [];
    this.#text = text;
    this.#steps = FREE_STEPS + STEPS_PER_UNIT * text.length;
    let open = 0;
    for (let at = 0; at < text.length; ) {
      const end = this.#match(at, (stop) => stop);
      if (end <= at) {
        at += widthAt(text, at);
        continue;
      }
      if (open < at) pieces.push({ text: text.slice(open, at), matches: false });
      pieces.push({ text: text.slice(at, end), matches: true });
      at = end;
      open = end;
    }
    if (open < text.length) pieces.push({ text: text.slice(open), matches: false });
    this.#text = '';
    return pieces;
  }

  #spend(): void {
    if (this.#steps-- > 0) return;
    throw new FormatError(`the pattern ${brief(this.source)} takes too long`, {
      path: this.path,
      hint: 'is the file damaged? fetch it again',
    });
  }

  #choices(choices: readonly (readonly PatternNode[])[]): Matcher {
    const matchers = choices.map((nodes) => this.#sequence(nodes));
    if (matchers.length === 1) return matchers[0];
    return (at, rest) => {
      for (const matcher of matchers) {
        this.#spend();
        const end = matcher(at, rest);
        if (end >= 0) return end;
      }
      return -1;
    };
  }

  #sequence(nodes: readonly PatternNode[]): Matcher {
    const matchers = nodes.map((node) => this.#node(node));
    return matchers.reduceRight<Matcher>(
      (after, matcher) => (at, rest) => matcher(at, (stop) => after(stop, rest)),
      (at, rest) => rest(at),
    );
  }

  #node(node: PatternNode): Matcher {
    if (node.kind === 'set') return this.#set(node);
    const inner = this.#choices(node.choices);
    if (node.kind === 'look')
      return (at, rest) => (inner(at, (stop) => stop) >= 0 === node.wanted ? rest(at) : -1);
    if (!node.optional) return inner;
    return (at, rest) => {
      this.#spend();
      const end = inner(at, rest);
      return end >= 0 ? end : rest(at);
    };
  }

  #set({ set, least, most, mode }: Extract<PatternNode, { kind: 'set' }>): Matcher {
    return (start, rest) => {
      const text = this.#text;
      let at = start;
      let count = 0;
      const step = (): boolean => {
        this.#spend();
        if (count >= most || at >= text.length) return false;
        const code = text.codePointAt(at)!;
        if (!set.has(code)) return false;
        at += code > 0xffff ? 2 : 1;
        count++;
        return true;
      };
      while (count < least) if (!step()) return -1;
      if (mode === 'lazy') {
        for (;;) {
          const end = rest(at);
          if (end >= 0 || !step()) return end;
        }
      }
      while (step());
      if (mode === 'possessive') return rest(at);
      for (;;) {
        const end = rest(at);
        if (end >= 0 || count === least) return end;
        this.#spend();
        at -= isLow(text.charCodeAt(at - 1)) ? 2 : 1;
        count--;
      }
    };
  }
}

const isLow = (unit: number): boolean => (unit & 0xfc00) === 0xdc00;
const widthAt = (text: string, at: number): number => (text.codePointAt(at)! > 0xffff ? 2 : 1);
