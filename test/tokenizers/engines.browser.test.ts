/** The built package gives the same ids and texts in Chromium, Firefox and Bun as in Node, whose Unicode tables differ. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { serve } from '../browsers/static-server.js';
import { tokenizerHashes } from './in-engine.mjs';

const root = join(import.meta.dirname, '../..');
const here = (path: string) => pathToFileURL(join(root, path)).href;
const test = suite('tokenizers: engines');
let expected: Record<string, string>;

test.before(async () => {
  expected = await tokenizerHashes(here('dist'), here('test/fixtures/tokenizers'));
  assert.is(Object.keys(expected).length, 9);
});

const bun = process.env.PRENORM_BUN;
if (bun) {
  test(`Bun (${bun}) gives the same ids and texts`, () => {
    const program = `
      import { tokenizerHashes } from ${JSON.stringify(here('test/tokenizers/in-engine.mjs'))};
      console.log(JSON.stringify(await tokenizerHashes(${JSON.stringify(here('dist'))}, ${JSON.stringify(here('test/fixtures/tokenizers'))})));`;
    assert.equal(JSON.parse(execFileSync(bun, ['-e', program], { encoding: 'utf8' })), expected);
  });
} else console.log('Bun: skipped, PRENORM_BUN names no program');

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }
  test(`${name} gives the same ids and texts`, async () => {
    const { url, server } = await serve(root);
    const browser = await launch(name);
    try {
      const page = await browser.newPage();
      const problems = problemsOf(page, url);
      await page.goto(url);
      const actual = await page.evaluate(async () => {
        const path = '/test/tokenizers/in-engine.mjs';
        const { tokenizerHashes: run } = await import(path);
        return run('/dist', '/test/fixtures/tokenizers');
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
