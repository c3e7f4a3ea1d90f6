/**
 * @file Pages of runs in real browsers: what is drawn is what the history holds, a run that goes on reloads and keeps
 * its reader's place, one that has ended does not; keys, phones, text of strangers, axe-core.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { renderComparison } from '../../src/report/compare-page.js';
import { compareRuns } from '../../src/report/compare-runs.js';
import { pageFiles } from '../../src/report/page-files.js';
import { renderRunPage } from '../../src/report/run-page.js';
import type { RunReport } from '../../src/report/run-report.js';
import type { FigureHandle } from '../../web/figures/index.js';
import { type BrowserName, findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { hostile, lossAt, mockCompared, mockHistory, mockRecipe, mockReport, validAt } from './mock-run.js';

type Host = HTMLElement & { figure: FigureHandle };

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

for (const name of ['chromium', 'firefox'] as const) {
  const executable = findBrowser(name);
  if (executable) pagesIn(name, executable);
  else console.log(`run pages in ${name}: ${skipMessage(name)}`);
}

function pagesIn(name: BrowserName, executable: string) {
  const test = suite(`run pages in ${name}`);
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-run-'));
  const samples = hostile.map((text) => ({ prompt: text, text, reference: text }));
  let browser: Browser;

  const write = (file: string, page: string): string => {
    writeFileSync(join(folder, file), page);
    return pathToFileURL(join(folder, file)).href;
  };
  const runPage = (steps: number, more: Partial<RunReport>): string =>
    renderRunPage(mockReport(mockHistory({ steps, samples }), more), pageFiles('run'));
  const visit = async (url: string, width = 1280): Promise<{ page: Page; problems: string[] }> => {
    const page = await browser.newPage();
    const problems = problemsOf(page, url);
    await page.setViewport({ width, height: 800 });
    await page.goto(url);
    await page.waitForSelector('.plot canvas');
    return { page, problems };
  };

  test.before(async () => {
    browser = await launch(name, executable);
  });
  test.after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the series drawn are those of the run; the page complains of nothing, fits a phone and satisfies axe', async () => {
    const url = write('done.html', runPage(300, {}));
    const { page, problems } = await visit(url);
    const { series, cells } = await page.evaluate(() => {
      const drawn = [...document.querySelectorAll<Host>('figure')].map((host) => host.figure.drawn());
      return { series: drawn[0].series, cells: drawn.flatMap((one) => one.cells).length };
    });
    const steps = Array.from({ length: 300 }, (_, i) => i + 1);
    assert.equal(
      series.map(({ x, y }) => [x, y]),
      [
        [steps, steps.map((step) => lossAt(step))],
        [[50, 100, 150, 200, 250, 300], [50, 100, 150, 200, 250, 300].map((step) => validAt(step))],
      ],
    );
    assert.is(cells, 300);
    assert.is(await page.title(), 'runs/mock (finished)');
    assert.equal(await seriousIn(page), []);
    await page.setViewport({ width: 390, height: 800 });
    await new Promise((done) => setTimeout(done, 300));
    assert.ok(
      await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
      'wider than a phone',
    );
    assert.equal(await seriousIn(page), []);
    assert.equal(problems, []);
    await page.close();
  });

  test('a run that goes on reloads by itself and keeps theme, place and open tables, until it has ended', async () => {
    const live = (steps: number, more: Partial<RunReport> = {}) =>
      runPage(steps, { state: 'running', everySeconds: 1, written: new Date().toISOString(), ...more });
    const url = write('live.html', live(100));
    const { page, problems } = await visit(url);
    await page.$eval('#theme', (button) => (button as HTMLButtonElement).click());
    const theme = await page.evaluate(() => document.documentElement.dataset.theme);
    await page.evaluate(() => {
      const table = document.querySelector<HTMLDetailsElement>('figure details');
      if (table) table.open = true;
      document.querySelector<HTMLButtonElement>('#figure-1 .legend li:nth-child(2) button')?.click();
      const plot = document.querySelector<HTMLElement>('#figure-1 .plot');
      for (const key of ['Home', '+'])
        plot?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      (document.activeElement as HTMLElement | null)?.blur();
      scrollTo({ top: 600, behavior: 'instant' });
    });
    const viewed = () =>
      whileReloading(() =>
        page.evaluate(() => document.querySelector<Host>('#figure-1')?.figure.view() ?? null),
      );
    const view = await viewed();
    assert.equal(view?.hidden, ['held out']);
    assert.ok(view!.zoom![1] < 300);
    write('live.html', live(150));
    await page.waitForFunction(() => document.title.includes('150/300'), { timeout: 20_000 });
    await page.waitForSelector('.plot canvas');
    await new Promise((done) => setTimeout(done, 200));
    const kept = await whileReloading(() =>
      page.evaluate(() => ({
        theme: document.documentElement.dataset.theme,
        top: scrollY,
        open: document.querySelector<HTMLDetailsElement>('figure details')?.open,
      })),
    );
    assert.is(kept.theme, theme);
    assert.is(kept.open, true);
    assert.ok(Math.abs(kept.top - 600) < 5, `at ${kept.top}`);
    assert.equal(await viewed(), view, 'the part that is shown, and the line that is hidden');
    assert.equal(
      await whileReloading(() =>
        page.evaluate(() =>
          [...document.querySelectorAll('#figure-1 .legend [aria-pressed]')].map((button) =>
            button.getAttribute('aria-pressed'),
          ),
        ),
      ),
      ['true', 'false'],
    );

    // The button, by the keyboard alone, stops it.
    const isPaused = () =>
      page.evaluate(() => /Reloading is paused/.test(document.querySelector('#live')?.textContent ?? ''));
    for (let tries = 0; tries < 10 && !(await whileReloading(isPaused)); tries++) {
      // The page may have been another one by the time of the key.
      await whileReloading(() => page.focus('#pause'));
      await page.keyboard.press('Enter');
      await new Promise((done) => setTimeout(done, 100));
    }
    write('live.html', live(200));
    await new Promise((done) => setTimeout(done, 4000));
    assert.match(await page.title(), '150/300');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.title.includes('200/300'), { timeout: 20_000 });

    // Long silence is said; the end stops the reloading.
    await page.close();
    write('live.html', live(200, { written: new Date(Date.now() - 600_000).toISOString() }));
    const silent = await visit(url);
    await silent.page.waitForSelector('#silent:not([hidden])');
    const says = await silent.page.$eval('#silent', (node) => node.textContent ?? '');
    assert.match(says, /Nothing has been written for 10 min\..*--resume/s);
    await silent.page.close();
    write('live.html', runPage(300, {}));
    const ended = await visit(url);
    const marked = await ended.page.evaluate(() => {
      document.body.dataset.mark = 'here';
      return document.querySelector('#live');
    });
    assert.is(marked, null);
    await new Promise((done) => setTimeout(done, 2500));
    assert.is(await ended.page.evaluate(() => document.body.dataset.mark), 'here');
    await ended.page.close();
    assert.equal(problems, []);
  });

  test('a reader at work delays a reload for a stated time only, and is never told that the run is silent', async () => {
    const live = (steps: number) =>
      runPage(steps, { state: 'running', everySeconds: 20, written: new Date().toISOString() });
    const url = write('busy.html', live(100));
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 800 });
    // A clock ten times as fast.
    await page.evaluateOnNewDocument(() => {
      const [now, date] = [performance.now.bind(performance), Date.now];
      const began = date();
      performance.now = () => 10 * now();
      Date.now = () => began + 10 * (date() - began);
    });
    await page.goto(url);
    await page.waitForSelector('.legend button');
    const says = () => page.$eval('#live', (node) => node.textContent ?? '');
    const isSilent = () => page.$eval('#silent', (node) => !(node as HTMLElement).hidden);

    await page.click('#pause');
    await new Promise((done) => setTimeout(done, 14_000));
    assert.match(await says(), /Reloading is paused/);
    assert.not(await isSilent(), 'paused for 140 s');

    write('busy.html', live(150));
    await page.click('#pause');
    await page.click('.legend button');
    assert.is(await page.evaluate(() => document.activeElement?.closest('figure') != null), true);
    await page.waitForFunction(
      () => document.querySelector('#live')?.textContent?.includes('waits until 20 s after your last'),
      { timeout: 5000 },
    );
    assert.not(await isSilent());
    await page.waitForFunction(() => document.title.includes('150/300'), { timeout: 20_000 });
    await page.close();
  });

  test('on paper the tables of twelve runs are as wide as the page and no wider', async () => {
    // Firefox cannot be told from outside to lay out for paper.
    if (name === 'firefox') return;
    const runs = Array.from({ length: 12 }, (_, at) =>
      mockCompared(`runs/a-name-without-an-end-${at}`, { steps: 300 }, { recipe: { ...mockRecipe, lr: at } }),
    );
    const about = { command: 'npx prenorm compare', version: '0.0.0', written: '2026-01-02T03:04:05Z' };
    const { page } = await visit(
      write('paper.html', renderComparison(compareRuns(runs), about, pageFiles('run'))),
    );
    // A4 less margins of 12 mm, at 96 dots to the inch.
    await page.setViewport({ width: 703, height: 1000 });
    await page.emulateMediaType('print');
    const edges = await page.$$eval('.wide-table table', (all) =>
      all.map((table) => table.getBoundingClientRect().right - document.documentElement.clientWidth),
    );
    assert.is(edges.length, 2);
    assert.ok(Math.max(...edges) <= 0, `${edges} beyond the edge of the paper`);
    await page.close();
  });

  test('a comparison draws every run, and what runs are called stays text', async () => {
    const runs = [mockCompared(hostile[1], { steps: 300 }), mockCompared('b', { steps: 200, offset: 0.5 })];
    const about = { command: 'npx prenorm compare a b', version: '0.0.0', written: '2026-01-02T03:04:05Z' };
    const url = write('compare.html', renderComparison(compareRuns(runs), about, pageFiles('run')));
    const { page, problems } = await visit(url);
    const held = await page.evaluate(
      () => document.querySelector<Host>('figure')?.figure.drawn().series ?? [],
    );
    assert.equal(
      held.map(({ label, x }) => [label, x.length]),
      [
        [hostile[1], 6],
        ['b', 4],
      ],
    );
    assert.is(held[1].y[3], validAt(200, 0.5));
    assert.is(await page.title(), '2 runs compared');
    assert.equal(await seriousIn(page), []);
    assert.equal(problems, []);
    await page.close();
  });

  test.run();
}

/** A page that reloads itself every second takes away what one asks about: asks again. */
async function whileReloading<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries >= 20 || !/no such (handle|frame|element)|context|navigat|detached/i.test(String(error))) {
        throw error;
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

async function seriousIn(page: Page): Promise<string[]> {
  const found = await page.evaluate(
    `(() => { ${axe}; return axe.run(document, { resultTypes: ['violations'] }); })()`,
  );
  return (found as { violations: { id: string; impact: string; nodes: { html: string }[] }[] }).violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`);
}
