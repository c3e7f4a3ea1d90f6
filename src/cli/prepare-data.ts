/** @file What `prenorm prepare` makes of the files: lines read, cleaned, split and judged, and nothing written yet. */
import { NOT_UTF8 } from '../data/clean.js';
import {
  cleanExamples,
  type DropReport,
  findLeak,
  HOLD_OUT,
  holdOut,
  type Leak,
  normalizedExamples,
  type RawExample,
  withoutRepeats,
} from '../data/index.js';
import { brief, ConfigError, DataError } from '../errors.js';
import { spared } from '../recipe/data/hold-out.js';
import { lowercase, tokenizeWords, type WordLanguage } from '../text/index.js';
import { splitWords } from '../text/tokenize-13a.js';
import { findPairs, findTable, type Part, parts, readExamples, readLines } from './prepare-input.js';
import type { EngineOptions } from './start.js';

export interface PrepareOptions extends EngineOptions {
  kind: 'pairs' | 'text' | 'labelled';
  out: string;
  languages?: string;
  test?: string;
  columns?: number[];
  header?: boolean;
  /** Between the labels of a text that may have several. */
  labelSeparator?: string;
  tokenize?: boolean;
  lowercase?: boolean;
  maxWords?: number;
  maxRatio?: number;
  vocabSize?: number;
  dedupe?: boolean;
  strict?: boolean;
  json?: boolean;
}

export interface PartReport {
  /** Lines that were read (of a part held out of train, its examples), and those that were kept. */
  read: number;
  kept: number;
  /** How the part came about. */
  from: string;
  sha256: string;
}

/** What is to be written, file by file, and what is said about it. */
export interface Prepared {
  files: Record<string, { text: string; report: Omit<PartReport, 'sha256'> }>;
  /** Texts the BPE is trained on. */
  training: string[];
  languages: [string, string] | null;
  leaks: Leak[];
  /** The kind of data that a recipe finds in the folder. */
  dataKind: 'pairs' | 'labelledTexts' | 'labelledPairs' | 'text';
}

