/**
 * @file BLEU (Papineni et al., 2002) with the definitions and defaults of sacreBLEU 2 (Post, 2018), so that the
 * scores can be compared: 13a tokens, n-grams up to 4, counts summed over the corpus, exponential smoothing.
 * exp and log come from the kernels, so a score has the same bits on every engine.
 */
import { checkOptions, flag, notNegative, oneOf, optional, type Rules } from '../checks.js';
import { ConfigError, DataError } from '../errors.js';
import { exp64, log64 } from '../runtime/math.js';
import { splitWords, tokenize13a, trimEnd } from './tokenize-13a.js';
import { lowercase } from './unicode.js';

/** Names the implementation in signatures, as sacreBLEU does with its own version. */
export const BLEU_VERSION = 'prenorm-0.2.0';

const MAX_ORDER = 4;
/** Stands for log(0); finite, so that it can be averaged. The value is sacreBLEU's. */
const LOG_OF_ZERO = -9999999999;

/** How texts are compared; the defaults are sacreBLEU's. */
export interface BLEUOptions {
  /** Compare without case. Default false. */
  lowercase?: boolean;
  /** `13a`, or `none` for texts whose tokens are separated by spaces already. Default `13a`. */
  tokenize?: '13a' | 'none';
  /**
   * What an order of n-grams without a match counts as: `exp` halves for each such order, `floor` takes `smoothValue`
   * matches, `none` gives zero. Default `exp`.
   */
  smooth?: 'exp' | 'floor' | 'none';
  /** Matches that `smooth: 'floor'` takes for none. Default 0.1. */
  smoothValue?: number;
  /** Leave out orders longer than the hypothesis. Default false for a corpus, true for one sentence. */
  effectiveOrder?: boolean;
}

/** A score and what it was computed from. */
export interface BLEUScore {
  /** 0 to 100. */
  score: number;
  /** Matched n-grams, (4). */
  counts: number[];
  /** N-grams of the system, (4). */
  totals: number[];
  /** 100 * counts / totals after smoothing, (4). */
  precisions: number[];
  /** exp(1 - refLength / sysLength) when the system is shorter, else 1. */
  brevityPenalty: number;
  /** Tokens of the system. */
  sysLength: number;
  /** Tokens of the references closest in length. */
  refLength: number;
  /** What was computed, in sacreBLEU's form. */
  signature: string;
}

/** One list of references for each translator; null or '' where a translator left a segment out. */
export type References = readonly (readonly (string | null | undefined)[])[];

/**
 * Corpus BLEU. Needs `await init()` first.
 * @param hypotheses (segments)
 * @param references (translators, segments): one reference each is `[references]`
 * @throws DataError when lists differ in length, are empty, or a segment has no reference
 * @throws ConfigError for an unknown option
 */
export function BLEU(
  hypotheses: readonly string[],
  references: References,
  options: BLEUOptions = {},
): BLEUScore {
  const settings = readOptions('BLEU', options, false);
  const { rows, numRefs } = segmentStatistics('BLEU', hypotheses, references, settings);
  const sum = new Float64Array(STATISTICS);
  for (const row of rows) addStatistics(sum, row);
  return scoreStatistics(sum, settings, signatureOf(settings, numRefs));
}

/** BLEU of one sentence against its references. Orders longer than the sentence are left out by default. */
export function sentenceBLEU(
  hypothesis: string,
  references: readonly string[],
  options: BLEUOptions = {},
): BLEUScore {
  if (!Array.isArray(references)) {
    throw new ConfigError('references must be a list of texts', { op: 'sentenceBLEU', actual: references });
  }
  const settings = readOptions('sentenceBLEU', options, true);
  const lists = references.map((reference) => [reference]);
  const { rows, numRefs } = segmentStatistics('sentenceBLEU', [hypothesis], lists, settings);
  return scoreStatistics(rows[0], settings, signatureOf(settings, numRefs));
}

/** Row of a segment: system length, closest reference length, matches of order 1 to 4, n-grams of order 1 to 4. */
export const STATISTICS = 2 + 2 * MAX_ORDER;

export function addStatistics(sum: Float64Array, row: Float64Array): void {
  for (let i = 0; i < STATISTICS; i++) sum[i] += row[i];
}

export type Settings = Required<BLEUOptions>;

export const bleuRules: Rules<BLEUOptions> = {
  lowercase: optional(flag),
  tokenize: optional(oneOf('13a', 'none')),
  smooth: optional(oneOf('exp', 'floor', 'none')),
  smoothValue: optional(notNegative),
  effectiveOrder: optional(flag),
};

/** Options with defaults, checked. */
export function readOptions(op: string, options: BLEUOptions, effective: boolean): Settings {
  checkOptions(op, options, bleuRules);
  const { lowercase = false, tokenize = '13a', smooth = 'exp', smoothValue = 0.1 } = options;
  return { lowercase, tokenize, smooth, smoothValue, effectiveOrder: options.effectiveOrder ?? effective };
}

/** E.g. `nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:prenorm-0.2.0`; `extra` goes behind nrefs. */
export function signatureOf(settings: Settings, numRefs: number | 'var', extra: string[] = []): string {
  const value = settings.smooth === 'floor' ? `[${settings.smoothValue.toFixed(2)}]` : '';
  return [
    `nrefs:${numRefs}`,
    ...extra,
    `case:${settings.lowercase ? 'lc' : 'mixed'}`,
    `eff:${settings.effectiveOrder ? 'yes' : 'no'}`,
    `tok:${settings.tokenize}`,
    `smooth:${settings.smooth}${value}`,
    `version:${BLEU_VERSION}`,
  ].join('|');
}

