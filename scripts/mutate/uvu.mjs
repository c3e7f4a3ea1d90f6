/**
 * @file What stands in for `uvu` while mutants are tried: suites are kept instead of run, so that one process, in which
 * everything has been loaded, carries out the same tests again and again.
 */
import { register } from 'node:module';

/**
 * @typedef {{ name: string, tests: { name: string, handler: Function }[], before: Function[], after: Function[],
 *   bEach: Function[], aEach: Function[], state: any }} Suite
 */

/** @type {Suite[]} */
export const suites = globalThis.__mutateSuites ?? [];
globalThis.__mutateSuites = suites;

/** Whoever imports `uvu` gets this module. */
export function standIn() {
  const hook = `export async function resolve(specifier, context, next) {
    if (specifier === 'uvu') return { url: ${JSON.stringify(import.meta.url)}, shortCircuit: true, format: 'module' };
    return next(specifier, context);
  }`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
}

const empty = () => ({ tests: [], only: [], before: [], after: [], bEach: [], aEach: [] });

export function suite(name = '', state = {}) {
  let parts = /** @type {any} */ (empty());
  const test = (title, handler) => parts.tests.push({ name: title, handler });
  const into = (list) => (handler) => parts[list].push(handler);
  test.before = Object.assign(into('before'), { each: into('bEach') });
  test.after = Object.assign(into('after'), { each: into('aEach') });
  test.only = (title, handler) => parts.only.push({ name: title, handler });
  test.skip = () => {};
  test.run = () => {
    suites.push({ name, state, ...parts, tests: parts.only.length > 0 ? parts.only : parts.tests });
    parts = empty();
  };
  return test;
}

export const test = suite();
