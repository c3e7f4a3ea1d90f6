/**
 * @file The report opened from a file in real browsers: its first screen, what is drawn against what was recorded, the
 * keyboard, phones, zoom and paper. What every figure does by itself is tested in test/figures/.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Results, Series } from '../../src/experiments/results.js';
import { renderReport } from '../../src/report/html.js';
import {
  type BrowserName,
  findBrowser,
  isHalfReadFormula,
  launch,
  skipMessage,
  wrongFormulas,
} from '../browser.js';
import { settle } from '../figures/page.js';
import { largeResults } from './large-results.js';
import { mockResults } from './mock-results.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const standard: Results = JSON.parse(readFileSync('docs/results/standard.json', 'utf8'));

for (const name of ['chromium', 'firefox'] as const) {
  const executable = findBrowser(name);
  if (executable) reportIn(name, executable);
  else console.log(`report in ${name}: ${skipMessage(name)}`);
}

/** Ways out of text, attributes, comments, script and style; each would set `hit`. */
const payloads = [
  '<img src=x onerror="hit=1">',
  '"><svg onload="hit=2">',
  "' onmouseover='hit=3' x='",
  '" autofocus onfocus="hit=4" tabindex="0',
  '</script><script>hit=5</script>',
  '</style><script>hit=6</script>',
  '--><script>hit=7</script><!--',
  ']]><script>hit=8</script>',
  '</annotation></semantics></math><x onclick="hit=9">sqrt(d)',
  '<math><mtext></mtext><style><img src=x onerror="hit=10"></style></math>',
  'javascript:hit=11',
  '</figcaption></figure><iframe srcdoc="<script>parent.hit=12</script>">',
  '</title><base href="https://example.invalid/">',
  '<meta http-equiv="refresh" content="0;url=https://example.invalid/">',
  '{{hit=13}}',
  '\u2028\u2029<a href="javascript:hit=15">x</a>',
  '<a id=figures><a id=main name=figures>',
  '&lt;img src=x onerror=hit=16&gt;&#60;script&#62;hit=17',
];

/** Every text that no code goes by gets a payload, all of them in turn. */
function poison(results: Results, first: number): { poisoned: Results; count: number } {
  let count = 0;
  const kept = new Set([
    'format',
    'preset',
    'placement',
    'kind',
    'xScale',
    'yScale',
    'status',
    'verdict',
    'expected',
  ]);
  const walk = <T>(value: T, key = ''): T => {
    if (typeof value === 'string')
      return (kept.has(key) ? value : value + payloads[(first + count++) % payloads.length]) as T;
    if (Array.isArray(value)) return value.map((entry) => walk(entry, key)) as T;
    if (value && typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, walk(entry, name)])) as T;
    return value;
  };
  const poisoned = walk(results);
  return { poisoned, count };
}

