/** Models as files at the example page: taken home, opened again, and refused in words when they are none. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { generateText } from '../../src/generate/index.js';
import { encodeSafetensors, loadModel, saveModel } from '../../src/io/index.js';
import { CausalLM, Transformer } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE } from '../../src/text/index.js';
import { findBrowser, skipMessage } from '../browser.js';
import {
  clickButton,
  fill,
  inBrowser,
  prepareRun,
  reload,
  textOf,
  waitForStatus,
  waitForText,
} from './example-page.js';
import { type Site, serveExample } from './example-site.js';
import { violations } from './page-measures.js';

const test = suite('browsers: models of the example page');
let site: Site;
let folder: string;
test.before(async () => {
  await init();
  folder = mkdtempSync(join(tmpdir(), 'prenorm-models-'));
  writeModels();
  site = await serveExample();
});
test.after(() => {
  site.close();
  rmSync(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);

/** A model from elsewhere, with a tokenizer that the page never makes; and files that are none, each in its way. */
function writeModels(): void {
  const tokenizer = trainBPE(['In the beginning the earth was without form, and void. '.repeat(9)], {
    vocabSize: 280,
  });
  const sizes = { dModel: 32, numHeads: 4, numLayers: 2, vocabSize: tokenizer.vocabSize, maxSeqLen: 48 };
  const lm = new CausalLM({ ...sizes, normPlacement: 'peri', seed: 9 });
  const good = saveModel(lm, { tokenizer, step: 70 });
  writeFileSync(at('good.safetensors'), good);
  const damaged = good.slice();
  damaged[damaged.length - 3] ^= 1;
  writeFileSync(at('damaged.safetensors'), damaged);
  writeFileSync(at('cut.safetensors'), good.subarray(0, good.length - 100));
  writeFileSync(at('begun.safetensors'), good.subarray(0, 1500));
  const newer = Buffer.from(good);
  newer.write('"version":"9"', newer.indexOf('"version":"1"'), 'latin1');
  writeFileSync(at('newer.safetensors'), newer);
  writeFileSync(at('numbers.safetensors'), encodeSafetensors(lm.stateDict(), { format: 'pt' }));
  writeFileSync(at('letters.safetensors'), saveModel(lm));
  writeFileSync(at('translator.safetensors'), saveModel(new Transformer(sizes), { tokenizer }));
  writeFileSync(at('text.safetensors'), 'only a text, whatever it is called');
  writeFileSync(at('empty.safetensors'), '');
}

async function open(page: Page, file: string): Promise<void> {
  const input = await page.$('input#open');
  await input?.evaluate((element) => {
    element.value = '';
  });
  await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(file);
}

interface Written {
  text: string;
  temperature: number;
  seed: number;
}

/** What the page has written, and what it says gives the text again. */
async function written(page: Page): Promise<Written> {
  await clickButton(page, '#sample');
  const said = await waitForText(page, 'again-same', 'seed \\d+');
  const [, temperature, seed] = /^Temperature ([\d.]+) and seed (\d+)/.exec(said) ?? [];
  return { text: await textOf(page, '#sampled'), temperature: Number(temperature), seed: Number(seed) };
}

