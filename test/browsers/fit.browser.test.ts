/** `fit` in a worker of a real page: it returns there, and the saved model is Node's, byte for byte. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBrowser, launch, skipMessage } from '../browser.js';
import { fitInWorker } from './fit-in-worker.mjs';
import { serve } from './static-server.js';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..');
const test = suite('browsers: fit');
const text = Array.from({ length: 60 }, (_, i) => `line ${i} of a text that says what line ${i} says`).join(
  '\n',
);
const options = { task: 'lm', data: text, budget: { steps: 4 }, quiet: true } as const;

if (findBrowser('chromium')) {
  test("chromium: a training in a worker comes back to the page as Node's model", async () => {
    const expected = await fitInWorker(pathToFileURL(join(root, 'dist')).href, options);
    const { url, server } = await serve(root);
    const browser = await launch('chromium');
    try {
      const page = await browser.newPage();
      await page.goto(url);
      const actual = await page.evaluate(async (given) => {
        const path = '/test/browsers/fit-in-worker.mjs';
        const { fitInWorker: run } = await import(path);
        return run('/dist', { ...(given as object), worker: true });
      }, options);
      assert.equal(actual, expected);
      assert.equal([expected.steps, expected.text], [[1, 2, 3, 4], 'a line']);
    } finally {
      await browser.close();
      server.close();
      server.closeAllConnections();
    }
  });
} else console.log(skipMessage('chromium'));

test.run();
