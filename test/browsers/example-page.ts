/** @file The page of examples/browser as a person uses it. */
import type { Browser, Page } from 'puppeteer-core';
import * as assert from 'uvu/assert';
import { type BrowserName, findBrowser, type LaunchChoices, launch, problemsOf } from '../browser.js';
import { someText } from './example-site.js';

export interface Opened {
  page: Page;
  browser: Browser;
  /** Console errors, exceptions, requests to elsewhere. */
  problems: string[];
}

export interface Circumstances extends LaunchChoices {
  /** Run in the page before its own scripts. */
  before?: string;
  /** A context of its own, as a window that keeps nothing. */
  incognito?: boolean;
}

/** A fresh browser with the page at `url`; afterwards there must have been no error and no request to elsewhere. */
export async function inBrowser(
  name: BrowserName,
  url: string,
  work: (opened: Opened) => Promise<void>,
  { before, incognito, ...choices }: Circumstances = {},
): Promise<void> {
  const browser = await launch(name, findBrowser(name), choices);
  try {
    const context = incognito ? await browser.createBrowserContext() : browser.defaultBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    if (before) await page.evaluateOnNewDocument(before);
    const problems = await openPage(page, url);
    await work({ page, browser, problems });
    assert.equal(problems, []);
  } finally {
    await browser.close();
  }
}

/** What went wrong on a page so far, for the message of a wait that ran out of time. */
const problemsSoFar = new WeakMap<Page, string[]>();

export async function openPage(page: Page, url: string): Promise<string[]> {
  const problems = problemsOf(page, url);
  problemsSoFar.set(page, problems);
  await page.goto(url);
  await settled(page);
  return problems;
}

/** The page may load itself once more, when its service worker is there. */
async function settled(page: Page, seconds = 120): Promise<void> {
  const isReady = () => document.documentElement.dataset.ready === 'yes';
  const end = performance.now() + seconds * 1000;
  for (let quiet = 0; quiet < 3; ) {
    if (performance.now() > end) {
      throw new Error(`the page was not ready within ${seconds} s. ${await accountOf(page)}`);
    }
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

/** With the keys: `press(page, 'Control', 'v')`. */
export async function press(page: Page, ...keys: string[]): Promise<void> {
  const last = keys.pop() as 'v';
  for (const key of keys) await page.keyboard.down(key as 'Control');
  await page.keyboard.press(last);
  for (const key of keys) await page.keyboard.up(key as 'Control');
}

/** To the clipboard, from a field of its own. */
export async function copy(page: Page, text: string): Promise<void> {
  await page.evaluate((value) => {
    const field = document.createElement('textarea');
    field.id = 'scratch';
    field.value = value;
    document.body.append(field);
    field.select();
  }, text);
  await press(page, 'Control', 'c');
  await page.evaluate(() => document.getElementById('scratch')?.remove());
}

/** Into the field that has the focus. The browser reads the clipboard in its own time: waits for the page to have the text. */
export async function pasteClipboard(page: Page): Promise<void> {
  const has = await page.evaluateHandle(() => ({
    // What the event does by default, it has done in the task after it.
    pasted: new Promise<void>((resolve) => {
      addEventListener('paste', () => setTimeout(resolve), { once: true });
    }),
  }));
  await press(page, 'Control', 'v');
  await has.evaluate(({ pasted }) => pasted);
  await has.dispose();
}

export async function paste(page: Page, text: string): Promise<void> {
  await copy(page, text);
  await page.click('#text');
  await pasteClipboard(page);
}

/** A button that has just come, or moved: not by its place on the screen, which may be another's when the pointer is there. */
export async function clickButton(page: Page, selector: string): Promise<void> {
  await page.waitForSelector(`${selector}:not(:disabled)`);
  await page.$eval(selector, (button) => (button as HTMLButtonElement).click());
}

export async function fill(page: Page, selector: string, value: string): Promise<void> {
  await page.click(selector, { count: 3 });
  await page.keyboard.type(value);
}

export const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => element.textContent ?? '');

/** What the page says of itself and what went wrong, in one paragraph; a page that no longer answers is no reason to wait. */
async function accountOf(page: Page): Promise<string> {
  const said = page
    .evaluate(() =>
      ['status', 'notices', 'fingerprint', 'host', 'sampled'].map((id) => {
        const text = document.getElementById(id)?.textContent?.replace(/\s+/g, ' ').trim() ?? '(missing)';
        return `#${id}: "${text.slice(0, 300)}"`;
      }),
    )
    .catch((error) => [`it cannot be asked: ${error}`]);
  const silence = new Promise<string[]>((resolve) => {
    setTimeout(resolve, 5000, ['it does not answer']).unref();
  });
  const problems = problemsSoFar.get(page) ?? [];
  return `The page at ${page.url()} says ${(await Promise.race([said, silence])).join(', ')}; problems: ${problems.join('; ') || 'none'}`;
}

/** Waits until an element says it; when time runs out, the error has all that the page says. */
export async function waitForText(page: Page, id: string, pattern: string, seconds = 120): Promise<string> {
  try {
    await page.waitForFunction(
      (element, source) => new RegExp(source).test(document.getElementById(element)?.textContent ?? ''),
      { timeout: seconds * 1000, polling: 50 },
      id,
      pattern,
    );
  } catch (cause) {
    const account = await accountOf(page);
    throw new Error(`#${id} did not come to match /${pattern}/ within ${seconds} s (${cause}). ${account}`, {
      cause,
    });
  }
  return textOf(page, `#${id}`);
}

export const waitForStatus = (page: Page, pattern: string): Promise<string> =>
  waitForText(page, 'status', pattern);

export async function stepOf(page: Page): Promise<number> {
  return Number(/[Ss]tep (\d+)/.exec(await textOf(page, '#status'))?.[1] ?? 0);
}

/** Waits for it: it is made after the last step. */
export async function fingerprintOf(page: Page, step: number): Promise<string> {
  const text = await waitForText(page, 'fingerprint', `at step ${step}: `);
  return text.split(': ')[1];
}

/** A text pasted, a model chosen; Train is the next click. */
export async function prepareRun(page: Page, steps: number, size: 'tiny' | 'small' = 'tiny'): Promise<void> {
  await paste(page, someText(10));
  await page.select('#size', size);
  await fill(page, '#steps', String(steps));
}

/** A run that is stopped somewhere, and goes on to its end after a reload; returns its fingerprint. */
export async function trainWithReload(page: Page, steps: number): Promise<string> {
  await prepareRun(page, steps);
  await page.click('#train');
  await waitForStatus(page, '^Step \\d+ of');
  await page.click('#train');
  await waitForStatus(page, '^Stopped after step');
  const stopped = await stepOf(page);
  assert.ok(stopped >= 1 && stopped < steps, `stopped at ${stopped}`);
  await reload(page);
  assert.is(await stepOf(page), stopped);
  assert.is(await page.$eval('#text', (field) => (field as HTMLTextAreaElement).value), someText(10));
  assert.is(await textOf(page, '#train'), 'Resume');
  await page.click('#train');
  await waitForStatus(page, `^Done: ${steps} steps`);
  return fingerprintOf(page, steps);
}
