/**
 * The Lab for everyone: nothing serious for axe on the whole page whatever is open, settings and lanes by keyboard
 * alone, fewer drawings for those who asked for less motion, and every recorded figure's live run trains.
 */
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLab } from '../../src/lab/link.js';
import { instrumentWords } from '../../web/lab/instrument-words.js';
import { presets } from '../../web/lab/presets.js';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { violations } from '../browsers/page-measures.js';
import { drive, type LabFile, openLab, reaches, type Shown, until, WAIT, writeLab } from './open-lab.js';

const test = suite('lab: reach');
const SMALL = '1&n=12&l=2&d=16&b=2&t=16&lane=p.post&lane=w.5';
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

async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 150; presses++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)) return;
    await page.keyboard.press('Tab');
  }
  assert.unreachable(`Tab does not come to ${selector}`);
}

if (!findBrowser('chromium')) console.log(skipMessage('chromium'));
else {
  test('axe finds nothing with every instrument, its equation and its numbers open, nor in any dialog', async () => {
    const page = await openLab(browser, lab, SMALL);
    await drive(page);
    await until(page, 'done');
    await page.evaluate(() => {
      for (const details of document.querySelectorAll('details')) details.open = true;
    });
    for (const theme of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
      for (const name of Object.keys(instrumentWords)) {
        await page.click(`#tab-${name}`);
        await page.waitForSelector('.numbers[open] table tbody tr', WAIT);
        assert.equal(await violations(page), [], `${name}, ${theme}`);
      }
      for (const [button, dialog] of [
        ['#share', 'share'],
        ['#keys', 'keys'],
        ['#figures', 'presets'],
        ['#lane-1 .name', 'settings'],
        ['[aria-labelledby="run-title"] .row button', 'settings'],
      ]) {
        await page.click(button);
        await page.waitForSelector(`dialog.${dialog}[open]`, WAIT);
        assert.equal(await violations(page), [], `${dialog}, ${theme}`);
        await page.keyboard.press('Escape');
        await page.waitForSelector(`dialog.${dialog}[open]`, { ...WAIT, hidden: true });
      }
    }
    await page.setViewport({ width: 390, height: 844 });
    assert.equal(await violations(page), [], 'on a phone');
    await page.close();
  });

  test('by keyboard alone a lane is opened, changed, copied, and the new lanes are trained', async () => {
    const page = await openLab(browser, lab, SMALL);
    await tabTo(page, '#lane-2 .name');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog.settings[open]', WAIT);
    await tabTo(page, '#set-placement');
    await page.keyboard.type('Peri');
    await tabTo(page, '#set-warmup');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Tab');
    const buttons = await page.$$eval('dialog.settings .which button', (all) =>
      all.map((one) => one.textContent),
    );
    assert.ok(
      buttons.some((text) => text?.startsWith('Copy')),
      buttons.join(),
    );
    await page.keyboard.down('Shift');
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement?.textContent?.startsWith('Copy') === true)) break;
    }
    await page.keyboard.up('Shift');
    await page.keyboard.press('Enter');
    await tabTo(page, 'dialog.settings .primary');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => (window as unknown as Shown).lab.lab.lanes.length === 3, WAIT);
    const { lanes } = decodeLab(await page.evaluate(() => location.hash));
    assert.equal(
      lanes.map(({ placement, warmup }) => [placement, warmup]),
      [
        ['post', 0],
        ['peri', 6],
        ['peri', 6],
      ],
    );
    await until(page, 'ready');
    await tabTo(page, '.head [data-drive="run"]');
    await page.keyboard.press('Enter');
    await until(page, 'done');
    await page.keyboard.press('3');
    assert.is(await page.evaluate(() => document.activeElement?.id), 'lane-3');
    await page.close();
  });

  test('who asked for less motion gets two drawings a second at most', async () => {
    const drawings = async (motion: string): Promise<number> => {
      const page = await openLab(browser, lab, SMALL.replace('n=12', 'n=10000'));
      await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: motion }]);
      await drive(page);
      await reaches(page, 10);
      const count = await page.evaluate(async () => {
        const { lab } = window as unknown as Shown;
        const { loss } = lab;
        const draw = loss.draw.bind(loss);
        let drawn = 0;
        loss.draw = (...given) => {
          drawn++;
          draw(...given);
        };
        await new Promise((done) => setTimeout(done, 3000));
        return drawn;
      });
      await page.close();
      return count;
    };
    const calm = await drawings('reduce');
    assert.ok(calm >= 1 && calm <= 7, `${calm} drawings in 3 s`);
    const usual = await drawings('no-preference');
    assert.ok(usual > calm, `${usual} and ${calm}`);
  });

  for (const { name, link, figure } of presets) {
    test(`${name}: its live run trains beside the recorded figure`, async () => {
      const page = await openLab(browser, lab, link);
      const problems = problemsOf(page, lab.address);
      await page.waitForSelector('.recorded:not([hidden]) canvas', WAIT);
      for (let step = 1; step <= 2; step++) {
        await drive(page, 'step');
        await reaches(page, step);
      }
      const lanes = await page.evaluate(() =>
        (window as unknown as Shown).lab.run?.lanes.map(({ lost, history }) => ({
          lost,
          losses: [...(history?.series(0) ?? [])],
        })),
      );
      assert.is(lanes?.length, decodeLab(link).lanes.length);
      for (const { lost, losses } of lanes ?? []) {
        assert.is(lost, null);
        assert.ok(
          losses.length >= 2 && losses.every((loss) => loss > 0 && loss < 20),
          `${figure}: ${losses}`,
        );
      }
      assert.equal(problems, []);
      await page.close();
    });
  }
}

test.run();
