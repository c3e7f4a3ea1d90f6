/**
 * What is kept of a run, and what goes on: after a reload with a lane that has diverged, with a text of the reader's
 * own, of a run that was done; beyond the steps of the link; a lane whose worker is gone without a word, or that gets
 * no memory. Wherever it goes on, the fingerprint is Node's.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLab } from '../../src/lab/link.js';
import { labPage } from '../../src/lab/page.js';
import { runLab } from '../../src/lab/run.js';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import {
  answer,
  drive,
  fingerprint,
  type LabFile,
  openLab,
  reaches,
  type Shown,
  says,
  until,
  WAIT,
  writeLab,
} from './open-lab.js';

const test = suite('lab: kept');
const SMALL = '1&n=40&l=2&d=16&b=2&t=16&lane=p.post&lane=w.5';
/** The second needs more than two megabytes. */
const NARROW_AND_WIDE = SMALL.replace('lane=w.5', 'lane=d.64');
let browser: Browser;
let lab: LabFile;

test.before(async () => {
  lab = writeLab();
  if (findBrowser('chromium')) browser = await launch('chromium');
});
test.after(async () => {
  await browser?.close();
  lab.remove();
});

/** In a window of its own, with a storage of its own. */
async function inPage(
  link: string,
  use: (page: Page) => Promise<void>,
  before?: (page: Page) => Promise<unknown>,
): Promise<void> {
  const context = await browser.createBrowserContext();
  try {
    const page = await openLab(context, lab, link, before);
    const problems = problemsOf(page, lab.address);
    await use(page);
    assert.equal(problems, []);
  } finally {
    await context.close();
  }
}

async function steps(page: Page, count: number): Promise<void> {
  for (let step = 1; step <= count; step++) {
    await drive(page, 'step');
    await reaches(page, step);
  }
}

const keep = (page: Page) => page.evaluate(() => (window as unknown as Shown).lab.keep());
const ends = (page: Page) =>
  page.evaluate(() => (window as unknown as Shown).lab.run?.lanes.map(({ end }) => end));
const lost = (page: Page, lane: number) =>
  page.waitForFunction((at) => (window as unknown as Shown).lab.run?.lanes[at].lost !== null, WAIT, lane);
const facts = (page: Page) => page.$eval('.facts', ({ textContent }) => textContent ?? '');

