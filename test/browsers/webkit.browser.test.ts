/**
 * @file The pages in WebKitGTK, which is as near to Safari as a Linux machine comes: what is drawn is what was given, the
 * keyboard reads it, the theme changes, nothing complains, a phone has room. Chromium and Firefox are asked for more in
 * test/figures/ and test/report/.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Figure, Results } from '../../src/experiments/results.js';
import { renderComparison } from '../../src/report/compare-page.js';
import { compareRuns } from '../../src/report/compare-runs.js';
import { renderReport } from '../../src/report/html.js';
import { pageFiles } from '../../src/report/page-files.js';
import { renderRunPage } from '../../src/report/run-page.js';
import type { Drawn } from '../../web/figures/drawing.js';
import { figures } from '../figures/mock-figures.js';
import { type Host, writePage } from '../figures/page.js';
import { lossAt, mockCompared, mockHistory, mockReport, validAt } from '../report/mock-run.js';
import { findWebKit, type WebKitPrograms, WebKitWindow } from '../webkit.js';

const programs = findWebKit();
if (typeof programs === 'string') skipped(programs);
else pagesIn(programs);

function skipped(message: string) {
  console.log(`pages in WebKitGTK: ${message}`);
  const test = suite('pages in WebKitGTK, skipped');
  test('what is missing is named', () => {
    assert.match(message, /no (?:WebKitWebDriver|MiniBrowser|Xvfb)\b.* found/);
  });
  test.skip('pages in WebKitGTK', () => undefined);
  test.run();
}

type Watched = typeof globalThis & { complaints?: string[] };

/** Runs before everything else of a page: WebDriver does not tell what the console of WebKitGTK says. */
function watch() {
  const complaints: string[] = [];
  (globalThis as Watched).complaints = complaints;
  for (const level of ['warn', 'error'] as const)
    console[level] = (...what) => complaints.push(`${level}: ${what.join(' ')}`);
  addEventListener('error', (event) => complaints.push(`error: ${event.message}`), true);
  addEventListener('unhandledrejection', (event) => complaints.push(`rejected: ${event.reason}`));
  addEventListener('securitypolicyviolation', (event) => complaints.push(`policy: ${event.blockedURI}`));
}

/** The page with `watch` in it, which its policy has to allow; nothing else of it is another. */
function watched(page: string): string {
  const script = `const __name = (f) => f; (${watch})();`;
  const hash = createHash('sha256').update(script).digest('base64');
  const allowed = page.replace(/script-src /, `script-src 'sha256-${hash}' `);
  assert.is.not(allowed, page, 'a page has a policy');
  return allowed.replace('<title>', () => `<script>${script}</script><title>`);
}

