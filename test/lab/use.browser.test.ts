/** The Lab as a person uses it, in Chromium: keys, scrubbing, settings, sharing, dropped files, a reload that goes on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLab } from '../../src/lab/link.js';
import { labPage } from '../../src/lab/page.js';
import { runLab } from '../../src/lab/run.js';
import type { LabPage } from '../../web/lab/page.js';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';

/** The chart of losses, as far as it is looked at here. */
interface GrownChart {
  canvas: HTMLCanvasElement;
  data: { lines: object[] };
  show(data: object): void;
}

const test = suite('lab: use');
const folder = mkdtempSync(join(tmpdir(), 'prenorm-lab-'));
const address = pathToFileURL(join(folder, 'lab.html')).href;
const SMALL = '1&n=40&l=2&d=16&b=2&t=16&lane=p.post&lane=p.pre';
const patience = { timeout: 120_000 };
let browser: Browser;
let page: Page;
let problems: string[] = [];

type Shown = Window & { lab: LabPage };

test.before(async () => {
  writeFileSync(join(folder, 'lab.html'), labPage('test'));
  if (findBrowser('chromium')) browser = await launch('chromium');
});
test.after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

async function openAt(link: string): Promise<void> {
  await page?.close();
  page = await browser.newPage();
  problems = problemsOf(page, address);
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(`${address}#${link}`);
  await isAt('ready');
}
const isAt = (state: string) =>
  page.waitForFunction((wanted) => (window as unknown as Shown).lab?.run?.state === wanted, patience, state);
const shown = () =>
  page.evaluate(() => {
    const { run, lab, layer } = (window as unknown as Shown).lab;
    return { step: run?.step, newest: run?.newest, isLive: run?.isLive, lanes: lab.lanes.length, layer };
  });

