/**
 * @file BLEU a second time, to check the first: written from the definitions with other means. Tokens are found
 * by walking the characters instead of by regular expressions, n-grams are counted by searching plain lists, and
 * precisions are exact fractions of BigInts whose product's root is taken once, instead of a sum of logarithms.
 */

export interface SecondOptions {
  lowercase?: boolean;
  tokenize?: '13a' | 'none';
  smooth?: 'exp' | 'floor' | 'none';
  smoothValue?: number;
  effectiveOrder?: boolean;
}

export interface SecondScore {
  score: number;
  counts: number[];
  totals: number[];
  precisions: number[];
  brevityPenalty: number;
  sysLength: number;
  refLength: number;
}

export function secondBLEU(
  hypotheses: readonly string[],
  references: readonly (readonly (string | null)[])[],
  options: SecondOptions = {},
): SecondScore {
  const counts = [0, 0, 0, 0];
  const totals = [0, 0, 0, 0];
  let sysLength = 0;
  let refLength = 0;
  hypotheses.forEach((hypothesis, i) => {
    const system = words(hypothesis, options);
    const refs: string[][] = [];
    for (const list of references) if (list[i]) refs.push(words(list[i] as string, options));
    sysLength += system.length;
    refLength += refs
      .map((ref) => ref.length)
      .sort((a, b) => Math.abs(a - system.length) - Math.abs(b - system.length) || a - b)[0];
    for (const n of [1, 2, 3, 4]) {
      const own = ngrams(system, n);
      totals[n - 1] += own.length;
      for (const ngram of own.filter((item, at) => own.findIndex((other) => same(item, other)) === at)) {
        const occurrences = (list: string[][]) => list.filter((other) => same(ngram, other)).length;
        const most = Math.max(...refs.map((ref) => occurrences(ngrams(ref, n))));
        counts[n - 1] += Math.min(occurrences(own), most);
      }
    }
  });
  return combine(counts, totals, sysLength, refLength, options);
}

/** From the counts to the score. */
export function combine(
  counts: number[],
  totals: number[],
  sysLength: number,
  refLength: number,
  { smooth = 'exp', smoothValue = 0.1, effectiveOrder = false }: SecondOptions = {},
): SecondScore {
  let brevityPenalty = 1;
  if (sysLength === 0 && refLength > 0) brevityPenalty = 0;
  else if (sysLength < refLength) brevityPenalty = Math.E ** (1 - refLength / sysLength);
  const present = totals.filter((total) => total > 0).length;
  const matched = counts.some((count) => count > 0);
  // Millionths are enough for the values of the floor that the cases use.
  const floor = BigInt(Math.round(smoothValue * 1e6));
  let empty = 0;
  const fractions = counts.map((count, n): [bigint, bigint] => {
    if (!matched || n >= present) return [0n, 1n];
    const total = BigInt(totals[n]);
    if (count > 0) return [BigInt(count), total];
    empty++;
    if (smooth === 'exp') return [1n, total << BigInt(empty)];
    return smooth === 'floor' ? [floor, total * 1000000n] : [0n, 1n];
  });
  const order = effectiveOrder ? Math.max(1, present) : 4;
  const top = fractions.slice(0, order).reduce((product, [a]) => product * a, 1n);
  const bottom = fractions.slice(0, order).reduce((product, [, b]) => product * b, 1n);
  const score = 100 * brevityPenalty * ratio(top, bottom) ** (1 / order);
  const precisions = fractions.map(([a, b]) => 100 * ratio(a, b));
  return { score, counts, totals, precisions, brevityPenalty, sysLength, refLength };
}

/** a / b to 60 bits or so, whatever their size. */
function ratio(a: bigint, b: bigint): number {
  if (a === 0n) return 0;
  let shift = 0;
  while (a << BigInt(shift) < b << 62n) shift += 8;
  return Number((a << BigInt(shift)) / b) / 2 ** shift;
}

function ngrams(list: string[], n: number): string[][] {
  return list.map((_, i) => list.slice(i, i + n)).filter((ngram) => ngram.length === n);
}

function same(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

function words(text: string, options: SecondOptions): string[] {
  let characters = [...(options.lowercase ? text.toLowerCase() : text)];
  while (characters.length > 0 && isSpace(characters[characters.length - 1])) characters.pop();
  if (options.tokenize !== 'none') characters = separate(characters);
  const list: string[] = [];
  let word = '';
  for (const character of [...characters, ' ']) {
    if (!isSpace(character)) word += character;
    else if (word !== '') {
      list.push(word);
      word = '';
    }
  }
  return list;
}

/** Rules of mteval-v13a, one after the other, on a list of characters. */
function separate(characters: string[]): string[] {
  const without: [string, string][] = [
    ['<skipped>', ''],
    ['-\n', ''],
    ['\n', ' '],
    ['&quot;', '"'],
    ['&amp;', '&'],
    ['&lt;', '<'],
    ['&gt;', '>'],
  ];
  const text = without.reduce((line, [from, to]) => line.split(from).join(to), characters.join(''));
  let line = [' ', ...text, ' '];
  line = line.flatMap((c) => (standsAlone(c) ? [' ', c, ' '] : [c]));
  line = inPairs(line, (a, b) => (!isDigit(a) && isStop(b) ? [a, ' ', b, ' '] : undefined));
  line = inPairs(line, (a, b) => (isStop(a) && !isDigit(b) ? [' ', a, ' ', b] : undefined));
  return inPairs(line, (a, b) => (isDigit(a) && b === '-' ? [a, ' ', b, ' '] : undefined));
}

/** Replaces pairs of neighbours from the left; a replaced pair's characters take no part in another pair. */
function inPairs(line: string[], rule: (a: string, b: string) => string[] | undefined): string[] {
  const out: string[] = [];
  for (let i = 0; i < line.length; i++) {
    const replaced = i + 1 < line.length ? rule(line[i], line[i + 1]) : undefined;
    out.push(...(replaced ?? [line[i]]));
    if (replaced) i++;
  }
  return out;
}

const isDigit = (c: string) => '0123456789'.includes(c);
const isStop = (c: string) => c === '.' || c === ',';
/** Every printable ASCII character but letters, digits, apostrophe, comma, hyphen and period. */
const standsAlone = (c: string) => ' !"#$%&()*+/:;<=>?@[\\]^_`{|}~'.includes(c);
/** What Python's `str.isspace` says. */
const isSpace = (c: string) =>
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000'.includes(c) ||
  (c >= '\u2000' && c <= '\u200a' && c.length === 1);
