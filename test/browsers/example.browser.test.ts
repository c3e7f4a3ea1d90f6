/** The page of examples/browser, used as a person would use it, in both browsers. */
import type { Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBrowser, skipMessage } from '../browser.js';
import {
  clickButton,
  copy,
  fingerprintOf,
  inBrowser,
  pasteClipboard,
  prepareRun,
  press,
  reload,
  stepOf,
  textOf,
  trainWithReload,
  waitForStatus,
  waitForText,
} from './example-page.js';
import { nodeFingerprint, type Site, serveExample, someText } from './example-site.js';
import { measureFreedom, violations } from './page-measures.js';

const test = suite('browsers: example page');
const STEPS = 60;

let site: Site;
let expected: string;
test.before(async () => {
  site = await serveExample();
  expected = await nodeFingerprint(STEPS);
});
test.after(() => site.close());

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }

  test(`${name}: paste, train, sample; the bits of Node; the service worker isolates the page`, () =>
    inBrowser(name, site.url, async ({ page }) => {
      assert.is(await page.evaluate(() => globalThis.crossOriginIsolated), true);
      await page.click('#train');
      assert.match(await textOf(page, '#notices'), 'There is no text yet');
      await prepareRun(page, STEPS);
      await page.click('#train');
      assert.match(await waitForStatus(page, '^Done'), `Done: ${STEPS} steps`);
      assert.is(await textOf(page, '#notices'), '');
      assert.is(await fingerprintOf(page, STEPS), expected);
      await clickButton(page, '#sample');
      assert.match(await waitForText(page, 'sampled', '^.{300}'), /^The /);
      assert.equal(await violations(page), []);
      if (name === 'firefox') return; // its driver changes no colours
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
      assert.equal(await violations(page), []);
    }));

  test(`${name}: stop, reload, resume: the bits of a run that never stopped`, () =>
    inBrowser(name, site.url, async ({ page }) => {
      // So many that it is stopped before it is done, however late the click comes.
      assert.is(await trainWithReload(page, 600), await nodeFingerprint(600));
      assert.match(await textOf(page, '#host'), 'kept in the private files of this site');
    }));

  test(`${name}: with the keyboard alone, and the focus is always seen`, () =>
    inBrowser(name, site.url, async ({ page }) => {
      await copy(page, someText(10));
      await reload(page); // the focus begins at the top
      const tabTo = async (...stops: string[]) => {
        for (const stop of stops) {
          await page.keyboard.press('Tab');
          assert.equal(await focus(page), { id: stop, isOutlined: true });
        }
      };
      await tabTo('text');
      await pasteClipboard(page);
      await tabTo('file', 'try', 'size');
      await page.keyboard.press('ArrowUp');
      assert.is(await page.$eval('#size', (field) => (field as HTMLSelectElement).value), 'tiny');
      await tabTo('steps');
      await press(page, 'Control', 'a');
      await page.keyboard.type('9000');
      await tabTo('train');
      await page.keyboard.press('Enter');
      await waitForStatus(page, '^Step \\d+ of 9000');
      await page.keyboard.press(' ');
      await waitForStatus(page, '^Stopped after step');
      assert.equal(await focus(page), { id: 'train', isOutlined: true });
      // The samples are a stop as well once there are two.
      for (let stop = ''; stop !== 'prompt'; ) {
        await page.keyboard.press('Tab');
        const now = await focus(page);
        assert.ok(
          ['numbers-title', 'older', 'open', 'prompt'].includes(now.id) && now.isOutlined,
          `focus on ${now.id}`,
        );
        stop = now.id;
      }
      await tabTo('temperature', 'sample');
      await page.keyboard.press('Enter');
      await waitForText(page, 'sampled', '^The .{300}');
      assert.is((await focus(page)).id, 'sample');
      await tabTo('download');
      for (let i = 0; i < 8 && (await focus(page)).id !== 'again'; i++) await press(page, 'Shift', 'Tab');
      assert.is((await focus(page)).id, 'again');
      // A button that goes away hands the focus on.
      await page.keyboard.press('Enter');
      await waitForStatus(page, '^Not started');
      await page.waitForFunction(() => document.activeElement?.id !== 'again');
      assert.equal(await focus(page), { id: 'text', isOutlined: true });
      await tabTo('file', 'try', 'size', 'steps');
      await press(page, 'Control', 'a');
      await page.keyboard.type('2');
      await tabTo('train');
      await page.keyboard.press(' ');
      await waitForStatus(page, '^Done: 2 steps');
      await fingerprintOf(page, 2);
      assert.equal(await focus(page), { id: 'more', isOutlined: true });
    }));
}

/** Where the keys go, and whether it can be seen: on the element, or on the label that stands for it. */
const focus = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    const { opacity } = getComputedStyle(element);
    const shown =
      opacity === '0' ? (document.querySelector(`label.button[for=${element.id}]`) ?? element) : element;
    const { outlineStyle, outlineWidth } = getComputedStyle(shown);
    return { id: element.id, isOutlined: outlineStyle === 'solid' && Number.parseFloat(outlineWidth) >= 2 };
  });

if (findBrowser('chromium')) {
  test('where there are more processors it trains with more threads, to the same bits', () =>
    inBrowser(
      'chromium',
      site.url,
      async ({ page }) => {
        await prepareRun(page, STEPS);
        await page.click('#train');
        await waitForStatus(page, '^Done');
        assert.match(await textOf(page, '#host'), 'Trains with 3 threads.');
        assert.is(await fingerprintOf(page, STEPS), expected);
      },
      { before: "Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => 4 })" },
    ));

  test('the page stays free while it trains', () =>
    inBrowser('chromium', site.url, async ({ page }) => {
      await prepareRun(page, 100_000);
      await page.click('#train');
      await waitForStatus(page, '^Step \\d+ of');
      const { longest, percentile95, clicks } = await measureFreedom(page, 8);
      // Other programs may have the processors; scripts/browser-responsiveness.mjs measures strictly.
      assert.ok(clicks >= 5, `${clicks} clicks`);
      assert.ok(longest < 400, `a task of ${longest} ms`);
      assert.ok(percentile95 < 500, `clicks are answered within ${percentile95} ms`);
    }));

  test('without the network it loads, trains and resumes', () =>
    inBrowser('chromium', site.url, async ({ page }) => {
      // Not page.setOfflineMode, which workers do not feel: the server is gone for everything.
      const comeBack = site.vanish();
      try {
        await reload(page);
        await prepareRun(page, STEPS);
        await page.click('#train');
        await waitForStatus(page, '^Done');
        await reload(page);
        assert.is(await stepOf(page), STEPS);
      } finally {
        comeBack();
      }
    }));
}

test.run();
