/** @file Pictures of the example page, to be looked at: `node --import tsx scripts/browser-screenshots.mjs FOLDER`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { inBrowser, prepareRun, waitForStatus, waitForText } from '../test/browsers/example-page.ts';
import { serveExample } from '../test/browsers/example-site.ts';

const folder = process.argv[2] ?? 'build/screenshots';
mkdirSync(folder, { recursive: true });
const site = await serveExample();
await inBrowser('chromium', site.url, async ({ page }) => {
  const take = async (name, scheme, width) => {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.setViewport({ width, height: 1250 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  };
  await page.click('#train');
  await take('empty', 'light', 1000);
  await prepareRun(page, 120);
  await page.click('#train');
  await waitForStatus(page, '^Step \\d+ of');
  await take('training', 'dark', 375);
  await waitForStatus(page, '^Done');
  await page.click('#sample');
  await waitForText(page, 'sampled', '^.{300}');
  for (const width of [1000, 375]) {
    await take(`light-${width}`, 'light', width);
    await take(`dark-${width}`, 'dark', width);
  }
});
site.close();
console.log(`in ${folder}`);
