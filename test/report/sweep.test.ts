/** The page and the text of a sweep: maps, spread over seeds, what is said of the best, and hostile names. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sweepFigures } from '../../src/report/sweep-figures.js';
import { renderSweep, verdict } from '../../src/report/sweep-page.js';
import { renderSweepText } from '../../src/report/sweep-terminal.js';
import { mockSweep, mockSweepRun } from '../sweep/mock-sweep.js';

const test = suite('report: sweep');
const files = { script: 'void 0;', style: 'p{color:red}', notice: '' };
const about = { version: '0.0.0', written: '2026-01-02T03:04:05Z' };

const PLACEMENTS = ['post', 'pre'];
const RATES = [0.4, 0.1, 0.2];
const SEEDS = [1, 2];
/** Lower for Pre-LN and for the middle rate; each second seed a little higher. */
const grid = PLACEMENTS.flatMap((placement) =>
  RATES.flatMap((lr) =>
    SEEDS.map((seed) =>
      mockSweepRun(`${placement}${lr}s${seed}`, {
        placement,
        lr,
        seed,
        best: (placement === 'pre' ? 2 : 3) + Math.abs(lr - 0.2) + (seed - 1) / 10,
        diverged: placement === 'post' && lr === 0.4 && seed === 2,
      }),
    ),
  ),
);
const results = mockSweep(grid);

test('a map has the medians over seeds, numbers in order, and null where a seed diverged', () => {
  const map = sweepFigures(results).find(({ kind }) => kind === 'heatmap');
  const { rows, columns, panels, rowLabel, columnLabel } = map!.heatmap!;
  assert.equal([rowLabel, columnLabel], ['normPlacement', 'lr']);
  assert.equal([rows, columns], [PLACEMENTS, ['0.1', '0.2', '0.4']]);
  const rounded = panels[0]!.values.map((row) => row.map((value) => value && Number(value.toFixed(6))));
  assert.equal(rounded, [
    [3.15, 3.05, null],
    [2.15, 2.05, 2.25],
  ]);
  const turned = sweepFigures(results, [['optimizer.lr', 'model.normPlacement']]);
  assert.equal(turned.find(({ kind }) => kind === 'heatmap')!.heatmap!.rows, ['0.1', '0.2', '0.4']);
});

test('a third field has a map for each of its values, a fourth the best over it', () => {
  const runs = [1, 2].flatMap((numLayers) =>
    PLACEMENTS.flatMap((placement) =>
      [0.1, 0.2].map((lr) =>
        mockSweepRun(`${numLayers}${placement}${lr}`, { numLayers, placement, lr, best: numLayers + lr }),
      ),
    ),
  );
  const maps = sweepFigures(mockSweep(runs)).filter(({ kind }) => kind === 'heatmap');
  assert.is(maps.length, 3, 'every two of three fields');
  const layers = maps.find(({ heatmap }) => heatmap!.panels[0]!.label.startsWith('numLayers'));
  assert.equal(
    layers!.heatmap!.panels.map(({ label, values }) => [label, values[0]!.map((value) => value!.toFixed(1))]),
    [
      ['numLayers 1', ['1.1', '1.2']],
      ['numLayers 2', ['2.1', '2.2']],
    ],
  );
  const four = mockSweep([
    ...runs,
    ...runs.map((run, i) =>
      mockSweepRun(`v${i}`, {
        ...(run.config.recipe as { model: { numLayers: number; normPlacement: string } }).model,
        placement: run.placement,
        lr: (run.config.recipe as { optimizer: { lr: number } }).optimizer.lr,
        validation: 0.1,
        vocabSize: 600,
        best: 9,
      }),
    ),
  ]);
  const best = sweepFigures(four, [['optimizer.lr', 'model.normPlacement']]).find(
    ({ kind }) => kind === 'heatmap',
  )!;
  assert.match(best.caption, 'the best over model.numLayers, tokenizer.vocabSize');
  assert.equal(best.heatmap!.panels.length, 1);
  assert.is(best.heatmap!.panels[0]!.values[0]![0]!.toFixed(1), '1.1');
});

