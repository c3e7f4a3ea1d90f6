/** @file The content of kinds of texts: embedded, from files, or standing in the recipe. */
import { blobBytes, bytes, bytesOf, isBlob, optional, type Rules, share } from '../../checks.js';
import { brief, ConfigError, DataError } from '../../errors.js';
import { sha256 } from '../../io/sha256.js';
import { decodeText } from '../../text/index.js';
import { encodeBytes } from '../../utf8.js';
import type { RowOrigin, TextContent, TextOrigin } from '../data-recipe.js';
import type { Sources } from '../sources.js';
import { heldOutRows, holdOutRule, type Labels } from './hold-out.js';
import type { Must } from './kind.js';

/** Embedded texts by name: whole, or in parts. */
export type Embedded = Record<string, () => Promise<string | Parts<string>>>;

/** Something for each part of the data. */
export interface Parts<T> {
  train: T;
  valid?: T;
  test?: T;
}

/** What was found, and the names of the files for messages. */
export interface Content {
  /** Folder or file; null for embedded content and for what stands in the recipe. */
  source: string | null;
  /** `whole` where one text holds everything. */
  texts: { whole: string } | Parts<string>;
  names: { whole: string } | Parts<string>;
}

/** What a kind of texts looks for: embedded names, and the file of a folder that holds all, or the training part. */
export interface Layout {
  kind: string;
  embedded: Embedded;
  file: 'text.txt' | 'train.tsv';
  /** What a line is, for messages. */
  format: string;
}

/** What is held out of a single text, unless `validation` says otherwise. */
export const SHARE = 0.1;

export const originKeys = ['source', 'text', 'validation'] as const;

/** Of kinds whose rows stand for themselves. Which rows are held out decides bits, by the hash of the content. */
export const rowOriginKeys = [...originKeys, 'holdOut'] as const;

/** The name of embedded data, a file or a folder. */
export const sourceRule = optional({
  wanted: 'the name of embedded data or a path',
  holds: (value) => typeof value === 'string' && value !== '',
});

/** A share that is held out. */
export const heldOutRule = optional({ ...share, wanted: 'a share from 0 to below 1' });

export const originRules: Rules<TextOrigin> = {
  source: sourceRule,
  text: optional({ wanted: 'a string, bytes or a Blob', holds: isContent }),
  validation: heldOutRule,
};

export const rowOriginRules: Rules<RowOrigin> = { ...originRules, holdOut: holdOutRule };

export function checkOrigin({ source, text }: TextOrigin, must: Must): void {
  must(
    (source === undefined) !== (text === undefined),
    'data',
    'given by source (a name) or by text (the content)',
    source === undefined ? 'neither' : 'both',
  );
}

export function isContent(text: unknown): text is TextContent {
  return typeof text === 'string' || bytes.holds(text) || isBlob(text);
}

/** @throws DataError for what is not there, is empty or is no text */
export async function readContent(
  data: TextOrigin,
  { kind, embedded, file, format }: Layout,
  sources: Sources,
): Promise<Content> {
  const { source, text } = data;
  if (source === undefined) {
    const whole = await textOfContent('data', 'data.text', text as TextContent);
    return { source: null, texts: { whole: notEmpty(whole, 'data.text') }, names: { whole: 'data.text' } };
  }
  if (Object.hasOwn(embedded, source)) return fromPackage(source, await embedded[source](), file);
  const path = sources.resolve(source);
  const readFile = async (name: string) => notEmpty(decodeText(await sources.read(name), name), name);
  const inFolder = sources.join(path, file);
  if (file === 'train.tsv' && sources.exists(inFolder)) {
    const found = (['train', 'valid', 'test'] as const).filter(
      (part) => part === 'train' || sources.exists(sources.join(path, `${part}.tsv`)),
    );
    const names = Object.fromEntries(found.map((part) => [part, sources.join(path, `${part}.tsv`)]));
    const texts: Partial<Parts<string>> = {};
    // One after the other: of several that are refused, the first is always the one that is named.
    for (const part of found) texts[part] = await readFile(names[part]);
    return { source: path, texts: texts as Parts<string>, names: names as unknown as Parts<string> };
  }
  const whole = sources.exists(inFolder) ? inFolder : path;
  if (sources.exists(whole) || sources.exists(path)) {
    return { source: path, texts: { whole: await readFile(whole) }, names: { whole } };
  }
  const known = Object.keys(embedded);
  const hint = `data of kind "${kind}" is ${known.map((name) => `"${name}" (embedded), `).join('')}a file, or a folder with ${file}; ${format}`;
  if (sources.canRead) {
    throw new DataError('there is no such file', { path: file === 'train.tsv' ? inFolder : path, hint });
  }
  throw new ConfigError(`source ${brief(source)} is not embedded, and there are no files here`, {
    op: 'data',
    expected: known,
    actual: source,
    hint: 'put the content itself into data.text',
  });
}

