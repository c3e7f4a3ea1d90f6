/**
 * @file The conformance page in real browsers, with and without cross-origin isolation: right hashes from the worker
 * and from the page, again without any network, a red verdict where the bits differ, and controls one can reach.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pinned } from '../../src/conformance/index.js';
import { type BrowserName, findBrowser, launch, skipMessage } from '../browser.js';
import { ISOLATION, serve } from '../browsers/static-server.js';

const test = suite('conformance/page');
const root = fileURLToPath(new URL('../../', import.meta.url));
const ITEMS = ['translation-peri', 'vision'] as const;
const TIMEOUT = 180_000;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

test.before(() => {
  execFileSync(process.execPath, ['scripts/build-conformance-page.mjs', '--quiet'], { cwd: root });
});

interface Shown {
  verdict: string;
  states: Record<string, string>;
  hashes: string[];
  facts: Record<string, string>;
}

/** Waits for the verdict and reads the page as a person would. */
async function shown(page: Page): Promise<Shown> {
  await page.waitForFunction(
    () => /same|different/.test(document.getElementById('verdict')?.dataset.state ?? ''),
    { timeout: TIMEOUT },
  );
  // As text: the test's own compiler would put a helper of its own into a function.
  return (await page.evaluate(`(() => {
    const rows = [...document.querySelectorAll('#items li')];
    const text = (node, selector) => node.querySelector(selector).textContent;
    const facts = ['threads', 'where', 'isolated', 'total', 'agent', 'kernels'];
    return {
      verdict: text(document, '#verdict'),
      states: Object.fromEntries(rows.map((row) => [text(row, '.name'), text(row, '.state')])),
      hashes: rows.map((row) => text(row, '.hash')),
      facts: Object.fromEntries(facts.map((id) => [id, text(document, '#' + id)])),
    };
  })()`)) as Shown;
}

