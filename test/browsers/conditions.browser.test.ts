/** The example page where something is missing, too much, or hidden: it says so, or simply works. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBrowser, skipMessage } from '../browser.js';
import {
  fill,
  fingerprintOf,
  inBrowser,
  pasteClipboard,
  prepareRun,
  stepOf,
  textOf,
  waitForStatus,
  waitForText,
} from './example-page.js';
import { nodeFingerprint, type Site, serveExample, someText } from './example-site.js';
import { chartedStep, holdTimersBackAfter, measureHidden } from './page-measures.js';

const test = suite('browsers: conditions');
let site: Site;
test.before(async () => {
  site = await serveExample();
});
test.after(() => site.close());

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }

  test(`${name}: a tab that is hidden for long trains on, and shows the right thing when it is back`, () =>
    inBrowser(
      name,
      site.url,
      async ({ page }) => {
        await prepareRun(page, 100_000);
        await page.click('#train');
        await waitForStatus(page, '^Step \\d+ of');
        const seen = await measureHidden(page, { shown: 2, settle: 2, hidden: 3 });
        assert.ok(seen.wasHidden, 'the tab was not hidden');
        // 30 in a tab that is shown: if the timers were not held back, this test would show nothing.
        assert.ok(seen.ticks <= 6, `${seen.ticks} ticks of a timer while it was hidden`);
        // A hidden tab may have a lower priority; scripts/browser-hidden.mjs measures strictly.
        assert.ok(
          seen.hiddenRate > 0.15 * seen.shownRate,
          `${seen.hiddenRate} steps a second hidden, ${seen.shownRate} shown`,
        );
        await chartedStep(page);
        await page.click('#train');
        await waitForStatus(page, '^Stopped after step');
        const step = await chartedStep(page);
        assert.is(await fingerprintOf(page, step), await nodeFingerprint(step));
      },
      { throttlesHidden: true, args: holdTimersBackAfter(1) },
    ));
}

const ofMegabytes = someText(1).slice(0, 1000);

if (findBrowser('chromium')) {
  test('a wait that runs out of time tells what the page said', () =>
    inBrowser('chromium', site.url, async ({ page }) => {
      await page.click('#train');
      const error = await waitForText(page, 'status', '^Done', 0.5).catch((reason: Error) => reason);
      assert.instance(error, Error);
      assert.match(
        (error as Error).message,
        /#status did not come to match \/\^Done\/.*"Not started\.".*no text yet/,
      );
    }));

  test('a tab that the browser freezes stands still, and goes on with the same bits', () =>
    inBrowser('chromium', site.url, async ({ page }) => {
      await prepareRun(page, 150);
      await page.click('#train');
      await waitForStatus(page, '^Step \\d+ of');
      const cdp = await page.createCDPSession();
      await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
      const steps = async () => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        return stepOf(page);
      };
      const frozen = await steps();
      assert.ok(frozen < 150, 'the run ended before the page was frozen');
      assert.is(await steps(), frozen, 'the page was not frozen');
      await cdp.send('Page.setWebLifecycleState', { state: 'active' });
      await waitForStatus(page, '^Done: 150 steps');
      assert.is(await fingerprintOf(page, 150), await nodeFingerprint(150));
    }));

  test('200 MB of text dropped: said, cut, and trained', () =>
    inBrowser('chromium', site.url, async ({ page }) => {
      await page.evaluate((part) => {
        const file = new File(Array(200_000_000 / 1000).fill(part), 'large.txt', { type: 'text/plain' });
        const data = new DataTransfer();
        data.items.add(file);
        const target = document.getElementById('text') as HTMLElement;
        target.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
      }, ofMegabytes);
      const said = await waitForText(page, 'notices', '.');
      assert.match(said, 'The text has 200,000,000 bytes. The first 4,000,000 characters are used');
      await page.select('#size', 'tiny');
      await fill(page, '#steps', '5');
      await page.click('#train');
      await waitForStatus(page, '^Done: 5 steps');
    }));

  test('200 MB of text pasted from the clipboard: said, cut, and trained; the page stays usable', () =>
    inBrowser('chromium', site.url, async ({ page, browser }) => {
      await browser.defaultBrowserContext().overridePermissions(site.url, ['clipboard-sanitized-write']);
      await page.evaluate(
        (part) => navigator.clipboard.writeText(part.repeat(200_000_000 / part.length)),
        ofMegabytes,
      );
      await page.click('#text');
      await pasteClipboard(page);
      const said = await waitForText(page, 'notices', '.');
      assert.match(said, 'The text has 200,000,000 characters. The first 4,000,000 characters are used');
      assert.is(await textOf(page, '#text-size'), '4,000,000 characters');
      await page.select('#size', 'tiny');
      await fill(page, '#steps', '5');
      await page.click('#train');
      await waitForStatus(page, '^Done: 5 steps');
      // From here on nothing of the 200 MB is in the way: another text, and another run.
      await page.click('#again');
      await page.evaluate((part) => navigator.clipboard.writeText(part), ofMegabytes);
      await page.click('#text');
      await pasteClipboard(page);
      assert.is(await textOf(page, '#text-size'), '1,000 characters');
      await page.click('#train');
      await waitForStatus(page, '^Done: 5 steps');
    }));

  for (const [what, before, message] of [
    [
      'no SIMD',
      'const { validate } = WebAssembly; WebAssembly.validate = (bytes) => bytes.length < 20 && validate(bytes)',
      'no SIMD',
    ],
    ['no WebAssembly', 'delete globalThis.WebAssembly', 'no WebAssembly'],
  ]) {
    test(`${what}: a clear message`, () =>
      inBrowser(
        'chromium',
        site.url,
        async ({ page }) => {
          assert.match(await textOf(page, '#notices'), message);
          assert.is(await page.$eval('#train', (button) => (button as HTMLButtonElement).disabled), true);
        },
        { before },
      ));
  }

  test('a policy that blocks wasm: a clear message', async () => {
    const strict = await serveExample({ 'content-security-policy': "script-src 'self'" });
    try {
      await inBrowser('chromium', strict.url, async ({ page, problems }) => {
        assert.match(await textOf(page, '#notices'), 'blocks WebAssembly');
        // The browser tells the console of it too.
        problems.length = 0;
      });
    } finally {
      strict.close();
    }
  });

  test('no service worker, so no shared memory: one thread, and said', () =>
    inBrowser(
      'chromium',
      site.url,
      async ({ page }) => {
        assert.match(await textOf(page, '#host'), 'SharedArrayBuffer is not available here');
        await prepareRun(page, 5);
        await page.click('#train');
        await waitForStatus(page, '^Done: 5 steps');
        assert.match(await textOf(page, '#host'), 'one thread');
      },
      { before: "Object.defineProperty(navigator, 'serviceWorker', { value: undefined })" },
    ));
}

test.run();
