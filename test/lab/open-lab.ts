/** @file The Lab as a file opened in a browser, and what tests ask of its page. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { labPage } from '../../src/lab/page.js';
import type { LabPage } from '../../web/lab/page.js';

/** The window of the page, as functions that run there see it. */
export type Shown = Window & { lab: LabPage };

/** By the clock: a page that is hidden, was frozen or trains by itself may draw no frame for long. */
export const WAIT = { timeout: 120_000, polling: 100 };

export interface LabFile {
  /** Without a link. */
  address: string;
  remove(): void;
}

export function writeLab(): LabFile {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-lab-'));
  const file = join(folder, 'lab.html');
  writeFileSync(file, labPage('test'));
  return { address: pathToFileURL(file).href, remove: () => rmSync(folder, { recursive: true }) };
}

/** A page of the size of a laptop's, at a link, ready to train. */
export async function openLab(
  browser: Pick<Browser, 'newPage'>,
  { address }: LabFile,
  link: string,
  before?: (page: Page) => Promise<unknown>,
): Promise<Page> {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  await before?.(page);
  await page.goto(`${address}#${link}`);
  await until(page, 'ready');
  return page;
}

export async function until(page: Page, state: string): Promise<void> {
  await page.waitForFunction(
    (wanted) => (window as unknown as Shown).lab?.run?.state === wanted,
    WAIT,
    state,
  );
}

export async function reaches(page: Page, step: number): Promise<void> {
  await page.waitForFunction(
    (wanted) => ((window as unknown as Shown).lab.run?.newest ?? 0) >= wanted,
    WAIT,
    step,
  );
}

/** Presses a button itself, not the place where it is: a page that fills moves it meanwhile. */
export async function press(page: Page, button: string): Promise<void> {
  await page.waitForSelector(`${button}:not([disabled])`, WAIT);
  await page.$eval(button, (element) => (element as HTMLElement).click());
}

export const drive = (page: Page, what = 'run'): Promise<void> => press(page, `.head [data-drive="${what}"]`);

export const fingerprint = (page: Page): Promise<string | null | undefined> =>
  page.evaluate(() => (window as unknown as Shown).lab.run?.fingerprint);

/** The text of a line that the page says about a matter, once it says it. */
export async function says(page: Page, about: string): Promise<string> {
  await page.waitForSelector(`[data-about="${about}"]`, WAIT);
  return page.$eval(`[data-about="${about}"]`, ({ textContent }) => textContent ?? '');
}

export async function answer(page: Page, about: string): Promise<void> {
  await page.$eval(`[data-about="${about}"] button`, (button) => (button as HTMLElement).click());
}