function fromPackage(name: string, found: string | Parts<string>, file: Layout['file']): Content {
  if (typeof found === 'string') return { source: null, texts: { whole: found }, names: { whole: name } };
  const names = Object.fromEntries(
    Object.keys(found).map((part) => [part, `${name}/${file.replace('train', part)}`]),
  );
  return { source: null, texts: found, names: names as unknown as Parts<string> };
}

/** @param name of what is given, for messages */
export async function textOfContent(op: string, name: string, content: TextContent): Promise<string> {
  if (typeof content === 'string') return content;
  return decodeText(bytesOf(op, name, isBlob(content) ? await blobBytes(content) : content), name);
}

function notEmpty(text: string, path: string): string {
  if (text.trim() !== '') return text;
  throw new DataError('the text is empty', { path, hint: 'give a file with some text in it' });
}

/** Rows of every part, and where each of them stood. */
export interface Divided<T> {
  parts: Parts<T[]>;
  /** The line of a row of a part in the file that it came from, from 1. */
  lineOf(part: keyof Parts<unknown>, row: number): number;
}

/**
 * Rows of every part, the training part first. Where there is no part to validate with, a share of the rows is held
 * out: the last of them, or a spread. Both parts keep the order of the file.
 * @param parse the rows of a text, one for each line
 * @param labels of a row, where rows have some
 * @throws ConfigError for a share, or a way to hold out, beside a part of its own
 */
export function divide<T>(
  { texts, names }: Content,
  { validation, holdOut }: Pick<RowOrigin, 'validation' | 'holdOut'>,
  parse: (text: string, path: string) => T[],
  labels?: (row: T) => Labels,
): Divided<T> {
  const [parts, of] = [texts, names].map((found) =>
    'whole' in found ? { train: found.whole } : found,
  ) as Parts<string>[];
  for (const [key, value] of Object.entries({ validation, holdOut })) {
    if (parts.valid === undefined || value === undefined) continue;
    throw new ConfigError(`${key} is ${value}, but there is ${of.valid}`, {
      op: 'data',
      actual: value,
      hint: `leave ${key} out: it is for a text that has no part to validate with`,
    });
  }
  const rows = parse(parts.train, of.train);
  const share = parts.valid === undefined ? (validation ?? SHARE) : 0;
  const held = heldOutRows(rows.length, share, holdOut, labels && rows.map(labels));
  const isHeld = new Set(held);
  const lines = { train: [...rows.keys()].filter((row) => !isHeld.has(row)), valid: held };
  const divided: Parts<T[]> = { train: lines.train.map((row) => rows[row]) };
  if (held.length > 0) divided.valid = held.map((row) => rows[row]);
  for (const part of ['valid', 'test'] as const) {
    const text = parts[part];
    if (text !== undefined) divided[part] = parse(text, of[part] as string);
  }
  const isCut = (part: keyof Parts<unknown>): part is 'train' | 'valid' =>
    part === 'train' || (part === 'valid' && parts.valid === undefined);
  return { parts: divided, lineOf: (part, row) => 1 + (isCut(part) ? lines[part][row] : row) };
}

/** SHA-256 of texts or of plain data. */
export function contentHash(content: unknown): string {
  return sha256(encodeBytes(typeof content === 'string' ? content : JSON.stringify(content)));
}
