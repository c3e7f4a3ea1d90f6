/** The page of examples/browser, used as a person would use it, in both browsers. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeSafetensors } from '../../src/io/index.js';
import { findBrowser, launch, skipMessage } from '../browser.js';
import {
  fill,
  measureFreedom,
  type Opened,
  openPage,
  prepareRun,
  reload,
  serveExample,
  settled,
  someText,
  stepOf,
  textOf,
  waitForStatus,
} from './example-page.js';

const test = suite('browsers: example page');
const STEPS = 60;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let site: Awaited<ReturnType<typeof serveExample>>;
test.before(async () => {
  site = await serveExample();
});
test.after(() => {
  site.server.close();
  site.server.closeAllConnections();
});

const prepare = (page: Page, steps = STEPS) => prepareRun(page, steps);
const fingerprintOf = async (page: Page) => (await textOf(page, '#fingerprint')).split(': ')[1];

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: scan } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await scan.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
  });
}

async function inBrowser(
  name: 'chromium' | 'firefox',
  work: (opened: Opened, browser: Browser) => Promise<void>,
) {
  const browser = await launch(name);
  try {
    const opened = await openPage(browser, site.url);
    await work(opened, browser);
    assert.equal(opened.problems, []);
  } finally {
    await browser.close();
  }
}

const whole: Record<string, string> = {};

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }

  test(`${name}: paste, train, sample; the service worker isolates the page`, () =>
    inBrowser(name, async ({ page }) => {
      assert.is(await page.evaluate(() => globalThis.crossOriginIsolated), true);
      await page.click('#train');
      assert.match(await textOf(page, '#notices'), 'There is no text yet');
      await prepare(page);
      await page.click('#train');
      const status = await waitForStatus(page, '^Done');
      assert.match(status, `Done: ${STEPS} steps`);
      await page.waitForFunction(() => document.getElementById('fingerprint')?.textContent !== '');
      whole[name] = await fingerprintOf(page);
      assert.match(whole[name], /^[0-9a-f]{64}$/);
      await page.click('#sample');
      await page.waitForFunction(() => (document.getElementById('sampled')?.textContent ?? '').length > 300);
      assert.match(await textOf(page, '#sampled'), /^The /);
      assert.equal(await violations(page), []);
    }));

  test(`${name}: stop, reload, resume: the bits of a run that never stopped`, () =>
    inBrowser(name, async ({ page, problems }) => {
      await prepare(page);
      await page.click('#train');
      await waitForStatus(page, '^Step \\d+ of');
      await page.click('#train');
      await waitForStatus(page, '^Stopped after step');
      const stopped = await stepOf(page);
      assert.ok(stopped >= 1 && stopped < STEPS, `stopped at ${stopped}`);
      await reload(page);
      assert.is(await stepOf(page), stopped);
      assert.is(await page.$eval('#text', (field) => (field as HTMLTextAreaElement).value), someText(10));
      assert.is(await textOf(page, '#train'), 'Resume');
      await page.click('#train');
      await waitForStatus(page, '^Done');
      await page.waitForFunction(
        (n) => document.getElementById('fingerprint')?.textContent?.includes(`step ${n}`),
        {},
        STEPS,
      );
      assert.is(await fingerprintOf(page), whole[name]);
      assert.equal(problems, []);
    }));
}

test('both browsers have trained the same bits', () => {
  const [first, ...others] = Object.values(whole);
  for (const other of others) assert.is(other, first);
});

if (findBrowser('chromium')) {
  test('the weights are downloaded while it trains, and any reader of safetensors takes them', () =>
    inBrowser('chromium', async ({ page }) => {
      const folder = mkdtempSync(join(tmpdir(), 'prenorm-download-'));
      try {
        const cdp = await page.createCDPSession();
        await cdp.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
        await prepare(page, 5000);
        await page.click('#train');
        await waitForStatus(page, '^Step \\d+ of');
        await page.click('#download');
        let file: string | undefined;
        for (let i = 0; i < 200 && !file; i++) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          file = readdirSync(folder).find((entry) => entry.endsWith('.safetensors'));
        }
        assert.ok(file, 'nothing was downloaded');
        const bytes = new Uint8Array(readFileSync(join(folder, file as string)));
        const { tensors } = decodeSafetensors(bytes, 'download');
        assert.equal(tensors.get('embedding.tokens.weight')?.shape.slice(1), [64]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }));

  test('the page stays free while it trains', () =>
    inBrowser('chromium', async ({ page }) => {
      await prepare(page, 100_000);
      await page.click('#train');
      await waitForStatus(page, '^Step \\d+ of');
      const { longest, percentile95, clicks } = await measureFreedom(page, 8);
      // Other programs may have the processors; scripts/browser-responsiveness.mjs measures strictly.
      assert.ok(clicks >= 5, `${clicks} clicks`);
      assert.ok(longest < 400, `a task of ${longest} ms`);
      assert.ok(percentile95 < 500, `clicks are answered within ${percentile95} ms`);
    }));

  test('without the network it loads, trains and resumes', () =>
    inBrowser('chromium', async ({ page }) => {
      // Not page.setOfflineMode, which workers do not feel: the server is gone for everything.
      const gone = (_: unknown, response: { destroy(): void }) => response.destroy();
      const listeners = site.server.listeners('request') as ((...args: unknown[]) => void)[];
      site.server.removeAllListeners('request');
      site.server.on('request', gone as never);
      try {
        await reload(page);
        await prepare(page);
        await page.click('#train');
        await waitForStatus(page, '^Done');
        await reload(page);
        assert.is(await stepOf(page), STEPS);
      } finally {
        site.server.removeAllListeners('request');
        for (const listener of listeners) site.server.on('request', listener);
      }
    }));

  test('200 MB of text: said, cut, and trained', () =>
    inBrowser('chromium', async ({ page }) => {
      await page.evaluate(
        (part) => {
          const file = new File(Array(200_000_000 / 1000).fill(part), 'large.txt', { type: 'text/plain' });
          const data = new DataTransfer();
          data.items.add(file);
          const target = document.getElementById('text') as HTMLElement;
          target.dispatchEvent(
            new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }),
          );
        },
        someText(1).slice(0, 1000),
      );
      await page.waitForFunction(() => document.getElementById('notices')?.textContent !== '');
      assert.match(
        await textOf(page, '#notices'),
        'The text has 200,000,000 bytes. The first 4,000,000 characters are used',
      );
      await page.select('#size', 'tiny');
      await fill(page, '#steps', '5');
      await page.click('#train');
      await waitForStatus(page, '^Done: 5 steps');
    }));

  test('training goes on in a tab that is hidden', () =>
    inBrowser('chromium', async ({ page }, browser) => {
      await prepare(page, 5000);
      await page.click('#train');
      await waitForStatus(page, '^Step \\d+ of');
      const other = await browser.newPage();
      await other.bringToFront();
      const before = await stepOf(page);
      await new Promise((resolve) => setTimeout(resolve, 3000));
      assert.ok((await stepOf(page)) > before, 'it stood still');
    }));

  test('storage that is full: said, and training goes on', () =>
    inBrowser('chromium', async ({ page }) => {
      const cdp = await page.createCDPSession();
      await cdp.send('Storage.overrideQuotaForOrigin', { origin: site.url, quotaSize: 400_000 });
      await prepare(page);
      await page.click('#train');
      await page.waitForFunction(
        () => /Not saved|not saved/.test(document.getElementById('notices')?.textContent ?? ''),
        {
          timeout: 120_000,
        },
      );
      assert.match(await textOf(page, '#notices'), /no more room; \d+ bytes are needed/);
      await page.waitForFunction(
        () => document.getElementById('fingerprint')?.textContent?.includes('step 60'),
        {
          timeout: 120_000,
        },
      );
      assert.is(await fingerprintOf(page), whole.chromium);
    }));

  for (const [what, script, message] of [
    [
      'no SIMD',
      'const { validate } = WebAssembly; WebAssembly.validate = (bytes) => bytes.length < 20 && validate(bytes)',
      'no SIMD',
    ],
    ['no WebAssembly', 'delete globalThis.WebAssembly', 'no WebAssembly'],
  ]) {
    test(`${what}: a clear message`, async () => {
      const browser = await launch('chromium');
      try {
        const page = await browser.newPage();
        await page.evaluateOnNewDocument(script);
        await page.goto(site.url);
        await settled(page);
        assert.match(await textOf(page, '#notices'), message);
        assert.is(await page.$eval('#train', (button) => (button as HTMLButtonElement).disabled), true);
      } finally {
        await browser.close();
      }
    });
  }

  test('a policy that blocks wasm: a clear message; one without workers for isolation: one thread, and said', async () => {
    const strict = await serveExample({ 'content-security-policy': "script-src 'self'" });
    const browser = await launch('chromium');
    try {
      const page = await browser.newPage();
      await page.goto(strict.url);
      await settled(page);
      assert.match(await textOf(page, '#notices'), 'blocks WebAssembly');
      const plain = await browser.newPage();
      await plain.evaluateOnNewDocument(
        "Object.defineProperty(navigator, 'serviceWorker', { value: undefined })",
      );
      await plain.goto(site.url);
      await settled(plain);
      assert.match(await textOf(plain, '#host'), 'SharedArrayBuffer is not available here');
      await prepare(plain, 5);
      await plain.click('#train');
      await waitForStatus(plain, '^Done: 5 steps');
      assert.match(await textOf(plain, '#host'), 'one thread');
    } finally {
      await browser.close();
      strict.server.close();
      strict.server.closeAllConnections();
    }
  });
}

test.run();
