/**
 * @file Finds formulas in plain sentences and says how they are built. Results hold their formulas as one would type
 * them, `sqrt(xbar_{L+1} / xbar_{l+1})`, since the terminal prints them too. Only what reads as a whole and cannot be
 * prose is a formula; everything else stays text.
 */

export type Formula =
  | { kind: 'number'; text: string }
  | { kind: 'name'; text: string }
  | { kind: 'operator'; text: string }
  | { kind: 'row'; parts: Formula[] }
  | { kind: 'root'; of: Formula }
  | { kind: 'script'; base: Formula; sub?: Formula; sup?: Formula }
  | { kind: 'fence'; open: string; close: string; of: Formula[] };

export type Part = string | { text: string; formula: Formula };

interface Token {
  kind: 'number' | 'word' | 'sign';
  text: string;
  start: number;
  end: number;
}

const tokens =
  /(?<number>\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?)|(?<word>[A-Za-z]+\d?'?)|(?<sign>\|\||<=|>=|[|()[\]{},^_²³·/+\-−±=<>≤≥])/gu;
const relations: Record<string, string> = {
  '<=': '≤',
  '>=': '≥',
  '=': '=',
  '<': '<',
  '>': '>',
  '≤': '≤',
  '≥': '≥',
};
const calls = new Set(['sqrt', 'ln', 'log', 'exp', 'min', 'max']);
/** Letters and names that stand for quantities. `a`, `b` and `I` are words more often. */
const names =
  /^(?:[cdhlnprstxEJLNORTUXW]|[Wb][12]|T0|J|xbar|maxLr|eps|var|gamma|lambda|delta|dFF|NLL|ReLU|LN|dL|dW2|max|min|norm)'?$/;
const greek = /^(?:gamma|lambda|delta)$/;
/** What a number may stand in front of: `3d`, `2 ln(100 d)`. */
const multiplied = /^(?:[dlnrxtLN]|xbar|eps|gamma|lambda)$/;

/** Texts come from files of strangers: what goes beyond a formula of people is no formula. */
const most = { depth: 8, read: 200, text: 4000 };

/** The text in order, cut into what is prose and what is a formula. */
export function findFormulas(text: string): Part[] {
  if (text.length > most.text) return [text];
  const all = [...text.matchAll(tokens)].map(({ groups, index, 0: match }): Token => {
    const kind = groups!.number ? 'number' : groups!.word ? 'word' : 'sign';
    return { kind, text: match, start: index, end: index + match.length };
  });
  const parts: Part[] = [];
  let done = 0;
  for (let at = 0; at < all.length; at++) {
    const { start } = all[at]!;
    if (start < done || joins(text, start - 1, -1)) continue;
    // `Fig. 3d` is no product.
    if (/\bFigs?\. $|\bsection $/.test(text.slice(0, start))) continue;
    const found = new Reader(text, all, at).read();
    if (!found || joins(text, found.end, 1)) continue;
    if (start > done) parts.push(text.slice(done, start));
    parts.push({ text: text.slice(start, found.end), formula: found.formula });
    done = found.end;
  }
  if (done < text.length) parts.push(text.slice(done));
  return parts;
}

/** Whether the character there makes one word with its neighbour. */
function joins(text: string, at: number, direction: 1 | -1): boolean {
  const character = text[at];
  if (character === undefined) return false;
  if (/[\p{L}\p{N}_'’%]/u.test(character)) return true;
  // `Post-LN`, `(0.1, 0.125)-bounded`, `2.5`.
  const next = text[at + direction];
  return /[-.]/.test(character) && next !== undefined && /[\p{L}\p{N}]/u.test(next);
}

class Reader {
  /** Set by whatever prose does not have: a root, a norm, an exponent, a relation. */
  #strong = false;
  #depth = 0;
  #read = 0;

  constructor(
    readonly text: string,
    readonly tokens: readonly Token[],
    private at: number,
  ) {}

  read(): { formula: Formula; end: number } | undefined {
    const first = this.at;
    const parts: Formula[] = [];
    // A bar may begin with its relation: `< 1e-3`.
    if (this.#relation()) {
      parts.push({ kind: 'operator', text: this.#relation()! });
      this.at++;
      this.#strong = true;
    }
    let end = first;
    for (;;) {
      const before = this.at;
      const sum = this.#sum();
      if (!sum) {
        // A relation that leads nowhere is the sentence's.
        if (parts.length > 1) parts.pop();
        else return undefined;
        this.at = before - 1;
        end = this.at;
        break;
      }
      parts.push(sum);
      end = this.at;
      const relation = this.#relation();
      if (!relation) break;
      const strong = this.#strong;
      this.at++;
      const mark = this.at;
      const next = this.#sum();
      this.at = mark;
      if (!next) {
        this.at--;
        this.#strong = strong;
        break;
      }
      this.#strong = true;
      parts.push({ kind: 'operator', text: relation });
    }
    if (!this.#strong || end === first) return undefined;
    return { formula: row(parts), end: this.tokens[end - 1]!.end };
  }

  #relation(): string | undefined {
    const token = this.tokens[this.at];
    return token?.kind === 'sign' ? relations[token.text] : undefined;
  }

  #peek(sign: string, offset = 0): boolean {
    const token = this.tokens[this.at + offset];
    return token?.kind === 'sign' && token.text === sign && this.#reaches(this.at + offset);
  }

  /** Whether nothing but a space lies between a token and the one before it. */
  #reaches(at: number): boolean {
    const [before, token] = [this.tokens[at - 1], this.tokens[at]];
    if (!token) return false;
    return !before || /^ ?$/.test(this.text.slice(before.end, token.start));
  }

  #touches(at = this.at): boolean {
    return this.tokens[at]?.start === this.tokens[at - 1]?.end;
  }

  /** Undoes what a try that failed has read. */
  #attempt(read: () => Formula | undefined): Formula | undefined {
    const [at, strong] = [this.at, this.#strong];
    const found = read();
    if (!found) [this.at, this.#strong] = [at, strong];
    return found;
  }

  #sum(): Formula | undefined {
    const parts: Formula[] = [];
    const sign = ['-', '−', '±'].find((one) => this.#peek(one));
    if (sign) {
      parts.push({ kind: 'operator', text: sign === '±' ? '±' : '−' });
      this.at++;
      if (!this.#touches()) return undefined;
      if (sign === '±') this.#strong = true;
    }
    const first = this.#attempt(() => this.#product());
    if (!first) return undefined;
    parts.push(first);
    for (;;) {
      const sign = ['+', '-', '−', '±'].find((one) => this.#peek(one));
      if (!sign) return row(parts);
      const next = this.#attempt(() => {
        this.at++;
        return this.#reaches(this.at) ? this.#product() : undefined;
      });
      if (!next) return row(parts);
      if (sign === '±' || [parts.at(-1)!, next].some(isName)) this.#strong = true;
      parts.push({ kind: 'operator', text: sign === '-' ? '−' : sign }, next);
    }
  }

  #product(): Formula | undefined {
    const first = this.#attempt(() => this.#power());
    if (!first) return undefined;
    const parts = [first];
    for (;;) {
      const sign = ['·', '/'].find((one) => this.#peek(one));
      const next = sign
        ? this.#attempt(() => {
            this.at++;
            return this.#reaches(this.at) ? this.#power() : undefined;
          })
        : this.#attempt(() => this.#factor(parts[parts.length - 1]!));
      if (!next) return row(parts);
      if (sign && [parts.at(-1)!, next].some(isName)) this.#strong = true;
      parts.push({ kind: 'operator', text: sign ?? '\u2062' }, next);
    }
  }

  /** What may follow without a sign: `3d`, `(1 + l/2)d`, `d sqrt(ln d)`, `s² d`, `E||x||²`. */
  #factor(before: Formula): Formula | undefined {
    const token = this.tokens[this.at];
    if (!token || !this.#reaches(this.at) || token.kind === 'number') return undefined;
    if (token.kind === 'sign') {
      const norm = token.text === '||' || (token.text === '|' && this.#touches());
      if (norm && this.#touches() && before.kind === 'name') return this.#power();
      const scaled = token.text === '(' && before.kind === 'name' && greek.test(before.text);
      return scaled ? this.#power() : undefined;
    }
    if (before.kind === 'number') {
      if (!multiplied.test(token.text) && !(calls.has(token.text) && this.#opens(1))) return undefined;
      this.#strong = true;
      return this.#power();
    }
    const call = calls.has(token.text) && this.#opens(1);
    const named = names.test(token.text) && (before.kind === 'fence' || before.kind === 'script');
    const long = token.text === 'eps' || token.text === 'xbar';
    if (!call && !named && !long) return undefined;
    this.#strong = true;
    return this.#power();
  }

  #opens(offset: number): boolean {
    return this.#peek('(', offset) && this.#touches(this.at + offset);
  }

  #power(): Formula | undefined {
    const base = this.#atom();
    if (!base) return undefined;
    let sub: Formula | undefined;
    let sup: Formula | undefined;
    if (this.#peek('_') && this.#touches()) {
      sub = this.#attempt(() => {
        this.at++;
        return this.#touches() ? this.#script() : undefined;
      });
      if (!sub) return undefined;
      if (base.kind === 'name' && this.#opens(0)) {
        const applied = this.#attempt(() => this.#fence('(', ')'));
        this.#strong = true;
        const named: Formula = { kind: 'script', base, sub };
        if (applied) return row([named, { kind: 'operator', text: '\u2061' }, applied]);
      }
    }
    const raised = ['²', '³'].find((one) => this.#peek(one));
    if (raised && this.#touches()) {
      this.at++;
      sup = { kind: 'number', text: raised === '²' ? '2' : '3' };
    } else if (this.#peek('^') && this.#touches()) {
      sup = this.#attempt(() => {
        this.at++;
        return this.#touches() ? this.#script() : undefined;
      });
      if (!sup) return undefined;
    }
    if (!sub && !sup) return base;
    this.#strong = true;
    return { kind: 'script', base, ...(sub ? { sub } : {}), ...(sup ? { sup } : {}) };
  }

  /** After `_` or `^`: one name or number, or what stands in braces or brackets. */
  #script(): Formula | undefined {
    for (const [open, close] of [
      ['{', '}'],
      ['(', ')'],
    ] as const) {
      if (!this.#peek(open) || this.#depth >= most.depth) continue;
      this.at++;
      this.#depth++;
      const inner = this.#sum();
      this.#depth--;
      if (!inner || !this.#peek(close)) return undefined;
      this.at++;
      return inner;
    }
    const token = this.tokens[this.at];
    if (token?.kind === 'number' || (token?.kind === 'word' && token.text.length <= 3)) {
      this.at++;
      return { kind: token.kind === 'number' ? 'number' : 'name', text: token.text };
    }
    return undefined;
  }

  #atom(): Formula | undefined {
    const token = this.tokens[this.at];
    if (!token || ++this.#read > most.read) return undefined;
    if (token.kind === 'number') {
      this.at++;
      if (/e/.test(token.text)) this.#strong = true;
      return { kind: 'number', text: token.text };
    }
    if (token.kind === 'word') return this.#word(token.text);
    if (token.text === '(') return this.#fence('(', ')', 1);
    if (token.text === '[') return this.#fence('[', ']', 2);
    if (token.text === '||' || token.text === '|') return this.#fence(token.text, token.text, 1);
    return undefined;
  }

  #word(text: string): Formula | undefined {
    if (calls.has(text)) {
      const called = this.#attempt(() => {
        this.at++;
        const argument = this.#opens(0) ? this.#fence('(', ')') : this.#bareArgument(text);
        if (!argument) return undefined;
        this.#strong = true;
        if (text !== 'sqrt')
          return row([{ kind: 'name', text }, { kind: 'operator', text: '\u2061' }, argument]);
        const bare = argument.kind === 'fence' && argument.of.length === 1 && argument.open === '(';
        return { kind: 'root', of: bare ? argument.of[0]! : argument };
      });
      if (called) return called;
    }
    if (!names.test(text)) return undefined;
    this.at++;
    const name: Formula = { kind: 'name', text };
    if (/^(?:[Wb][12]|T0|dW2|dL|xbar)$/.test(text)) this.#strong = true;
    const applied = this.#opens(0) ? this.#attempt(() => this.#fence('(', ')')) : undefined;
    if (!applied) return name;
    this.#strong = true;
    return row([name, { kind: 'operator', text: '\u2061' }, applied]);
  }

  /** `ln d`, `log ||x||`, `sqrt t`. */
  #bareArgument(call: string): Formula | undefined {
    if (call === 'min' || call === 'max') return undefined;
    if (!this.#reaches(this.at)) return undefined;
    const token = this.tokens[this.at];
    if (token?.kind === 'word' ? !names.test(token.text) : token?.text !== '||') return undefined;
    return this.#power();
  }

  #fence(open: string, close: string, count?: number): Formula | undefined {
    if (this.#depth >= most.depth) return undefined;
    this.#depth++;
    const fence = this.#attempt(() => {
      this.at++;
      const inner: Formula[] = [];
      for (;;) {
        const next = this.#sum();
        if (!next) return undefined;
        inner.push(next);
        if (!this.#peek(',')) break;
        this.at++;
      }
      if (!this.#peek(close) || (count !== undefined && inner.length !== count)) return undefined;
      this.at++;
      if (open !== '(') this.#strong = true;
      return { kind: 'fence', open, close, of: inner };
    });
    this.#depth--;
    return fence;
  }
}

function isName({ kind }: Formula): boolean {
  return kind === 'name' || kind === 'script';
}

function row(parts: Formula[]): Formula {
  return parts.length === 1 ? parts[0]! : { kind: 'row', parts };
}
