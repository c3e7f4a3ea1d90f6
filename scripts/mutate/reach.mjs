/**
 * @file Which test files can reach a source, and how near they are: the import graph, with a path to a source that a
 * test names in a string (a command line it starts) as an import.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const IMPORTED = /(?:from|import)\s*\(?\s*'(\.[^']+)'|new URL\('(\.[^']+)'/g;
const NAMED = /'((?:\.\.\/)*src\/[\w./-]+\.ts)'/g;
/** They need a browser, a registry, or minutes. */
const LEFT_OUT = /\.browser\.test\.ts$|^test\/(packaging|browsers|fuzz|examples|kernels|architecture|lab)\//;

/** Test files that can be tried in a process kept warm. @param {string} root */
export const testFiles = (root) =>
  readdirSync(join(root, 'test'), { recursive: true })
    .map((file) => join('test', String(file)))
    .filter((file) => file.endsWith('.test.ts') && !LEFT_OUT.test(file))
    .sort();

/** Sources to their distance in imports from each test file. @param {string} root */
export function reachOf(root) {
  /** @type {Map<string, string[]>} */
  const known = new Map();
  const importsOf = (file) => {
    let list = known.get(file);
    if (!list) {
      const text = readFileSync(join(root, file), 'utf8');
      const found = [...text.matchAll(IMPORTED)].map(([, a, b]) => normalize(join(dirname(file), a ?? b)));
      const named = [...text.matchAll(NAMED)].map(([, path]) => path.replace(/^(\.\.\/)+/, ''));
      list = [...found, ...named].map((path) => sourceAt(root, path)).filter((path) => path !== null);
      known.set(file, list);
    }
    return list;
  };
  return new Map(
    testFiles(root).map((test) => {
      const distance = new Map([[test, 0]]);
      const queue = [test];
      for (let file = queue.shift(); file; file = queue.shift()) {
        for (const next of importsOf(file)) {
          if (distance.has(next)) continue;
          distance.set(next, /** @type {number} */ (distance.get(file)) + 1);
          queue.push(next);
        }
      }
      return [test, distance];
    }),
  );
}

function sourceAt(root, path) {
  const candidates = [path, path.replace(/\.js$/, '.ts'), `${path}.ts`, join(path, 'index.ts')];
  return (
    candidates.find((file) => /\.ts$/.test(file) && existsSync(join(root, file)) && isFile(root, file)) ??
    null
  );
}

const isFile = (root, file) => statSync(join(root, file)).isFile();
