/** Standings: what runs may be compared by, the order of the settings, and the best run. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunRecord } from '../../src/experiments/index.js';
import { sweptFields } from '../../src/sweep/fields.js';
import { bestRun, measureOf, settingsOf } from '../../src/sweep/standings.js';
import { mockSweepRun } from './mock-sweep.js';

const test = suite('sweep: standings');

const standing = (runs: readonly RunRecord[]) => {
  const fields = sweptFields(runs.map(({ config }) => config.recipe as object));
  const measure = measureOf(runs);
  return { fields, measure, settings: settingsOf(runs, fields, measure), best: bestRun(runs, measure) };
};

test('settings are in the order of their medians over seeds, and a diverged seed has none', () => {
  const { settings, best, measure } = standing([
    mockSweepRun('a1', { lr: 0.1, seed: 1, best: 2 }),
    mockSweepRun('a2', { lr: 0.1, seed: 2, best: 4 }),
    mockSweepRun('b1', { lr: 0.2, seed: 1, best: 2.5 }),
    mockSweepRun('b2', { lr: 0.2, seed: 2, best: 2.6 }),
    mockSweepRun('c1', { lr: 0.4, seed: 1, best: 1, diverged: true }),
    mockSweepRun('c2', { lr: 0.4, seed: 2, best: 2.1 }),
  ]);
  assert.equal(measure, { kind: 'nll', name: 'held-out loss', better: 'lower' });
  assert.equal(
    settings.map(({ values, runs, scores, median, low, high }) => [
      values['optimizer.lr'],
      runs,
      scores,
      median,
      low,
      high,
    ]),
    [
      [0.2, ['b1', 'b2'], [2.5, 2.6], 2.55, 2.5, 2.6],
      [0.1, ['a1', 'a2'], [2, 4], 3, 2, 4],
      [0.4, ['c1', 'c2'], [null, 2.1], null, 2.1, 2.1],
    ],
  );
  assert.is(best?.id, 'a1', 'the best run need not be one of the best setting');
});

test('a metric is better when it is higher', () => {
  const of = (id: string, lr: number, best: number) => mockSweepRun(id, { lr, best, metric: 'accuracy' });
  const { measure, settings, best } = standing([of('a', 0.1, 0.7), of('b', 0.2, 0.9), of('c', 0.3, 0.8)]);
  assert.equal(measure, { kind: 'metric', name: 'accuracy', better: 'higher' });
  assert.equal(
    settings.map(({ runs }) => runs[0]),
    ['b', 'c', 'a'],
  );
  assert.is(best?.id, 'b');
});

test('other tokenizers are compared by bits per byte, where there are bytes', () => {
  const of = (id: string, vocabSize: number, best: number, bits?: number) =>
    mockSweepRun(id, { vocabSize, best, ...(bits && { bits }), tokenizerHash: `t${vocabSize}` });
  const { measure, best } = standing([of('a', 300, 2, 3), of('b', 600, 3, 2)]);
  assert.is(measure.kind, 'bitsPerByte');
  assert.is(best?.id, 'b');
  const none = standing([of('a', 300, 2), of('b', 600, 3)]);
  assert.match((none.measure as { why: string }).why, 'the tokenizers differ');
  assert.is(none.best, null);
  assert.equal(
    none.settings.map(({ median }) => median),
    [null, null],
  );
});

test('nothing is the best of what is not comparable', () => {
  const why = (...runs: RunRecord[]) => (measureOf(runs) as { why?: string }).why ?? '';
  const one = mockSweepRun('a', { best: 2 });
  assert.match(why(one, mockSweepRun('b', { best: 1, source: 'other.txt' })), 'read other data');
  assert.match(why(one, mockSweepRun('b', { best: 1, validation: 0.5 })), 'hold out other data');
  assert.match(why(one, mockSweepRun('b', { best: 1, metric: 'bleu' })), 'measure something else');
  assert.match(why(mockSweepRun('b', {})), 'nothing is held out');
  assert.match(why(mockSweepRun('b', { diverged: true })), 'every run diverged');
  assert.is(why(one, mockSweepRun('b', { best: 1, diverged: true })), '');
});

test.run();
