/** @file Figures as data: they hold every run, and numbers come from the runs unchanged. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  classifyRuns,
  experiments,
  type Figure,
  makeFigures,
  type Results,
  type RunRecord,
} from '../../src/experiments/index.js';
import { lastLayerGradient, postHiddenNorm } from '../../src/theory/index.js';
import { close } from '../support.js';
import {
  allRuns,
  gradientRun,
  LOW_RATE,
  mockContext,
  mockPreset,
  RATE,
  trainingRun,
  trainingRuns,
  UNIGRAM,
} from './mock-runs.js';

const test = suite('experiments/figures');

const draw = (runs: RunRecord[]) => makeFigures(mockPreset(runs, ['fig3', 'fig2']), runs, mockContext());
const figures = (runs = allRuns([1, 2])) => {
  classifyRuns(runs, UNIGRAM);
  return draw(runs);
};
const get = (all: Figure[], id: string) => all.find((figure) => figure.id === id) as Figure;

test('every kind of run has its figures, each once', () => {
  const ids = figures().map(({ id }) => id);
  assert.equal(ids.sort(), [
    'depth-theory',
    'depth-toy',
    'depth-translation',
    'nll-over-rate-fig2',
    'profile-theory',
    'profile-toy',
    'profile-translation',
    'schedules-fig2',
    'valid-nll-fig2',
  ]);
  assert.equal(draw([]), []);
  assert.equal(
    draw([gradientRun('toy', 'pre')]).map(({ id }) => id),
    ['depth-toy', 'profile-toy'],
  );
});

test('runs that differ in their seed are one curve with its spread, at every evaluation they share', () => {
  const runs = [...trainingRuns(1), ...trainingRuns(2)];
  for (const run of runs) if (run.seed === 2) for (const p of run.curve!) if (p.validNll) p.validNll += 0.2;
  const { series } = get(figures(runs), 'valid-nll-fig2');
  assert.is(series.length, 4, 'the arms at the common rate');
  for (const line of series) {
    assert.equal(line.x, [100, 200, 500]);
    const one = runs.find(({ label, seed }) => label === line.label && seed === 1)!;
    one.curve!.slice(1).forEach(({ validNll }, i) => {
      close(line.y[i] as number, validNll! + 0.1, 1e-12);
      close(line.low![i] as number, validNll!, 1e-12);
      close(line.high![i] as number, validNll! + 0.2, 1e-12);
    });
    assert.is(line.placement, one.placement);
  }
});

test('the rate figure has one line per arm over all rates, with the spread over seeds', () => {
  const runs = [...trainingRuns(1), ...trainingRuns(2)];
  for (const run of runs) if (run.seed === 2) run.finalValidNll = (run.finalValidNll as number) + 0.2;
  const { series, levels } = get(figures(runs), 'nll-over-rate-fig2');
  assert.is(series.length, 4);
  for (const line of series) assert.equal(line.x, [LOW_RATE, RATE]);
  const post = series.find(({ label }) => label === 'Post-LN, no warm-up')!;
  (post.y as number[]).forEach((v, i) => {
    close(v, [4.9, 6][i], 1e-12);
  });
  assert.equal(post.low, [4.8, 5.9]);
  close((post.high as number[])[0], 5, 1e-12);
  assert.equal(levels, [{ label: 'unigram', y: UNIGRAM }]);
});

test('variants have figures of their own, beside what they are to reach', () => {
  const variants = [
    trainingRun('pre', false, RATE, 3.6, 1, 'step'),
    trainingRun('post', false, RATE, 4.9, 1, 'radam'),
    trainingRun('post', false, 0.2, 5.6, 1, 'sgd'),
    trainingRun('post', true, RATE, 4.3, 1, 'init-paper'),
    trainingRun('post', false, RATE, 5.4, 1, 'short'),
  ];
  const all = figures([...trainingRuns(), ...variants]);
  const arms = (id: string) => get(all, id).series.map(({ label }) => label);
  const reference = 'post, warm-up, maxLr 0.002';
  const { label: step } = variants[0]!;
  assert.equal(arms('valid-nll-fig2-schedules'), [reference, step]);
  assert.equal(arms('valid-nll-fig2-radam'), [reference, variants[1]!.label]);
  assert.equal(arms('valid-nll-fig2-sgd'), [variants[2]!.label]);
  assert.equal(arms('valid-nll-fig2-init'), [variants[3]!.label]);
  assert.is(arms('valid-nll-fig2').length, 5, 'a shorter warm-up belongs to the grid');
  for (const { id, series } of all.filter(({ id }) => id.startsWith('valid-nll')))
    assert.ok(series.length <= 7, `${id} has ${series.length} lines`);
});

test('the caption over rates names the arms that did not run at all of them', () => {
  const caption = (runs: RunRecord[]) => get(figures(runs), 'nll-over-rate-fig2').caption;
  assert.match(caption(trainingRuns()), 'One line per arm, all over the same rates. ');
  assert.match(
    caption([...trainingRuns(), trainingRun('peri', false, RATE, 3.7)]),
    `all over the same rates but Peri-LN, no warm-up, which ran at ${RATE} only. `,
  );
});

test('captions begin with a capital letter or a formula', () => {
  for (const name of ['quick', 'standard']) {
    const results: Results = JSON.parse(readFileSync(`docs/results/${name}.json`, 'utf8'));
    for (const { id, caption } of results.figures) assert.match(caption, /^(?:[A-Z]|\|\||maxLr · )/, id);
  }
});

test('a diverged run leaves a gap, not a number', () => {
  const runs = [...trainingRuns().slice(1), trainingRun('post', false, RATE, undefined)];
  const { series } = get(figures(runs), 'nll-over-rate-fig2');
  const post = series.find(({ label }) => label === 'Post-LN, no warm-up')!;
  assert.equal(
    [post.y, post.low, post.high],
    [
      [4.8, null],
      [4.8, null],
      [4.8, null],
    ],
  );
});

test('gradients over depth: mean, smallest and largest seed, and the theory beside them', () => {
  const all = figures();
  for (const setting of ['theory', 'toy', 'translation']) {
    const { series } = get(all, `depth-${setting}`);
    assert.equal(
      series.map(({ placement, dashed }) => `${placement} ${dashed ?? false}`),
      ['post false', 'post true', 'pre false', 'pre true', 'peri false', 'peri true'],
    );
    for (const line of series) {
      assert.equal(line.x, [6, 8, 10, 12, 14]);
      assert.ok(line.y.every((v) => v !== null && v > 0 && Number.isFinite(v)));
    }
    series[0].y.forEach((v, i) => {
      assert.ok(series[0].low![i]! < v! && v! < series[0].high![i]!);
    });
  }
  const theory = get(all, 'depth-theory').series[1];
  for (const v of theory.y) close(v as number, lastLayerGradient(64, 1, 256, postHiddenNorm(1)), 1e-12);
});

test('the profile is that of the deepest model, its theory anchored at the last layer', () => {
  const { series, title } = get(figures(), 'profile-toy');
  assert.match(title, '14 layers');
  const [post, pre, preTheory] = series;
  assert.equal([post.placement, pre.placement, preTheory.dashed], ['post', 'pre', true]);
  assert.is(pre.x.length, 14);
  close(preTheory.y[13] as number, pre.y[13] as number, 1e-12);
  preTheory.y.forEach((v, i) => {
    close((v as number) / (pre.y[i] as number), 1, 1e-9);
  });
});

test('schedules are drawn once per kind and rate', () => {
  const { series } = get(figures(), 'schedules-fig2');
  assert.is(series.length, 4);
  for (const line of series) assert.is(line.x.length, line.y.length);
});

test('figures are plain data without holes that JSON would change', () => {
  const all = figures();
  assert.equal(JSON.parse(JSON.stringify(all)), JSON.parse(JSON.stringify(all)));
  const text = JSON.stringify(all, (_, v) =>
    typeof v === 'number' && !Number.isFinite(v) ? 'NOT FINITE' : v,
  );
  assert.not.match(text, 'NOT FINITE');
  for (const { series } of all) for (const line of series) assert.is(line.x.length, line.y.length);
});

test('captions are true for one seed', () => {
  const one = figures(allRuns([1]));
  assert.match(get(one, 'valid-nll-fig2').caption, 'per target token, one seed; solid');
  for (const { id, caption } of one.filter(({ id }) => /^valid-nll|after-warmup/.test(id)))
    assert.not.match(caption, /\bseeds\b/, id);
  assert.match(get(figures(), 'valid-nll-fig2').caption, 'per target token, mean over seeds; solid');
});

test('a claim that says where it is drawn names a figure of its experiment', () => {
  const results: Results = JSON.parse(readFileSync('docs/results/standard.json', 'utf8'));
  let named = 0;
  for (const { name, claims } of experiments) {
    const drawn = results.figures.filter(({ experiment }) => experiment === name).map(({ id }) => id);
    if (drawn.length === 0) continue;
    for (const { claim, drawnIn } of claims.filter((one) => one.drawnIn)) {
      assert.ok(drawn.includes(drawnIn!), `${name}/${claim}: ${drawnIn}`);
      named++;
    }
  }
  assert.ok(named > 40, `${named} claims`);
});

test.run();
