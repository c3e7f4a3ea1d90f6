/** The page of examples/fine-tune, used as a person would use it, in both browsers. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ElementHandle, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toPretrained } from '../../src/interop/index.js';
import { loadModel, saveModel } from '../../src/io/index.js';
import { CausalLM, MaskedLM } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE } from '../../src/text/index.js';
import * as tokenizers from '../../src/tokenizers/index.js';
import { findBrowser, skipMessage } from '../browser.js';
import { prenorm } from '../cli/spawn.js';
import {
  clickButton,
  fill,
  inBrowser,
  paste,
  reload,
  textOf,
  waitForStatus,
  waitForText,
} from './example-page.js';
import { type Site, serveSite, someText } from './example-site.js';
import { violations } from './page-measures.js';

const test = suite('browsers: fine-tune');
const STEPS = 12;
const ROWS = Array.from(
  { length: 60 },
  (_, i) => `${i % 2 ? 'he shall be' : 'thou was not'} ${i}\t${i % 2 ? 'good' : 'bad'}`,
);

let site: Site;
let folder: string;
const inside = (name: string): string => join(folder, name);

/** A small GPT-2 as a folder of Hugging Face, a masked model as a file, and what Node makes of the first. */
test.before(async () => {
  site = await serveSite('fine-tune');
  folder = mkdtempSync(join(tmpdir(), 'fine-tune-'));
  await init();
  const tokenizer = trainBPE([someText(2)], { vocabSize: 300 });
  const sizes = { vocabSize: tokenizer.vocabSize, dModel: 32, numHeads: 2, numLayers: 2, maxSeqLen: 32 };
  const gpt2 = { positions: 'learned', embeddingScale: 1, activation: 'geluTanh', dropout: 0.1 } as const;
  mkdirSync(inside('gpt2'));
  for (const [name, bytes] of toPretrained(new CausalLM({ ...sizes, ...gpt2, seed: 1 }), { tokenizer }))
    writeFileSync(inside(`gpt2/${name}`), bytes);
  const masked = new MaskedLM({ ...sizes, vocabSize: sizes.vocabSize + 2, seed: 2 });
  writeFileSync(inside('masked.safetensors'), saveModel(masked, { tokenizer, spareIds: true }));
  writeFileSync(inside('text.txt'), someText(10));
  const args = ['finetune', 'gpt2', 'text.txt', '--steps', String(STEPS), '--out', 'node', '--json'];
  const tuned = await prenorm(args, { cwd: folder });
  assert.is(tuned.code, 0, tuned.stderr);
});
test.after(() => {
  site.close();
  rmSync(folder, { recursive: true, force: true });
});

async function choose(page: Page, ...files: string[]): Promise<void> {
  const input = (await page.$('#files')) as ElementHandle<HTMLInputElement>;
  await input.uploadFile(...files);
}

/** Has the page keep what it would hand over as downloads, which a driven browser has no folder for. */
const KEEP_DOWNLOADS = `
  globalThis.kept = {};
  const make = URL.createObjectURL;
  const blobs = new Map();
  URL.createObjectURL = (blob) => { const url = make(blob); blobs.set(url, blob); return url; };
  HTMLAnchorElement.prototype.click = function () {
    blobs.get(this.href).arrayBuffer().then((bytes) => {
      globalThis.kept[this.download] = Array.from(new Uint8Array(bytes));
    });
  };
`;

/** Clicks a button and waits for its file. */
async function download(page: Page, button: string, name: string): Promise<Buffer> {
  await clickButton(page, button);
  const file = await page.waitForFunction(
    (wanted) => (globalThis as unknown as { kept: Record<string, number[]> }).kept[wanted],
    { polling: 50 },
    name,
  );
  return Buffer.from((await file.jsonValue()) as number[]);
}

const gpt2 = (): string[] => readdirSync(inside('gpt2')).map((name) => inside(`gpt2/${name}`));