if (!findBrowser('chromium')) console.log(skipMessage('chromium'));
else {
  test('keys train, step, scrub and choose; everything shows the step chosen', async () => {
    await openAt(SMALL);
    await page.keyboard.press('.');
    await page.waitForFunction(() => (window as unknown as Shown).lab.run?.newest === 1, patience);
    await page.keyboard.press(' ');
    await isAt('done');
    await page.keyboard.down('Shift');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.up('Shift');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowUp');
    assert.equal(await shown(), { step: 29, newest: 40, isLive: false, lanes: 2, layer: 1 });
    await new Promise((resolve) => setTimeout(resolve, 700));
    const texts = await page.evaluate(() => {
      const { run } = (window as unknown as Shown).lab;
      const row = run?.lanes[0].history?.row(29);
      const first = run?.lanes[0].history?.layout.gradients ?? 0;
      return {
        block: document.querySelector('#lane-1 .layer .v')?.textContent,
        value: row?.[first],
        slider: document.querySelector<HTMLInputElement>('.scrub input')?.value,
        says: document.querySelector('.lines.loss')?.getAttribute('aria-label'),
      };
    });
    assert.ok(Math.abs(Number(texts.block) / (texts.value as number) - 1) < 0.2, JSON.stringify(texts));
    assert.is(texts.slider, '29');
    assert.match(texts.says ?? '', 'step 29 of 40');
    await page.keyboard.press('End');
    assert.is((await shown()).isLive, true);
    for (const instrument of [
      'hidden',
      'updates',
      'rate',
      'effect',
      'attention',
      'text',
      'speed',
      'gradients',
    ]) {
      await page.keyboard.press(']');
      assert.ok(await page.$(`#tab-${instrument}[aria-selected="true"]`), instrument);
      await page.keyboard.press('t');
      await page.waitForSelector('.numbers[open] table tbody tr', patience);
      await page.keyboard.press('t');
    }
    await page.keyboard.press('?');
    await page.waitForSelector('dialog.keys[open]');
    await page.keyboard.press('Escape');
    assert.equal(problems, []);
  });

  test('the colours of the map are those of its numbers', async () => {
    const found = await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('.map canvas');
      const history = (window as unknown as Shown).lab.run?.lanes[0].history;
      if (!canvas || !history) return [];
      const style = getComputedStyle(document.documentElement);
      return [1, 8, 40].map((step) => {
        // The columns of a step begin at its logarithm.
        const x = Math.min(canvas.width - 3, Math.ceil((canvas.width * Math.log(step)) / Math.log(41)) + 1);
        const pixel = canvas.getContext('2d')?.getImageData(x, canvas.height - 3, 1, 1).data ?? [];
        const color = `#${[...pixel]
          .slice(0, 3)
          .map((part) => part.toString(16).padStart(2, '0'))
          .join('')}`;
        const value = history.row(step)?.[history.layout.gradients + 1] ?? 0;
        const stop = Math.min(18, Math.max(0, Math.round(4 * (Math.log10(value) + 4))));
        return { step, color, wanted: style.getPropertyValue(`--g${stop}`).trim() };
      });
    });
    assert.is(found.length, 3);
    for (const { step, color, wanted } of found) assert.is(color, wanted, `step ${step}`);
  });

  test('lines that grew step by step look as if they had been drawn at once', async () => {
    const { drawn, apart } = await page.evaluate(() => {
      const { chart } = (window as unknown as { lab: { loss: { chart: GrownChart } } }).lab.loss;
      const { data, canvas } = chart;
      const area = [0, 0, canvas.width, canvas.height] as const;
      const context = canvas.getContext('2d') as CanvasRenderingContext2D;
      const grown = context.getImageData(...area).data;
      // Other lines first, so that nothing of these is left.
      chart.show({ ...data, lines: [] });
      chart.show({ ...data, lines: data.lines.map((line) => ({ ...line, grows: false })) });
      const whole = context.getImageData(...area).data;
      chart.show(data);
      let [apart, drawn] = [0, 0];
      for (let at = 3; at < whole.length; at += 4) {
        if (whole[at] > 0) drawn++;
        if (Math.abs(whole[at] - grown[at]) > 96) apart++;
      }
      return { drawn, apart };
    });
    assert.ok(drawn > 2000, String(drawn));
    // Where one piece ends and the next begins, a corner may be another pixel.
    assert.ok(apart < drawn / 50, `${apart} of ${drawn} pixels`);
  });

  test('a lane is added and changed in the settings, and the link follows', async () => {
    await page.click('[aria-labelledby="run-title"] .row button');
    await page.waitForSelector('dialog.settings[open]');
    await page.evaluate(() => {
      const add = [...document.querySelectorAll('dialog button')].find((one) =>
        one.textContent?.startsWith('Add a lane'),
      );
      (add as HTMLButtonElement).click();
    });
    await page.select('#set-placement', 'peri');
    await page.evaluate(() => {
      const field = document.querySelector<HTMLInputElement>('#set-layers');
      if (!field) return;
      field.value = '99';
      field.dispatchEvent(new Event('change'));
    });
    assert.match(
      (await page.$eval('dialog .trouble', (one) => one.textContent)) ?? '',
      'Layers must be a whole number from 1 to 24, got 99.',
    );
    await page.click('dialog .primary');
    await isAt('ready');
    const { lanes } = await shown();
    assert.is(lanes, 3);
    const link = await page.evaluate(() => location.hash);
    assert.equal(
      decodeLab(link).lanes.map(({ placement }) => placement),
      ['post', 'pre', 'peri'],
    );
  });

  test('a dropped text becomes the task, 200 MB are refused, and a locked link takes neither', async () => {
    const drop = (size: number) =>
      page.evaluate((bytes) => {
        const files = new DataTransfer();
        const text = bytes > 1e6 ? new Uint8Array(bytes) : 'abcdefgh ijkl mnop.\n'.repeat(bytes / 20);
        files.items.add(new File([text], 'mine.txt'));
        dispatchEvent(new DragEvent('drop', { dataTransfer: files, cancelable: true }));
      }, size);
    await drop(200_000_000);
    await page.waitForSelector('[data-about="drop"]', patience);
    assert.match(
      (await page.$eval('[data-about="drop"]', (one) => one.textContent)) ?? '',
      'mine.txt has 200 MB; the Lab reads up to 5 MB',
    );
    await drop(20_000);
    await page.waitForFunction(() => (window as unknown as Shown).lab.lab.task === 'text', patience);
    await isAt('ready');
    await openAt(`${SMALL}&lock=task`);
    await drop(20_000);
    await page.waitForSelector('[data-about="drop"]', patience);
    assert.is(await page.evaluate(() => (window as unknown as Shown).lab.lab.task), 'chars');
  });

  test('after a reload the run goes on where it was, to the same fingerprint', async () => {
    const link = SMALL.replace('n=40', 'n=60');
    const { fingerprint } = await runLab(decodeLab(link));
    await openAt(link);
    for (let step = 1; step <= 3; step++) {
      await page.keyboard.press('.');
      await page.waitForFunction((at) => (window as unknown as Shown).lab.run?.newest === at, patience, step);
    }
    await page.evaluate(() => (window as unknown as Shown).lab.keep());
    await page.reload();
    await page.waitForSelector('[data-about="kept"] button', patience);
    assert.match(
      (await page.$eval('[data-about="kept"]', (one) => one.textContent)) ?? '',
      'A run stopped at step 3 of 60.',
    );
    await page.click('[data-about="kept"] button');
    await isAt('done');
    assert.is(await page.evaluate(() => (window as unknown as Shown).lab.run?.fingerprint), fingerprint);
    assert.equal(problems, []);
  });

  test('a hostile link says what is wrong, and the first screen is one click away', async () => {
    await page.close();
    page = await browser.newPage();
    await page.goto(`${address}#1&d=1000000`);
    await page.waitForSelector('[data-about="link"] button', patience);
    assert.match(
      (await page.$eval('[data-about="link"]', (one) => one.textContent)) ?? '',
      'says "1000000" for the width of all lanes',
    );
    await page.click('[data-about="link"] button');
    await isAt('ready');
    assert.is((await shown()).lanes, 4);
  });
}

test.run();
