/** @file From what a user has to where a recipe has its content: `data.text`, or `data.source` in Node. */
import { checkValue } from '../checks.js';
import { separatorRule } from '../data/labelled-pairs.js';
import { brief, ConfigError, DataError } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { DataRecipe, Sources, TextContent } from '../recipe/index.js';
import { noFiles } from '../recipe/index.js';
import { nodeBuiltin } from '../runtime/node-builtin.js';
import { decodeText } from '../text/index.js';
import type { FitTask } from './choose-recipe.js';
import type { FitData } from './options.js';

/** Content of a recipe, and what its names are read with. */
export interface Origin {
  content: ({ text: string } | { source: string }) & { labelSeparator?: string };
  kind: DataRecipe['kind'];
  sources: Sources;
  /** Whether there is a part of its own to validate with. */
  hasValid: boolean;
}

const LONGEST_NAME = 1024;

/** A text of one line with such an end is meant as the name of a file. */
const looksLikeFile = (data: string): boolean => /^[^\t]*\.(?:txt|text|tsv|tab|csv|md|jsonl?)$/i.test(data);

function noSuchFile(data: string, path: string | undefined): DataError {
  return path === undefined
    ? new DataError(`${brief(data)} looks like the name of a file, and there are no files here`, {
        op: 'fit',
        hint: 'give the content itself: a string, bytes or a Blob',
      })
    : new DataError('there is no such file or folder', {
        path,
        hint: 'data is the name of a file or folder, or the content itself',
      });
}

/** Where the content is. Bytes become text at once, so that the recipe is JSON. */
export async function findOrigin(task: FitTask, data: FitData): Promise<Origin> {
  if (typeof data === 'string') {
    const isName = data.length > 0 && data.length <= LONGEST_NAME && !/[\r\n\0]/.test(data);
    const sources = isName ? nodeFiles() : null;
    const path = sources?.resolve(data);
    if (!sources || path === undefined || !sources.exists(path)) {
      if (isName && looksLikeFile(data)) throw noSuchFile(data, path);
      return inline(task, data);
    }
    const isIn = (name: string): boolean => task !== 'lm' && sources.exists(sources.join(path, name));
    const hasValid = isIn('train.tsv') && isIn('valid.tsv');
    const found = { content: { source: path }, kind: dataKindOf(task), sources, hasValid };
    if (task !== 'classify') return found;
    const file = isIn('train.tsv') ? sources.join(path, 'train.tsv') : path;
    const kind = labelledKind(decodeText(await sources.read(file), file));
    return { ...found, kind, content: { source: path, ...(await preparedLabels(path, sources)) } };
  }
  if (Array.isArray(data)) return inline(task, fromList(task, data));
  const isBlob = typeof Blob === 'function' && data instanceof Blob;
  if (data instanceof Uint8Array || data instanceof ArrayBuffer || isBlob) {
    const bytes = isBlob ? await (data as Blob).arrayBuffer() : (data as Uint8Array | ArrayBuffer);
    return inline(task, decodeText(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes), 'data'));
  }
  throw new ConfigError(`data must be a text, bytes, a Blob or a list, got ${brief(data)}`, {
    op: 'fit',
    expected: 'string, Uint8Array, ArrayBuffer, Blob or array',
    actual: data,
  });
}

/** The kind of data of a task; of texts with labels where each has one text. */
function dataKindOf(task: FitTask): DataRecipe['kind'] {
  return ({ lm: 'text', translate: 'pairs', classify: 'labelledTexts' } as const)[task];
}

/** Pairs of texts where most lines have three columns. */
function labelledKind(text: string): 'labelledTexts' | 'labelledPairs' {
  const lines = text.split('\n');
  const three = lines.filter((line) => line.split('\t').length === 3).length;
  return three * 2 > lines.length ? 'labelledPairs' : 'labelledTexts';
}

/** What separates the labels of a text in a folder of `prenorm prepare`, where they are several. */
async function preparedLabels(path: string, sources: Sources): Promise<{ labelSeparator?: string }> {
  const account = sources.join(path, 'prepare.json');
  if (!sources.exists(account)) return {};
  let stored: unknown;
  try {
    stored = JSON.parse(decodeText(await sources.read(account), account));
  } catch (cause) {
    throw new DataError('the file is no JSON', {
      path: account,
      cause,
      hint: 'it says how the labels are read: prepare the data again',
    });
  }
  const options = isJsonObject(stored) && isJsonObject(stored.options) ? stored.options : {};
  const { labelSeparator } = options;
  if (labelSeparator === undefined) return {};
  checkValue('fit', `labelSeparator of ${account}`, labelSeparator, separatorRule);
  return { labelSeparator: labelSeparator as string };
}

function inline(task: FitTask, text: TextContent & string): Origin {
  const kind = task === 'classify' ? labelledKind(text) : dataKindOf(task);
  return { content: { text }, kind, sources: noFiles, hasValid: false };
}

function fromList(task: FitTask, list: readonly unknown[]): string {
  if (task === 'lm') {
    const at = list.findIndex((text) => typeof text !== 'string');
    if (at < 0) return list.join('\n');
    throw new DataError(`data[${at}] must be a text, got ${brief(list[at])}`, {
      op: 'fit',
      actual: list[at],
    });
  }
  const wanted = task === 'translate' ? '[source, target]' : '[text, label]';
  const lines = list.map((row, i) => {
    const isRow = Array.isArray(row) && row.length === 2 && row.every((cell) => typeof cell === 'string');
    if (isRow) return row.map((cell) => cell.replace(/[\t\r\n]+/g, ' ')).join('\t');
    throw new DataError(`data[${i}] must be ${wanted}, got ${brief(row)}`, {
      op: 'fit',
      expected: wanted,
      actual: row,
    });
  });
  return lines.join('\n');
}

/** Files of Node, or null where there are none. Names become absolute: the recipe serves wherever it is used. */
function nodeFiles(): Sources | null {
  const fs = nodeBuiltin('node:fs') as typeof import('node:fs') | null;
  const paths = nodeBuiltin('node:path') as typeof import('node:path') | null;
  if (!fs || !paths) return null;
  return {
    ...noFiles,
    canRead: true,
    resolve: (name) => paths.resolve(name),
    exists: (path) => fs.existsSync(path),
    join: (path, name) => paths.join(path, name),
    async read(path) {
      try {
        return await fs.promises.readFile(path);
      } catch (cause) {
        throw new DataError(`cannot be read: ${(cause as Error).message}`, { path, cause });
      }
    },
  };
}
