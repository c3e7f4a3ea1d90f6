/** A folder of Hugging Face opened by a file input: the same bits in real browsers as in Node, in a worker too. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toPretrained } from '../../src/interop/index.js';
import { CausalLM } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { fixture, read } from '../tokenizers/fixture.js';
import { type FolderUse, useFolder } from './pretrained-folder.mjs';
import { serve } from './static-server.js';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..');
const test = suite('browsers: a folder of Hugging Face');
// Served from the package's folder, where nothing is committed.
const folder = `build/pretrained-${process.pid}`;
let expected: FolderUse;

test.before(async () => {
  await init();
  const tokenizer = read(fixture('llama3'));
  const sizes = { dModel: 32, numHeads: 4, numKVHeads: 2, numLayers: 2, maxSeqLen: 48, dFF: 40 };
  const model = new CausalLM({
    ...sizes,
    vocabSize: tokenizer.vocabSize,
    norm: 'rms',
    normPlacement: 'pre',
    positions: 'rotary',
    gatedFFN: true,
    activation: 'silu',
    bias: false,
    embeddingScale: 1,
    seed: 9,
  });
  mkdirSync(join(root, folder), { recursive: true });
  const files = toPretrained(model, { tokenizer, maxShardBytes: 40_000 });
  for (const [name, bytes] of files) writeFileSync(join(root, folder, name), bytes);
  expected = await useFolder(pathToFileURL(join(root, 'dist')).href, join(root, folder));
});
test.after(() => rmSync(join(root, folder), { recursive: true, force: true }));

test('in Node it has several files and says something', () => {
  assert.is(expected.family, 'llama');
  assert.ok(readdirSync(join(root, folder)).length > 5);
  assert.ok(new Set(expected.bits).size > 600 && expected.text.length > 5);
});

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }
  test(`${name}: files of an input, Blobs, a fetcher and a worker give the bits of Node`, async () => {
    const { url, server } = await serve(root);
    const browser = await launch(name);
    try {
      const page = await browser.newPage();
      const problems = problemsOf(page, url);
      await page.goto(url);
      // A driver can put a whole folder into the input of Chromium only; what a page gets is a list of files in both.
      const whole = name === 'chromium';
      await page.evaluate((isFolder) => {
        const input = document.createElement('input');
        Object.assign(input, { type: 'file', multiple: true, webkitdirectory: isFolder });
        document.body.append(input);
      }, whole);
      const input = (await page.$('input')) as unknown as { uploadFile(...paths: string[]): Promise<void> };
      const at = join(root, folder);
      await input.uploadFile(...(whole ? [at] : readdirSync(at).map((file) => join(at, file))));
      const actual = await page.evaluate(async (address) => {
        const path = '/test/browsers/pretrained-folder.mjs';
        const { everyWay } = await import(path);
        return everyWay('/dist', (document.querySelector('input') as HTMLInputElement).files, address);
      }, `/${folder}`);
      for (const way of ['input', 'blobs', 'fetcher', 'inWorker'] as const)
        assert.equal(actual[way], expected, way);
      // Files that the fetcher asks for and that are not there.
      assert.equal(
        problems.filter((problem) => !/404/.test(problem)),
        [],
      );
    } finally {
      await browser.close();
      server.close();
      server.closeAllConnections();
    }
  });
}

test.run();