test('curves are means over seeds with their band', () => {
  const [heldOut, loss] = sweepFigures(results);
  assert.equal([heldOut!.id, loss!.id], ['held-out', 'loss']);
  const best = heldOut!.series[0]!;
  assert.is(best.label, 'normPlacement pre, lr 0.2');
  assert.is(best.placement, 'pre');
  assert.equal(best.x, [10, 20]);
  assert.is(best.y[0]!.toFixed(3), '2.150');
  assert.equal([best.low![0]!.toFixed(3), best.high![0]!.toFixed(3)], ['2.100', '2.200']);
  assert.equal(loss!.series[0]!.x, [1, 10, 20]);
});

test('a single field is a line over numbers and bars over names', () => {
  const over = (runs: Parameters<typeof mockSweep>[0]) => sweepFigures(mockSweep(runs)).at(-1)!;
  const line = over(RATES.map((lr) => mockSweepRun(`r${lr}`, { lr, best: lr })));
  assert.equal(
    [line.kind, line.series[0]!.x, line.series[0]!.y],
    [undefined, [0.1, 0.2, 0.4], [0.1, 0.2, 0.4]],
  );
  const bars = over(PLACEMENTS.map((placement, i) => mockSweepRun(placement, { placement, best: i + 1 })));
  assert.equal([bars.kind, bars.series.map(({ label }) => label)], ['bars', PLACEMENTS]);
});

test('what came out is said, with what may be chance, on the page and in the terminal', () => {
  const said = verdict(results);
  assert.match(
    said[0]!,
    /^The best run is normPlacement pre, lr 0\.2, seed 1: held-out loss 2\.0000 at step 10\.$/,
  );
  assert.match(
    said[1]!,
    'Over 2 seeds the best setting is normPlacement pre, lr 0.2: 2.0500 (2.0000 to 2.1000)',
  );
  assert.match(said[2]!, /overlap with those of normPlacement pre, lr 0\.1/);
  assert.match(said[3]!, '12 runs of 6 settings in 12 s on 2 processes, 1 diverged.');
  const page = renderSweep(results, about, files);
  const text = renderSweepText(results, { columns: Number.POSITIVE_INFINITY });
  for (const shown of [page, text]) for (const sentence of said) assert.match(shown, sentence);
  assert.match(page, '<td>diverged</td>');
  assert.match(verdict(mockSweep([mockSweepRun('a', {})])).join(' '), 'nothing is held out');
  const failed = mockSweep(grid.slice(0, 2), { failed: [{ id: 'x', label: 'lr 9', error: 'no memory' }] });
  assert.match(renderSweep(failed, about, files), /<th scope="row">lr 9<\/th><td>no memory<\/td>/);
});

test('seeds alone are one setting, which is not called the best of several', () => {
  const seeds = mockSweep([1, 2].map((seed) => mockSweepRun(`s${seed}`, { seed, best: seed })));
  const said = verdict(seeds).join(' ');
  assert.match(said, 'Over 2 seeds: 1.5000 (1.0000 to 2.0000).');
  assert.not.match(said, 'best setting');
  assert.not.match(renderSweepText(seeds, { columns: Number.POSITIVE_INFINITY }), 'Diverged');
  assert.match(renderSweepText(results, { columns: Number.POSITIVE_INFINITY }), 'Diverged');
});

test('names out of a grid stay text', () => {
  const evil = '</script><img src=x onerror=alert(1)>';
  const page = renderSweep(
    mockSweep([mockSweepRun('a', { source: evil, best: 1 }), mockSweepRun('b', { best: 2 })], { name: evil }),
    about,
    files,
  );
  assert.not.match(page, '<img');
});

test.run();
