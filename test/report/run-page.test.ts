/** The page of a training: curves thinned without loss of what an eye sees, how a run stands, nothing from files as markup. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Figure, Heatmap } from '../../src/experiments/results.js';
import { runFigures } from '../../src/report/run-figures.js';
import { RunHistory } from '../../src/report/run-history.js';
import { renderRunPage } from '../../src/report/run-page.js';
import { type RunState, recipeRows } from '../../src/report/run-report.js';
import { ThinnedCurve } from '../../src/report/thinned-curve.js';
import { hostile, lossAt, markupOf, mockHistory, mockReport, validAt } from './mock-run.js';

const test = suite('report: run page');
const files = { script: 'void 0;', style: 'p{color:red}', notice: 'Plots by others.' };
const unit = 'nats per token';

const figuresOf = (page: string): Figure[] =>
  JSON.parse(/<script type="application\/json" id="figures"[^>]*>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? '');

test('a curve is as it was measured up to the most points, then means with their range', () => {
  const curve = new ThinnedCurve(8);
  for (let step = 1; step <= 8; step++) curve.add(step, step / 3);
  assert.equal(curve.points(), {
    x: [1, 2, 3, 4, 5, 6, 7, 8],
    y: [1, 2, 3, 4, 5, 6, 7, 8].map((step) => step / 3),
    width: 1,
  });
  curve.add(9, 100);
  curve.add(10, -100);
  assert.equal(curve.points(), {
    x: [2, 4, 6, 8, 10],
    y: [0.5, 1.16667, 1.83333, 2.5, 0],
    low: [0.333333, 1, 1.66667, 2.33333, -100],
    high: [0.666667, 1.33333, 2, 2.66667, 100],
    width: 2,
  });
});

test('every value of a long curve is in the mean and the range of its own point, whatever the interval of its steps', () => {
  for (const every of [1, 3, 50]) {
    const curve = new ThinnedCurve(100);
    const values = new Map<number, number>();
    for (let step = every; step <= 7000; step += every) {
      values.set(step, Math.sin(step) + step / 1000);
      curve.add(step, values.get(step));
    }
    const { x, y, low = y, high = y, width } = curve.points();
    assert.ok(x.length <= 100 && x.length > 45, `${x.length} points`);
    assert.is(x.at(-1), [...values.keys()].at(-1));
    for (const [at, last] of x.entries()) {
      const own = [...values]
        .filter(([step]) => Math.ceil(step / width) === Math.ceil(last / width))
        .map(([, v]) => v);
      const mean = own.reduce((a, b) => a + b, 0) / own.length;
      assert.ok(Math.abs((y[at] as number) - mean) < 1e-5 * Math.abs(mean) + 1e-6, `mean at ${last}`);
      assert.ok(Math.abs((low[at] as number) - Math.min(...own)) < 1e-5, `low at ${last}`);
      assert.ok(Math.abs((high[at] as number) - Math.max(...own)) < 1e-5, `high at ${last}`);
    }
  }
});

test('what is not finite is a gap; a line that is none, or comes again, is left out', () => {
  const history = new RunHistory();
  for (const line of [
    { step: 1, loss: 3, lr: 0.1, gradNorm: 1, tokens: 10 },
    { step: 1, loss: 9, tokens: 10 },
    null,
    'x',
    { step: '2', loss: 9 },
    { step: 2, loss: null, tokens: 10, validNll: null },
    { step: 1.5, loss: 1 },
    { step: 3, loss: 'low', tokens: 10, stopped: 'no better' },
  ])
    history.addMetrics(line);
  assert.equal(history.loss.points().y, [3, null, null]);
  assert.is(history.step, 3);
  assert.is(history.tokens, 30);
  assert.is(history.stopped, 'no better');
  assert.equal(history.evaluations, [{ step: 2, validNll: null }]);
  for (const line of [
    null,
    { step: 1 },
    { step: 1, norms: 3 },
    { step: 2, norms: { a: 1, b: null } },
    { step: 1, norms: { a: 5 } },
  ])
    history.addGradients(line);
  assert.equal(
    [...history.layers].map(([name, curve]) => [name, curve.points().y]),
    [
      ['a', [1]],
      ['b', [null]],
    ],
  );
  for (const line of [
    { step: 1, prompt: 1, text: 'x' },
    { step: 1, prompt: 'p', text: 't' },
  ])
    history.addSample(line);
  assert.equal(history.samples, [{ step: 1, samples: [{ prompt: 'p', text: 't' }] }]);
});

test('figures hold the numbers of the files, and the page says what the facts are', () => {
  const history = mockHistory({ steps: 300 });
  const figures = runFigures(history, { unit, metric: 'metric', uninformed: 6.24 });
  assert.equal(
    figures.map(({ id }) => id),
    ['loss', 'gradient-norm', 'layers', 'rate', 'speed'],
  );
  const steps = Array.from({ length: 300 }, (_, i) => i + 1);
  const [training, held] = figures[0].series;
  assert.equal(
    training.y,
    steps.map((step) => lossAt(step)),
  );
  assert.equal(held.x, [50, 100, 150, 200, 250, 300]);
  assert.equal(
    held.y,
    held.x.map((step) => validAt(step)),
  );
  const { rows, columns, panels, valueScale } = figures[2].heatmap as Heatmap;
  assert.equal(rows, ['encoder.layers.2', 'encoder.layers.1', 'encoder.layers.0']);
  assert.is(columns.length, 100);
  assert.is(panels[0].values[2][0], 1 / (10 * Math.sqrt(3)));
  assert.is(valueScale, 'log');
  const page = renderRunPage(mockReport(history), files);
  assert.equal(
    figuresOf(page).map(({ series }) => series),
    figures.map(({ series }) => series),
  );
  for (const text of [
    '2-norm of the gradients',
    'Finished: 300 steps.',
    validAt(300).toFixed(4),
    '332\u202f800',
    'model.normPlacement',
    '[0.9,0.98]',
    '--out runs/mock-again',
    'href="metrics.csv"',
  ])
    assert.ok(page.includes(text), text);
});

test('every way a run can stand is said; only a run that goes on has what makes the page reload', () => {
  const history = mockHistory({ steps: 120 });
  const said: Record<RunState, RegExp> = {
    running: /Training: step 120 of 300\.<\/strong> About 40 s left/,
    finished: /Finished: 120 steps/,
    stopped: /Stopped early, after step 120 of 300\..*No better\./s,
    interrupted: /Interrupted after step 120 of 300.*checkpoint is of step 100.*--resume/s,
    diverged:
      /Diverged; ended after step 120 of 300.*No better\..*ends in the same way\..*--resume --new-schedule</s,
    failed: /Ended by an error after step 120 of 300.*--resume/s,
  };
  for (const [state, pattern] of Object.entries(said)) {
    const more = { state: state as RunState, savedStep: 100, secondsLeft: 40, message: 'no better' };
    const page = renderRunPage(mockReport(history, more), files);
    assert.match(page, pattern, state);
    assert.is(page.includes('id="live"'), state === 'running', state);
    assert.equal(figuresOf(page)[0].xRange, state === 'running' ? [0, 300] : undefined);
  }
  const begun = renderRunPage(mockReport(new RunHistory(), { state: 'running' }), files);
  assert.match(begun, /Training: 300 steps to go/);
  assert.match(begun, /No step is finished yet/);
});

test('the time is that of the run, or says since which step', () => {
  const time = (firstStep: number) => {
    const page = renderRunPage(mockReport(mockHistory({ steps: 120 }), { firstStep }), files);
    return /<dt>Time<\/dt><dd>(.*?)<\/dd>/.exec(page)![1]!.replace(/<[^>]*>/g, '');
  };
  assert.is(time(0), '1 min 2 s');
  assert.is(time(60), '1 min 2 s since step 60, from which it went on');
});

test('without scripts a page says where its numbers are', () => {
  const page = renderRunPage(mockReport(mockHistory({ steps: 120 })), files);
  assert.match(page, 'The numbers stand in the files named below, and in the source of this page.');
  assert.match(page, 'href="metrics.csv"');
});

test('nothing from files becomes markup', () => {
  for (const text of hostile) {
    const history = mockHistory({ steps: 60, samples: [{ prompt: text, text, reference: text }] });
    history.addGradients({ step: 61, norms: { [text]: 1 } });
    const fact = { name: text, value: text };
    const page = renderRunPage(
      mockReport(history, {
        name: text,
        state: 'failed',
        message: text,
        recipe: { ...{ metric: text }, [text]: { [text]: text } },
        hashes: [fact],
        host: [fact],
        commands: { repeat: text, goOn: text },
        files: [text],
        version: text,
      }),
      files,
    );
    assert.is(page.match(/<script/g)?.length, 2, text);
    assert.is(page.match(/<\/script>/g)?.length, 2, text);
    assert.not.match(markupOf(page), /<img|<!--| onmouseover='|href="javascript:/, text);
  }
});

test('a recipe is shown by its paths, long values are cut, many are bounded', () => {
  const rows = recipeRows({ a: { b: [1, [2]], c: [{ d: null }], e: {} }, text: 'x'.repeat(1000) });
  assert.equal(rows.slice(0, 3), [
    { name: 'a.b', value: '[1,[2]]' },
    { name: 'a.c.0.d', value: 'null' },
    { name: 'a.e', value: '{}' },
  ]);
  assert.match(rows[3].value, /^x{160}… \(1000 characters\)$/);
  assert.is(recipeRows(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [i, i]))).length, 400);
});

test('the data of 100,000 steps of 24 layers takes less than 350 KB of a page', () => {
  const samples = Array.from({ length: 8 }, (_, i) => ({ prompt: `p${i}`, text: 'word '.repeat(200) }));
  const history = mockHistory({ steps: 100_000, evalEvery: 100, layers: 24, samples, bitsPerByte: true });
  const page = renderRunPage(mockReport(history, { steps: 100_000 }), files);
  assert.ok(page.length < 350_000, `${page.length} characters`);
  assert.is(history.samples.length, 16);
  assert.is(history.samples.at(-1)?.step, 100_000);
});

test.run();
