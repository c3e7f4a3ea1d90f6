/** docs/performance.md and the README's speed table are what docs/results/bench.json says. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parts } from '../../src/bench/suite.js';

const test = suite('examples/performance');
const root = fileURLToPath(new URL('../../', import.meta.url));

test('the tables are not stale', () => {
  execFileSync(process.execPath, [join(root, 'scripts/performance.mjs'), '--check'], { stdio: 'pipe' });
});

test('docs/performance.md and the help name every part', () => {
  const names = parts.map(({ name }) => name);
  assert.ok(readFileSync(join(root, 'docs/performance.md'), 'utf8').includes(`\`${names.join(' ')}\``));
  const help = readFileSync(join(root, 'src/cli/main.ts'), 'utf8');
  assert.ok(help.includes(`only these parts: ${names.join(', ')}`));
});

test('the rivals are dependencies of bench/ alone', () => {
  const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
  const own = read('package.json');
  const mine = Object.keys({ ...own.dependencies, ...own.devDependencies, ...own.optionalDependencies });
  // What measures sizes is no rival.
  const tools = ['esbuild'];
  for (const [name, version] of Object.entries<string>(read('bench/package.json').dependencies)) {
    assert.ok(tools.includes(name) || !mine.includes(name), name);
    assert.match(version, /^\d+\.\d+\.\d+$/);
  }
});

test.run();