async function prepare(page: Page): Promise<void> {
  await choose(page, ...gpt2());
  await waitForText(page, 'base', 'gpt2, [\\d,]+ numbers');
  await paste(page, someText(10));
  await fill(page, '#steps', String(STEPS));
}

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }

  test(`${name}: a folder and a text: what was learnt has the bits of Node's, and is seen before and after`, () =>
    inBrowser(
      name,
      site.url,
      async ({ page }) => {
        assert.is(await page.evaluate(() => globalThis.crossOriginIsolated), true);
        await page.click('#tune');
        assert.match(await textOf(page, '#notices'), 'There is no model yet');
        await prepare(page);
        await page.click('#tune');
        assert.match(await waitForStatus(page, '^Done'), `Done: ${STEPS} steps`);
        assert.is(await textOf(page, '#notices'), '');
        assert.match(
          await textOf(page, '#facts'),
          /It learns your text\. [\d,]+ of [\d,]+ numbers are trained/,
        );
        const [before, after] = await Promise.all(
          ['#score-before', '#score-after'].map((id) => textOf(page, id)),
        );
        const loss = (text: string) => Number(/loss (\S+)/.exec(text)?.[1]);
        assert.ok(loss(after) < loss(before), `${before}, ${after}`);
        await waitForText(page, 'same', 'seed 0');
        const texts = await Promise.all(['#before', '#after'].map((id) => textOf(page, id)));
        assert.is.not(texts[0], texts[1]);
        const adapter = await download(page, '#adapter', 'adapter_model.safetensors');
        const wanted = readFileSync(inside('node/adapter/adapter_model.safetensors'));
        assert.is(Buffer.compare(adapter, wanted), 0);
        const config = await download(page, '#adapter-config', 'adapter_config.json');
        const { base_model_name_or_path: _, ...own } = JSON.parse(config.toString());
        const node = JSON.parse(readFileSync(inside('node/adapter/adapter_config.json'), 'utf8'));
        delete node.base_model_name_or_path;
        assert.equal(own, node);
        const model = await download(page, '#model', 'model.safetensors');
        const load = (source: Buffer | string) => loadModel(source, { tokenizers });
        const [ours, theirs] = [await load(model), await load(inside('node/model.safetensors'))];
        assert.equal(ours.model.stateDict(), theirs.model.stateDict());
        // Another beginning, other draws, and the same model as its own base.
        await fill(page, '#prompt', 'shall be');
        await clickButton(page, '#compare');
        await waitForText(page, 'same', 'seed 1');
        assert.match(await textOf(page, '#after'), /^shall be/);
        assert.equal(await violations(page), []);
        if (name === 'firefox') return; // its driver changes no colours
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
        assert.equal(await violations(page), []);
      },
      { before: KEEP_DOWNLOADS },
    ));

  test(`${name}: a file and a table: a masked model learns to label; what cannot be tuned is refused in words`, () =>
    inBrowser(name, site.url, async ({ page }) => {
      await choose(page, inside('text.txt'));
      await waitForText(page, 'notices', 'Details');
      await choose(page, inside('masked.safetensors'));
      await waitForText(page, 'base', 'give it a table');
      assert.is(await textOf(page, '#notices'), '');
      await paste(page, 'too little\tx');
      await page.click('#tune');
      await waitForText(page, 'notices', 'too little to learn from');
      await page.$eval('#text', (field) => {
        (field as HTMLTextAreaElement).value = '';
      });
      await paste(page, ROWS.join('\n'));
      await page.select('#what', 'norms');
      await fill(page, '#steps', String(STEPS));
      await page.click('#tune');
      await waitForStatus(page, `^Done: ${STEPS} steps`);
      assert.match(await textOf(page, '#score-after'), /loss \S+, \d+ % right/);
      await waitForText(page, 'after', '^(good|bad)  \\(\\d');
      await waitForText(page, 'fingerprint', 'of the model: [0-9a-f]{64}');
      assert.is(await page.$eval('#adapter', (button) => (button as HTMLButtonElement).disabled), true);
      assert.equal(await violations(page), []);
    }));
}

if (findBrowser('chromium')) {
  test('it can be stopped and begun anew; without the network it loads and tunes', () =>
    inBrowser('chromium', site.url, async ({ page }) => {
      const comeBack = site.vanish();
      try {
        await reload(page);
        await prepare(page);
        await fill(page, '#steps', '5000');
        await page.click('#tune');
        await waitForStatus(page, '^Step \\d+ of 5000');
        await page.click('#tune');
        await waitForStatus(page, '^Stopped after step');
        await waitForText(page, 'same', 'seed 0');
        await fill(page, '#steps', '2');
        await page.click('#tune');
        await waitForStatus(page, '^Done: 2 steps');
      } finally {
        comeBack();
      }
    }));
}

test.run();
