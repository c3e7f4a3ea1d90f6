/** @file From what a user has to where a recipe has its content: `data.text`, or `data.source` in Node. */
import { checkValue } from '../checks.js';
import { separatorRule } from '../data/labelled-pairs.js';
import { brief, ConfigError, DataError } from '../errors.js';
import { isJsonObject, parseJson } from '../json.js';
import { isContent, textOfContent } from '../recipe/data/content.js';
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
  if (isContent(data)) return inline(task, await textOfContent('fit', 'data', data));
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

/** What separates the labels of a text that `prenorm prepare` has made, where they are several. */
async function preparedLabels(path: string, sources: Sources): Promise<{ labelSeparator?: string }> {
  const account = await preparedAccount(path, sources);
  const { options } = account?.value ?? {};
  const { labelSeparator } = isJsonObject(options) ? options : {};
  if (!account || labelSeparator === undefined) return {};
  checkValue('fit', `labelSeparator of ${account.path}`, labelSeparator, separatorRule);
  return { labelSeparator: labelSeparator as string };
}

/**
 * What `prenorm prepare` says, in prepare.json, of the folder that it has made or of a file in it; null where it says
 * nothing.
 * @throws DataError for an account that is damaged
 */
export async function preparedAccount(
  path: string,
  sources: Pick<Sources, 'exists' | 'join' | 'read'>,
): Promise<{ path: string; value: Record<string, unknown> } | null> {
  const ofFolder = sources.join(path, 'prepare.json');
  const isFolder = sources.exists(ofFolder);
  const account = isFolder ? ofFolder : sources.join(path, '../prepare.json');
  if (!sources.exists(account)) return null;
  const value = parseJson(decodeText(await sources.read(account), account), account);
  if (!isJsonObject(value)) {
    throw new DataError('the account of prepare is no JSON object', {
      path: account,
      actual: value,
      hint: 'it says how the data are read: prepare them again',
    });
  }
  // A file beside it may be of another origin.
  const name = path.split(/[\\/]/).pop() as string;
  return isFolder || (isJsonObject(value.files) && Object.hasOwn(value.files, name))
    ? { path: account, value }
    : null;
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
export function nodeFiles(): Sources | null {
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
      const { MOST_BYTES, readWhole } = await import('../io/read-node.js');
      try {
        return await readWhole(fs.promises, path, MOST_BYTES, (message, fields) => {
          return new DataError(`cannot be read: ${message}`, { path, ...fields });
        });
      } catch (cause) {
        if (cause instanceof DataError) throw cause;
        throw new DataError(`cannot be read: ${(cause as Error).message}`, { path, cause });
      }
    },
  };
}
