/**
 * @file Figures in real browsers: what is drawn is what was given, in the right colours; legend, pointer, keys, zoom,
 * tables and saved files; themes, paper, phones; live data; text of strangers; axe-core.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'puppeteer-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Figure } from '../../src/experiments/results.js';
import type { Drawn, FigureHandle } from '../../web/figures/index.js';
import { type BrowserName, findBrowser, launch, skipMessage } from '../browser.js';
import { figures, gradientMap, lossFigure, stackFigure } from './mock-figures.js';
import { countColors, pageFolder, saved, settle, writePage } from './page.js';

type Host = HTMLElement & { figure: FigureHandle };

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

for (const name of ['chromium', 'firefox'] as const) {
  const executable = findBrowser(name);
  if (executable) figuresIn(name, executable);
  else console.log(`figures in ${name}: ${skipMessage(name)}`);
}

function figuresIn(name: BrowserName, executable: string) {
  const test = suite(`figures in ${name}`);
  const given = figures();
  const { folder, remove } = pageFolder();
  const at = (id: string) => `#figure-${given.findIndex((figure) => figure.id === id)}`;
  const complaints: string[] = [];
  const requests: string[] = [];
  let browser: Browser;
  let page: Page;

  test.before(async () => {
    const url = await writePage(folder, 'all', given);
    browser = await launch(name, executable);
    page = await browser.newPage();
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(url);
    await page.waitForSelector('.plot canvas');
    await settle(page);
  });

  test.after(async () => {
    await browser?.close();
    remove();
  });

  test('the series drawn equal those given', async () => {
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
    const colors = { light: ['#c14d03', '#0376bb'], dark: ['#f0772d', '#4fa6e9'] };
    for (const theme of ['light', 'dark'] as const) {
      const counts = await countColors(page, at('valid-nll'), [...colors.light, ...colors.dark]);
      const [light, dark] = [counts.slice(0, 2), counts.slice(2)];
      const [seen, unseen] = theme === 'light' ? [light, dark] : [dark, light];
      assert.ok(Math.min(...seen) > 150 && Math.max(...unseen) === 0, `${theme}: ${counts}`);
      await page.click('#theme');
      await settle(page);
    }
  });

  test('fields of maps have the colour of their number', async () => {
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

  test('a smoothed figure draws the mean of neighbours in front of the values', async () => {
    const told = await page.$eval(`${at('loss')} .legend li`, (entry) => entry.textContent);
    assert.match(told!, /^training mean of 11/);
    const notes = await page.$$eval(`${at('loss')} .name .quiet`, (all) => all.map((one) => one.textContent));
    assert.equal(notes, [' mean of 11', '']);
    await page.focus(`${at('loss')} .plot`);
    await page.keyboard.press('Home');
    for (let i = 0; i < 10; i++) await page.keyboard.press('ArrowRight');
    const y = lossFigure().series[0]!.y as number[];
    const mean = y.slice(5, 16).reduce((a, b) => a + b) / 11;
    assert.is(await readout(page, at('loss')), `step 11: training ${mean.toPrecision(3)}`);
    await page.keyboard.press('Escape');
  });

  test('a legend entry hides its line and brings it back', async () => {
    const entry = `${at('nll-by-rate')} .legend li:nth-child(1) button`;
    const before = await ink(page, at('nll-by-rate'));
    const isShown = async () => (await drawn(page, at('nll-by-rate'))).series.map(({ shown }) => shown);
    await page.click(entry);
    assert.is(await page.$eval(entry, (button) => button.getAttribute('aria-pressed')), 'false');
    assert.equal(await isShown(), [false, true, true, true]);
    await page.mouse.move(0, 0);
    await settle(page);
    assert.is.not(await ink(page, at('nll-by-rate')), before);
    await page.click(entry);
    await page.mouse.move(0, 0);
    await settle(page);
    assert.equal(await isShown(), [true, true, true, true]);
    assert.is(await ink(page, at('nll-by-rate')), before, 'the band too');
  });

  test('the keys read a plot, and zoom it', async () => {
    const plot = at('gradient-by-depth');
    const at14 = async () => page.$eval(`${plot} .legend .at`, (element) => element.textContent);
    await page.focus(`${plot} .plot`);
    await page.keyboard.press('ArrowRight');
    assert.match(
      await readout(page, plot),
      /^layers 6: Post-LN 1\.\d\d; Post-LN, theory 1\.62; Pre-LN 0\.\d+/,
    );
    await page.keyboard.press('ArrowRight');
    assert.match(await readout(page, plot), /^layers 8: /);
    await page.keyboard.press('End');
    assert.match(await readout(page, plot), /^layers 14: /);
    await page.keyboard.press('ArrowDown');
    assert.match(await readout(page, plot), /^layers 14: Post-LN [\d.]+$/);
    assert.is(await at14(), '14');
    assert.ok(await page.$eval(`${plot} .tip`, (tip) => !(tip as HTMLElement).hidden));
    await page.keyboard.press('+');
    const isZoomed = () =>
      page.$eval(`${plot} .tools button`, (button) => !(button as HTMLButtonElement).hidden);
    assert.ok(await isZoomed());
    await page.keyboard.press('0');
    assert.not(await isZoomed());
    await page.keyboard.press('Escape');
    assert.is(await at14(), '–');
    assert.ok(await page.$eval(`${plot} .tip`, (tip) => (tip as HTMLElement).hidden));
  });

  test('dragging zooms; a double click and the button show all again', async () => {
    const plot = at('valid-nll');
    await page.$eval(plot, (element) => element.scrollIntoView({ block: 'center' }));
    const box = (await (await page.$(`${plot} .u-over`))!.boundingBox())!;
    const reset = `${plot} .tools button`;
    const isHidden = () => page.$eval(reset, (button) => (button as HTMLButtonElement).hidden);
    for (const undo of ['button', 'double click']) {
      await page.mouse.move(box.x + 0.3 * box.width, box.y + 60);
      await page.mouse.down();
      await page.mouse.move(box.x + 0.6 * box.width, box.y + 70, { steps: 4 });
      await page.mouse.up();
      await settle(page);
      assert.not(await isHidden(), 'zoomed');
      if (undo === 'button') await page.click(reset);
      else await page.mouse.click(box.x + 0.5 * box.width, box.y + 60, { count: 2 });
      await settle(page);
      assert.ok(await isHidden(), `all is shown after the ${undo}`);
    }
    await page.mouse.move(0, 0);
  });

  test('the pointer shows values of plots and of fields', async () => {
    await page.$eval(at('valid-nll'), (element) => element.scrollIntoView({ block: 'center' }));
    await (await page.$(`${at('valid-nll')} .u-over`))!.hover();
    await settle(page);
    const tip = (figure: string) => page.$eval(`${figure} .tip`, (element) => element.textContent!);
    assert.match(await tip(at('valid-nll')), /^step \d+.*\d\.\d\d$/);
    const value = await page.$eval(`${at('valid-nll')} .value-at`, (element) => element.textContent);
    assert.match(value!, /^\d\.\d\d$/);
    await (await page.$(`${at('tuning-map')} .cell`))!.hover();
    assert.match(await tip(at('tuning-map')), /^Post-LN, warm-up 0, maxLr 2\.5e-4: [\d.]+$/);
    await page.mouse.move(0, 0);
  });

  test('the keys go through fields, bars and blocks', async () => {
    const map = at('tuning-map');
    await page.focus(`${map} .chart`);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    assert.match(await readout(page, map), /^Post-LN, warm-up 100, maxLr 2\.5e-4: [\d.]+$/);
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    assert.match(await readout(page, map), /^Post-LN, warm-up 0, maxLr 2\.5e-4: /, 'there is no row above');
    await page.focus(`${at('accuracy')} .chart`);
    await page.keyboard.press('End');
    assert.is(await readout(page, at('accuracy')), 'DeepNorm: diverged');
    await page.focus(`${at('stack')} .chart`);
    await page.keyboard.press('ArrowDown');
    assert.match(await readout(page, at('stack')), /^Post-LN, no warm-up, layer 6, feed-forward: /);
  });

  test('tables are built when they are opened, and hold the numbers', async () => {
    assert.is(await page.$$eval('details.data table', (all) => all.length), 0);
    const open = async (figure: string) => {
      await page.$eval(`${figure} details.data`, (details) => {
        (details as HTMLDetailsElement).open = true;
      });
      await page.waitForSelector(`${figure} details.data table`);
      return page.$$eval(`${figure} details.data table`, (tables) =>
        tables.map((table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent))),
      );
    };
    const [rates] = await open(at('nll-by-rate'));
    assert.is(rates!.length, 1 + 5 + 2);
    assert.equal(rates![0]!.slice(0, 2), ['maxLr', 'Post-LN, no warm-up']);
    assert.match(rates![1]![1]!, /^4\.95 \(4\.\d\d to \d\.\d\d\)$/);
    assert.is(rates![5]![1], 'none');
    const maps = await open(at('tuning-map'));
    assert.is(maps.length, 3);
    const [stack] = await open(at('stack'));
    assert.is(stack!.length, 1 + 12);
    await page.$eval(`${at('stack')} details.data`, (details) => {
      (details as HTMLDetailsElement).open = false;
    });
    await page.waitForFunction(`!document.querySelector('${at('stack')} details.data table')`);
  });

  test('CSV holds every value with all its digits', async () => {
    const [fileName, text] = await saved(page, at('nll-by-rate'), 'CSV');
    assert.is(fileName, 'prenorm-test-nll-by-rate.csv');
    const figure = given.find(({ id }) => id === 'nll-by-rate')!;
    const lines = text.trimEnd().split('\r\n');
    const values = figure.series.reduce((sum, { x }) => sum + x.length, 0);
    assert.is(lines.length, 1 + values + figure.levels!.length);
    assert.is(lines[0], 'series,placement,maxLr,final valid NLL,lowest seed,highest seed');
    const { label, x, y, low, high } = figure.series[0]!;
    assert.is(lines[1], `"${label}",post,${x[0]},${y[0]},${low![0]},${high![0]}`);
    assert.is(lines[5], `"${label}",post,${x[4]},,,`);
    const [, map] = await saved(page, at('tuning-map'), 'CSV');
    assert.is(map.trimEnd().split('\r\n').length, 1 + 3 * 4 * 5);
    const [, stack] = await saved(page, at('stack'), 'CSV');
    assert.is(stack.split('\r\n')[1], `"Post-LN, no warm-up",1,attention,${0.04 * 0.22 ** 5},`);
  });

  test('SVG holds title, lines, axes and source, in the colours of paper', async () => {
    for (const theme of ['light', 'dark']) {
      const [fileName, bytes] = await saved(page, at('valid-nll'), 'SVG');
      assert.is(fileName, 'prenorm-test-valid-nll.svg');
      const told = await page.evaluate((text) => {
        const { documentElement: root } = new DOMParser().parseFromString(text, 'image/svg+xml');
        const paths = [...root.querySelectorAll('path[stroke-linejoin]')];
        return {
          name: root.nodeName,
          title: root.querySelector('title')?.textContent,
          texts: [...root.querySelectorAll('text')].map((one) => one.textContent),
          points: paths.map((one) => one.getAttribute('d')!.split(/[ML]/).length - 1),
          ground: root.querySelector('rect')?.getAttribute('fill'),
          strokes: paths.map((one) => one.getAttribute('stroke')),
          cut: [...root.querySelectorAll('svg')].filter((inner) => {
            const [outer, own] = [
              inner.parentElement as Element,
              (key: string) => Number(inner.getAttribute(key)),
            ];
            return own('y') + own('height') > Number(outer.getAttribute('height'));
          }).length,
        };
      }, Buffer.from(bytes, 'latin1').toString('utf8'));
      const figure = given.find(({ id }) => id === 'valid-nll')!;
      assert.is(told.name, 'svg');
      assert.is(told.title, figure.title);
      assert.equal(
        told.points,
        figure.series.map(({ x }) => x.length),
      );
      for (const text of [figure.xLabel, figure.yLabel, 'unigram level U', 'made up for a test', '300']) {
        assert.ok(told.texts.includes(text), text);
      }
      for (const { label } of figure.series) assert.ok(told.texts.includes(label), label);
      assert.is(told.cut, 0, 'nothing reaches beyond what holds it');
      assert.is(told.ground, '#ffffff', theme);
      assert.is(told.strokes[0], '#c14d03', theme);
      await page.click('#theme');
      await settle(page);
    }
  });

  test('PNG is an image of every kind of figure', async () => {
    for (const id of ['gradient-by-depth', 'tuning-map', 'accuracy', 'eighteen', 'loss', 'stack']) {
      const [fileName, data] = await saved(page, at(id), 'PNG');
      assert.is(fileName, `prenorm-test-${id}.png`);
      const bytes = Buffer.from(data, 'latin1');
      assert.is(bytes.toString('latin1', 1, 4), 'PNG');
      assert.ok(bytes.readUInt32BE(16) >= 840 && bytes.readUInt32BE(20) > 250, id);
      assert.ok(bytes.length > 10_000, `${id}: ${bytes.length}`);
    }
  });

  test('live data is drawn, and keeps zoom and hidden lines', async () => {
    const loss = at('loss');
    await page.focus(`${loss} .plot`);
    await page.keyboard.press('Home');
    await page.keyboard.press('+');
    await page.click(`${loss} .legend li:nth-child(2) button`);
    const more: Figure = lossFigure();
    for (const series of more.series) {
      series.x.push(401, 402);
      series.y.push(2.5, 2.25);
    }
    await page.$eval(loss, (host, next) => (host as Host).figure.update(next), more);
    await page.waitForFunction(
      `document.querySelector('${loss}').figure.drawn().series[0].x.length === ${more.series[0]!.x.length}`,
    );
    const { series } = await drawn(page, loss);
    assert.equal(
      series,
      more.series.map(({ label, x, y }, index) => ({ label, x, y, shown: index === 0 })),
    );
    assert.not(await page.$eval(`${loss} .tools button`, (button) => (button as HTMLButtonElement).hidden));
    // Another kind of figure takes the place of the old one.
    await page.$eval(loss, (host, next) => (host as Host).figure.update(next), stackFigure());
    await page.waitForSelector(`${loss} .chart.stack`);
    assert.is(await page.$$eval(`${loss} .plot`, (all) => all.length), 0);
    await page.$eval(loss, (host, next) => (host as Host).figure.update(next), lossFigure());
    await page.waitForSelector(`${loss} .plot canvas`);
  });

  test('an element without markup becomes a figure, and is empty again when that is destroyed', async () => {
    const told = await page.evaluate((figure) => {
      const host = document.createElement('figure');
      document.getElementById('main')!.append(host);
      const { drawFigure } = window as unknown as {
        drawFigure(host: HTMLElement, data: unknown): FigureHandle;
      };
      const handle = drawFigure(host, figure);
      const parts = ['canvas', '.legend', '.tools button', 'details.data', 'h3', 'figcaption'];
      const before = parts.map((one) => host.querySelector(one)?.textContent ?? null);
      handle.destroy();
      const after = parts.map((one) => host.querySelector(one)?.textContent ?? null);
      host.remove();
      return { before, after };
    }, lossFigure());
    const { title, caption } = lossFigure();
    assert.equal(told.before.slice(4), [title, caption]);
    assert.ok(told.before.slice(0, 4).every((text) => typeof text === 'string'));
    assert.equal(told.after, [null, null, null, null, title, caption]);
  });

  test('from 320 pixels up nothing is wider than the window', async () => {
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

  test('text of strangers stays text, and no figure breaks the others', async () => {
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

  test('the page needs nobody else and complains about nothing', async () => {
    assert.equal(
      requests.filter((url) => !/^(file|blob|data):/.test(url)),
      [],
    );
    assert.equal(complaints, []);
  });

  test.run();
}

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

async function drawn(page: Page, figure: string): Promise<Drawn> {
  return page.$eval(figure, (host) => (host as Host).figure.drawn());
}

function readout(page: Page, figure: string): Promise<string> {
  return page.$eval(`${figure} .readout`, (element) => element.textContent ?? '');
}

/** A number that changes with what a plot shows. */
function ink(page: Page, figure: string): Promise<number> {
  return page.$eval(`${figure} canvas`, (element) => {
    const canvas = element as HTMLCanvasElement;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let at = 0; at < data.length; at++) sum = (sum * 31 + data[at]!) >>> 0;
    return sum;
  });
}
