/**
 * @file How free the example page is while it trains: `node --import tsx scripts/browser-responsiveness.mjs [SECONDS]`.
 * Ends with code 1 when a task took more than 50 ms or the 95th percentile of clicks more than 100 ms.
 */
import { inBrowser, prepareRun, waitForStatus } from '../test/browsers/example-page.ts';
import { serveExample } from '../test/browsers/example-site.ts';
import { measureFreedom } from '../test/browsers/page-measures.ts';

const seconds = Number(process.argv[2] ?? 30);
const site = await serveExample();
await inBrowser('chromium', site.url, async ({ page }) => {
  await prepareRun(page, 100_000, 'small');
  await page.click('#train');
  await waitForStatus(page, '^Step \\d+ of');
  const { longest, percentile95, clicks } = await measureFreedom(page, seconds);
  const good = longest <= 50 && percentile95 <= 100;
  console.log(
    `${good ? 'ok' : 'FAIL'}: longest task ${longest || 'under 50'} ms, ${clicks} clicks, 95 % within ${percentile95.toFixed(1)} ms`,
  );
  process.exitCode = good ? 0 : 1;
});
site.close();
