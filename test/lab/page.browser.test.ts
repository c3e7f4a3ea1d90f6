/** The Lab in real browsers, from disk: what its plots hold is what Node trains of the same link, bit for bit. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLab } from '../../src/lab/link.js';
import { labPage } from '../../src/lab/page.js';
import { type LabResult, runLab } from '../../src/lab/run.js';
import type { LabPage } from '../../web/lab/page.js';
import { findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { press } from './open-lab.js';

const test = suite('lab: page');
const LINK = '1&n=12&l=2&d=32&lane=p.post&lane=p.pre,w.5,a.int12';
const folder = mkdtempSync(join(tmpdir(), 'prenorm-lab-'));
const file = join(folder, 'lab.html');
const address = pathToFileURL(file).href;
let expected: LabResult;

test.before(async () => {
  const page = labPage('test');
  assert.ok(Buffer.byteLength(page) < 700_000, `lab.html has ${Buffer.byteLength(page)} bytes`);
  writeFileSync(file, page);
  expected = await runLab(decodeLab(LINK));
});
test.after(() => rmSync(folder, { recursive: true }));

type Shown = Window & { lab: LabPage };

async function trained(page: Page, link: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(`${address}#${link}`);
  await page.waitForFunction(() => (window as unknown as Shown).lab?.run?.state === 'ready', {
    timeout: 120_000,
  });
  await press(page, '.head [data-drive="run"]');
  // Said a moment after it is so, when the page is drawn.
  await page.waitForFunction(() => document.getElementById('facts')?.textContent?.startsWith('Done'), {
    timeout: 120_000,
  });
}

for (const name of ['chromium', 'firefox'] as const) {
  if (!findBrowser(name)) {
    console.log(skipMessage(name));
    continue;
  }
  test(`${name} shows the numbers that Node trains, and its fingerprint`, async () => {
    const browser = await launch(name);
    try {
      const page = await browser.newPage();
      const problems = problemsOf(page, address);
      await trained(page, LINK);
      const { rows, digests, facts } = await page.evaluate(() => {
        const { run } = (window as unknown as Shown).lab;
        return {
          rows: (run?.lanes ?? []).map(({ history }) => [...(history?.all() ?? [])]),
          digests: run?.lanes.map(({ digest }) => digest),
          facts: document.getElementById('facts')?.textContent,
        };
      });
      assert.equal(
        rows,
        expected.lanes.map((lane) => lane.rows.flatMap((row) => [...row])),
      );
      assert.equal(
        digests,
        expected.lanes.map(({ digest }) => digest),
      );
      assert.match(facts ?? '', `Fingerprint ${expected.fingerprint}`);
      assert.equal(problems, []);
    } finally {
      await browser.close();
    }
  });
}

test.run();
