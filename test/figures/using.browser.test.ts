/**
 * @file What one does with figures, in real browsers: legend, pointer, keys, zoom, tables, saved files, live data.
 */
import * as assert from 'uvu/assert';
import type { Figure } from '../../src/experiments/results.js';
import type { FigureHandle } from '../../web/figures/index.js';
import { lossFigure, stackFigure } from './mock-figures.js';
import { drawn, type Host, inBrowsers, ink, readout, saved, settle } from './page.js';

const tests = inBrowsers('figures used', (test, shown) => {
  const { at, given } = shown;

  test('a smoothed figure draws the mean of neighbours in front of the values', async () => {
    const { page } = shown;
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
    const { page } = shown;
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
    const { page } = shown;
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
    assert.is(await at14(), '');
    assert.is(
      await page.$eval(`${plot} .legend-head`, (head) => getComputedStyle(head).visibility),
      'hidden',
      'a row that would say nothing',
    );
    assert.ok(await page.$eval(`${plot} .tip`, (tip) => (tip as HTMLElement).hidden));
  });

  test('dragging zooms; a double click and the button show all again', async () => {
    const { page } = shown;
    const plot = at('valid-nll-fig2');
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
    const { page } = shown;
    await page.$eval(at('valid-nll-fig2'), (element) => element.scrollIntoView({ block: 'center' }));
    await (await page.$(`${at('valid-nll-fig2')} .u-over`))!.hover();
    await settle(page);
    const tip = (figure: string) => page.$eval(`${figure} .tip`, (element) => element.textContent!);
    assert.match(await tip(at('valid-nll-fig2')), /^step \d+.*\d\.\d\d$/);
    const value = await page.$eval(`${at('valid-nll-fig2')} .value-at`, (element) => element.textContent);
    assert.match(value!, /^\d\.\d\d$/);
    await (await page.$(`${at('tuning-map')} .cell`))!.hover();
    assert.match(await tip(at('tuning-map')), /^Post-LN, warm-up 0, maxLr 2\.5e-4: [\d.]+$/);
    await page.mouse.move(0, 0);
  });

  test('the keys go through fields, bars and blocks', async () => {
    const { page } = shown;
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
    const { page } = shown;
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
    const { page } = shown;
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
    const { page } = shown;
    for (const theme of ['light', 'dark']) {
      const [fileName, bytes] = await saved(page, at('valid-nll-fig2'), 'SVG');
      assert.is(fileName, 'prenorm-test-valid-nll-fig2.svg');
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
      const figure = given.find(({ id }) => id === 'valid-nll-fig2')!;
      assert.is(told.name, 'svg');
      assert.is(told.title, figure.title);
      assert.equal(
        told.points,
        figure.series.map(({ x }) => x.length),
      );
      for (const text of [
        figure.xLabel,
        figure.yLabel,
        figure.levels![0]!.label,
        'made up for a test',
        '300',
      ]) {
        assert.ok(told.texts.includes(text), text);
      }
      for (const { label } of figure.series) assert.ok(told.texts.includes(label), label);
      assert.is(told.cut, 0, 'nothing reaches beyond what holds it');
      assert.is(told.ground, '#ffffff', theme);
      assert.ok(told.strokes.includes('#c14d03') && told.strokes.includes('#6e4602'), theme);
      await page.click('#theme');
      await settle(page);
    }
  });

  test('PNG is an image of every kind of figure', async () => {
    const { page } = shown;
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
    const { page } = shown;
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
    const { page } = shown;
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
});

tests.run();