/** The statistics of every segment, (segments, 10), and the number of references each has. */
export function segmentStatistics(
  op: string,
  hypotheses: readonly string[],
  references: References,
  settings: Settings,
): { rows: Float64Array[]; numRefs: number | 'var' } {
  checkCorpus(op, hypotheses, references);
  const refCounts = new Set<number>();
  const rows = hypotheses.map((hypothesis, i) => {
    const texts = references.map((list) => list[i]).filter((text) => typeof text === 'string' && text !== '');
    if (texts.length === 0) {
      throw new DataError(`segment ${i} has no reference`, {
        op,
        path: `references[*][${i}]`,
        hint: 'leave it out',
      });
    }
    refCounts.add(texts.length);
    return compareSegment(
      tokens(hypothesis, settings),
      texts.map((text) => tokens(text as string, settings)),
    );
  });
  return { rows, numRefs: refCounts.size === 1 ? [...refCounts][0] : 'var' };
}

function checkCorpus(op: string, hypotheses: readonly string[], references: References): void {
  if (!Array.isArray(hypotheses) || !Array.isArray(references) || !references.every(Array.isArray)) {
    throw new ConfigError('hypotheses must be a list of texts and references a list of such lists', {
      op,
      hint: 'with one reference each, pass [references]',
    });
  }
  if (hypotheses.length === 0) throw new DataError('there are no hypotheses', { op, expected: 1, actual: 0 });
  if (references.length === 0) throw new DataError('there are no references', { op, expected: 1, actual: 0 });
  references.forEach((list, r) => {
    if (list.length !== hypotheses.length) {
      throw new DataError(`${hypotheses.length} hypotheses but ${list.length} references in list ${r}`, {
        op,
        expected: hypotheses.length,
        actual: list.length,
        hint: 'both need one line for each segment',
      });
    }
  });
  const isText = (text: unknown) => typeof text === 'string';
  const badHypothesis = hypotheses.findIndex((text) => !isText(text));
  if (badHypothesis >= 0) throw new DataError(`hypothesis ${badHypothesis} is not a string`, { op });
  for (const list of references) {
    const bad = list.findIndex((text: unknown) => !isText(text) && text !== null && text !== undefined);
    if (bad >= 0) throw new DataError(`reference ${bad} is not a string`, { op });
  }
}

function tokens(text: string, settings: Settings): string[] {
  const trimmed = trimEnd(settings.lowercase ? lowercase(text) : text);
  return settings.tokenize === '13a' ? tokenize13a(trimmed) : splitWords(trimmed);
}

/** Tokens hold no white space, so n-grams joined by spaces are equal only when their tokens are. */
function countNgrams(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start < words.length; start++) {
    let ngram = '';
    for (let end = start; end < Math.min(words.length, start + MAX_ORDER); end++) {
      ngram = end === start ? words[end] : `${ngram} ${words[end]}`;
      counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
    }
  }
  return counts;
}

function compareSegment(system: readonly string[], references: readonly (readonly string[])[]): Float64Array {
  const row = new Float64Array(STATISTICS);
  row[0] = system.length;
  row[1] = closestLength(
    system.length,
    references.map((reference) => reference.length),
  );
  for (let n = 1; n <= MAX_ORDER; n++) row[1 + MAX_ORDER + n] = Math.max(0, system.length - n + 1);
  // A match counts as often as the reference that has it most often.
  const allowed = new Map<string, number>();
  for (const reference of references) {
    for (const [ngram, count] of countNgrams(reference)) {
      if (count > (allowed.get(ngram) ?? 0)) allowed.set(ngram, count);
    }
  }
  for (const [ngram, count] of countNgrams(system)) {
    const order = ngram.split(' ').length;
    row[1 + order] += Math.min(count, allowed.get(ngram) ?? 0);
  }
  return row;
}

/** The closest of the references' lengths; of two equally close the smaller. */
function closestLength(length: number, candidates: readonly number[]): number {
  return candidates.reduce((best, candidate) => {
    const gain = Math.abs(length - best) - Math.abs(length - candidate);
    return gain > 0 || (gain === 0 && candidate < best) ? candidate : best;
  });
}

/** BLEU from summed statistics, (10). */
export function scoreStatistics(sum: Float64Array, settings: Settings, signature: string): BLEUScore {
  const [sysLength, refLength] = sum;
  const counts = [...sum.subarray(2, 2 + MAX_ORDER)];
  const totals = [...sum.subarray(2 + MAX_ORDER)];
  const brevityPenalty = sysLength >= refLength ? 1 : sysLength > 0 ? exp64(1 - refLength / sysLength) : 0;
  const precisions = new Array<number>(MAX_ORDER).fill(0);
  const result = { score: 0, counts, totals, precisions, brevityPenalty, sysLength, refLength, signature };
  if (counts.every((count) => count === 0)) return result;

  let order = MAX_ORDER;
  let divisor = 1;
  for (let n = 0; n < MAX_ORDER && totals[n] > 0; n++) {
    if (settings.effectiveOrder) order = n + 1;
    if (counts[n] > 0) {
      precisions[n] = (100 * counts[n]) / totals[n];
    } else if (settings.smooth === 'exp') {
      divisor *= 2;
      precisions[n] = 100 / (divisor * totals[n]);
    } else if (settings.smooth === 'floor') {
      precisions[n] = (100 * settings.smoothValue) / totals[n];
    }
  }
  let logSum = 0;
  for (let n = 0; n < order; n++) logSum += precisions[n] === 0 ? LOG_OF_ZERO : log64(precisions[n]);
  result.score = brevityPenalty * exp64(logSum / order);
  return result;
}