/** The limits in force; only pairs have some unless they are asked for. */
export function limits({ kind, maxWords, maxRatio }: PrepareOptions) {
  return {
    maxWords: maxWords ?? (kind === 'pairs' ? 175 : Number.POSITIVE_INFINITY),
    maxRatio: maxRatio ?? (kind === 'pairs' ? 1.5 : Number.POSITIVE_INFINITY),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f]/g;

/** White space becomes single spaces and control characters go; then tokens and case, as asked. */
function normalizer({ tokenize, lowercase: lower }: PrepareOptions, languages: readonly string[]) {
  const known = languages.map((name): WordLanguage => (name === 'en' || name === 'de' ? name : 'other'));
  return (line: string, column: number): string => {
    let out = splitWords(line.replace(CONTROLS, '')).join(' ');
    if (tokenize) out = tokenizeWords(out, known[column] ?? 'other');
    return lower ? lowercase(out) : out;
  };
}

/** Pairs, and labelled texts and pairs: train.tsv, valid.tsv and test.tsv. */
export async function prepareTable(
  inputs: readonly string[],
  options: PrepareOptions,
  report: DropReport,
): Promise<Prepared> {
  const { kind, columns, header = false, strict } = options;
  const found = kind === 'pairs' ? findPairs(inputs, options) : { files: findTable(inputs), languages: null };
  const ignored = columns ? 'columns' : header ? 'header' : undefined;
  if (ignored && found.files.train?.length === 2) {
    throw new ConfigError(`--${ignored} is for tab-separated files, not for two files side by side`, {
      op: 'prepare',
      actual: inputs,
    });
  }
  const normalize = normalizer(options, found.languages ?? []);
  const picked = columns ?? (kind === 'pairs' ? [1, 2] : await labelledColumns(found.files.train, header));
  const numTexts = kind === 'pairs' ? 2 : picked.length - 1;
  const own = (line: string, column: number): string =>
    column < numTexts ? normalize(line, column) : splitWords(line).join(' ');
  const read: Partial<Record<Part, { all: number; examples: RawExample[]; from: string }>> = {};
  for (const part of parts) {
    const files = found.files[part];
    if (!files) continue;
    const wanted = { columns: picked, exact: columns === undefined, header };
    const raw = await readExamples(files, wanted, report);
    // A text without a label is one, where there may be several.
    const mayBeEmpty = options.labelSeparator === undefined ? undefined : numTexts;
    const examples = normalizedExamples(raw.examples, own, report, mayBeEmpty);
    read[part] = { all: raw.lines, examples, from: files.join(' and ') };
  }
  if (strict) report.refuse();
  const train = read.train as NonNullable<typeof read.train>;
  // Only training data is cleaned: what is measured on stays as it was given.
  const limited = cleanExamples(train.examples, numTexts, limits(options), report);
  const given = { valid: read.valid?.examples ?? [], test: read.test?.examples ?? [] };
  const clean = options.dedupe ? withoutRepeats(limited, given, report) : limited;
  const labels = kind === 'labelled' ? labelsOf(options.labelSeparator) : undefined;
  let rest = clean;
  for (const [part, offset] of [['valid', HOLD_OUT] as const, ['test', 11] as const]) {
    if (read[part]) continue;
    const taken = holdOut(clean, offset).held;
    const held = labels ? withoutLast(taken, rest, labels) : taken;
    const isHeld = new Set(held);
    rest = rest.filter((example) => !isHeld.has(example));
    read[part] = { all: held.length, examples: held, from: `every ${HOLD_OUT}rd of train` };
  }
  read.train = { ...train, examples: rest };
  for (const part of parts) {
    if (read[part]?.examples.length) continue;
    throw new DataError(
      `no example is left for ${part}${clean.length < HOLD_OUT ? `: ${clean.length} in all, ${HOLD_OUT} are needed to hold some out` : ''}${leftOut(report)}`,
      { path: inputs[0], actual: report.list(), hint: 'give more data, looser limits, or other --columns' },
    );
  }
  const all = read as Record<Part, { examples: RawExample[] }>;
  if (labels) checkLabels(all, labels, options.labelSeparator === undefined ? 2 : 1);
  return {
    files: Object.fromEntries(
      parts.map((part) => {
        const { all: lines, examples, from } = read[part] as NonNullable<(typeof read)[Part]>;
        const content = `${examples.map((example) => example.columns.join('\t')).join('\n')}\n`;
        return [`${part}.tsv`, { text: content, report: { read: lines, kept: examples.length, from } }];
      }),
    ),
    training: rest.flatMap((example) => example.columns.slice(0, numTexts)),
    languages: found.languages,
    leaks: findLeaks(all, numTexts),
    dataKind: kind === 'pairs' ? 'pairs' : numTexts === 1 ? 'labelledTexts' : 'labelledPairs',
  };
}

/** Text and label, or two texts and a label: what the first line says that is one of both. */
async function labelledColumns(train: string[] | undefined, header: boolean): Promise<number[]> {
  const lines = train ? (await readLines(train[0])).slice(header ? 1 : 0) : [];
  const counts = lines.map((line) => line?.split('\t').length ?? 0);
  return counts.find((count) => count === 2 || count === 3) === 2 ? [1, 2] : [1, 2, 3];
}

/** Each part against those that training or selection has seen before it. */
function findLeaks(read: Record<Part, { examples: RawExample[] }>, numTexts: number): Leak[] {
  return parts.flatMap((part, i) =>
    parts
      .slice(0, i)
      .map((before) => findLeak([part, read[part].examples], [before, read[before].examples], numTexts)),
  );
}

const leftOut = (report: DropReport): string => (report.total > 0 ? `; left out: ${report.describe()}` : '');

/** The labels of an example: the last column, or what stands in it with separators between. */
function labelsOf(separator: string | undefined): (example: RawExample) => string[] {
  return ({ columns }) => {
    const label = columns[columns.length - 1];
    if (separator === undefined) return [label];
    return label === '' ? [] : label.split(separator).map((name) => name.trim());
  };
}

/** Those of the examples to hold out that are not the last in `rest` with some label. */
function withoutLast(
  held: readonly RawExample[],
  rest: readonly RawExample[],
  labels: (example: RawExample) => string[],
): RawExample[] {
  const rows = new Map(rest.map((example, row) => [example, row]));
  const wanted = held.map((example) => rows.get(example) as number);
  return spared(wanted, rest.map(labels)).map((row) => rest[row]);
}

/** A label that training never sees can never be right. */
function checkLabels(
  read: Record<Part, { examples: RawExample[] }>,
  labels: (example: RawExample) => string[],
  least: number,
): void {
  const known = new Set(read.train.examples.flatMap(labels));
  if (known.size < least) {
    const only = known.size === 1 ? `, ${brief([...known][0])},` : '';
    throw new DataError(
      `the training part has ${known.size} label${only} at least ${least} ${least === 1 ? 'is' : 'are'} needed`,
      {
        path: read.train.examples[0].where,
        expected: least,
        actual: [...known],
        hint: 'is the last column the label? choose with --columns, e.g. --columns 2,1 where it comes first',
      },
    );
  }
  for (const part of ['valid', 'test'] as const) {
    for (const example of read[part].examples) {
      const bad = labels(example).find((label) => !known.has(label));
      if (bad === undefined) continue;
      throw new DataError(`the label ${brief(bad)} does not occur in the training part`, {
        path: example.where,
        expected: [...known],
        actual: bad,
        hint: `its labels are ${brief([...known])}`,
      });
    }
  }
}

/** Plain text: text.txt, from which training itself holds out the end. Empty lines part documents; one is kept. */
export async function prepareText(
  inputs: readonly string[],
  options: PrepareOptions,
  report: DropReport,
): Promise<Prepared> {
  const normalize = normalizer(options, []);
  const { maxWords } = limits(options);
  const kept: string[] = [];
  const doubled: string[] = [];
  let read = 0;
  for (const path of inputs) {
    for (const [i, line] of (await readLines(path)).entries()) {
      read++;
      const where = `${path}:${i + 1}`;
      const normal = line === null ? null : normalize(line, 0);
      if (normal === null) report.add(NOT_UTF8, where);
      else if (normal.split(' ').length > maxWords) report.add(`more than ${maxWords} words`, where);
      else if (normal !== '' || (kept.length > 0 && kept[kept.length - 1] !== '')) kept.push(normal);
      else doubled.push(where);
    }
    if (kept.length > 0 && kept[kept.length - 1] !== '') kept.push('');
  }
  if (options.strict) report.refuse();
  for (const where of doubled) report.add('empty, with no text since the last empty line', where);
  while (kept[kept.length - 1] === '') kept.pop();
  if (kept.length === 0) {
    throw new DataError(`no text is left${leftOut(report)}`, {
      path: inputs[0],
      actual: report.list(),
      hint: 'check the path',
    });
  }
  const content = `${kept.join('\n')}\n`;
  return {
    files: { 'text.txt': { text: content, report: { read, kept: kept.length, from: inputs.join(', ') } } },
    training: [content],
    languages: null,
    leaks: [],
    dataKind: 'text',
  };
}
