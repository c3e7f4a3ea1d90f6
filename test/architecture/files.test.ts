/** No file grows beyond what one reads at a sitting, and every script is one that somebody calls. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const MOST_LINES = 400;

/** What others have put there is not walked through: the rivals of bench/ alone are hundreds of thousands of files. */
const filesOf = (folder: string, ending: RegExp): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return /^(node_modules|generated)$/.test(entry.name) ? [] : filesOf(path, ending);
    return ending.test(path) ? [path] : [];
  });

const test = suite('architecture: files');

test('no file is over 400 lines', () => {
  const long = ['src', 'assembly', 'web', 'scripts', 'bench', 'test', 'examples']
    .flatMap((folder) => filesOf(folder, /\.(ts|mjs|css|py)$/))
    .filter((file) => !/\/(fixtures|dist|build)\//.test(file))
    .map((file) => [file, readFileSync(file, 'utf8').split('\n').length - 1] as const)
    .filter(([, lines]) => lines > MOST_LINES);
  assert.equal(long, []);
});

test('every script is named by what calls it', () => {
  const scripts = filesOf('scripts', /\.(mjs|ts|py)$/).filter((file) => dirname(file) === 'scripts');
  const callers = ['scripts', 'bench', 'test', 'src', 'docs', 'data', 'examples']
    .flatMap((folder) => filesOf(folder, /\.(ts|mjs|py|md)$/))
    .concat('package.json', '.ci/run')
    .map((file) => [file, readFileSync(file, 'utf8')] as const);
  const unused = scripts.filter(
    (script) => !callers.some(([file, text]) => file !== script && text.includes(basename(script))),
  );
  assert.equal(unused, [], 'a script that has served once is deleted');
});

test.run();
