/** Runs compared: what differs, what may be compared, which is better by how much. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { renderComparison } from '../../src/report/compare-page.js';
import { compareRuns } from '../../src/report/compare-runs.js';
import { renderComparisonText } from '../../src/report/compare-terminal.js';
import { RunHistory } from '../../src/report/run-history.js';
import { hostile, markupOf, mockCompared, mockIdentity, mockRecipe, validAt } from './mock-run.js';

const test = suite('report: compare runs');
const files = { script: 'void 0;', style: 'p{color:red}', notice: '' };
const about = { command: 'npx prenorm compare a b', version: '0.0.0', written: '2026-01-02T03:04:05Z' };
const post = { ...mockRecipe, model: { ...mockRecipe.model, normPlacement: 'post' } };

test('the better one is named with the distance at the common step and at the end', () => {
  const runs = [
    mockCompared('a', { steps: 300 }),
    mockCompared('b', { steps: 200, offset: 0.5 }, { recipe: post }),
    mockCompared('c', { steps: 250, offset: -0.25 }),
  ];
  const { common, end, differences, verdict, measure } = compareRuns(runs);
  assert.is(measure, 'validNll');
  assert.is(common?.step, 200);
  assert.equal(common?.order, [2, 0, 1]);
  assert.equal(
    end?.values.map((found) => found?.step),
    [300, 200, 250],
  );
  assert.equal(differences, [{ name: 'model.normPlacement', values: ['pre', 'post', 'pre'] }]);
  const [best, a, b] = [-0.25, 0, 0.5].map((offset) => validAt(200, offset));
  assert.is(
    verdict[0],
    `At step 200, the last at which all were judged, c is best: ${best.toFixed(4)}, 0.2500 (${((100 * 0.25) / a).toPrecision(2)} %) below a and 0.7500 (${((100 * 0.75) / b).toPrecision(2)} %) below b (held-out loss in nats per token).`,
  );
  assert.match(
    verdict[1],
    /^At the end of each, c \(step 250\) is best: .* below a \(step 300\) and .* below b \(step 200\)\.$/,
  );
  assert.match(verdict[2], /how much another seed would move them/);
});

test('a file of steps that ends before its recipe does is said to, on the page and in the terminal', () => {
  const runs = [
    mockCompared('a', { steps: 300 }),
    mockCompared('b', { steps: 120 }),
    mockCompared('c', { steps: 80 }),
  ];
  const comparison = compareRuns(runs);
  const said =
    'b ends at step 120 of 300 and c ends at step 80 of 300: they are not at the end of the recipe.';
  assert.is(comparison.verdict.at(-1), said);
  const page = renderComparison(comparison, about, files);
  const text = renderComparisonText(comparison, { columns: Number.POSITIVE_INFINITY });
  for (const shown of [page, text]) {
    assert.match(shown, said);
    assert.match(shown, '120 of 300');
    assert.not.match(shown, '300 of 300');
  }
  // Also where nothing else can be said; not of a run that stopped by its own rule.
  const other = { ...mockIdentity, dataHash: 'e'.repeat(64) };
  const apart = compareRuns([runs[0]!, mockCompared('b', { steps: 120 }, { identity: other })]);
  assert.match(apart.verdict.join(' '), /cannot be said\..*b ends at step 120 of 300: it is not/);
  runs[1]!.history.stopped = 'no better';
  assert.match(compareRuns(runs).verdict.at(-1)!, /^c ends at step 80 of 300: it is not/);
});

test('one end of both is said once; equal runs are equal; a seed alone is chance', () => {
  const two = compareRuns([mockCompared('a', { steps: 100 }), mockCompared('b', { steps: 100, offset: 1 })]);
  assert.match(two.verdict[0], /^At the end, step 100, a is better: 2\.5000, 1\.0000 \(29 %\) below b/);
  assert.is(two.verdict.length, 3);
  assert.match(two.verdict[2]!, /^a ends at step 100 of 300 and b ends/);
  const equal = compareRuns([mockCompared('a', { steps: 300 }), mockCompared('b', { steps: 300 })]);
  assert.equal(equal.verdict, [
    `At the end, step 300, a and b are equal to the last bit: ${validAt(300).toFixed(4)} (held-out loss in nats per token).`,
  ]);
  assert.equal(equal.differences, []);
  const seeds = compareRuns([
    mockCompared('a', { steps: 100 }, { recipe: { ...mockRecipe, seed: 1 } }),
    mockCompared('b', { steps: 100, offset: 0.01 }, { recipe: { ...mockRecipe, seed: 2 } }),
  ]);
  assert.ok(seeds.seedsOnly);
  assert.match(seeds.verdict[1] ?? '', /nothing but the seed, so the difference is chance/);
  const apart = compareRuns([
    mockCompared('a', { steps: 100, evalEvery: 30 }),
    mockCompared('b', { steps: 100, evalEvery: 40 }),
  ]);
  assert.is(apart.verdict[0], 'There is no step at which all were judged.');
  assert.match(apart.verdict[1], /^At the end of each, a \(step 90\) is better: .*nats per token\)\.$/);
});

test('a run that diverged is said to have, and the others are judged', () => {
  const lost = (name: string) => {
    const run = mockCompared(name, { steps: 100, offset: -1 });
    run.history.addMetrics({ step: 101, loss: null, lr: 0.1, gradNorm: null, tokens: 4, validNll: null });
    return run;
  };
  const [a, b] = [mockCompared('a', { steps: 300 }), mockCompared('b', { steps: 300, offset: 0.5 })];
  const comparison = compareRuns([a, lost('c'), b]);
  assert.is(comparison.measure, 'validNll');
  assert.equal(comparison.common?.order, [0, 2]);
  assert.is(comparison.common?.step, 300);
  assert.match(comparison.verdict[0], /^At the end, step 300, a is better: .* below b/);
  assert.is(comparison.verdict[1], 'c diverged (at step 101), and is not judged.');
  assert.match(renderComparison(comparison, about, files), /c diverged/);
  assert.match(renderComparisonText(comparison, { columns: 100 }), /^c +101 /m);

  // Diverged before it was ever judged.
  const history = new RunHistory();
  history.addMetrics({ step: 1, loss: null, lr: 0.1, gradNorm: null, tokens: 4 });
  const early = compareRuns([a, mockCompared('d', { steps: 1 }, { history }), b]);
  assert.match(early.verdict.join(' '), /a is better.* d diverged \(at step 1\), and is not judged\./);

  // Stopped at losses far above that of its first step.
  const far = new RunHistory();
  for (const [at, loss] of [4.2, 5, 9e7].entries())
    far.addMetrics({ step: at + 1, loss, lr: 0.1, tokens: 4 });
  const up = compareRuns([a, b, mockCompared('e', { steps: 3 }, { history: far })]);
  assert.match(up.verdict.join(' '), /a is better.* e diverged \(at step 3\), and is not judged\./);

  const one = compareRuns([lost('c'), a]);
  assert.match(one.verdict[0], /^a is better: \d\.\d{4} at step 300 \(.*\); c diverged \(at step 101\)\.$/);
  const none = compareRuns([lost('c'), lost('d')]);
  assert.equal(none.verdict, ['None is better: c diverged (at step 101) and d diverged (at step 101).']);
  assert.is(none.measure, undefined);
});

test('keys may break at dots, numbers nowhere', () => {
  const dotted = (rate: number) => ({ ...mockRecipe, optimizer: { learningRate: rate } });
  const page = renderComparison(
    compareRuns([
      mockCompared('runs/a', { steps: 100 }, { recipe: dotted(0.00707) }),
      mockCompared('b', { steps: 100, offset: 1 }, { recipe: dotted(0.1) }),
    ]),
    about,
    files,
  );
  assert.match(page, />optimizer\.<wbr>learningRate</);
  assert.match(page, />runs\/<wbr>a</);
  assert.match(page, />0\.00707</);
});

test('other data, another kind, another way of judging or no judgement: it is said, and nothing is called better', () => {
  const a = mockCompared('a', { steps: 100 });
  const masked = { ...mockIdentity, kind: 'masked', dataKeys: { maskedShare: 0.15 } };
  const pairs = { ...mockIdentity, kind: 'pairs', dataKeys: { maxTokens: 1000, onTooLong: 'error' } };
  const cases: [typeof a, typeof a, RegExp][] = [
    [
      a,
      mockCompared('b', { steps: 100 }, { identity: { ...mockIdentity, dataHash: 'e'.repeat(64) } }),
      /a and b do not have the same data \(SHA-256 d{12} and e{12}\)/,
    ],
    [a, mockCompared('b', { steps: 100 }, { identity: masked }), /other kinds of data \(text, masked\)/],
    [a, mockCompared('b', { steps: 100, evalEvery: 1000 }), /b was never judged/],
    [
      a,
      mockCompared('b', { steps: 100 }, { identity: { ...mockIdentity, tokenizerHash: 'u' } }),
      /tokenizers differ.* a and b have no bits per byte/,
    ],
    [
      a,
      mockCompared('b', { steps: 100 }, { identity: { ...mockIdentity, isOld: true, dataHash: 'dddd' } }),
      /version 0\.1/,
    ],
    [
      mockCompared('x', { steps: 100 }, { identity: masked }),
      mockCompared('y', { steps: 100 }, { identity: { ...masked, dataKeys: { maskedShare: 0.3 } } }),
      /judged in other ways: data\.maskedShare differ/,
    ],
    [
      mockCompared(
        'x',
        { steps: 100 },
        { identity: { ...pairs, dataKeys: { maxTokens: 1000, onTooLong: 'drop' } } },
      ),
      mockCompared(
        'y',
        { steps: 100 },
        { identity: { ...pairs, dataKeys: { maxTokens: 500, onTooLong: 'drop' } } },
      ),
      /judged in other ways: data\.maxTokens differ/,
    ],
  ];
  for (const [one, other, pattern] of cases) {
    const { verdict, measure, common } = compareRuns([one, other]);
    assert.is(measure, undefined);
    assert.is(common, undefined);
    assert.ok(verdict.slice(1).every((text) => / ends at step \d+ of 300: it is|: they are/.test(text)));
    assert.match(verdict[0], /^Which is better cannot be said\. /);
    assert.match(verdict[0], pattern);
  }
});

test('what only trains otherwise is compared: batches, other tokenizers by bits per byte, texts by class', () => {
  const batches = { ...mockIdentity, dataKeys: { seqLen: 32, batchSize: 4 } };
  assert.is(
    compareRuns([mockCompared('a', { steps: 100 }), mockCompared('b', { steps: 100 }, { identity: batches })])
      .measure,
    'validNll',
  );
  const run = { steps: 100, bitsPerByte: true };
  const bits = compareRuns([
    mockCompared('a', run),
    mockCompared('b', { ...run, offset: 1 }, { identity: { ...mockIdentity, tokenizerHash: 'u' } }),
  ]);
  assert.is(bits.measure, 'bitsPerByte');
  assert.match(bits.verdict[0], /a is better: 1\.2500, 0\.5000 \(29 %\) below b \(bits per byte\)/);
  const recipe = { ...mockRecipe, data: { kind: 'labelledTexts', source: 'x' } };
  const texts = { ...mockIdentity, kind: 'labelledTexts' };
  const classes = compareRuns([
    mockCompared('a', { steps: 100 }, { recipe, identity: texts }),
    mockCompared('b', { steps: 100 }, { recipe, identity: { ...texts, tokenizerHash: 'u' } }),
  ]);
  assert.is(classes.measure, 'validNll');
  assert.is(classes.unit, 'nats per text');
  const old = {
    ...mockIdentity,
    kind: 'pairs',
    isOld: true,
    dataHash: 'd'.repeat(16),
    dataKeys: { onTooLong: 'error' },
  };
  const today = { ...mockIdentity, kind: 'pairs', dataKeys: { onTooLong: 'error', maxTokens: 3 } };
  for (const [one, other] of [
    [old, today],
    [today, old],
    [old, old],
  ]) {
    const found = compareRuns([
      mockCompared('a', { steps: 100 }, { identity: one }),
      mockCompared('b', { steps: 100 }, { identity: other }),
    ]);
    assert.is(found.measure, 'validNll');
  }
});

test('the page and the terminal have the numbers; nothing in names and values becomes markup', () => {
  for (const text of hostile) {
    const comparison = compareRuns([
      mockCompared(
        text,
        { steps: 100 },
        { recipe: { ...mockRecipe, [text]: text }, page: encodeURIComponent(text) },
      ),
      mockCompared('b', { steps: 100, offset: 1 }),
    ]);
    const page = renderComparison(comparison, { ...about, command: text }, files);
    assert.is(page.match(/<script/g)?.length, 2, text);
    assert.is(page.match(/<\/script>/g)?.length, 2, text);
    assert.not.match(markupOf(page), /<img|<!--| onmouseover='|href="javascript:/, text);
    assert.match(page, /<strong>At the end, step 100, /);
    const lines = renderComparisonText(comparison, { columns: 80 }).split('\n').join('');
    assert.is(
      [...lines].find((character) => character < ' '),
      undefined,
      text,
    );
  }
  const text = renderComparisonText(
    compareRuns([
      mockCompared('a', { steps: 100 }),
      mockCompared('b', { steps: 100, offset: 1 }, { recipe: post }),
    ]),
    { columns: 100 },
  );
  assert.match(text, /^a +100 of 300 +2\.5000/m);
  assert.match(text, /^model\.normPlacement +pre +post$/m);
  assert.match(text, /a is better/);
});

test('a run without evaluations is drawn all the same', () => {
  const history = new RunHistory();
  history.addMetrics({ step: 1, loss: 3, lr: 0.1, gradNorm: 0, tokens: 4 });
  const comparison = compareRuns([
    mockCompared('a', { steps: 100 }),
    mockCompared('b', { steps: 1 }, { history }),
  ]);
  const page = renderComparison(comparison, about, files);
  assert.match(page, /Without b, which has none/);
  assert.match(page, /b was never judged/);
});

test.run();
