/** A file that Node has saved, in real browsers: the same text as here, on the page's thread and in a worker. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { saveModel } from '../../src/io/index.js';
import { CausalLM } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE } from '../../src/text/index.js';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { useModel } from './saved-model.mjs';
import { serve } from './static-server.js';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..');
const test = suite('browsers: a saved model');
// Served from the package's folder, where nothing is committed.
const file = `build/saved-model-${process.pid}.safetensors`;
let bytes: Uint8Array<ArrayBuffer>;
let expected: Awaited<ReturnType<typeof useModel>>;

test.before(async () => {
  await init();
  const tokenizer = trainBPE(['In the beginning the earth was without form, and void. '.repeat(9)], {
    vocabSize: 280,
  });
  const sizes = { dModel: 32, numHeads: 4, numLayers: 2, maxSeqLen: 48 };
  const model = new CausalLM({ ...sizes, vocabSize: tokenizer.vocabSize, normPlacement: 'peri', seed: 9 });
  bytes = saveModel(model, { tokenizer });
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(join(root, file), bytes);
  expected = await useModel(pathToFileURL(join(root, 'dist')).href, bytes);
});
test.after(() => rmSync(join(root, file), { force: true }));

test('in Node a worker gives what this thread does', () => {
  assert.is(expected.pieces, expected.text);
  assert.is(expected.inWorker, expected.total);
  assert.is(expected.refusal, 'CHECKPOINT');
  assert.ok(expected.text.length > 20, expected.text);
});

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }
  test(`${name} gives the same text`, async () => {
    const { url, server } = await serve(root);
    const browser = await launch(name);
    try {
      const page = await browser.newPage();
      const problems = problemsOf(page, url);
      await page.goto(url);
      const actual = await page.evaluate(async (address) => {
        const path = '/test/browsers/saved-model.mjs';
        const { useModel: use } = await import(path);
        return use('/dist', await fetch(address));
      }, `/${file}`);
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