/** What Node writes with the file. */
async function inNode(path: string, prompt: string, { temperature, seed }: Written) {
  const { model, tokenizer } = await loadModel(path, { kind: 'causalLM' });
  const { text } = await generateText(model, tokenizer as never, prompt, {
    temperature,
    seed,
    maxNewTokens: 400,
  });
  return prompt + text;
}

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }

  test(`${name}: trained here, taken home, opened after a reload: the text of Node`, async () => {
    const home = mkdtempSync(join(folder, 'home-'));
    const preferences = { 'browser.download.folderList': 2, 'browser.download.dir': home };
    await inBrowser(
      name,
      site.url,
      async ({ page }) => {
        if (name === 'chromium') {
          const cdp = await page.createCDPSession();
          await cdp.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: home });
        }
        assert.match(await textOf(page, '#writer'), /^No model yet/);
        await prepareRun(page, 40);
        await page.click('#train');
        await waitForStatus(page, '^Done: 40 steps');
        assert.is(await textOf(page, '#writer'), 'The model that is trained here.');
        const before = await written(page);
        await page.click('#download');
        const path = await downloaded(home);
        assert.is(basename(path), 'model-step-40.safetensors');
        assert.is((await loadModel(path)).step, 40);

        await reload(page);
        await page.click('#again'); // the run goes, and its text: what is left is the file
        await waitForStatus(page, '^Not started');
        await fill(page, '#text', ' ');
        await open(page, path);
        assert.match(
          await waitForText(page, 'writer', 'steps'),
          /^model-step-40\.safetensors: [\d,]+ numbers, after 40 steps of training\.$/,
        );
        const after = await written(page);
        assert.equal(after, before);
        assert.is(after.text, await inNode(path, 'The ', after));
        const more = await written(page);
        assert.ok(more.seed === after.seed + 1 && more.text !== after.text, 'asked again it writes another');
        assert.is(more.text, await inNode(path, 'The ', more));
        assert.is(await textOf(page, '#notices'), '');
        assert.equal(await violations(page), []);
      },
      { preferences },
    );
  });

  test(`${name}: a model from elsewhere writes where nothing was trained, and beside a training`, () =>
    inBrowser(name, site.url, async ({ page }) => {
      await open(page, at('good.safetensors'));
      await waitForText(page, 'writer', '^good\\.safetensors: [\\d,]+ numbers, after 70 steps');
      assert.is(await page.$eval('#download', (button) => (button as HTMLButtonElement).disabled), true);
      await fill(page, '#prompt', 'In the beginning ');
      await fill(page, '#temperature', '0.5');
      const alone = await written(page);
      assert.equal([alone.temperature, alone.seed], [0.5, 70]);
      assert.is(alone.text, await inNode(at('good.safetensors'), 'In the beginning ', alone));
      await prepareRun(page, 5000);
      await page.click('#train');
      await waitForStatus(page, '^Step \\d+ of');
      const beside = await written(page);
      assert.is(beside.text, await inNode(at('good.safetensors'), 'In the beginning ', beside));
      assert.is(await textOf(page, '#close'), 'Back to the model trained here');
      await page.click('#close');
      assert.is(await textOf(page, '#writer'), 'The model that is trained here.');
      assert.is(await textOf(page, '#sampled'), '');
      await clickButton(page, '#sample');
      await waitForText(page, 'sampled', '^In the beginning .{300}');
    }));
}

if (findBrowser('chromium')) {
  test('what is no model, damaged, newer or of another kind is refused in words, and the open one stays', () =>
    inBrowser('chromium', site.url, async ({ page }) => {
      await open(page, at('good.safetensors'));
      await waitForText(page, 'writer', '^good');
      for (const [file, words] of [
        ['damaged', 'is damaged: something is missing, or was changed'],
        ['cut', 'is damaged'],
        ['begun', 'is damaged'],
        ['newer', 'saved by a newer version than this page'],
        ['numbers', 'has the numbers of a model, but not its letters'],
        ['letters', 'knows numbers only'],
        ['translator', 'This model translates. Here only models that write'],
        ['text', 'This file is not a model. Choose one that was saved here'],
        ['empty', 'This file is not a model'],
      ]) {
        await open(page, at(`${file}.safetensors`));
        await waitForText(page, 'notices', words);
        await waitForText(page, 'writer', '^good');
      }
      assert.equal(await violations(page), []);
      await open(page, at('good.safetensors'));
      await waitForText(page, 'writer', '^good');
      assert.is(await textOf(page, '#notices'), '');
      const wrote = await written(page);
      assert.is(wrote.text, await inNode(at('good.safetensors'), 'The ', wrote));
    }));

  test('a model whose text has no end is stopped, and closed while it writes', () =>
    inBrowser(
      'chromium',
      site.url,
      async ({ page }) => {
        await open(page, at('good.safetensors'));
        await waitForText(page, 'writer', '^good');
        await clickButton(page, '#sample');
        await waitForText(page, 'sampled', '^The .{20}');
        assert.is(await textOf(page, '#sample'), 'Stop');
        await clickButton(page, '#sample');
        await waitForText(page, 'sample', 'Write on');
        assert.is(await textOf(page, '#again-same'), '', 'half a text is no text of that seed');
        await clickButton(page, '#sample');
        await waitForText(page, 'sample', 'Stop');
        await page.click('#close');
        await waitForText(page, 'writer', '^No model yet');
        assert.is(await textOf(page, '#sampled'), '');
        assert.is(await page.$eval('#sample', (button) => (button as HTMLButtonElement).disabled), true);
      },
      // Pieces of a text come slowly enough to be seen.
      {
        before: `globalThis.Worker = class extends Worker {
          postMessage(message, transfer) {
            const send = () => super.postMessage(message, transfer);
            message?.name === 'nextText' ? setTimeout(send, 40) : send();
          }
        };`,
      },
    ));
}

async function downloaded(home: string): Promise<string> {
  for (let i = 0; i < 400; i++) {
    const names = readdirSync(home);
    const file = names.find((name) => name.endsWith('.safetensors'));
    if (file && names.length === 1 && readFileSync(join(home, file)).length > 0) return join(home, file);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing was downloaded: ${readdirSync(home).join(', ')}`);
}

test.run();
