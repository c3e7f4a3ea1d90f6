/** @file Builds examples/browser and uses its page as a person does. */
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { serve } from './static-server.js';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..');
const folder = join(root, 'examples/browser');
const program = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** Installs what the example needs unless it is there, builds it, and serves it as a static host would. */
export async function serveExample(headers: Record<string, string> = {}) {
  if (!existsSync(join(folder, 'node_modules/vite'))) {
    execFileSync(program, ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
      stdio: 'pipe',
    });
  }
  const built = join(folder, 'dist/index.html');
  const sources = [
    'index.html',
    'vite.config.js',
    'service-worker.js',
    'src/main.js',
    'src/style.css',
    'src/chart.js',
  ];
  const newest = Math.max(
    statSync(join(root, 'dist/index.js')).mtimeMs,
    ...sources.map((file) => statSync(join(folder, file)).mtimeMs),
  );
  if (!existsSync(built) || statSync(built).mtimeMs < newest) {
    execFileSync(program, ['run', 'build'], { cwd: folder, stdio: 'pipe' });
  }
  return serve(join(folder, 'dist'), headers);
}

/** Some pages of text that are the same everywhere. */
export function someText(pages: number): string {
  const words =
    'the of and that to in he shall unto for his a they be is him not them it with all thou was'.split(' ');
  let state = 7;
  return Array.from({ length: pages * 300 }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return words[Math.floor(state / 65536) % words.length];
  }).join(' ');
}

export interface Opened {
  page: Page;
  /** Console errors, exceptions, requests to elsewhere. */
  problems: string[];
}

export async function openPage(browser: Browser, url: string): Promise<Opened> {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    const address = request.url();
    if (!address.startsWith(url) && !/^(data|blob):/.test(address)) problems.push(`request to ${address}`);
  });
  await page.goto(url);
  await settled(page);
  return { page, problems };
}

/** The page may load itself once more, when its service worker is there. */
export async function settled(page: Page): Promise<void> {
  const isReady = () => document.documentElement.dataset.ready === 'yes';
  for (let quiet = 0; quiet < 3; ) {
    const ready = await page.evaluate(isReady).catch(() => false);
    quiet = ready ? quiet + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

/**
 * From inside the page: the driver's own reload goes to the document before the one that the service worker isolated,
 * because isolation moves a page to another process.
 */
export async function reload(page: Page): Promise<void> {
  await page.evaluate(() => {
    delete document.documentElement.dataset.ready;
    location.reload();
  });
  await settled(page);
}

/** By the clipboard: copied from a field of its own, pasted with the keyboard. */
export async function paste(page: Page, text: string): Promise<void> {
  await page.evaluate((value) => {
    const field = document.createElement('textarea');
    field.id = 'scratch';
    field.value = value;
    document.body.append(field);
    field.select();
  }, text);
  await page.keyboard.down('Control');
  await page.keyboard.press('c');
  await page.keyboard.up('Control');
  await page.evaluate(() => document.getElementById('scratch')?.remove());
  await page.click('#text');
  await page.keyboard.down('Control');
  await page.keyboard.press('v');
  await page.keyboard.up('Control');
}

export async function fill(page: Page, selector: string, value: string): Promise<void> {
  await page.click(selector, { count: 3 });
  await page.keyboard.type(value);
}

export const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => element.textContent ?? '');

/** Waits until the status says it. */
export async function waitForStatus(page: Page, pattern: string, seconds = 120): Promise<string> {
  await page.waitForFunction(
    (source) => new RegExp(source).test(document.getElementById('status')?.textContent ?? ''),
    { timeout: seconds * 1000, polling: 50 },
    pattern,
  );
  return textOf(page, '#status');
}

export async function stepOf(page: Page): Promise<number> {
  return Number(/[Ss]tep (\d+)/.exec(await textOf(page, '#status'))?.[1] ?? 0);
}

/** A text pasted, a model chosen; Train is the next click. */
export async function prepareRun(page: Page, steps: number, size: 'tiny' | 'small' = 'tiny'): Promise<void> {
  await paste(page, someText(10));
  await page.select('#size', size);
  await fill(page, '#steps', String(steps));
}

/** Milliseconds of the longest task (0: none over 50) and of clicks, from the input to its handler and the next frame. */
export async function measureFreedom(
  page: Page,
  seconds: number,
): Promise<{ longest: number; percentile95: number; clicks: number }> {
  await page.evaluate(() => {
    const seen = { longest: 0, delays: [] as number[] };
    (globalThis as unknown as { seen: typeof seen }).seen = seen;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) seen.longest = Math.max(seen.longest, entry.duration);
    }).observe({ type: 'longtask' });
    document.querySelector('h1')?.addEventListener('click', (event) => {
      requestAnimationFrame(() => seen.delays.push(performance.now() - event.timeStamp));
    });
  });
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    await page.click('h1');
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  const { longest, delays } = await page.evaluate(
    () => (globalThis as unknown as { seen: { longest: number; delays: number[] } }).seen,
  );
  delays.sort((a, b) => a - b);
  return {
    longest,
    percentile95: delays[Math.floor(delays.length * 0.95)] ?? Number.NaN,
    clicks: delays.length,
  };
}
