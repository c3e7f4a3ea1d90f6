/**
 * The lesson and the recorded figures as a person uses them, with the pointer in Chromium and with the keyboard alone
 * in Firefox: what the page says of its run is what the words say of the run that Node trains of the same link.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LaneHistory } from '../../src/lab/history.js';
import {
  fadingOf,
  type LessonLane,
  lastLayersOf,
  nearestOf,
  rolesOf,
  standingOf,
} from '../../src/lab/lesson.js';
import { decodeLab } from '../../src/lab/link.js';
import { labPage } from '../../src/lab/page.js';
import { runLab } from '../../src/lab/run.js';
import { recorded } from '../../web/lab/generated/recorded.js';
import * as words from '../../web/lab/lesson-words.js';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { violations } from '../browsers/page-measures.js';
import { type Shown, until, WAIT } from './open-lab.js';

const test = suite('lab: lesson in browsers');
const LINK = '1&n=16&l=3&d=32&b=4&t=16';
const folder = mkdtempSync(join(tmpdir(), 'prenorm-lesson-'));
const address = pathToFileURL(join(folder, 'lab.html')).href;

test.before(() => writeFileSync(join(folder, 'lab.html'), labPage('test')));
test.after(() => rmSync(folder, { recursive: true }));

/** What the lesson should say of a link's run, and where its lanes are. */
async function expectedOf(link: string) {
  const lab = decodeLab(link);
  const { lanes } = await runLab(lab);
  const told = lanes.map(({ beginning, rows, end }): LessonLane & { history: LaneHistory } => {
    const history = new LaneHistory(beginning);
    for (const [at, row] of rows.entries()) history.add(at + 1, row as Float64Array<ArrayBuffer>);
    return { history, end };
  });
  const roles = rolesOf(lab) ?? assert.unreachable('the lesson has its lanes');
  const now: words.Circumstances = { roles: roles as never, token: 'letter', layers: lab.lanes[0].layers };
  return { lab, now, post: told[0], warmed: told[1], pre: told[2] };
}

const said = ({ lead, text }: words.Verdict) => `${lead} ${text}`.trim();
const verdict = (page: Page) => page.$eval('.verdict', ({ textContent }) => textContent);
const heading = (page: Page) => page.$eval('.lesson h2', ({ textContent }) => textContent);

async function press(page: Page, how: 'pointer' | 'keyboard', text: string): Promise<void> {
  const at = await page.evaluate((wanted) => {
    const all = [...document.querySelectorAll('.lesson button, .lesson summary')];
    return all.findIndex(({ textContent }) => textContent?.startsWith(wanted));
  }, text);
  assert.ok(at >= 0, `no control ${text}`);
  const control = (await page.$$('.lesson button, .lesson summary'))[at];
  if (how === 'pointer') await control.click();
  else {
    await tabTo(page, (wanted) => document.activeElement?.textContent?.startsWith(wanted) === true, text);
    await page.keyboard.press('Enter');
  }
}

/** Goes on with Tab until what has the focus is what is wanted. */
async function tabTo(page: Page, is: (text: string) => boolean, text: string): Promise<void> {
  for (let presses = 0; presses < 120; presses++) {
    if (await page.evaluate(is, text)) return;
    await page.keyboard.press('Tab');
  }
  assert.unreachable(`Tab does not come to ${text}`);
}

async function choose(page: Page, how: 'pointer' | 'keyboard', name: string, place: number): Promise<void> {
  if (how === 'pointer') {
    await (await page.$$(`input[name="lesson-${name}"]`))[place].click();
    return;
  }
  await tabTo(
    page,
    (wanted) => (document.activeElement as HTMLInputElement)?.name === wanted,
    `lesson-${name}`,
  );
  await page.keyboard.press(' ');
  for (let at = 0; at < place; at++) await page.keyboard.press('ArrowRight');
}

async function rate(page: Page, steps: number): Promise<void> {
  await tabTo(page, () => document.activeElement?.matches('.rate input') === true, 'the rate');
  for (let at = 0; at < Math.abs(steps); at++)
    await page.keyboard.press(steps < 0 ? 'ArrowLeft' : 'ArrowRight');
}

const done = (page: Page) => until(page, 'done');

/** Trains again with what was changed, to the end; until that begins, the run before is still done. */
async function again(page: Page, how: 'pointer' | 'keyboard'): Promise<void> {
  const before = await page.evaluateHandle(() => (window as unknown as Shown).lab.run);
  await press(page, how, words.controls.again);
  await page.waitForFunction(
    (old) => {
      const { run } = (window as unknown as Shown).lab;
      return run !== old && run?.state === 'done';
    },
    WAIT,
    before,
  );
}

/** A change of a verdict is drawn within a moment. */
async function saysSoon(page: Page, wanted: string): Promise<void> {
  try {
    await page.waitForFunction(
      (text) => document.querySelector('.verdict')?.textContent === text,
      { timeout: 20_000 },
      wanted,
    );
  } catch {
    assert.is(await verdict(page), wanted);
  }
}

