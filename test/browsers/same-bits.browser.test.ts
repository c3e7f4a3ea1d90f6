/** The built package, unbundled, in real browsers: the same losses, weights and tokens as in Node, bit for bit. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { serve } from './static-server.js';
import { tinyRecipe, tinyTraining } from './tiny-training.mjs';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..');
const test = suite('browsers: same bits');
let expected: Record<string, string>;

test.before(async () => {
  expected = await tinyTraining(pathToFileURL(join(root, 'dist')).href);
});

test('a second training in the same process gives the same bits', async () => {
  assert.equal(await tinyTraining(pathToFileURL(join(root, 'dist')).href), expected);
});

test('the recipe has the hash that `prenorm train` prints of its file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-recipe-'));
  try {
    writeFileSync(join(folder, 'r.json'), JSON.stringify(tinyRecipe));
    const args = [join(root, 'dist/cli/main.js'), 'train', 'r.json', '--json'];
    const output = execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    assert.is(JSON.parse(output).hash, expected.recipe);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const otherNode = process.env.PRENORM_OTHER_NODE;
if (otherNode) {
  test(`another Node (${otherNode}) trains to the same bits`, () => {
    const program = `
      import { tinyTraining } from ${JSON.stringify(pathToFileURL(join(root, 'test/browsers/tiny-training.mjs')).href)};
      console.log(JSON.stringify(await tinyTraining(${JSON.stringify(pathToFileURL(join(root, 'dist')).href)})));`;
    const output = execFileSync(otherNode, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    assert.equal(JSON.parse(output), expected);
  });
} else console.log('another Node: skipped, PRENORM_OTHER_NODE names no program');

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }
  test(`${name} trains to the same bits as Node, without a request beyond the page's own origin`, async () => {
    const { url, server } = await serve(root);
    const browser = await launch(name);
    try {
      const page = await browser.newPage();
      const problems = problemsOf(page, url);
      await page.goto(url);
      const actual = await page.evaluate(async () => {
        const path = '/test/browsers/tiny-training.mjs';
        const { tinyTraining: run } = await import(path);
        return run('/dist');
      });
      assert.equal(actual, expected);
      assert.equal(problems, []);
    } finally {
      await browser.close();
      server.close();
      server.closeAllConnections();
    }
  });
}

test.run();
