/**
 * The Lab where something is missing or goes wrong: without workers, without shared memory, without SIMD, without
 * storage, in a hidden tab, in a page that the browser stops, with a worker that dies, zoomed, on phones, in WebKitGTK.
 * Wherever it trains, the fingerprint is Node's.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLab } from '../../src/lab/link.js';
import { labPage } from '../../src/lab/page.js';
import { type LabResult, runLab } from '../../src/lab/run.js';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { prenorm } from '../cli/spawn.js';
import { findWebKit, WebKitWindow } from '../webkit.js';
import { fingerprint, press, type Shown, until, WAIT } from './open-lab.js';

const test = suite('lab: trouble');
const LINK = '1&n=12&l=2&d=32&lane=p.post&lane=w.5';
const folder = mkdtempSync(join(tmpdir(), 'prenorm-trouble-'));
const address = `${pathToFileURL(join(folder, 'lab.html')).href}#${LINK}`;
let expected: LabResult;
let browser: Browser | null = null;

test.before(async () => {
  writeFileSync(join(folder, 'lab.html'), labPage('test'));
  expected = await runLab(decodeLab(LINK));
  if (findBrowser('chromium')) browser = await launch('chromium');
});
test.after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

async function opened(of: Browser, before?: (page: Page) => Promise<unknown>, link = address): Promise<Page> {
  const page = await of.newPage();
  await before?.(page);
  await page.goto(link);
  await until(page, 'ready');
  return page;
}

const state = (page: Page) => page.evaluate(() => (window as unknown as Shown).lab.run?.state);
const step = (page: Page) => page.evaluate(() => (window as unknown as Shown).lab.run?.newest ?? 0);
const start = (page: Page, where = '.head') => press(page, `${where} [data-drive="run"]`);

async function trainsToNode(page: Page, where?: string): Promise<void> {
  await start(page, where);
  await until(page, 'done');
  assert.is(await fingerprint(page), expected.fingerprint);
}

if (!findBrowser('chromium')) console.log(skipMessage('chromium'));
else {
  test('without workers and without shared memory the page itself trains, to the same fingerprint', async () => {
    const page = await opened(browser as Browser, (page) =>
      page.evaluateOnNewDocument(() => {
        delete (window as { Worker?: unknown }).Worker;
      }),
    );
    assert.is(await page.evaluate(() => typeof SharedArrayBuffer), 'undefined');
    const problems = problemsOf(page, address);
    await trainsToNode(page);
    assert.equal(problems, []);
    await page.close();
  });

  test('where storage refuses, as in private windows, everything else works', async () => {
    const page = await opened(browser as Browser, (page) =>
      page.evaluateOnNewDocument(() => {
        for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches']) {
          Object.defineProperty(window, name, {
            get() {
              throw new DOMException('The operation is insecure.', 'SecurityError');
            },
          });
        }
        Object.defineProperty(navigator, 'storage', { get: () => undefined });
      }),
    );
    const problems = problemsOf(page, address);
    await press(page, '#theme');
    await trainsToNode(page);
    assert.equal(problems, []);
    await page.close();
  });

  test('a lane whose worker dies says so, the others end, and it can be trained again', async () => {
    const page = await opened(browser as Browser, undefined, address.replace('n=12', 'n=60'));
    await start(page);
    await page.waitForFunction(() => ((window as unknown as Shown).lab.run?.newest ?? 0) >= 3, WAIT);
    await page.evaluate(() => (window as unknown as Shown).lab.run?.pause());
    const isLost = () => (window as unknown as Shown).lab.run?.lanes.some(({ lost }) => lost !== null);
    // Two are the lanes'; the page may have one for what the run costs, whose end is no loss.
    for (const worker of page.workers()) {
      await worker.evaluate(() => {
        setTimeout(() => {
          throw new Error('out of memory');
        });
      });
      const lost = page.waitForFunction(isLost, { timeout: 3000, polling: 100 });
      if (
        await lost.then(
          () => true,
          () => false,
        )
      )
        break;
    }
    assert.ok(await page.evaluate(isLost));
    await start(page);
    await until(page, 'done');
    await page.waitForSelector('.lost:not([hidden])', WAIT);
    const said = await page.$eval('.lost:not([hidden])', ({ textContent }) => textContent ?? '');
    assert.match(said, /stopped at step \d+\. The others go on\./);
    assert.is(await fingerprint(page), null, 'a run with a lost lane has no fingerprint');
    await press(page, '.lost:not([hidden]) button');
    await page.waitForFunction(
      () => (window as unknown as Shown).lab.run?.lanes.every(({ lost }) => lost === null),
      WAIT,
    );
    if ((await state(page)) !== 'running') await start(page);
    await until(page, 'done');
    const whole = await runLab(decodeLab(LINK.replace('n=12', 'n=60')));
    assert.is(await fingerprint(page), whole.fingerprint);
    await page.close();
  });

  test('a hidden tab trains on; a page that the browser stopped says where, and goes on', async () => {
    const page = await opened(browser as Browser, undefined, address.replace('n=12', 'n=400'));
    await start(page);
    await page.waitForFunction(() => ((window as unknown as Shown).lab.run?.newest ?? 0) >= 2, WAIT);
    const other = await (browser as Browser).newPage();
    await other.bringToFront();
    const before = await step(page);
    await page.waitForFunction(
      (from) => ((window as unknown as Shown).lab.run?.newest ?? 0) > from + 10,
      WAIT,
      before,
    );
    await page.bringToFront();
    await other.close();
    assert.is(await state(page), 'running');
    const session = await page.createCDPSession();
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await page.waitForSelector('[data-about="stopped"]', WAIT);
    assert.match(
      await page.$eval('[data-about="stopped"]', ({ textContent }) => textContent ?? ''),
      /^The browser stopped this page at step \d+\. Nothing is lost\. Continue$/,
    );
    assert.is(await state(page), 'paused');
    const at = await step(page);
    // A page that was frozen may draw no frame for the driver's own click to wait for.
    await page.$eval('[data-about="stopped"] button', (button) => (button as HTMLElement).click());
    await page.waitForFunction(
      (from) => ((window as unknown as Shown).lab.run?.newest ?? 0) > from,
      WAIT,
      at,
    );
    assert.is(await page.$('[data-about="stopped"]'), null);
    await page.close();
  });

  test('at 200 %, on phones upright and on their side, nothing is cut off sideways', async () => {
    const page = await opened(browser as Browser);
    await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    for (const [width, height] of [
      [640, 450],
      [390, 844],
      [844, 390],
      [320, 640],
    ]) {
      await page.setViewport({ width, height });
      for (const open of [false, true]) {
        if (open) await page.evaluate(() => (window as unknown as Shown).lab.lesson.open(1));
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${wide} of ${width}, lesson ${open}`);
      }
      await page.evaluate(() => (window as unknown as Shown).lab.lesson.close());
    }
    // There the buttons are at the bottom.
    await trainsToNode(page, '.dock');
    await page.close();
  });

  test('prenorm train takes the recipe of a lane, and trains it to the same losses', async () => {
    const page = await opened(browser as Browser);
    const text = await page.evaluate(async () => {
      const caught: Blob[] = [];
      const create = URL.createObjectURL;
      URL.createObjectURL = (made) => {
        caught.push(made as Blob);
        return create.call(URL, made);
      };
      (document.querySelector('.downloads summary') as HTMLElement).click();
      await new Promise((done) => setTimeout(done, 100));
      const lane = document.getElementById('download-lane') as HTMLSelectElement;
      lane.value = '1';
      const all = [...document.querySelectorAll<HTMLElement>('.downloads button')];
      all.find(({ textContent }) => textContent?.startsWith('Recipe'))?.click();
      return caught[0].text();
    });
    await page.close();
    writeFileSync(join(folder, 'lane-2.json'), text);
    const { code, stderr } = await prenorm(['train', 'lane-2.json', '--out', 'run'], { cwd: folder });
    assert.is(code, 0, stderr);
    const lines = readFileSync(join(folder, 'run/metrics.jsonl'), 'utf8').trim().split('\n');
    assert.equal(
      lines.map((line) => (JSON.parse(line) as { loss: number }).loss),
      expected.lanes[1].rows.map(([loss]) => loss),
    );
  });

  test('without SIMD the page says what it needs', async () => {
    const bare = await launch('chromium', undefined, {
      args: [
        '--js-flags=--no-enable-sse4-1 --no-enable-ssse3 --no-enable-sse4-2 --no-enable-avx --no-enable-avx2',
      ],
    });
    try {
      const page = await bare.newPage();
      await page.goto(address);
      await page.waitForFunction(
        () =>
          (window as unknown as Shown).lab?.run?.state === 'failed' ||
          (window as unknown as Shown).lab?.run?.state === 'ready',
        WAIT,
      );
      if ((await state(page)) === 'ready')
        return console.log('skipped: this Chromium keeps SIMD whatever its flags');
      await page.waitForFunction(
        () => /SIMD/.test(document.querySelector('#notices')?.textContent ?? ''),
        WAIT,
      );
    } finally {
      await bare.close();
    }
  });
}

const webkit = findWebKit();
if (typeof webkit === 'string') console.log(webkit);
else {
  test('WebKitGTK trains to the same fingerprint', async () => {
    const window = await WebKitWindow.open(webkit);
    try {
      await window.goTo(address);
      await window.waitFor(() => (globalThis as unknown as Shown).lab?.run?.state === 'ready', WAIT.timeout);
      await window.click('.head [data-drive="run"]');
      await window.waitFor(() => (globalThis as unknown as Shown).lab.run?.state === 'done', WAIT.timeout);
      assert.is(
        await window.run(() => (globalThis as unknown as Shown).lab.run?.fingerprint ?? null),
        expected.fingerprint,
      );
    } finally {
      await window.close();
    }
  });
}

test.run();
