/** @file Pictures of the example page, to be looked at: `node --import tsx scripts/browser-screenshots.mjs FOLDER`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from '../test/browser.ts';
import {
  fill,
  openPage,
  paste,
  serveExample,
  someText,
  waitForStatus,
} from '../test/browsers/example-page.ts';

const folder = process.argv[2] ?? 'build/screenshots';
mkdirSync(folder, { recursive: true });
const { url, server } = await serveExample();
const browser = await launch('chromium');
const { page, problems } = await openPage(browser, url);
await page.setViewport({ width: 1000, height: 1250 });
await paste(page, someText(10));
await page.select('#size', 'tiny');
await fill(page, '#steps', '40');
await page.click('#train');
await waitForStatus(page, '^Done');
await page.click('#sample');
await page.waitForFunction(() => document.getElementById('sampled').textContent.length > 300);
for (const [name, scheme, width] of [
  ['light', 'light', 1000],
  ['dark', 'dark', 1000],
  ['phone', 'light', 375],
]) {
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.setViewport({ width, height: 1250 });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
console.log(problems.length === 0 ? `in ${folder}` : problems.join('\n'));
await browser.close();
server.close();
server.closeAllConnections();
