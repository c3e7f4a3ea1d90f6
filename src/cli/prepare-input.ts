/** @file The files that `prenorm prepare` reads: which part of the data each is, and its lines. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  alignedExamples,
  type ColumnOptions,
  columnExamples,
  type DropReport,
  type RawExample,
  rawLines,
} from '../data/index.js';
import { ConfigError, DataError } from '../errors.js';
import { isCsv, SAVE_AS_TSV } from '../fit/guess-task.js';
import { readFileChecked } from '../io/files-node.js';

export type Part = 'train' | 'valid' | 'test';
export const parts: readonly Part[] = ['train', 'valid', 'test'];

/** One file of columns, or two files of which line i belongs together. */
export type PartFiles = Partial<Record<Part, string[]>>;

export interface PairInput {
  files: PartFiles;
  /** Of the two columns, where the files' names or `--languages` tell. */
  languages: [string, string] | null;
}

/** Names that data sets give their validation part. */
const VALID_NAMES = ['valid', 'val', 'dev'];

/**
 * The files of parallel text: a folder with train.de and train.en (and valid, val or dev, and test…), a folder with
 * train.tsv, two files, or one file of tab-separated columns.
 * @throws DataError when something is missing or more than one thing could be meant
 */
export function findPairs(
  inputs: readonly string[],
  options: { languages?: string; test?: string },
): PairInput {
  const given = options.languages === undefined ? null : parseLanguages(options.languages);
  const isTree = inputs.length === 1 && isFolder(inputs[0]) && !existsSync(join(inputs[0], 'train.tsv'));
  if (options.test !== undefined && !isTree) {
    throw new ConfigError('--test is for a folder with files like train.de and train.en', {
      op: 'prepare',
      actual: options.test,
    });
  }
  if (inputs.length === 2) {
    const named = inputs.map((path) => basename(path).split('.').at(-1) as string) as [string, string];
    return { files: { train: [...inputs] }, languages: given ?? named };
  }
  if (inputs.length > 2) {
    throw new ConfigError(`parallel text is one folder, one file or two files, got ${inputs.length}`, {
      op: 'prepare',
      expected: '1 or 2',
      actual: inputs.length,
    });
  }
  const [path] = inputs;
  if (!isFolder(path)) return { files: { train: [path] }, languages: given };
  const names = new Set(readdirSync(path));
  if (names.has('train.tsv')) return { files: tableFiles(path, names), languages: given };
  const languages = given ?? inferLanguages(path, names);
  const both = (stem: string): string[] | undefined =>
    languages.every((language) => names.has(`${stem}.${language}`))
      ? languages.map((language) => join(path, `${stem}.${language}`))
      : undefined;
  const train = both('train');
  if (!train) throw missing(path, languages.map((language) => `train.${language}`).join(' and '));
  const valid = one(
    path,
    'validation',
    VALID_NAMES.filter((stem) => both(stem)),
  );
  const tests = [...names].flatMap((name) => {
    const stem = name.slice(0, -languages[0].length - 1);
    return name === `${stem}.${languages[0]}` && stem.startsWith('test') && both(stem) ? [stem] : [];
  });
  if (options.test !== undefined && !both(options.test)) {
    throw missing(path, languages.map((language) => `${options.test}.${language}`).join(' and '));
  }
  const test = options.test ?? one(path, 'test', tests.sort());
  return { files: { train, valid: valid && both(valid), test: test && both(test) } as PartFiles, languages };
}

/** A folder with train.tsv and perhaps valid.tsv and test.tsv, or one file, which is all of the data. */
export function findTable(inputs: readonly string[]): PartFiles {
  if (inputs.length !== 1) {
    throw new ConfigError(`labelled pairs are one folder or one file, got ${inputs.length}`, {
      op: 'prepare',
      expected: 1,
      actual: inputs.length,
    });
  }
  if (!isFolder(inputs[0])) return { train: [inputs[0]] };
  const names = new Set(readdirSync(inputs[0]));
  if (!names.has('train.tsv')) throw missing(inputs[0], 'train.tsv');
  return tableFiles(inputs[0], names);
}

/** The examples of one part, and of how many lines; what cannot be used is in `report`. */
export async function readExamples(
  files: readonly string[],
  columns: ColumnOptions,
  report: DropReport,
): Promise<{ lines: number; examples: RawExample[] }> {
  const read: { path: string; lines: (string | null)[] }[] = [];
  // One after the other: of several that are refused, the first is always the one that is named.
  for (const path of files) read.push({ path, lines: await readLines(path) });
  const empty = read.find(({ lines }) => lines.length === 0);
  if (empty) throw new DataError('the file is empty', { path: empty.path, hint: 'check the path' });
  if (read.length === 1) refuseCommas(read[0]);
  const { length } = read[0].lines;
  return read.length === 2
    ? { lines: length, examples: alignedExamples(read, report) }
    : { lines: length - (columns.header ? 1 : 0), examples: columnExamples(read[0], columns, report) };
}

/** Quoted cells may hold commas and line breaks: half of them read would be worse than none. */
function refuseCommas({ path, lines }: { path: string; lines: readonly (string | null)[] }): void {
  const tabbed = lines.filter((line) => line?.includes('\t')).length;
  if (!isCsv(path) || 2 * tabbed > lines.length) return;
  throw new DataError('columns with commas between are not read', {
    path,
    expected: 'tabs between the columns',
    hint: SAVE_AS_TSV,
  });
}

export async function readLines(path: string): Promise<(string | null)[]> {
  return rawLines(await readFileChecked(path), path);
}

function tableFiles(folder: string, names: ReadonlySet<string>): PartFiles {
  const found = (part: string) => (names.has(`${part}.tsv`) ? [join(folder, `${part}.tsv`)] : undefined);
  return Object.fromEntries(parts.map((part) => [part, found(part)])) as PartFiles;
}

function parseLanguages(text: string): [string, string] {
  const languages = text.split('-');
  if (languages.length === 2 && languages.every((language) => /^[A-Za-z]+$/.test(language))) {
    return languages as [string, string];
  }
  throw new ConfigError(`--languages must be source and target like de-en, got "${text}"`, {
    op: 'prepare',
    expected: 'de-en',
    actual: text,
  });
}

/** The two endings of train.…, in alphabetical order. */
function inferLanguages(folder: string, names: ReadonlySet<string>): [string, string] {
  const endings = [...names].flatMap((name) => /^train\.([A-Za-z]+)$/.exec(name)?.[1] ?? []).sort();
  if (endings.length === 2) return endings as [string, string];
  if (endings.length < 2) throw missing(folder, 'train.tsv, nor two files like train.de and train.en');
  throw new DataError(`train exists in ${endings.length} languages: ${endings.join(', ')}`, {
    path: folder,
    expected: 2,
    actual: endings,
    hint: 'choose source and target, e.g. --languages de-en',
  });
}

function one(folder: string, what: string, names: readonly string[]): string | undefined {
  if (names.length <= 1) return names[0];
  throw new DataError(`there are ${names.length} ${what} sets: ${names.join(', ')}`, {
    path: folder,
    expected: 1,
    actual: names,
    hint: what === 'test' ? `choose one, e.g. --test ${names[0]}` : 'keep one of them in the folder',
  });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function missing(folder: string, what: string): DataError {
  return new DataError(`there is no ${what}`, {
    path: folder,
    hint: 'give a folder with train.tsv, or with train.de and train.en; or two files; or one file of tab-separated columns',
  });
}