async function throughTheLesson(page: Page, how: 'pointer' | 'keyboard'): Promise<void> {
  await page.goto(`${address}#${LINK}`);
  await until(page, 'ready');
  await press(page, how, words.controls.open);
  assert.is(await heading(page), 'Predict');
  await saysSoon(page, said(words.drawn(false)));
  if (how === 'pointer') {
    const box = await (await page.$('.lines.loss'))?.boundingBox();
    if (!box) throw new Error('the chart has no place');
    await page.mouse.move(box.x + 1, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 90, { steps: 5 });
    await page.mouse.move(box.x + box.width - 1, box.y + 110, { steps: 5 });
    await page.mouse.up();
  } else {
    await press(page, how, words.controls.numbers);
    await tabTo(page, () => document.activeElement?.matches('.marks input') === true, 'the numbers');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
  }
  await saysSoon(page, said(words.drawn(true)));
  await press(page, how, 'Next');
  assert.is(await heading(page), 'Run');
  await choose(page, how, 'Layer', 0);
  await press(page, how, words.controls.run);
  await done(page);
  const first = await expectedOf(LINK);
  await saysSoon(page, said(words.faded(fadingOf(first.post.history), 1, true, first.now)));
  const guess = await page.evaluate(() => (window as unknown as Shown).lab.lesson.guess.at(16));
  assert.ok(guess !== null && guess > 0, 'the reader’s line is kept');
  assert.is(
    await page.$eval('.outcome', ({ textContent }) => textContent),
    words.outcome(standingOf(first.post), guess, 1, 'letter'),
  );

  await press(page, how, 'Next');
  await press(page, how, words.controls.step1);
  await choose(page, how, 'Share', 1);
  const found = lastLayersOf(first.post.history, first.pre.history);
  const nearest = nearestOf(words.shares, found?.measured ?? 1);
  await saysSoon(page, said(words.compared(found, true, 0.5, nearest)));

  await press(page, how, 'Next');
  assert.is(await heading(page), 'Lower the rate');
  await rate(page, -2);
  await again(page, how);
  const lower = await page.evaluate(() => location.hash);
  const second = await expectedOf(lower);
  assert.is(second.lab.lanes[0].maxLr, 0.001);
  await saysSoon(
    page,
    said(words.trained(standingOf(second.post), true, 0.001, standingOf(second.warmed), 0.003, second.now)),
  );

  await press(page, how, 'Next');
  await rate(page, 6);
  await again(page, how);
  const third = await expectedOf(await page.evaluate(() => location.hash));
  assert.is(third.lab.lanes[2].maxLr, 0.1);
  await saysSoon(page, said(words.broken(standingOf(third.pre), true, 0.1, third.now)));
  await press(page, how, words.controls.end);
  assert.is(await heading(page), 'Lesson');
}

for (const [name, how] of [
  ['chromium', 'pointer'],
  ['firefox', 'keyboard'],
] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }
  test(`${name}: the lesson from end to end with the ${how}`, async () => {
    const browser = await launch(name);
    try {
      const page = await browser.newPage();
      await page.setViewport({ width: 1280, height: 900 });
      const problems = problemsOf(page, address);
      await throughTheLesson(page, how);
      assert.equal(problems, []);
    } finally {
      await browser.close();
    }
  });
}

if (findBrowser('chromium')) {
  test('a preset opens its recorded figure beside its run; nothing serious for axe in either theme', async () => {
    const browser = await launch('chromium');
    try {
      const page = await browser.newPage();
      await page.setViewport({ width: 1280, height: 900 });
      const problems = problemsOf(page, address);
      await page.goto(`${address}#${LINK}`);
      await until(page, 'ready');
      assert.is(await page.evaluate(() => (window as unknown as Shown).lab.figures.shown), null);
      await page.click('#figures');
      assert.equal(await violations(page), [], 'the list');
      const at = await page.$$eval('.presets li button', (all) =>
        all.findIndex(({ textContent }) => textContent?.startsWith('Fig. 6')),
      );
      await (await page.$$('.presets li button'))[at].click();
      await page.waitForSelector('.recorded:not([hidden]) canvas', WAIT);
      const { shown, lanes } = await page.evaluate(() => {
        const { lab } = window as unknown as Shown;
        return { shown: lab.figures.shown, lanes: lab.lab.lanes.map(({ maxLr }) => maxLr) };
      });
      assert.equal(shown, JSON.parse(JSON.stringify(recorded['valid-nll-fig6'])));
      assert.equal(lanes, [0.003, 0.003, 0.0003]);
      assert.match(
        await page.$eval('.recorded', ({ textContent }) => textContent ?? ''),
        /Recorded, not live/,
      );
      await page.click('#teach');
      for (const theme of ['light', 'dark']) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
        assert.equal(await violations(page), [], theme);
      }
      assert.equal(problems, []);
    } finally {
      await browser.close();
    }
  });
}

test.run();
