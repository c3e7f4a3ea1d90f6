/**
 * @file How the example page fares in a hidden tab: `node --import tsx scripts/browser-hidden.mjs [SECONDS] [BROWSER]`,
 * by default 180 s in Chromium, with its timers held back as after five minutes. Ends with code 1 when it trains more
 * than a tenth slower than in a tab that is shown, or to other bits than Node does.
 */
import { fingerprintOf, inBrowser, prepareRun, waitForStatus } from '../test/browsers/example-page.ts';
import { nodeFingerprint, serveExample } from '../test/browsers/example-site.ts';
import { chartedStep, holdTimersBackAfter, measureHidden } from '../test/browsers/page-measures.ts';

const seconds = Number(process.argv[2] ?? 180);
const name = /** @type {'chromium' | 'firefox'} */ (process.argv[3] ?? 'chromium');
const site = await serveExample();
await inBrowser(
  name,
  site.url,
  async ({ page }) => {
    await prepareRun(page, 100_000, 'small');
    await page.click('#train');
    await waitForStatus(page, '^Step \\d+ of');
    const shown = Math.min(30, seconds);
    const { shownRate, hiddenRate, ticks, wasHidden } = await measureHidden(page, {
      shown,
      settle: 10,
      hidden: seconds - 10,
    });
    await chartedStep(page);
    await page.click('#train');
    await waitForStatus(page, '^Stopped after step');
    const step = await chartedStep(page);
    const isSame = (await fingerprintOf(page, step)) === (await nodeFingerprint(step, 'small'));
    const good = wasHidden && hiddenRate >= 0.9 * shownRate && isSame;
    console.log(
      `${good ? 'ok' : 'FAIL'}: ${name} ${wasHidden ? 'hidden' : 'NOT HIDDEN'} for ${seconds} s: ${hiddenRate.toFixed(2)} steps a second, ` +
        `${shownRate.toFixed(2)} when shown; ${ticks} ticks of a timer of 100 ms; after step ${step} ${isSame ? 'the bits of Node' : 'OTHER BITS THAN NODE'}`,
    );
    process.exitCode = good ? 0 : 1;
  },
  { throttlesHidden: true, args: holdTimersBackAfter(1) },
);
site.close();
