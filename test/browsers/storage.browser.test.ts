/** Where the example page keeps its run: private windows, browsers without OPFS, no room. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBrowser, skipMessage } from '../browser.js';
import {
  type Circumstances,
  fill,
  fingerprintOf,
  inBrowser,
  paste,
  prepareRun,
  reload,
  textOf,
  trainWithReload,
  waitForStatus,
  waitForText,
} from './example-page.js';
import { nodeFingerprint, type Site, serveExample } from './example-site.js';

const test = suite('browsers: storage');
const STEPS = 60;
let site: Site;
let expected: string;
test.before(async () => {
  site = await serveExample();
  expected = await nodeFingerprint(STEPS);
});
test.after(() => site.close());

/** A run that is stopped, reloaded and resumed; what the page says about where it is kept. */
async function keeps(
  name: 'chromium' | 'firefox',
  where: string,
  circumstances: Circumstances,
  url = site.url,
): Promise<void> {
  await inBrowser(
    name,
    url,
    async ({ page }) => {
      assert.is(await trainWithReload(page, STEPS), expected);
      assert.match(await textOf(page, '#host'), `kept in ${where} of this site`);
      assert.is(await textOf(page, '#notices'), '');
    },
    circumstances,
  );
}

if (findBrowser('firefox')) {
  test('a private window of Firefox refuses OPFS: the run survives a reload in IndexedDB', () =>
    keeps('firefox', 'the IndexedDB', { preferences: { 'browser.privatebrowsing.autostart': true } }));
} else console.log(skipMessage('firefox'));

if (findBrowser('chromium')) {
  test('an incognito window of Chromium: the run survives a reload in OPFS', () =>
    keeps('chromium', 'the private files', { incognito: true }));

  const without = 'delete StorageManager.prototype.getDirectory;';
  // Nothing but a worker's own file runs before it.
  const serveWithout = () =>
    serveExample({}, (path, body) => (/trainer-worker.*\.js$/.test(path) ? without + body : body));

  test('Chromium without OPFS, in the page and in its worker: the run survives a reload in IndexedDB', async () => {
    const old = await serveWithout();
    try {
      await keeps('chromium', 'the IndexedDB', { before: without }, old.url);
    } finally {
      old.close();
    }
  });

  // Safari 16 to 18: only workers write files, so the page keeps the text in IndexedDB and cannot clear the worker's files.
  test('a page that cannot write files, with a worker that can: the next run does not trip over the last one', () =>
    inBrowser(
      'chromium',
      site.url,
      async ({ page }) => {
        await prepareRun(page, 3);
        await page.click('#train');
        await waitForStatus(page, '^Done: 3 steps');
        assert.match(await textOf(page, '#host'), 'kept in the private files');
        await page.click('#again');
        await paste(page, 'Another text altogether. '.repeat(400));
        await page.select('#size', 'small');
        await fill(page, '#steps', '5000');
        await page.click('#train');
        await waitForStatus(page, '^Step');
        await reload(page); // long before the first checkpoint, at step 50
        const said = await textOf(page, '#notices');
        assert.match(said, 'The checkpoint that is kept here is not used');
        assert.match(said, 'store example-run: it was made with another configuration');
        assert.is(await textOf(page, '#status'), 'A run that has not begun.');
        await page.click('#train');
        await waitForStatus(page, '^Step');
      },
      { before: 'delete FileSystemFileHandle.prototype.createWritable' },
    ));

  test('a notice that the run is not saved goes away once it is', () =>
    inBrowser('chromium', site.url, async ({ page }) => {
      const cdp = await page.createCDPSession();
      const kept = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
      const setQuota = (quotaSize?: number) =>
        cdp.send('Storage.overrideQuotaForOrigin', { origin: site.url, quotaSize });
      await setQuota(kept + 150_000);
      await prepareRun(page, 5000);
      await page.click('#train');
      await waitForText(page, 'notices', 'Not saved just now');
      await setQuota();
      await waitForText(page, 'notices', '^$');
    }));

  for (const [where, serve, before] of [
    ['the private files', serveExample, ''],
    ['the IndexedDB', serveWithout, without],
  ] as const) {
    test(`${where} of a site that has no room: said, and training goes on`, async () => {
      const small = await serve();
      try {
        await inBrowser(
          'chromium',
          small.url,
          async ({ page }) => {
            const cdp = await page.createCDPSession();
            // Room for the setup beside what the service worker keeps, not for a checkpoint.
            const kept = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
            const quotaSize = kept + 150_000;
            await cdp.send('Storage.overrideQuotaForOrigin', { origin: small.url, quotaSize });
            await prepareRun(page, STEPS);
            await page.click('#train');
            const said = await waitForText(page, 'notices', '[Nn]ot saved');
            assert.match(said, /no more room; \d+ bytes are needed/);
            assert.is(await fingerprintOf(page, STEPS), expected);
            assert.match(await textOf(page, '#status'), `Ended after step ${STEPS}, which is not saved.`);
            assert.match(await textOf(page, '#host'), where);
          },
          { before },
        );
      } finally {
        small.close();
      }
    });
  }
}

test.run();
