/** @file What npm packs: links that lead somewhere, no script that it does not hold, a command that runs. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('packaging/tarball');
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'prenorm-tarball-'));
const unpacked = join(folder, 'package');
test.after(() => rmSync(folder, { recursive: true }));

test.before(() => {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(
    execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  execFileSync('tar', ['xzf', filename], { cwd: folder });
});

test('links of the packed documents lead to files that are packed', () => {
  const documents = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.md'),
  );
  assert.ok(documents.includes('README.md') && documents.length > 10);
  const broken = documents.flatMap((document) => {
    const file = join(unpacked, document);
    const text = readFileSync(file, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)|(?:href|src)="([^"]+)"/g)].map(
      ([, link, attribute]) => (link ?? attribute)!,
    );
    return targets
      .filter((target) => !/^(?:[a-z]+:|#)/.test(target))
      .map((target) => join(dirname(file), target.replace(/#.*/, '')))
      .filter((target) => !existsSync(target))
      .map((target) => `${document}: ${relative(unpacked, target)}`);
  });
  assert.equal(broken, []);
});

test('npm is told of no script that runs at install: none of the files they call is packed', () => {
  const { scripts, bin } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
  const atInstall = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare'];
  assert.equal(
    atInstall.filter((name) => name in scripts),
    [],
  );
  assert.match(readFileSync(join(unpacked, bin.prenorm), 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

test('the command has its run bit after every build', () => {
  assert.is(statSync(join(root, 'dist/cli/main.js')).mode & 0o111, 0o111);
});

test.run();