if (!findBrowser('chromium')) console.log(skipMessage('chromium'));
else {
  test('a run with a lane that has diverged goes on after a reload', () => {
    const link = '1&n=40&l=2&lane=o.sgd,r.100,p.tfixup&lane=d.32';
    return inPage(link, async (page) => {
      await steps(page, 12);
      assert.equal(await ends(page), ['diverged', null]);
      await keep(page);
      const before = await page.evaluate(() => [
        ...((window as unknown as Shown).lab.run?.lanes[1].history?.row(0) ?? []),
      ]);
      await page.reload();
      assert.match(await says(page, 'kept'), 'A run stopped at step 12 of 40.');
      await answer(page, 'kept');
      await until(page, 'done');
      assert.equal(await ends(page), ['diverged', 'done']);
      assert.is(await fingerprint(page), (await runLab(decodeLab(link))).fingerprint);
      const after = await page.evaluate(() => [
        ...((window as unknown as Shown).lab.run?.lanes[1].history?.row(0) ?? []),
      ]);
      assert.equal(after, before, 'what was there before any update');
    });
  });

  test('a text of one’s own is there again after a reload, and the link does not hold it', () =>
    inPage(SMALL, async (page) => {
      const text = 'to be or not to be, that is the question.\n'.repeat(50);
      await page.evaluate((content) => {
        const files = new DataTransfer();
        files.items.add(new File([content], 'mine.txt'));
        dispatchEvent(new DragEvent('drop', { dataTransfer: files, cancelable: true }));
      }, text);
      await page.waitForFunction(() => (window as unknown as Shown).lab.lab.task === 'text', WAIT);
      await until(page, 'ready');
      await steps(page, 3);
      await keep(page);
      const link = await page.evaluate(() => location.hash);
      await page.reload();
      assert.match(await says(page, 'kept'), 'A run stopped at step 3 of 40.');
      await answer(page, 'kept');
      await until(page, 'done');
      const { fingerprint: expected } = await runLab(decodeLab(link), { content: text });
      assert.is(await fingerprint(page), expected);
    }));

  test('a finished run is shown again after a reload, and runs on: the link has its steps', () =>
    inPage(SMALL, async (page) => {
      await drive(page);
      await until(page, 'done');
      const { fingerprint: short } = await runLab(decodeLab(SMALL));
      assert.is(await fingerprint(page), short);
      await keep(page);
      await page.reload();
      assert.match(await says(page, 'kept'), 'A run of 40 steps is done.');
      await answer(page, 'kept');
      await until(page, 'done');
      assert.is(await fingerprint(page), short);
      await page.waitForFunction(
        () => document.querySelector('.head [data-drive="run"]')?.textContent === 'Run on to 80',
        WAIT,
      );
      await drive(page);
      await reaches(page, 41);
      await until(page, 'done');
      const link = await page.evaluate(() => location.hash);
      assert.is(decodeLab(link).steps, 80);
      const { fingerprint: long } = await runLab(decodeLab(link));
      assert.is(await fingerprint(page), long);
      assert.is.not(long, short);
    }));

  test('where the rate falls over all steps, more of them are another run, which is said and offered', () =>
    inPage(`${SMALL.replace('n=40', 'n=6')}&c=linear`, async (page) => {
      await drive(page);
      await until(page, 'done');
      await drive(page);
      assert.match(await says(page, 'on'), /^The rate of lane 1 falls to 0 over all steps: with 12 /);
      await answer(page, 'on');
      await until(page, 'done');
      const link = await page.evaluate(() => location.hash);
      assert.is(decodeLab(link).steps, 12);
      assert.is(await fingerprint(page), (await runLab(decodeLab(link))).fingerprint);
    }));

  test('a locked number of steps is the last: nothing offers to run on', () =>
    inPage(`${SMALL.replace('n=40', 'n=4')}&lock=steps`, async (page) => {
      await drive(page);
      await until(page, 'done');
      await page.waitForFunction(
        () => document.querySelector('.head [data-drive="run"][disabled]')?.textContent === 'Done',
        WAIT,
      );
    }));

  test('a worker that is gone without a word is noticed, its lane says so, and Restart trains it to its end', () =>
    inPage(
      SMALL.replace('n=40', 'n=60'),
      async (page) => {
        await steps(page, 3);
        await keep(page);
        const keptAt = /Keptto step (\d+)/;
        await page.waitForFunction(
          () => /Keptto step \d+/.test(document.querySelector('.facts')?.textContent ?? ''),
          WAIT,
        );
        assert.match(await facts(page), keptAt);
        // That ends it without an event.
        await page.evaluate(() => (window as unknown as { workers: Worker[] }).workers[1].terminate());
        await lost(page, 1);
        await page.waitForFunction(
          () =>
            /stopped at step \d+\. The others go on\./.test(
              document.querySelector('#lane-2 .lost')?.textContent ?? '',
            ),
          WAIT,
        );
        assert.match(
          await page.$eval('#lane-2 .lost', ({ textContent }) => textContent ?? ''),
          'its worker does not answer any more',
        );
        assert.is(await fingerprint(page), null);
        await page.$eval('#lane-2 .lost button', (button) => (button as HTMLElement).click());
        await page.waitForFunction(() => (window as unknown as Shown).lab.run?.lost === 0, WAIT);
        await drive(page);
        await until(page, 'done');
        const { fingerprint: expected } = await runLab(decodeLab(SMALL.replace('n=40', 'n=60')));
        assert.is(await fingerprint(page), expected);
      },
      (page) =>
        page.evaluateOnNewDocument(() => {
          // The lanes' are made first, in their order.
          const workers: Worker[] = [];
          Object.assign(window, { workers });
          const { Worker } = window;
          window.Worker = class extends Worker {
            constructor(...given: ConstructorParameters<typeof Worker>) {
              super(...given);
              workers.push(this);
            }
          };
        }),
    ));

  test('a lane that gets no memory says so, and the others train to their end', () =>
    inPage(
      NARROW_AND_WIDE,
      async (page) => {
        await drive(page);
        await until(page, 'done');
        await page.waitForFunction(
          () => /bytes needed/.test(document.querySelector('#lane-2 .lost')?.textContent ?? ''),
          WAIT,
        );
        assert.equal(await ends(page), ['done', null]);
        const { lanes } = await runLab(decodeLab(NARROW_AND_WIDE));
        assert.is(
          await page.evaluate(() => (window as unknown as Shown).lab.run?.lanes[0].digest),
          lanes[0].digest,
        );
        assert.match(
          await page.$eval('#facts', ({ textContent }) => textContent ?? ''),
          'no fingerprint yet',
        );
      },
      // As where the browser has no more to give.
      (page) =>
        page.evaluateOnNewDocument(() => {
          const { postMessage } = Worker.prototype;
          let starts = 0;
          Worker.prototype.postMessage = function (message: { type?: string }, ...rest: never[]) {
            const isSecond = message.type === 'start' && ++starts === 2;
            postMessage.call(this, isSecond ? { ...message, maxMemory: 2 ** 21 } : message, ...rest);
          };
        }),
    ));
}

/** From disk browsers keep in IndexedDB; served and isolated, as `prenorm lab` serves it, workers write files. */
for (const [name, how] of [
  ['chromium', 'served'],
  ['firefox', 'from disk'],
] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }
  test(`${name}, ${how}: after a reload the run goes on to its end`, async () => {
    const headers = {
      'content-type': 'text/html',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    };
    const text = labPage('test');
    const server = createServer((_, response) => response.writeHead(200, headers).end(text));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const served = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const place = how === 'served' ? { ...lab, address: served } : lab;
    const other = await launch(name);
    try {
      const page = await openLab(other, place, SMALL);
      assert.is(await page.evaluate(() => crossOriginIsolated), how === 'served');
      await steps(page, 3);
      await keep(page);
      assert.is(await page.evaluate(() => (window as unknown as Shown).lab.kept), 'to step 3');
      await page.reload();
      assert.match(await says(page, 'kept'), 'A run stopped at step 3 of 40.');
      await answer(page, 'kept');
      await until(page, 'done');
      assert.is(await fingerprint(page), (await runLab(decodeLab(SMALL))).fingerprint);
    } finally {
      await other.close();
      server.close();
    }
  });
}

test.run();
