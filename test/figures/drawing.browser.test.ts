/**
 * @file What figures draw, in real browsers: the series given, in the right colours, on phones and on paper; nothing
 * serious for axe-core; text of strangers.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as assert from 'uvu/assert';
import type { Figure } from '../../src/experiments/results.js';
import { figures, gradientMap } from './mock-figures.js';
import { countColors, drawn, inBrowsers, saved, settle, writePage } from './page.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const tests = inBrowsers('figures drawn', (test, shown) => {
  const { at, given } = shown;

  test('the series drawn equal those given', async () => {
    const { page } = shown;
    for (const [index, figure] of given.entries()) {
      const { series } = await drawn(page, `#figure-${index}`);
      if (figure.heatmap || figure.stack) {
        assert.equal(series, []);
        continue;
      }
      const isBars = figure.kind === 'bars';
      const points = <T>(values: T[]) => (isBars ? values.slice(-1) : values);
      assert.equal(
        series,
        figure.series.map(({ label, x, y }) => ({ label, x: points(x), y: points(y), shown: true })),
        figure.id,
      );
    }
  });

  test('lines have the colours of their placements, in both themes', async () => {
    const { page } = shown;
    const colors = { light: ['#c14d03', '#0376bb'], dark: ['#f0772d', '#4fa6e9'] };
    for (const theme of ['light', 'dark'] as const) {
      const counts = await countColors(page, at('valid-nll-fig2'), [...colors.light, ...colors.dark]);
      const [light, dark] = [counts.slice(0, 2), counts.slice(2)];
      const [seen, unseen] = theme === 'light' ? [light, dark] : [dark, light];
      assert.ok(Math.min(...seen) > 150 && Math.max(...unseen) === 0, `${theme}: ${counts}`);
      await page.click('#theme');
      await settle(page);
    }
  });

  test('fields of maps have the colour of their number', async () => {
    const { page } = shown;
    const { cells } = await drawn(page, at('tuning-map'));
    const { heatmap } = given.find(({ id }) => id === 'tuning-map')!;
    const values = heatmap!.panels.flatMap((panel) => panel.values.flat());
    const numbers = values.filter((value) => value !== null);
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    assert.is(cells.length, values.length);
    assert.is(cells[values.indexOf(low)]!.fill, '#f0eff8');
    assert.is(cells[values.indexOf(high)]!.fill, '#580240');
    assert.is(cells[values.indexOf(null)]!.fill, '#ffffff', 'hatched, on the ground');
    assert.match(cells[values.indexOf(null)]!.says, /no value$/);
    const stops = await page.evaluate(() => {
      const style = getComputedStyle(document.documentElement);
      return Array.from({ length: 19 }, (_, stop) => style.getPropertyValue(`--g${stop}`).trim());
    });
    for (const [index, value] of values.entries()) {
      if (value === null) continue;
      const stop = Math.round((18 * (value - low)) / (high - low));
      assert.is(cells[index]!.fill, stops[stop], cells[index]!.says);
    }
    // Logarithmic: the middle of the decades is the middle of the scale.
    const map = await drawn(page, at('gradient-map'));
    const all = gradientMap().heatmap!.panels[0]!.values.flat();
    const some = all.filter((value) => value !== null);
    const middle = Math.sqrt(Math.min(...some) * Math.max(...some));
    const nearest = some.reduce((a, b) =>
      Math.abs(Math.log(b / middle)) < Math.abs(Math.log(a / middle)) ? b : a,
    );
    assert.is(map.cells[all.indexOf(nearest)]!.fill, stops[9]);
  });

  test('stacks have a block for each number and norms where the placement has them', async () => {
    const { page } = shown;
    const { cells } = await drawn(page, at('stack'));
    assert.is(cells.length, 3 * 6 * 2);
    assert.match(cells[0]!.says, /^Post-LN, no warm-up, layer 6, feed-forward: 0\.140; \|x\|²\/d 1\.10$/);
    assert.match(cells.at(-1)!.says, /^Peri-LN, layer 1, attention: no value/);
    const bars = await page.$$eval(`${at('stack')} svg[role="img"]`, (panels) =>
      panels.map((panel) => ({
        main: panel.querySelectorAll('rect[height="2.6"]').length,
        branch: panel.querySelectorAll('rect[width="2.6"]').length,
        last: panel.querySelectorAll('rect[width="22"]').length,
      })),
    );
    assert.equal(bars, [
      { main: 12, branch: 0, last: 0 },
      { main: 0, branch: 12, last: 1 },
      { main: 0, branch: 24, last: 1 },
    ]);
  });

  test('from 320 pixels up nothing is wider than the window', async () => {
    const { page } = shown;
    for (const width of [320, 390, 640, 768, 1024, 1920]) {
      await page.setViewport({ width, height: 800 });
      await settle(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
      const wide = await page.$$eval('.plot .uplot, .chart > svg', (all) =>
        all.map((one) => one.getBoundingClientRect().width),
      );
      assert.ok(Math.max(...wide) <= width, `${wide} at ${width}`);
      assert.ok(wide[0]! > 0.45 * Math.min(width, 1200), `the plot is ${wide[0]} wide at ${width}`);
    }
    await page.setViewport({ width: 1280, height: 900 });
    await settle(page);
  });

  test('paper is light, whatever the screen shows', async () => {
    const { page } = shown;
    await page.click('#theme');
    await settle(page);
    const told = await page.evaluate(async () => {
      const { dataset } = document.documentElement;
      const before = dataset.theme;
      dispatchEvent(new Event('beforeprint'));
      // What is drawn is laid out when the event's handlers are done.
      await Promise.resolve();
      const printed = [dataset.theme, (document.querySelector('.plot .uplot') as HTMLElement).offsetWidth];
      dispatchEvent(new Event('afterprint'));
      return { before, printed, after: dataset.theme };
    });
    assert.equal(told, { before: 'dark', printed: ['light', 640], after: 'dark' });
    await page.click('#theme');
    await settle(page);
  });

  test('axe-core finds nothing serious, in both themes, on a phone too', async () => {
    const { page, browser } = shown;
    const policyFree = await browser.newPage();
    await policyFree.setBypassCSP(true).catch(() => {});
    await policyFree.goto(page.url());
    await policyFree.waitForSelector('.plot canvas');
    await policyFree.$eval(`${at('nll-by-rate')} details.data`, (details) => {
      (details as HTMLDetailsElement).open = true;
    });
    await policyFree.evaluate(axe);
    for (const [width, theme] of [
      [1280, 'light'],
      [1280, 'dark'],
      [390, 'dark'],
    ] as const) {
      await policyFree.setViewport({ width, height: 900 });
      await policyFree.evaluate((to) => {
        document.documentElement.dataset.theme = to;
      }, theme);
      await settle(policyFree);
      const found = await policyFree.evaluate(async () => {
        const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
        type Violation = { id: string; impact: string; nodes: { html: string }[] };
        const { violations } = await axe.run();
        return violations
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
      });
      assert.equal(found, [], `${width}, ${theme}`);
    }
    await policyFree.close();
  });

  test('a browser without a language draws all the same', async () => {
    const { page, browser } = shown;
    const second = await browser.newPage();
    await second.evaluateOnNewDocument(() => {
      Object.defineProperty(navigator, 'language', { value: 'C', configurable: true });
    });
    await second.goto(page.url());
    await second.waitForSelector('.plot canvas');
    assert.equal(
      (await drawn(second, at('loss'))).series[0]!.x,
      given.find(({ id }) => id === 'loss')!.series[0]!.x,
    );
    await second.close();
  });

  test('text of strangers stays text, and no figure breaks the others', async () => {
    const { browser, folder } = shown;
    const second = await browser.newPage();
    const errors: string[] = [];
    second.on('console', (message) => errors.push(message.text()));
    second.on('pageerror', (error) => errors.push(String(error)));
    await second.goto(await writePage(folder, 'hostile', hostileFigures()));
    await second.waitForSelector('.plot canvas');
    await second.$$eval('details.data', (all) => {
      for (const details of all) (details as HTMLDetailsElement).open = true;
    });
    await settle(second);
    for (const [index, figure] of hostileFigures().entries()) {
      for (const label of ['CSV', 'SVG', 'PNG']) {
        const [fileName, bytes] = await saved(second, `#figure-${index}`, label);
        assert.match(fileName, /^[\w.-]+$/);
        if (label === 'CSV') assert.not.match(bytes, /(^|,)=cmd/m, 'no formula');
        if (label === 'SVG') {
          const text = Buffer.from(bytes, 'latin1').toString('utf8');
          assert.not.match(text, /<(script|img|foreignObject)/i, figure.id);
        }
      }
    }
    const injected = await second.$$eval('main script, main img, main iframe, [onerror], [onload]', (all) =>
      all.map((one) => one.outerHTML),
    );
    assert.equal(injected, []);
    assert.is(await second.title(), 'Figures');
    assert.equal(errors, []);
    await second.close();
  });

  test('the name of a level covers no marker of a line that ends at the level', async () => {
    const { browser, folder } = shown;
    const x = Array.from({ length: 12 }, (_, step) => 100 * (step + 1));
    const figure: Figure = {
      ...given[0]!,
      id: 'at-the-level',
      kind: 'lines',
      smooth: false,
      xRange: undefined,
      series: [
        { label: 'a', placement: 'post', x, y: x.map((step) => (step < 800 ? 9 - step / 200 : 5.1)) },
        { label: 'b', placement: 'pre', x, y: x.map((step) => (step < 800 ? step / 200 : 4.9)) },
      ],
      levels: [{ label: 'unigram', y: 5 }],
    };
    const second = await browser.newPage();
    await second.setViewport({ width: 1000, height: 800 });
    await second.goto(await writePage(folder, 'at-the-level', [figure]));
    await settle(second);
    const [, text] = await saved(second, '#figure-0', 'SVG');
    const { markers, covered, within } = await second.evaluate((markup) => {
      const svg = new DOMParser().parseFromString(markup, 'image/svg+xml').documentElement;
      document.body.append(document.adoptNode(svg));
      const name = [...svg.querySelectorAll('text')].find(({ textContent }) => textContent === 'unigram')!;
      const inside = name.parentElement!;
      const [one, plot, ...all] = [name, inside, ...inside.querySelectorAll('circle, polygon')].map(
        (element) => element.getBoundingClientRect(),
      ) as [DOMRect, DOMRect, ...DOMRect[]];
      return {
        markers: all.length,
        covered: all.filter(
          (two) =>
            one.left < two.right && two.left < one.right && one.top < two.bottom && two.top < one.bottom,
        ).length,
        within: one.left >= plot.left - 1 && one.right <= plot.right + 1,
      };
    }, text);
    assert.equal([markers >= 24, covered, within], [true, 0, true]);
    await second.close();
  });
});

tests.run();

/** Every text of every kind of figure is a payload; names of placements are those of an object's own members. */
function hostileFigures(): Figure[] {
  const payload = `</script><script>document.title='out'</script><img src=x onerror="document.title='out'">"'&=cmd`;
  const swap = (value: unknown, key = ''): unknown => {
    if (typeof value === 'string') return isFixed(key, value) ? value : `=cmd|${value}${payload}`;
    if (Array.isArray(value)) return value.map((one) => swap(one, key));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, swap(one, name)]));
  };
  const isFixed = (key: string, value: string) =>
    /^(kind|xScale|yScale|valueScale)$/.test(key) || value === '';
  const made = figures()
    .filter(({ id }) => ['nll-by-rate', 'tuning-map', 'accuracy', 'loss', 'stack'].includes(id))
    .map((figure) => swap(figure) as Figure);
  for (const [index, one] of made.flatMap(({ series }) => series).entries()) {
    one.placement = ['constructor', '__proto__', 'toString', payload][index % 4]!;
  }
  // Numbers that no axis has a place for, and none at all.
  const [first] = made as [Figure];
  return [
    ...made,
    { ...first, id: '../../etc/passwd', series: [], levels: [] },
    {
      ...first,
      id: 'zeros',
      yScale: 'log',
      series: first.series.map((one) => ({ ...one, y: one.y.map(() => 0) })),
    },
    { ...first, id: 'one', series: [{ label: 'one', placement: 'pre', x: [1], y: [1] }] },
    { ...first, id: 'nulls', series: first.series.map((one) => ({ ...one, y: one.y.map(() => null) })) },
  ];
}
