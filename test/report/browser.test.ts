/** @file The report opened from a file in real browsers: plots drawn, keyboard, legend and downloads at work. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { renderReport } from '../../src/report/html.js';
import { type BrowserName, findBrowser, launch, skipMessage } from '../browser.js';
import { largeResults, mockResults } from './mock-results.js';

for (const name of ['chromium', 'firefox'] as const) {
  const executable = findBrowser(name);
  if (executable) reportIn(name, executable);
  else console.log(`report in ${name}: ${skipMessage(name)}`);
}

function reportIn(name: BrowserName, executable: string) {
  const test = suite(`report in ${name}`);
  const results = mockResults({ hostile: '</script><script>document.title = "broken out"</script>' });
  let folder: string;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const requests: string[] = [];

  test.before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'prenorm-report-'));
    const file = join(folder, 'report.html');
    writeFileSync(file, renderReport(results));
    browser = await launch(name, executable);
    page = await browser.newPage();
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector('.plot canvas');
  });

  test.after(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('every figure is drawn, in the colours of its placements', async () => {
    const counts = await page.$$eval('.plot canvas', (canvases) =>
      canvases.map((element) => {
        const canvas = element as HTMLCanvasElement;
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')!;
        copy.drawImage(canvas, 0, 0);
        const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
        const seen = { post: 0, pre: 0 };
        for (let at = 0; at < pixels.length; at += 4) {
          const [red, green, blue] = [pixels[at], pixels[at + 1], pixels[at + 2]];
          if (red === 0xd5 && green === 0x5e && blue === 0) seen.post++;
          if (red === 0 && green === 0x72 && blue === 0xb2) seen.pre++;
        }
        return seen;
      }),
    );
    assert.is(counts.length, results.figures.length);
    for (const { post, pre } of counts) assert.ok(post > 200 && pre > 200, JSON.stringify(counts));
  });

  test('a legend entry hides its line and brings it back', async () => {
    const entry = '[data-legend="0"] li:nth-child(1) button';
    const before = await ink(page);
    await page.click(entry);
    assert.is(await page.$eval(entry, (button) => button.getAttribute('aria-pressed')), 'false');
    await page.mouse.move(0, 0);
    await settle(page);
    assert.is.not(await ink(page), before);
    await page.click(entry);
    await page.mouse.move(0, 0);
    await settle(page);
    assert.is(await page.$eval(entry, (button) => button.getAttribute('aria-pressed')), 'true');
    assert.is(await ink(page), before);
  });

  test('the arrow keys read the values of a focused plot', async () => {
    const readout = () => page.$eval('[data-readout="0"]', (element) => element.textContent);
    await page.focus('[data-figure="0"]');
    await page.keyboard.press('ArrowRight');
    assert.match((await readout())!, /^layers 6: Post-LN 1\.\d\d; Post-LN, theory 1\.62; Pre-LN 0\.\d+/);
    await page.keyboard.press('ArrowRight');
    assert.match((await readout())!, /^layers 8: /);
    await page.keyboard.press('End');
    assert.match((await readout())!, /^layers 14: /);
    await page.keyboard.press('ArrowDown');
    assert.match((await readout())!, /^layers 14: Post-LN [\d.]+$/);
    const legend = await page.$eval('[data-legend="0"]', (element) => [
      element.querySelector('.at')!.textContent,
      element.querySelector('.value-at')!.textContent,
    ]);
    assert.is(legend[0], '14');
    assert.match(legend[1]!, /^1\.\d\d$/);
    await page.keyboard.press('Escape');
    assert.is(await page.$eval('[data-legend="0"] .at', (element) => element.textContent), '–');
  });

  test('hovering shows the values under the pointer', async () => {
    await page.$eval('[data-figure="2"]', (element) => element.scrollIntoView({ block: 'center' }));
    const over = (await page.$('[data-figure="2"] .u-over'))!;
    await over.hover();
    await settle(page);
    const value = await page.$eval('[data-legend="2"] .value-at', (element) => element.textContent);
    assert.match(value!, /^\d\.\d\d$/);
  });

  test('CSV holds every value with all its digits', async () => {
    const [fileName, text] = await saved(page, '[data-csv="3"]');
    assert.is(fileName, 'prenorm-quick-nll-by-rate.csv');
    const figure = results.figures[3]!;
    const lines = text.trimEnd().split('\r\n');
    const values = figure.series.reduce((sum, { x }) => sum + x.length, 0);
    assert.is(lines.length, 1 + values + figure.levels!.length);
    assert.is(lines[0], 'series,placement,maxLr,final valid NLL,lowest seed,highest seed');
    const { label, x, y, low, high } = figure.series[0]!;
    assert.is(lines[1], `"${label}",post,${x[0]},${y[0]},${low![0]},${high![0]}`);
    assert.is(lines[5], `"${label}",post,${x[4]},,,`);
  });

  test('PNG is an image with the title above the plot', async () => {
    const [fileName, data] = await saved(page, '[data-png="0"]');
    assert.is(fileName, 'prenorm-quick-gradient-by-depth.png');
    const bytes = Buffer.from(data, 'latin1');
    assert.is(bytes.toString('latin1', 1, 4), 'PNG');
    const plot = await page.$eval(
      '[data-figure="0"] canvas',
      (canvas) => (canvas as HTMLCanvasElement).height,
    );
    assert.ok(bytes.readUInt32BE(20) > plot + 40, 'taller than the plot alone');
    assert.ok(bytes.length > 10_000);
  });

  test('runs sort by a column, first up, then down', async () => {
    const column = () =>
      page.$$eval('.runs tbody tr', (rows) =>
        rows.map((row) => (row as HTMLTableRowElement).cells[5]!.dataset.value),
      );
    await page.click('.runs [data-sort="5"]');
    const up = (await column()).filter(Boolean).map(Number);
    assert.equal(
      up,
      up.toSorted((a, b) => a - b),
    );
    await page.click('.runs [data-sort="5"]');
    const down = await column();
    assert.equal(down.filter(Boolean).map(Number), up.toReversed());
    assert.is(down.at(-1), '', 'rows without a value stay last');
    assert.is(
      await page.$eval('.runs th:nth-child(6)', (head) => head.getAttribute('aria-sort')),
      'descending',
    );
  });

  test('the theme button changes page and plots', async () => {
    const ground = () => page.$eval('html', (element) => getComputedStyle(element).backgroundColor);
    const before = [await ground(), await ink(page)];
    await page.click('#theme');
    await settle(page);
    assert.is.not(await ground(), before[0]);
    assert.is.not(await ink(page), before[1]);
    await page.click('#theme');
    await settle(page);
    assert.equal([await ground(), await ink(page)], before);
  });

  test('from 360 pixels up nothing is wider than the window', async () => {
    for (const width of [360, 390, 640, 768, 900, 1024, 1920]) {
      await page.setViewport({ width, height: 800 });
      await settle(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
      const plot = await page.$eval(
        '[data-figure="0"] .uplot',
        (element) => element.getBoundingClientRect().width,
      );
      assert.ok(plot <= width && plot > 0.45 * Math.min(width, 1200), `the plot is ${plot} wide at ${width}`);
    }
  });

  test('maps and bars answer to the keys and are saved; eighteen lines are drawn', async () => {
    const second = await browser.newPage();
    const errors: string[] = [];
    second.on('console', (message) => errors.push(message.text()));
    second.on('pageerror', (error) => errors.push(String(error)));
    const file = join(folder, 'large.html');
    writeFileSync(file, renderReport(largeResults()));
    await second.goto(pathToFileURL(file).href);
    await second.waitForSelector('[data-figure="6"] canvas');
    await second.focus('[data-chart="4"]');
    await second.keyboard.press('ArrowRight');
    await second.keyboard.press('ArrowDown');
    const said = await second.$eval('[data-readout="4"]', (element) => element.textContent);
    assert.match(said!, /^Post-LN, warm-up 100, maxLr 2\.5e-4: [\d.]+$/);
    for (const index of [4, 5, 6]) {
      const [fileName, data] = await saved(second, `[data-png="${index}"]`);
      assert.match(fileName, /\.png$/);
      assert.is(data.slice(1, 4), 'PNG');
      assert.ok(data.length > 5000);
    }
    const [, csv] = await saved(second, '[data-csv="4"]');
    assert.is(csv.trimEnd().split('\r\n').length, 1 + 3 * 4 * 5);
    assert.equal(errors, []);
    await second.close();
  });

  test('controls have names and the page needs nobody else', async () => {
    const nameless = await page.$$eval('button, summary, [role="region"], [role="application"]', (elements) =>
      elements
        .filter((element) => {
          const label = element.getAttribute('aria-label') ?? element.getAttribute('aria-labelledby');
          return !label && !element.textContent?.trim();
        })
        .map((element) => element.outerHTML),
    );
    assert.equal(nameless, []);
    assert.equal(
      requests.filter((url) => !/^(file|blob|data):/.test(url)),
      [],
    );
    assert.is.not(await page.title(), 'broken out');
    assert.equal(complaints, []);
  });

  test.run();
}

/** A number that changes with what the first plot shows. */
function ink(page: Page): Promise<number> {
  return page.$eval('[data-figure="0"] canvas', (element) => {
    const canvas = element as HTMLCanvasElement;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let at = 0; at < data.length; at++) sum = (sum * 31 + data[at]!) >>> 0;
    return sum;
  });
}

/** Until resizing and drawing, both done between frames, are over. */
async function settle(page: Page) {
  await page.evaluate(
    () =>
      new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30)))),
  );
}

/** Name and bytes (as Latin-1) of what a button saves, caught on its way to the disk. */
async function saved(page: Page, button: string): Promise<[string, string]> {
  await page.evaluate(() => {
    const scope = window as unknown as { caught?: Promise<[string, string]> };
    const click = HTMLAnchorElement.prototype.click;
    const create = URL.createObjectURL;
    scope.caught = new Promise((resolve) => {
      let blob: Blob | undefined;
      URL.createObjectURL = (made) => {
        blob = made as Blob;
        return create.call(URL, made);
      };
      HTMLAnchorElement.prototype.click = async function () {
        HTMLAnchorElement.prototype.click = click;
        URL.createObjectURL = create;
        const bytes = new Uint8Array(await blob!.arrayBuffer());
        let text = '';
        for (const byte of bytes) text += String.fromCharCode(byte);
        resolve([this.download, text]);
      };
    });
  });
  await page.$eval(button, (element) => (element as HTMLButtonElement).click());
  return page.evaluate(() => (window as unknown as { caught: Promise<[string, string]> }).caught);
}
