/** @file Parts of figures that need no browser: ticks, means of neighbours, columns of lines, CSV. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { csv } from '../../web/figures/csv.js';
import { isSameShape, lineData } from '../../web/figures/line-data.js';
import { logTicks, niceStep, show, showRange, widen } from '../../web/figures/numbers.js';
import { Pace } from '../../web/figures/pace.js';
import { ColorScale } from '../../web/figures/scale.js';
import { smoothed, windowOf } from '../../web/figures/smooth.js';
import { gradientMap, lossFigure, stackFigure } from './mock-figures.js';

test('means of neighbours: as many on either side, gaps stay gaps', () => {
  assert.equal(smoothed([1, 2, 3, 4, 10], 3), [1, 2, 3, 17 / 3, 10]);
  assert.equal(smoothed([1, null, 3, undefined, 5], 3), [1, null, 3, null, 5]);
  assert.equal(smoothed([1, null, 3, 5, Number.NaN], 5), [1, null, 3, 4, null]);
  assert.equal(smoothed([], 9), []);
  assert.equal([20, 200, 800, 8000].map(windowOf), [9, 9, 21, 201]);
});

test('columns: one x axis, undefined where a series has no point, null for a gap', () => {
  const figure = {
    ...lossFigure(),
    smooth: false,
    series: [
      { label: 'a', placement: 'post', x: [3, 1], y: [30, 10] },
      { label: 'b', placement: 'pre', x: [2, 3], y: [20, null], low: [19, null], high: [21, null] },
    ],
  };
  const { xs, columns, front, bands } = lineData(figure);
  assert.equal(xs, [1, 2, 3]);
  assert.equal(columns, [
    [undefined, 21, null],
    [undefined, 19, null],
    [10, undefined, 30],
    [undefined, 20, null],
  ]);
  assert.equal(front, [3, 4]);
  assert.equal(bands, [undefined, [1, 2]]);
  // Zero and below have no place on a logarithmic axis, of either direction.
  const log = lineData({
    ...figure,
    xScale: 'log',
    yScale: 'log',
    series: [{ label: 'a', placement: '', x: [0, 1, 10], y: [1, 0, 5] }],
  });
  assert.equal(log.xs, [1, 10]);
  assert.equal(log.columns, [[null, 5]]);
});

test('a smoothed figure keeps the values behind, and leaves series that say so', () => {
  const figure = lossFigure();
  const { raw, front, windows, columns } = lineData(figure);
  assert.equal(windows, [11, 1]);
  assert.equal(raw, [1, undefined]);
  assert.equal(front, [2, 3]);
  assert.equal(columns[0]!.slice(0, 400), figure.series[0]!.y);
  const left = { ...figure, series: figure.series.map((one) => ({ ...one, smooth: false })) };
  assert.equal(lineData(left).windows, [1, 1]);
  assert.not(isSameShape(figure, left));
  assert.ok(isSameShape(figure, lossFigure()));
});

test('ticks and numbers', () => {
  assert.equal(logTicks(0.9, 110), [1, 2, 5, 10, 20, 50, 100]);
  assert.equal(logTicks(1, 1e6), [1, 10, 100, 1000, 1e4, 1e5, 1e6]);
  assert.equal(logTicks(2, 4), [2, 2.5, 3, 3.5, 4]);
  assert.ok(logTicks(1e-300, 1e300).length < 100);
  assert.equal(logTicks(0, 1), []);
  assert.equal([0.3, 3, 0.07].map(niceStep), [0.5, 5, 0.1]);
  assert.equal(widen(0, 10, 'linear', 0.1), [-1, 11]);
  assert.equal(widen(5, 5, 'log', 0.1), [5 / 1.5, 7.5]);
  assert.equal([1.23456, null, Number.NaN, undefined].map(show), ['1.23', '–', '–', '–']);
  assert.is(showRange(2, 1, 3), '2 (1 to 3)');
  assert.is(showRange(2, 2, 2), '2');
});

test('live figures are drawn ten times a second, twice with less motion, never while hidden', async () => {
  const page = Object.assign(new EventTarget(), { hidden: false });
  let calm = false;
  const globals = { document: page, matchMedia: () => ({ matches: calm }) };
  Object.assign(globalThis, globals);
  let draws = 0;
  const pace = new Pace(() => draws++);
  const during = async (milliseconds: number) => {
    draws = 0;
    for (const end = performance.now() + milliseconds; performance.now() < end; ) {
      pace.ask();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return draws;
  };
  try {
    const often = await during(650);
    assert.ok(often >= 3 && often <= 7, `${often} in 650 ms`);
    calm = true;
    await during(150);
    const seldom = await during(1200);
    assert.ok(seldom >= 1 && seldom <= 3, `${seldom} in 1,200 ms`);
    calm = false;
    page.hidden = true;
    await during(600);
    assert.is(await during(300), 0);
    page.hidden = false;
    page.dispatchEvent(new Event('visibilitychange'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.is(draws, 1, 'what was asked for in between is drawn once');
    pace.ask();
    pace.stop();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.is(draws, 1);
  } finally {
    for (const name of Object.keys(globals)) Reflect.deleteProperty(globalThis, name);
  }
});

test('colours by logarithm: zero has the lowest, what is below or absent has none', () => {
  const scale = new ColorScale([0, 0.01, 1, 100, null], 'log');
  assert.equal([scale.low, scale.high, scale.hasZero], [0.01, 100, true]);
  assert.equal(
    [0, 0.01, 1, 100].map((value) => scale.stop(value)),
    [0, 0, 9, 18],
  );
  assert.equal(
    [-1, null, Number.NaN].map((value) => scale.stop(value)),
    [undefined, undefined, undefined],
  );
  assert.is(new ColorScale([1, 2], 'log').hasZero, false);
  const zeros = new ColorScale([0, 0], 'log');
  assert.equal([zeros.isEmpty, zeros.stop(0)], [true, 0]);
  const linear = new ColorScale([0, 1]);
  assert.equal([linear.hasZero, linear.stop(0)], [false, 0]);
});

test('CSV quotes what needs it, and gives spreadsheets no formula', () => {
  const figure = lossFigure();
  const text = csv({
    ...figure,
    xLabel: 'step, "n"',
    series: [{ label: '=1+1', placement: 'post', x: [1, 2], y: [-0.1, null] }],
    levels: [],
  });
  const line = `'=1+1,post`;
  assert.is(
    text,
    `series,placement,"step, ""n""","loss, nats per token",lowest seed,highest seed\r\n${line},1,-0.1,,\r\n${line},2,,,\r\n`,
  );
  // Curves of a run have no placement: their colour is no column.
  const run = { ...figure, levels: [], series: [{ label: 'loss', placement: 'training', x: [1], y: [2] }] };
  assert.is(csv(run), `series,step,"loss, nats per token",lowest,highest\r\nloss,1,2,,\r\n`);
  assert.is(csv(gradientMap()).split('\r\n').length, 1 + 6 * 120 + 1);
  assert.is(csv(stackFigure()).split('\r\n').length, 1 + 3 * 12 + 1);
});

test.run();
