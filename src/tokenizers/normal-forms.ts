/**
 * @file Unicode's normal forms (UAX 15) from pinned tables: decompose, bring marks into their order, compose. Hangul
 * syllables are computed (section 3.12 of the Unicode standard).
 */
import { lookUp, type Pages, readPages } from '../text/unicode.js';
import { CANONICAL, COMBINING_LETTERS, COMBINING_RUNS, COMPATIBILITY } from './normal-form-table.js';

/** Normal forms that tokenizers use. */
export type NormalForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

interface Tables {
  canonical: Map<number, readonly number[]>;
  compatibility: Map<number, readonly number[]>;
  /** Key first * 2^21 + second to the code point they compose to. */
  composed: Map<number, number>;
  /** Order of combining classes; 0 for what does not combine. */
  combining: Pages;
}

const [S_BASE, L_BASE, V_BASE, T_BASE] = [0xac00, 0x1100, 0x1161, 0x11a7];
const [L_COUNT, V_COUNT, T_COUNT] = [19, 21, 28];
const S_COUNT = L_COUNT * V_COUNT * T_COUNT;
const PAIR = 1 << 21;

let tables: Tables | undefined;

/** A text of code points in a normal form; halves of surrogate pairs stay what they are. */
export function normalForm(text: string, form: NormalForm): string {
  // Below U+00A0 nothing decomposes, and nothing combines below U+0300.
  if (isPlain(text, form)) return text;
  tables ??= readTables();
  const codes: number[] = [];
  for (const character of text) decompose(character.codePointAt(0)!, form.length === 4, codes, tables);
  order(codes, tables.combining);
  const result = form.endsWith('C') ? compose(codes, tables) : codes;
  let out = '';
  for (let i = 0; i < result.length; i += 4096) out += String.fromCodePoint(...result.slice(i, i + 4096));
  return out;
}

function isPlain(text: string, form: NormalForm): boolean {
  const limit = form === 'NFC' ? 0x300 : 0xa0;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= limit) return false;
  return true;
}

function decompose(
  code: number,
  compatible: boolean,
  out: number[],
  { canonical, compatibility }: Tables,
): void {
  const s = code - S_BASE;
  if (s >= 0 && s < S_COUNT) {
    const t = s % T_COUNT;
    out.push(L_BASE + Math.floor(s / (V_COUNT * T_COUNT)), V_BASE + (Math.floor(s / T_COUNT) % V_COUNT));
    if (t > 0) out.push(T_BASE + t);
    return;
  }
  const parts = (compatible ? compatibility.get(code) : undefined) ?? canonical.get(code);
  if (parts === undefined) out.push(code);
  else for (const part of parts) out.push(part);
}

/** Sorts each run of combining marks by class, equal ones staying in their order. */
function order(codes: number[], combining: Pages): void {
  for (let start = 0; start < codes.length; start++) {
    if (lookUp(combining, codes[start]) === 0) continue;
    let end = start + 1;
    let sorted = true;
    while (end < codes.length && lookUp(combining, codes[end]) > 0) {
      sorted &&= lookUp(combining, codes[end - 1]) <= lookUp(combining, codes[end]);
      end++;
    }
    if (!sorted) {
      const run = codes.slice(start, end).sort((a, b) => lookUp(combining, a) - lookUp(combining, b));
      for (let i = 0; i < run.length; i++) codes[start + i] = run[i];
    }
    start = end;
  }
}

function compose(codes: readonly number[], { composed, combining }: Tables): number[] {
  const out: number[] = [];
  let starter = -1;
  let lastClass = -1;
  for (const code of codes) {
    const own = lookUp(combining, code);
    // A mark is blocked when one of its class or a higher one stands between, a starter when anything does.
    const free = starter >= 0 && (lastClass === -1 || (lastClass > 0 && lastClass < own));
    const together = free ? pairOf(out[starter], code, composed) : undefined;
    if (together !== undefined) {
      out[starter] = together;
      continue;
    }
    if (own === 0) starter = out.length;
    lastClass = own === 0 ? -1 : own;
    out.push(code);
  }
  return out;
}

function pairOf(first: number, second: number, composed: Map<number, number>): number | undefined {
  const l = first - L_BASE;
  const v = second - V_BASE;
  if (l >= 0 && l < L_COUNT && v >= 0 && v < V_COUNT) return S_BASE + (l * V_COUNT + v) * T_COUNT;
  const s = first - S_BASE;
  const t = second - T_BASE;
  if (s >= 0 && s < S_COUNT && s % T_COUNT === 0 && t > 0 && t < T_COUNT) return first + t;
  return composed.get(first * PAIR + second);
}

function readTables(): Tables {
  const excluded = new Set<number>();
  const canonical = readDecompositions(CANONICAL, excluded);
  // Full decompositions of three parts or more compose in steps: the pair of a step is what its other marks leave.
  const composed = new Map<number, number>();
  const wholes = new Map<string, number>();
  for (const [code, parts] of canonical) if (!excluded.has(code)) wholes.set(parts.join(), code);
  for (const [code, parts] of canonical) {
    if (excluded.has(code)) continue;
    const head = parts.slice(0, -1);
    const first = head.length === 1 ? head[0] : wholes.get(head.join());
    if (first !== undefined) composed.set(first * PAIR + parts[parts.length - 1], code);
  }
  return {
    canonical,
    composed,
    compatibility: readDecompositions(COMPATIBILITY, new Set()),
    combining: readPages(COMBINING_RUNS, COMBINING_LETTERS),
  };
}

function readDecompositions(text: string, excluded: Set<number>): Map<number, readonly number[]> {
  const map = new Map<number, readonly number[]>();
  let code = -1;
  const before: number[] = [];
  const entries = text.split(';').flatMap((run) => {
    const [entry, times] = run.split('*');
    return entry === '' ? [] : new Array<string>(Number(times ?? 1)).fill(entry);
  });
  for (const entry of entries) {
    const [head, ...steps] = entry.split(',');
    const gap = head.replace('!', '');
    code += gap === '' ? 1 : Number.parseInt(gap, 36);
    if (head.endsWith('!')) excluded.add(code);
    const parts = steps.map((step, i) => (before[i] ?? 0) + (step === '' ? 0 : Number.parseInt(step, 36)));
    for (let i = 0; i < parts.length; i++) before[i] = parts[i];
    map.set(code, parts);
  }
  return map;
}
