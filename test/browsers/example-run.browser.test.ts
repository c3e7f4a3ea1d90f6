/** What the example page offers around a training: a text to try, samples, time left, more steps, and what a reload keeps. */
import type { Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBrowser, skipMessage } from '../browser.js';
import {
  fill,
  fingerprintOf,
  inBrowser,
  prepareRun,
  reload,
  stepOf,
  textOf,
  waitForStatus,
  waitForText,
} from './example-page.js';
import { nodeFingerprint, type Site, serveExample } from './example-site.js';
import { violations } from './page-measures.js';

const test = suite('browsers: a run of the example page');
let site: Site;
test.before(async () => {
  site = await serveExample();
});
test.after(() => site.close());

/** The rows of the table behind the curve: step, loss, smoothed, on unseen text. */
async function numbers(page: Page): Promise<string[][]> {
  await page.$eval('#numbers', (details) => {
    (details as HTMLDetailsElement).open = true;
  });
  await page.waitForSelector('#numbers td');
  return page.$$eval('#numbers tbody tr', (rows) =>
    rows.map((row) => [...row.children].map((cell) => cell.textContent ?? '')),
  );
}

const isShown = (page: Page, selector: string) =>
  page.$eval(selector, (element) => (element as HTMLElement).offsetParent !== null);

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }

  test(`${name}: a text to try, what will happen, and what did`, () =>
    inBrowser(name, site.url, async ({ page }) => {
      assert.ok(await isShown(page, '#expect'));
      assert.not.ok(await isShown(page, '#chart'));
      assert.match(await textOf(page, '#how-long'), /^1000 steps take about .+ on this device\.$/);
      await page.click('#train');
      await waitForText(page, 'notices', 'no text yet');
      await page.click('#try');
      await waitForText(page, 'text-size', '^141,315 characters$');
      assert.is(await textOf(page, '#notices'), '', 'what it asked for is there');
      await page.select('#size', 'tiny');
      await fill(page, '#steps', '40');
      await page.click('#train');
      const said = await waitForStatus(page, '^Done: 40 steps');
      assert.match(said, /Loss \d\.\d\d, and \d\.\d\d on the tenth of the text that it never sees\.$/);
      assert.not.ok(await isShown(page, '#expect'));
      assert.match(await waitForText(page, 'samples', 'After step 40'), /After step 40[\s\S]{50}/);
      const rows = await numbers(page);
      assert.is(rows[0][0], '40');
      assert.match(said, `${Number(rows[0][3]).toFixed(2)} on the tenth`);
      assert.equal(await violations(page), []);
    }));

  test(`${name}: points on unseen text and samples survive a reload`, () =>
    inBrowser(name, site.url, async ({ page }) => {
      await page.click('#try');
      await page.select('#size', 'tiny');
      await fill(page, '#steps', '120');
      await page.click('#train');
      await waitForStatus(page, '^Done: 120 steps');
      const wrote = await waitForText(page, 'samples', 'After step 120');
      const rows = await numbers(page);
      const held = new Set(rows.map((row) => row[3]));
      assert.is(held.size, 3, `none, that of step 100, that of step 120, but there are ${[...held]}`);
      await reload(page);
      assert.match(
        await textOf(page, '#status'),
        /^The run of last time: step 120 of 120, done\. Loss .*never sees/,
      );
      assert.equal(await numbers(page), rows);
      assert.is(await textOf(page, '#samples'), wrote);
    }));

  test(`${name}: training on after the last step gives the bits of a run that had all steps from the start`, () =>
    inBrowser(name, site.url, async ({ page }) => {
      await prepareRun(page, 30);
      await page.click('#train');
      await waitForStatus(page, '^Done: 30 steps');
      await fingerprintOf(page, 30);
      assert.is(await textOf(page, '#steps-name'), 'More steps');
      await fill(page, '#steps', '20');
      await page.click('#more');
      await waitForStatus(page, '^Done: 50 steps');
      await fingerprintOf(page, 50);
      await reload(page);
      assert.is(await stepOf(page), 50);
      await fill(page, '#steps', '0');
      await page.click('#more');
      await waitForText(page, 'notices', 'More steps must be a whole number from 1 to 99,950');
      await fill(page, '#steps', '10');
      await page.click('#more');
      await waitForStatus(page, '^Done: 60 steps');
      assert.is(await textOf(page, '#notices'), '');
      assert.is(await fingerprintOf(page, 60), await nodeFingerprint(60));
    }));

  test(`${name}: time left and a sample while it trains, which change no bit`, () =>
    inBrowser(name, site.url, async ({ page }) => {
      await prepareRun(page, 20_000);
      await page.click('#train');
      await waitForStatus(page, '^Step \\d+ of 20000, about (\\d+ (minute|hour)s?) left\\. Loss');
      await waitForText(page, 'samples', 'After step \\d+');
      // For screen readers: seldom enough to be listened to.
      await waitForText(page, 'spoken', '^Step \\d+ of 20000');
      assert.is(await page.$eval('#status', (status) => status.getAttribute('aria-live')), 'off');
      await page.setViewport({ width: 390, height: 844 });
      const { scrollWidth } = await page.evaluate(() => ({
        scrollWidth: document.documentElement.scrollWidth,
      }));
      assert.ok(scrollWidth <= 390, `the page is ${scrollWidth} wide on a phone`);
      await page.$eval('#train', (button) => (button as HTMLButtonElement).click());
      await waitForStatus(page, '^Stopped after step');
      const step = await stepOf(page);
      assert.is(await fingerprintOf(page, step), await nodeFingerprint(step));
    }));
}

if (findBrowser('chromium')) {
  test('a text that is too short is refused in words, and notices can be hidden', () =>
    inBrowser('chromium', site.url, async ({ page }) => {
      await page.click('#text');
      await page.keyboard.type('Too short.');
      await page.click('#train');
      await waitForText(page, 'notices', 'too short to learn from: it has 10 characters, and 600 are needed');
      assert.equal(await violations(page), []);
      await page.click('#notices button');
      assert.is(await textOf(page, '#notices'), '');
      await page.click('#train');
      await waitForText(page, 'notices', 'too short');
      await page.click('#text');
      await page.keyboard.type(' Not any more'.repeat(50));
      assert.is(await textOf(page, '#notices'), '');
    }));

  test('an error ends the run in plain words, and it goes on from what was saved', () =>
    inBrowser(
      'chromium',
      site.url,
      async ({ page, problems }) => {
        await prepareRun(page, 200);
        await page.click('#train');
        await waitForStatus(page, '^Step (5[1-9]|[6-9]\\d|1\\d\\d) of');
        await page.evaluate(() => {
          const { workers } = globalThis as unknown as { workers: Worker[] };
          workers.at(-1)?.dispatchEvent(new ErrorEvent('error', { message: 'it was taken away' }));
        });
        await waitForText(page, 'notices', 'Something|could not be loaded');
        await waitForStatus(page, '^Ended by an error after step');
        assert.is(await textOf(page, '#train'), 'Resume');
        await page.click('#train');
        await waitForStatus(page, '^Done: 200 steps');
        assert.is(await textOf(page, '#notices'), '');
        assert.is(await fingerprintOf(page, 200), await nodeFingerprint(200));
        problems.length = 0;
      },
      {
        before: `globalThis.workers = []; globalThis.Worker = class extends Worker {
        constructor(...args) { super(...args); globalThis.workers.push(this); }
      };`,
      },
    ));
}

test.run();
