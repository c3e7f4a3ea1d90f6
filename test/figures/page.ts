/** @file Pages for the tests of web/figures: real bundles in a document of the kind that src/report/ writes. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Page } from 'puppeteer-core';
import { bundlePage } from '../../scripts/build-pages.mjs';
import type { Figure } from '../../src/experiments/results.js';
import { embedJson, html, raw } from '../../src/report/markup.js';

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

/** Colours of some pixels of a screenshot-free canvas: how many pixels of the first plot have each colour. */
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