function reportIn(name: BrowserName, executable: string) {
  const test = suite(`report in ${name}`);
  const hostile =
    '</script><script>document.title = "broken out"</script><img src=x onerror="document.title=1">';
  let folder: string;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const requests: string[] = [];

  /** The page of some results in the tab, once it is drawn. */
  async function open(results: Results, width = 1280, height = 800): Promise<number> {
    const file = join(folder, 'report.html');
    writeFileSync(file, renderReport(results));
    await page.setViewport({ width, height });
    await page.goto('about:blank');
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector('#figure-1 canvas');
    await settle(page);
    return statSync(file).size;
  }

  test.before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'prenorm-report-'));
    browser = await launch(name, executable);
    page = await browser.newPage();
    page.on('console', (message) => {
      if (!isHalfReadFormula(message.text())) complaints.push(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
  });

  test.after(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('what is drawn of 252 runs equals what was recorded, point by point', async () => {
    const bytes = await open(standard);
    assert.ok(bytes < 1_500_000, `${bytes} bytes`);
    const drawn = await page.$$eval('figure[data-figure]', (hosts) =>
      hosts.map((host) =>
        (
          host as HTMLElement & { figure: { drawn(): { series: Series[]; cells: { says: string }[] } } }
        ).figure.drawn(),
      ),
    );
    assert.is(drawn.length, 1 + standard.figures.length);
    let points = 0;
    standard.figures.forEach((figure, index) => {
      const { series, cells } = drawn[index + 1]!;
      assert.is(cells.length > 0, figure.heatmap !== undefined, figure.id);
      assert.is(series.length, figure.series.length, figure.id);
      figure.series.forEach(({ label, x, y }, at) => {
        assert.equal([series[at]!.label, series[at]!.x, series[at]!.y], [label, x, y], figure.id);
        points += x.length;
      });
    });
    assert.ok(points > 2000, `${points} points`);
    for (const { label, y } of drawn[0]!.series) {
      const recorded = standard.figures
        .flatMap(({ series }) => series)
        .find((one) => one.label === `${label}, maxLr 0.002`);
      assert.equal(y, recorded!.y, label);
    }
  });

  test('the first figure and its sentence stand in the first screen', async () => {
    for (const [width, height] of [
      [1280, 800],
      [390, 844],
    ] as const) {
      await open(standard, width, height);
      const bottoms = await page.evaluate(() =>
        ['#figure-1 .plot', '#figure-1 .legend', '#figure-1 .sentence'].map((part) => {
          const { left, right, bottom } = document.querySelector(part)!.getBoundingClientRect();
          return { part, bottom, within: left >= 0 && right <= innerWidth };
        }),
      );
      assert.is(await page.evaluate(() => scrollY), 0);
      for (const { part, bottom, within } of bottoms)
        assert.ok(within && bottom <= height, `${part} ends at ${bottom} of ${height}`);
    }
  });

  test('without the pointer: skip link, contents, folds, figures, sorting', async () => {
    await open(mockResults({ hostile }));
    const focused = () =>
      page.evaluate(() => document.activeElement?.textContent?.replace(/\s+/g, ' ').trim() ?? '');
    await page.keyboard.press('Tab');
    assert.is(await focused(), 'Skip to the content');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.match(await focused(), /^(?:Reset zoom|CSV) of/);
    const reached = new Set<string>();
    for (let press = 0; press < 60; press++) {
      await page.keyboard.press('Tab');
      reached.add(
        await page.evaluate(() => {
          const { activeElement: at } = document;
          return at?.closest('.plot')
            ? 'plot'
            : at?.closest('.legend')
              ? 'legend'
              : at?.matches('details.claims > summary')
                ? 'claims'
                : at?.matches('.contents a')
                  ? 'contents'
                  : '';
        }),
      );
    }
    for (const part of ['plot', 'legend', 'contents'])
      assert.ok(reached.has(part), `${part} is not reached by Tab`);
    await page.focus('details.claims > summary');
    await page.keyboard.press('Enter');
    assert.ok(await page.$eval('details.claims', (fold) => (fold as HTMLDetailsElement).open));
    await page.$eval('details.all-runs:nth-of-type(2)', (fold) => {
      (fold as HTMLDetailsElement).open = true;
    });
    const sorting = 'details.all-runs:nth-of-type(2) [data-sort]';
    const labels = await page.$$eval(sorting, (buttons) => buttons.map((button) => button.textContent));
    const column = labels.indexOf('NLL');
    const values = () =>
      page.$$eval(
        'details.all-runs:nth-of-type(2) tbody tr',
        (rows, at) => rows.map((row) => (row as HTMLTableRowElement).cells[at]!.dataset.value),
        column,
      );
    await page.focus(`${sorting}[data-sort="${column}"]`);
    await page.keyboard.press('Enter');
    const up = (await values()).map(Number);
    assert.equal(
      up,
      up.toSorted((a, b) => a - b),
    );
    await page.keyboard.press('Enter');
    assert.equal((await values()).map(Number), up.toReversed());
    assert.match(
      (await page.$eval('#announce', (place) => place.textContent))!,
      'Runs sorted by NLL, descending.',
    );
  });

  test('a link to a claim unfolds it', async () => {
    await open(standard);
    await page.$$eval('details', (folds) => {
      for (const fold of folds) fold.open = false;
    });
    await page.click('.unexpected-list a');
    await settle(page);
    const { open: isOpen, top } = await page.evaluate(() => {
      const claim = document.querySelector(location.hash)!;
      return { open: claim.closest('details')!.open, top: claim.getBoundingClientRect().top };
    });
    assert.ok(isOpen);
    assert.ok(top >= 0 && top < 800, `at ${top}`);
  });

  test('a phone has the contents in a menu, which closes behind its links', async () => {
    await open(standard, 390, 844);
    assert.is(await page.$eval('.bar .wide', (nav) => getComputedStyle(nav).display), 'none');
    await page.click('.menu > summary');
    const links = await page.$$eval('.menu a', (all) =>
      all.map((link) => [link.getAttribute('href'), link.getBoundingClientRect().height] as const),
    );
    assert.ok(links.some(([href]) => href === '#experiment-tuning'));
    for (const [href, height] of links) assert.ok(height >= 40, `${href} is ${height} high`);
    await page.click('.menu a[href="#experiment-fig2"]');
    await settle(page);
    assert.not.ok(await page.$eval('.menu', (menu) => (menu as HTMLDetailsElement).open));
    const top = await page.$eval('#experiment-fig2', (section) => section.getBoundingClientRect().top);
    assert.ok(top >= 0 && top < 200, `at ${top}`);
  });

  test('nothing is wider than the window, from 320 pixels up and at twice the size of text', async () => {
    // 200 % of 1280 pixels is a window of 640, and text alone may be made twice as large as well.
    for (const [width, zoom] of [
      [320, 1],
      [390, 1],
      [640, 1],
      [768, 1],
      [1024, 1],
      [1280, 2],
      [1920, 1],
    ] as const) {
      await open(largeResults(), width, 800);
      await page.evaluate(
        (size) => {
          document.documentElement.style.fontSize = size;
          for (const fold of document.querySelectorAll('details')) fold.open = !fold.matches('.menu');
        },
        `${100 * zoom}%`,
      );
      await settle(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}, text ${zoom} times as large`);
      // Links of the bar go into a second line before one would be out of sight.
      const hidden = await page.$$eval('.bar .wide a', (links) =>
        links.flatMap((link) => {
          const { left, right, width } = link.getBoundingClientRect();
          const list = link.closest('ul')!.getBoundingClientRect();
          const isSeen = left >= list.left - 1 && right <= list.right + 1 && right <= innerWidth;
          return width === 0 || isSeen ? [] : [link.textContent];
        }),
      );
      assert.equal(hidden, [], `at ${width}, text ${zoom} times as large`);
    }
  });

  test('axe finds nothing serious, in either theme, on a desk and on a phone', async () => {
    for (const width of [1280, 390]) {
      await open(mockResults({ hostile }), width, 844);
      await page.$$eval('details.claims, details.all-runs, details.run', (folds) => {
        for (const fold of folds) (fold as HTMLDetailsElement).open = true;
      });
      // The page's policy allows no script but its own; the checker comes by the debugger.
      await page.evaluate(axe);
      for (let theme = 0; theme < 2; theme++) {
        const found = await page.evaluate(async () => {
          const { violations } = await (
            window as unknown as {
              axe: {
                run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
              };
            }
          ).axe.run();
          return violations.map(
            ({ id, impact, nodes }) => `${impact}: ${id} at ${nodes[0]?.html.slice(0, 120)}`,
          );
        });
        assert.equal(
          found.filter((line) => /^(?:serious|critical)/.test(line)),
          [],
        );
        await page.click('#theme');
        await settle(page);
      }
    }
  });

  test('on paper claims are unfolded and the page is light', async () => {
    await open(standard);
    await page.click('#theme');
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    assert.ok(
      await page.$$eval('details.claims', (folds) =>
        folds.every((fold) => (fold as HTMLDetailsElement).open),
      ),
    );
    assert.is(await page.$eval('html', (html) => html.dataset.theme), 'light');
    await page.evaluate(() => dispatchEvent(new Event('afterprint')));
    assert.is(await page.$eval('html', (html) => html.dataset.theme), 'dark');
    assert.ok(
      await page.$$eval('details.claims', (folds) =>
        folds.some((fold) => !(fold as HTMLDetailsElement).open),
      ),
    );
  });

  test('a payload in every text of a result does nothing', async () => {
    const results = mockResults();
    results.figures.push(...largeResults().figures.filter(({ heatmap, kind }) => heatmap || kind === 'bars'));
    let tried = 0;
    // Three turns, so that a text does not get one payload only.
    for (const turn of [0, 5, 11]) {
      const { poisoned, count } = poison(results, turn);
      tried += count;
      await open(poisoned);
      await page.$$eval('details:not(.menu)', (folds) => {
        for (const fold of folds) (fold as HTMLDetailsElement).open = true;
      });
      await settle(page);
      assert.is(await page.evaluate(() => (window as unknown as { hit?: string }).hit), undefined);
      const strange = await page.$$eval('body *', (all) =>
        all
          .filter(
            ({ localName, attributes }) =>
              /^(?:img|iframe|object|embed|form|input|base|link|meta|video|x)$/.test(localName) ||
              [...attributes].some(
                ({ name, value }) =>
                  /^on/.test(name) || (/^(?:href|src|action)$/.test(name) && !/^(?:#|blob:)/.test(value)),
              ),
          )
          .map((one) => one.outerHTML.slice(0, 200)),
      );
      assert.equal(strange, []);
    }
    assert.ok(tried > 1137, `${tried} payloads`);
  });

  test('text of strangers stays text, nothing is loaded, nobody complains', async () => {
    await open(mockResults({ hostile }));
    assert.is(await page.title(), 'Layer-norm placement, reproduced: quick preset');
    assert.is(await page.$('img'), null);
    assert.ok((await page.evaluate(() => document.body.textContent))!.includes(hostile));
    assert.equal(
      requests.filter((url) => !/^(file|blob|data|about):/.test(url)),
      [],
    );
    assert.equal(complaints, []);
    assert.ok(await page.$('math mfrac'));
    assert.equal(await wrongFormulas(page), []);
    await page.$eval('math mfrac', (fraction) => fraction.lastElementChild?.remove());
    assert.is((await wrongFormulas(page)).length, 1);
  });

  test.run();
}