for (const name of ['chromium', 'firefox'] as BrowserName[]) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }
  let browser: Browser;

  test(`${name}: starts`, async () => {
    browser = await launch(name);
  });

  for (const isolated of [false, true]) {
    test(`${name}, ${isolated ? '' : 'not '}isolated: same bits, and again when the server is gone`, async () => {
      const { url, server } = await serve(`${root}/build/web/conformance`, isolated ? ISOLATION : {});
      const page = await browser.newPage();
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(String(error)));
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      try {
        // Not in the order in which they run, which the page has to know.
        const wanted = isolated ? [...ITEMS].reverse() : ['vision'];
        await page.goto(`${url}/index.html?items=${wanted.join()}`);
        const first = await shown(page);
        assert.match(first.verdict, /give the same bits/);
        const expected = ITEMS.filter((item) => wanted.includes(item));
        assert.equal(Object.keys(first.states), expected);
        assert.equal(new Set(Object.values(first.states)), new Set(['same bits']));
        assert.equal(
          first.hashes,
          expected.map((item) => pinned.items[item]),
        );
        assert.is(first.facts.where, 'worker');
        assert.is(first.facts.isolated, isolated ? 'yes' : 'no');
        assert.match(first.facts.threads, /^[1-4]/);
        // Firefox may have no worker in a worker while WebDriver listens.
        if (name === 'chromium') assert.not.match(first.facts.threads, 'did not start');
        assert.match(first.facts.agent, name === 'chromium' ? /Chrome/ : /Firefox/);
        server.close();
        server.closeAllConnections();
        await page.click('#again');
        const second = await shown(page);
        assert.equal(second.hashes, first.hashes);
        await page.click('#copy');
        const report = await page.$eval('#report', (node) => node.textContent);
        assert.match(report ?? '', new RegExp(`same vision ${pinned.items.vision}`));
        assert.equal(problems, []);
      } finally {
        await page.close();
        server.close();
      }
    });
  }

  test(`${name}: in the page itself, and red where the bits differ`, async () => {
    const { url, server } = await serve(`${root}/build/web/conformance`);
    const page = await browser.newPage();
    try {
      await page.goto(`${url}/index.html?items=vision&where=page`);
      const same = await shown(page);
      assert.is(same.facts.where, 'page');
      assert.equal(same.hashes, [pinned.items.vision]);
      await page.goto(`${url}/index.html?items=vision&arithmetic=relaxed`);
      const relaxed = await shown(page);
      assert.equal(relaxed.states, { vision: 'different' });
      assert.match(relaxed.verdict, /differs/);
      assert.match(relaxed.hashes[0], new RegExp(`instead of ${pinned.items.vision}`));
      await page.goto(`${url}/index.html?items=vision&arithmetic=int12`);
      const int12 = await shown(page);
      assert.equal([int12.states, int12.hashes], [{ vision: 'same bits' }, [pinned.int12.items.vision]]);
      await page.goto(`${url}/index.html?items=vision&arithmetic=int8`);
      assert.match((await shown(page)).verdict, /could not run.*int8/i);
      await page.goto(`${url}/index.html?items=nonsense`);
      assert.match((await shown(page)).verdict, /could not run.*nonsense/i);
    } finally {
      await page.close();
      server.close();
      server.closeAllConnections();
    }
  });

  test(`${name}: opened from disk`, async () => {
    const page = await browser.newPage();
    try {
      await page.goto(`${pathToFileURL(root).href}build/web/conformance/index.html?items=vision`);
      const { hashes, facts } = await shown(page);
      assert.equal(hashes, [pinned.items.vision]);
      assert.match(facts.where, /^(worker|page \(no module worker could be started\))$/);
    } finally {
      await page.close();
    }
  });

  test(`${name}: kernels of its own server, and no others`, async () => {
    const { url, server } = await serve(`${root}/build`);
    const elsewhere = await serve(`${root}/build`, { 'Access-Control-Allow-Origin': '*' });
    const page = await browser.newPage();
    try {
      const address = `${url}/web/conformance/index.html?items=vision&wasm=`;
      await page.goto(`${address}../../kernels.wasm`);
      assert.equal((await shown(page)).states, { vision: 'same bits' });
      await page.goto(`${address}${elsewhere.url}/kernels.wasm`);
      assert.match((await shown(page)).verdict, /could not run/);
    } finally {
      await page.close();
      for (const one of [server, elsewhere.server]) {
        one.close();
        one.closeAllConnections();
      }
    }
  });

  test(`${name}: axe-core finds nothing serious, in both themes`, async () => {
    const { url, server } = await serve(`${root}/build/web/conformance`);
    const page = await browser.newPage();
    try {
      await page.goto(`${url}/index.html?items=vision`);
      await shown(page);
      await page.click('#copy');
      const grounds: string[] = [];
      for (let theme = 0; theme < 2; theme++) {
        grounds.push(await page.$eval('html', (node) => getComputedStyle(node).backgroundColor));
        await page.evaluate(axe);
        const found = await page.evaluate(`axe.run().then(({ violations }) => violations
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .map(({ id, nodes }) => id + ': ' + nodes[0].html))`);
        assert.equal(found, []);
        await page.click('#theme');
      }
      assert.is.not(grounds[0], grounds[1], 'the button changes the theme');
    } finally {
      await page.close();
      server.close();
      server.closeAllConnections();
    }
  });

  test(`${name}: fits a phone, and names what it shows`, async () => {
    const { url, server } = await serve(`${root}/build/web/conformance`);
    const page = await browser.newPage();
    try {
      await page.setViewport({ width: 360, height: 700 });
      await page.goto(`${url}/index.html?items=vision`);
      await shown(page);
      const seen = await page.evaluate(() => ({
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        low: [...document.querySelectorAll('button')].filter((b) => b.getBoundingClientRect().height < 44)
          .length,
        lang: document.documentElement.lang,
        live: document.getElementById('verdict')?.getAttribute('aria-live'),
        labelled: document.getElementById('items')?.getAttribute('aria-labelledby'),
        headings: document.querySelectorAll('h1').length,
      }));
      assert.equal(seen, {
        overflow: 0,
        low: 0,
        lang: 'en',
        live: 'polite',
        labelled: 'items-title',
        headings: 1,
      });
    } finally {
      await page.close();
      server.close();
      server.closeAllConnections();
    }
  });

  test(`${name}: ends`, async () => {
    await browser?.close();
  });
}

test.run();