function pagesIn(found: WebKitPrograms) {
  const test = suite('pages in WebKitGTK');
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-webkit-pages-'));
  const quick: Results = JSON.parse(readFileSync('docs/results/quick.json', 'utf8'));
  let window: WebKitWindow;

  const write = (name: string, page: string): string => {
    const file = join(folder, name);
    writeFileSync(file, watched(page));
    return pathToFileURL(file).href;
  };
  const open = async (url: string): Promise<void> => {
    await window.goTo(url);
    await drawnOut();
  };
  /** Until all figures are there and the frames that draw them are over. */
  const drawnOut = () =>
    window.waitFor(() => {
      const scope = globalThis as typeof globalThis & { frames_?: number };
      const hosts = [...document.querySelectorAll<Host>('[data-figure]')];
      if (hosts.length === 0 || !hosts.every((host) => host.figure)) return false;
      requestAnimationFrame(() => {
        scope.frames_ = (scope.frames_ ?? 0) + 1;
      });
      return (scope.frames_ ?? 0) >= 3;
    });
  const drawn = (): Promise<Drawn[]> =>
    window.run(() =>
      [...document.querySelectorAll<Host>('[data-figure]')].map((host) => host.figure.drawn()),
    );
  const complaints = () => window.run(() => (globalThis as Watched).complaints);
  const readout = (figure: string) =>
    window.run((id) => document.querySelector(`${id} .readout`)?.textContent ?? '', figure);

  /** Labels and values of the lines and bars of figures that are given, as they must be drawn. */
  const linesOf = (figure: Figure) => {
    if (figure.heatmap || figure.stack) return [];
    const points = <T>(values: T[]) => (figure.kind === 'bars' ? values.slice(-1) : values);
    return figure.series.map(({ label, x, y }) => [label, points(x), points(y)]);
  };
  const linesIn = ({ series }: Drawn) => series.map(({ label, x, y }) => [label, x, y]);

  /** What every page must do: theme and back, by the button; room on a phone; no complaint. */
  const asEveryPage = async (url: string): Promise<void> => {
    const ground = () => window.run(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await ground();
    await window.click('#theme');
    assert.is(await window.run(() => document.documentElement.dataset.theme), 'dark');
    assert.is.not(await ground(), light);
    await window.click('#theme');
    assert.is(await ground(), light);
    assert.equal(await complaints(), []);

    // The window itself does not become as narrow as a phone.
    const holder = join(folder, 'phone.html');
    const frame = `<iframe src="${basename(fileURLToPath(url))}" style="width: 390px; height: 844px; border: 0"></iframe>`;
    writeFileSync(holder, `<!doctype html><title>A phone</title>${frame}`);
    await window.goTo(pathToFileURL(holder).href);
    await window.enterFrame('iframe');
    await drawnOut();
    const [inner, widest] = await window.run(() => [innerWidth, document.documentElement.scrollWidth]);
    assert.is(inner, 390);
    assert.ok(widest! <= 390, `${widest} pixels wide`);
    assert.equal(await complaints(), []);
  };

  test.before(async () => {
    window = await WebKitWindow.open(found);
    await window.resize(1280, 1000);
  });
  test.after(async () => {
    await window?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('what a page complains of is seen', async () => {
    const url = pathToFileURL(join(folder, 'bad.html')).href;
    const page = `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src ">
<title>x</title><body><script>1</script><img src="data:,"></body>`;
    writeFileSync(fileURLToPath(url), watched(page));
    await window.goTo(url);
    await window.run(() => {
      setTimeout(() => {
        console.error('said');
        throw new Error('thrown');
      });
    });
    await window.waitFor(() => (globalThis as Watched).complaints!.length >= 4);
    const all = (await complaints())!.join('\n');
    for (const one of [/policy: inline/, /policy: data/, /error: said/, /^error: (?:.*thrown|Script error)/m])
      assert.match(all, one);
  });

  test('figures of every kind: drawn as given, in colour, read by the keys', async () => {
    const given = figures();
    const url = await writePage(folder, 'figures', given);
    const file = fileURLToPath(url);
    writeFileSync(file, watched(readFileSync(file, 'utf8')));
    await open(url);
    const all = await drawn();
    for (const [index, figure] of given.entries()) {
      assert.equal(linesIn(all[index]!), linesOf(figure), figure.id);
      if (figure.heatmap)
        assert.is(
          all[index]!.cells.length,
          figure.heatmap.panels.flatMap(({ values }) => values.flat()).length,
        );
    }
    const lines = `#figure-${given.findIndex(({ id }) => id === 'valid-nll-fig2')}`;
    const pixels = (...hex: string[]) =>
      window.run(
        (figure, colors) => {
          const canvas = document.querySelector<HTMLCanvasElement>(`${figure} canvas`)!;
          const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
          return (colors as string[]).map((color) => {
            const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
            let count = 0;
            for (let at = 0; at < data.length; at += 4)
              if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) count++;
            return count;
          });
        },
        lines,
        hex,
      );
    const [light, dark] = ['#c14d03', '#f0772d'];
    assert.ok((await pixels(light!))[0]! > 150);
    await window.click('#theme');
    await window.waitFor(() => document.documentElement.dataset.theme === 'dark');
    await drawnOut();
    const [stayed, came] = await pixels(light!, dark!);
    assert.ok(stayed === 0 && came! > 150, `${stayed} light pixels, ${came} dark ones`);
    await window.click('#theme');

    const plot = `#figure-${given.findIndex(({ id }) => id === 'gradient-by-depth')}`;
    await window.run((figure) => document.querySelector<HTMLElement>(`${figure} .plot`)!.focus(), plot);
    await window.press('ArrowRight');
    assert.match(await readout(plot), /^layers 6: Post-LN 1\.\d\d; Post-LN, theory 1\.62; Pre-LN 0\.\d+/);
    await window.press('ArrowRight');
    assert.match(await readout(plot), /^layers 8: /);
    await window.press('Escape');
    await asEveryPage(url);
  });

  test('the quick report: drawn as recorded, reached and read by the keys', async () => {
    const url = write('report.html', renderReport(quick));
    await open(url);
    const [first, ...rest] = await drawn();
    assert.is(rest.length, quick.figures.length);
    for (const [index, figure] of quick.figures.entries())
      assert.equal(linesIn(rest[index]!), linesOf(figure), figure.id);
    assert.ok(first!.series.length >= 2);
    await window.press('Tab');
    assert.is(await window.run(() => document.activeElement?.textContent), 'Skip to the content');
    await window.press('Enter');
    for (let press = 0; !(await window.run(() => document.activeElement?.matches('.plot'))); press++) {
      assert.ok(press < 10, 'the first plot is reached by Tab');
      await window.press('Tab');
    }
    await window.press('Home');
    const [{ label, x, y }] = first!.series as [Drawn['series'][number]];
    const told = await readout('#figure-1');
    assert.ok(told.startsWith(`step ${x[0]}: `), told);
    assert.ok(told.includes(`${label} ${(y[0] as number).toPrecision(3)}`), told);
    // What stands side by side in two columns begins at the same height.
    const tops = await window.run(() => {
      const items = [...document.querySelectorAll('.contents > li')].map((item) => ({
        left: item.getBoundingClientRect().left,
        top: item.getBoundingClientRect().top,
      }));
      const second = items.find(({ left }) => left > items[0]!.left + 100);
      return [items[0]!.top, second?.top];
    });
    assert.is(tops[0], tops[1]);
    await asEveryPage(url);
  });

  test('the page of a run: drawn as its history is, read by the keys', async () => {
    const url = write('run.html', renderRunPage(mockReport(mockHistory({ steps: 300 })), pageFiles('run')));
    await open(url);
    const [loss] = await drawn();
    const steps = Array.from({ length: 300 }, (_, at) => at + 1);
    const judged = steps.filter((step) => step % 50 === 0);
    assert.equal(
      loss!.series.map(({ x, y }) => [x, y]),
      [
        [steps, steps.map((step) => lossAt(step))],
        [judged, judged.map((step) => validAt(step))],
      ],
    );
    await window.run(() => document.querySelector<HTMLElement>('#figure-1 .plot')!.focus());
    await window.press('Home');
    assert.match(await readout('#figure-1'), /^step 1: training \d/);
    // The last step under a map of layers has room.
    const cut = await window.run(() =>
      [...document.querySelectorAll('figure .drawing svg')].flatMap((picture) => {
        const { left, right } = picture.getBoundingClientRect();
        return [...picture.querySelectorAll('text')]
          .filter((text) => {
            const box = text.getBoundingClientRect();
            return box.left < left - 1 || box.right > right + 1;
          })
          .map((text) => text.textContent);
      }),
    );
    assert.equal(cut, []);
    await asEveryPage(url);
  });

  test('a comparison: every run is drawn', async () => {
    const runs = [mockCompared('a', { steps: 300 }), mockCompared('b', { steps: 200, offset: 0.5 })];
    const about = { command: 'npx prenorm compare a b', version: '0.0.0', written: '2026-01-02T03:04:05Z' };
    const url = write('compare.html', renderComparison(compareRuns(runs), about, pageFiles('run')));
    await open(url);
    const judged = (steps: number) => Array.from({ length: steps / 50 }, (_, at) => 50 * (at + 1));
    assert.equal(linesIn((await drawn())[0]!), [
      ['a', judged(300), judged(300).map((step) => validAt(step))],
      ['b', judged(200), judged(200).map((step) => validAt(step, 0.5))],
    ]);
    await window.run(() => document.querySelector<HTMLElement>('#figure-1 .plot')!.focus());
    await window.press('Home');
    assert.match(await readout('#figure-1'), /^step 50: a \d.*b \d/);
    await asEveryPage(url);
  });

  test('a window that is closed leaves no process and no folder', async () => {
    const other = await WebKitWindow.open(found);
    await other.goTo('about:blank');
    assert.ok(processesOf(other.home) >= 2, 'the driver and the browser');
    await other.close();
    assert.is(processesOf(other.home), 0);
    assert.not.ok(existsSync(other.home));
  });

  test.run();
}

/** How many processes live in this home; one that ends while it is asked is not counted. */
function processesOf(home: string): number {
  const inHome = (id: string) => {
    try {
      return readFileSync(`/proc/${id}/environ`, 'utf8').split('\0').includes(`HOME=${home}`);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && inHome(name)).length;
}
