/**
 * @file The mutants of src/: what Stryker's instrumenter makes of a source, and the names under which results of one run
 * are found again by the next. A mutant is switched on by its id; the text that holds all of them is compiled once.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { createInjector } from 'typed-inject';

/**
 * @typedef {{ id: string, key: string, file: string, line: number, column: number, endLine: number, endColumn: number,
 *   mutator: string, text: string, replacement: string }} Mutant
 */

const nothing = () => {};
const silent = {
  isDebugEnabled: () => false,
  isTraceEnabled: () => false,
  isInfoEnabled: () => false,
  isWarnEnabled: () => false,
  isErrorEnabled: () => false,
  isFatalEnabled: () => false,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
};

/** Sources below `folder` of src/, without what is generated. */
export function sourcesIn(root, folder) {
  return readdirSync(join(root, 'src', folder), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts') && !file.split('/').includes('generated'))
    .map((file) => join('src', folder, file))
    .sort();
}

/** Lists of what has the same key, in the order in which the keys come. @template T @param {readonly T[]} list @param {(one: T) => string} keyOf */
export function grouped(list, keyOf) {
  /** @type {Map<string, T[]>} */
  const groups = new Map();
  for (const one of list) {
    const group = groups.get(keyOf(one));
    if (group) group.push(one);
    else groups.set(keyOf(one), [one]);
  }
  return groups;
}

export const shaOf = (content) => createHash('sha256').update(content).digest('hex').slice(0, 16);

/**
 * Text with all mutants of `files` (relative to `root`), and the mutants. A key says where a mutant stands and what it
 * puts there; it means the same as long as the file's hash does.
 * @param {string} root
 * @param {readonly string[]} files
 */
export async function instrument(root, files) {
  const injector = createInjector().provideValue('logger', silent);
  const instrumenter = injector.injectFunction(/** @type {any} */ (createInstrumenter));
  const originals = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
  const input = [...originals].map(([name, content]) => ({ name, content, mutate: true }));
  const made = await instrumenter.instrument(input, { plugins: null, excludedMutations: [], ignorers: [] });
  /** @type {Mutant[]} */
  const mutants = made.mutants
    .filter(({ status }) => status === undefined)
    .map(({ id, fileName, location: { start, end }, mutatorName, replacement }) => {
      const file = /** @type {string} */ (fileName);
      const lines = /** @type {string} */ (originals.get(file)).split('\n');
      const place = `${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`;
      return {
        id,
        key: `${file}:${place} ${mutatorName} ${replacement}`,
        file,
        line: start.line + 1,
        column: start.column,
        endLine: end.line + 1,
        endColumn: end.column,
        mutator: mutatorName,
        text: lines[start.line].trim(),
        replacement,
      };
    });
  const shas = new Map([...originals].map(([file, content]) => [file, shaOf(content)]));
  return { texts: new Map(made.files.map(({ name, content }) => [name, content])), mutants, shas };
}

/** `content` with one mutant in it. @param {string} content @param {Mutant} mutant */
export function withMutant(content, { line, column, endLine, endColumn, replacement }) {
  const lines = content.split('\n');
  const offset = (at, within) => lines.slice(0, at - 1).reduce((sum, text) => sum + text.length + 1, within);
  return content.slice(0, offset(line, column)) + replacement + content.slice(offset(endLine, endColumn));
}
