/** @file Pages for the tests of web/figures: real bundles in a document of the kind that src/report/ writes. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import { bundlePage } from '../../scripts/build-pages.mjs';
import type { Figure } from '../../src/experiments/results.js';
import { embedJson, html, raw } from '../../src/report/markup.js';
import type { Drawn, FigureHandle } from '../../web/figures/index.js';
import { findBrowser, launch, skipMessage } from '../browser.js';
import { figures } from './mock-figures.js';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const bundle = bundlePage(path('figures-page.ts'), path('figures-page.css'));
const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** A folder for pages, and what removes it. */
export function pageFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-figures-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Writes a page with the figures and gives its address. Its policy allows nothing but its own script and style. */
export async function writePage(folder: string, name: string, figures: readonly Figure[]): Promise<string> {
  const { js, css } = await bundle;
  const policy = `default-src 'none'; script-src ${hash(js)}; style-src ${hash(css)}; img-src data: blob:`;
  const text = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Figures</title>
<link rel="icon" href="data:,">
<style>${raw(css)}</style></head>
<body><header class="top"><div class="bar"><p class="brand">prenorm <span>figures</span></p>
<button type="button" id="theme" hidden>Theme</button></div></header>
<main id="main"><h1>Figures</h1><h2>All</h2>
${figures.map(
  (
    figure,
    index,
  ) => html`<figure class="figure" id="figure-${index}" data-figure="${index}" aria-labelledby="figure-${index}-title">
<div class="figure-head"><h3 id="figure-${index}-title">${figure.title} <span class="tag">${figure.figure}</span></h3><div class="tools"></div></div>
<div class="drawing"></div>
<figcaption id="figure-${index}-caption">${figure.caption}</figcaption>
</figure>
`,
)}</main>
<script type="application/json" id="figures" data-name="prenorm-test" data-source="made up for a test">${embedJson(figures)}</script>
<script type="module">${raw(js)}</script></body></html>`.text;
  const file = join(folder, `${name}.html`);
  writeFileSync(file, text);
  return pathToFileURL(file).href;
}

/** Until resizing and drawing, both done between frames, are over. */
export async function settle(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30)))),
  );
}

/** Name and bytes (as Latin-1) of what a button saves, caught on its way to the disk. */
export async function saved(page: Page, figure: string, label: string): Promise<[string, string]> {
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
  await page.$$eval(
    `${figure} .tools button`,
    (buttons, text) => buttons.find((button) => button.firstChild?.textContent === text)?.click(),
    label,
  );
  return page.evaluate(() => (window as unknown as { caught: Promise<[string, string]> }).caught);
}

/** How many pixels of a plot have each colour. */
export function countColors(page: Page, figure: string, colors: readonly string[]): Promise<number[]> {
  return page.$eval(
    `${figure} canvas`,
    (canvas, wanted) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const copy = new OffscreenCanvas(width, height).getContext('2d')!;
      copy.drawImage(canvas as HTMLCanvasElement, 0, 0);
      const { data } = copy.getImageData(0, 0, width, height);
      const counts = wanted.map(() => 0);
      for (let at = 0; at < data.length; at += 4) {
        const hex = `#${[0, 1, 2].map((part) => data[at + part].toString(16).padStart(2, '0')).join('')}`;
        const found = wanted.indexOf(hex);
        if (found >= 0) counts[found]++;
      }
      return counts;
    },
    colors,
  );
}

export type Host = HTMLElement & { figure: FigureHandle };

/** What the tests of one browser share. */
export interface Shown {
  /** All figures of mock-figures.ts, at 1280 pixels. */
  page: Page;
  browser: Browser;
  folder: string;
  given: readonly Figure[];
  /** Selector of a figure by its id. */
  at(id: string): string;
}

/** A suite per browser, with all figures on a page; each ends with that page's complaints and requests. */
export function inBrowsers(title: string, define: (test: Test, shown: Shown) => void): { run(): void } {
  const suites: Test[] = [];
  for (const name of ['chromium', 'firefox'] as const) {
    const executable = findBrowser(name);
    if (!executable) {
      console.log(`${title} in ${name}: ${skipMessage(name)}`);
      continue;
    }
    const test = suite(`${title} in ${name}`);
    const given = figures();
    const { folder, remove } = pageFolder();
    const complaints: string[] = [];
    const shown = Object.assign({} as Pick<Shown, 'page' | 'browser'>, {
      folder,
      given,
      at: (id: string) => {
        const index = given.findIndex((figure) => figure.id === id);
        assert.ok(index >= 0, `no figure ${id}`);
        return `#figure-${index}`;
      },
    });
    test.before(async () => {
      const url = await writePage(folder, 'all', given);
      shown.browser = await launch(name, executable);
      const page = await shown.browser.newPage();
      shown.page = page;
      page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('request', (request) => {
        if (!/^(file|blob|data):/.test(request.url())) complaints.push(`request to ${request.url()}`);
      });
      await page.setViewport({ width: 1280, height: 900 });
      await page.goto(url);
      await page.waitForSelector('.plot canvas');
      await settle(page);
    });
    test.after(async () => {
      await shown.browser?.close();
      remove();
    });
    define(test, shown);
    test('the page needs nobody else and complains about nothing', () => {
      assert.equal(complaints, []);
    });
    suites.push(test);
  }
  return {
    run: () => {
      for (const one of suites) one.run();
    },
  };
}

export async function drawn(page: Page, figure: string): Promise<Drawn> {
  return page.$eval(figure, (host) => (host as Host).figure.drawn());
}

export function readout(page: Page, figure: string): Promise<string> {
  return page.$eval(`${figure} .readout`, (element) => element.textContent ?? '');
}

/** A number that changes with what a plot shows. */
export function ink(page: Page, figure: string): Promise<number> {
  return page.$eval(`${figure} canvas`, (element) => {
    const canvas = element as HTMLCanvasElement;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let at = 0; at < data.length; at++) sum = (sum * 31 + data[at]!) >>> 0;
    return sum;
  });
}
