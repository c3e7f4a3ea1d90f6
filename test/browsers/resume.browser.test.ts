/** A run moves from Node to a browser and back, through files: the same bits as a run that never stopped. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeFileAtomic } from '../../src/io/files-node.js';
import { findBrowser, launch, skipMessage } from '../browser.js';
import { trainPart } from './resumed-training.mjs';
import { serve } from './static-server.js';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..');
const dist = pathToFileURL(join(root, 'dist')).href;
const test = suite('browsers: resume');

if (!findBrowser('chromium')) console.log(skipMessage('chromium'));
else {
  test('Node, Chromium, Node: the run equals the one that never stopped', async () => {
    const whole = await trainPart(dist, null, 9);
    const folder = mkdtempSync(join(tmpdir(), 'prenorm-resume-'));
    const path = join(folder, 'run.safetensors');
    const [code, files] = [await serve(root), await serve(folder, { 'access-control-allow-origin': '*' })];
    const browser = await launch('chromium');
    try {
      const first = await trainPart(dist, null, 2);
      await writeFileAtomic(path, first.checkpoint, 'checkpoint');

      const page = await browser.newPage();
      await page.goto(code.url);
      const second = await page.evaluate(async (file) => {
        const module = '/test/browsers/resumed-training.mjs';
        const { trainPart: run } = await import(module);
        const bytes = new Uint8Array(await (await fetch(file)).arrayBuffer());
        const { checkpoint, hash, step } = await run('/dist', bytes, 6);
        return {
          base64: btoa(Array.from(checkpoint as Uint8Array, (b) => String.fromCharCode(b)).join('')),
          hash,
          step,
        };
      }, `${files.url}/run.safetensors`);
      assert.is(second.step, 6);
      assert.is((await trainPart(dist, first.checkpoint, 6)).hash, second.hash);
      await writeFileAtomic(path, Buffer.from(second.base64, 'base64'), 'checkpoint');

      const last = await trainPart(dist, new Uint8Array(readFileSync(path)), 9);
      assert.is(last.hash, whole.hash);
      assert.is(Buffer.compare(last.checkpoint, whole.checkpoint), 0);
      assert.is.not(second.hash, whole.hash);
    } finally {
      await browser.close();
      for (const { server } of [code, files]) {
        server.close();
        server.closeAllConnections();
      }
      rmSync(folder, { recursive: true });
    }
  });

  test('a page that is frozen in the middle of a run and thawed goes on with the same bits', async () => {
    const expected = await trainPart(dist, null, 60);
    const { url, server } = await serve(root);
    const browser = await launch('chromium');
    try {
      const page = await browser.newPage();
      await page.goto(url);
      const cdp = await page.createCDPSession();
      await page.evaluate(async () => {
        const module = '/test/browsers/resumed-training.mjs';
        const { trainPart: run } = await import(module);
        const host = globalThis as { steps?: number; outcome?: Promise<{ hash: string }> };
        host.outcome = run('/dist', null, 60, (step: number) => {
          host.steps = step;
        });
      });
      await page.waitForFunction(() => ((globalThis as { steps?: number }).steps ?? 0) >= 2, { polling: 5 });
      await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
      const steps = async (ms: number) => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return page.evaluate(() => (globalThis as { steps?: number }).steps ?? 0);
      };
      const stopped = await steps(200);
      assert.ok(stopped < 60, 'the run ended before the page was frozen');
      assert.is(await steps(300), stopped, 'the page was not frozen');
      await cdp.send('Page.setWebLifecycleState', { state: 'active' });
      const hash = await page.evaluate(
        async () => (await (globalThis as unknown as { outcome: Promise<{ hash: string }> }).outcome).hash,
      );
      assert.is(hash, expected.hash);
    } finally {
      await browser.close();
      server.close();
      server.closeAllConnections();
    }
  });
}

test.run();
