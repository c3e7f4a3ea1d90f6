/** @file What the conformance page comes to in a browser: Chromium and Firefox by Puppeteer, WebKitGTK by WebDriver. */
import { findBrowser, launch } from '../test/browser.ts';
import { findWebKit, WebKitWindow } from '../test/webkit.ts';

/** All items with one thread on a busy machine. */
const PAGE_MS = 600_000;

// Both are carried out in the page.
const isDone = () => /same|different/.test(document.getElementById('verdict')?.dataset.state ?? '');
const answer = () => ({
  verdict: document.getElementById('verdict')?.textContent ?? '',
  threads: document.getElementById('threads')?.textContent ?? '',
  rows: [...document.querySelectorAll('#items li')].map((row) => [
    row.querySelector('.name')?.textContent ?? '',
    row.querySelector('.hash')?.textContent ?? '',
  ]),
});

/** `{ verdict, threads, rows }` of the page at `address` when it is done, or `{ skipped }`, the reason. */
export async function answerOf(name, address) {
  if (name === 'webkit') return inWebKit(address);
  const program = findBrowser(name);
  if (!program) return { skipped: `${name} is not installed` };
  const browser = await launch(name, program);
  try {
    const page = await browser.newPage();
    await page.goto(address);
    await page.waitForFunction(isDone, { timeout: PAGE_MS });
    return await page.evaluate(answer);
  } finally {
    await browser.close();
  }
}

async function inWebKit(address) {
  const programs = findWebKit();
  if (typeof programs === 'string') return { skipped: programs.replace(/^skipped: /, '') };
  const window = await WebKitWindow.open(programs);
  try {
    await window.goTo(address);
    await window.waitFor(isDone, PAGE_MS);
    return await window.run(answer);
  } finally {
    await window.close();
  }
}
