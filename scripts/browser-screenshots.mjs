/**
 * @file Pictures of the example page, to be looked at: `node --import tsx scripts/browser-screenshots.mjs [FOLDER]`.
 * Before, during and after a training, and with notices; 1280 and 390 wide, light and dark.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fill, inBrowser, waitForStatus, waitForText } from '../test/browsers/example-page.ts';
import { serveExample } from '../test/browsers/example-site.ts';

const folder = process.argv[2] ?? 'build/screenshots';
mkdirSync(folder, { recursive: true });
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
});
site.close();
console.log(`in ${folder}`);
