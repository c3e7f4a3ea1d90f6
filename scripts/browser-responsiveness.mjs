/**
 * @file How free the example page is while it trains: `node --import tsx scripts/browser-responsiveness.mjs [SECONDS]`.
 * Ends with code 1 when a task took more than 50 ms or the 95th percentile of clicks more than 100 ms.
 */
import { launch } from '../test/browser.ts';
import {
  measureFreedom,
  openPage,
  prepareRun,
  serveExample,
  waitForStatus,
} from '../test/browsers/example-page.ts';

const seconds = Number(process.argv[2] ?? 30);
const { url, server } = await serveExample();
const browser = await launch('chromium');
const { page } = await openPage(browser, url);
await prepareRun(page, 100_000, 'small');
await page.click('#train');
await waitForStatus(page, '^Step \\d+ of');
const { longest, percentile95, clicks } = await measureFreedom(page, seconds);
await browser.close();
server.close();
server.closeAllConnections();
const good = longest <= 50 && percentile95 <= 100;
console.log(
  `${good ? 'ok' : 'FAIL'}: longest task ${longest || 'under 50'} ms, ${clicks} clicks, 95 % within ${percentile95.toFixed(1)} ms`,
);
process.exitCode = good ? 0 : 1;
