/**
 * @file Pictures of the example page, to be looked at: `node --import tsx scripts/browser-screenshots.mjs [FOLDER]`.
 * Before, during and after a training, with notices, and with a model out of a file; 1280 and 390 wide, light and dark.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { saveModel } from '../src/io/index.ts';
import { CausalLM } from '../src/nn/index.ts';
import { init } from '../src/runtime/init.ts';
import { trainChars } from '../src/text/index.ts';
import { fill, inBrowser, waitForStatus, waitForText } from '../test/browsers/example-page.ts';
import { serveExample } from '../test/browsers/example-site.ts';

const folder = process.argv[2] ?? 'build/screenshots';
mkdirSync(folder, { recursive: true });
await init();

function model() {
  const tokenizer = trainChars('a pinch of salt, and two eggs.');
  const sizes = { dModel: 64, numHeads: 4, numLayers: 2, vocabSize: tokenizer.vocabSize, maxSeqLen: 64 };
  return saveModel(new CausalLM(sizes), { tokenizer, step: 1000 });
}

const site = await serveExample();
await inBrowser('chromium', site.url, async ({ page }) => {
  const take = async (name) => {
    for (const width of [1280, 390]) {
      await page.setViewport({ width, height: width === 1280 ? 900 : 844, deviceScaleFactor: 1 });
      for (const scheme of ['light', 'dark']) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
        await new Promise((resolve) => setTimeout(resolve, 500));
        await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`), fullPage: true });
      }
    }
    await page.setViewport({ width: 1280, height: 900 });
  };
  await take('before');
  await page.click('#train');
  await fill(page, '#steps', '0');
  await take('notices');
  await page.click('#try');
  await page.select('#size', 'tiny');
  await fill(page, '#steps', '1500');
  await page.click('#train');
  await waitForStatus(page, '^Step [4-9]\\d\\d of');
  await take('during');
  await waitForText(page, 'status', '^Done', 300);
  await page.click('#sample');
  await waitForText(page, 'sampled', '[\\s\\S]{300}');
  await page.click('#numbers summary');
  await take('after');
  // A model that is opened, and then one that is none.
  const open = async (name, bytes) => {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    const input = /** @type {import('puppeteer-core').ElementHandle<HTMLInputElement>} */ (
      await page.$('#open')
    );
    await input.uploadFile(file);
  };
  await open('grandmothers-recipes.safetensors', model());
  await waitForText(page, 'writer', '^grandmothers');
  await page.click('#sample');
  await waitForText(page, 'again-same', 'seed');
  await take('opened');
  await open('holiday.safetensors', 'no model');
  await waitForText(page, 'notices', 'not a model');
  await take('refused');
});
site.close();
console.log(`in ${folder}`);
