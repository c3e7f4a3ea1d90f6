/** @file A `Results` as large as the larger presets give it. */
import type { ClaimRow, Results, RunRecord } from '../../src/experiments/results.js';
import { generator, hash, mockResults, placements } from './mock-results.js';

/** As the larger presets give it: 60 claims of several experiments, 150 runs, maps, bars, 18 placements, lost seeds. */
export function largeResults(): Results {
  const results = mockResults();
  const random = generator(23);
  const names = ['theory', 'fig3', 'tuning', 'placements', 'multi30k'];
  const claim = (at: number): ClaimRow => {
    const base = results.claims[at % results.claims.length]!;
    return {
      ...base,
      claim: `${base.claim}-${at}`,
      experiment: names[at % names.length]!,
      ...(at % 3 ? { paper: `about ${28 + at / 10} BLEU at lr 1e-3` } : {}),
      seeds: [1, 2, 3],
      // As JSON keeps a diverged seed.
      perSeed: [0.3 + random(), 0.3 + random(), at % 7 ? random() : (null as unknown as number)],
    };
  };
  results.claims = Array.from({ length: 60 }, (_, at) => claim(at));
  const base = results.runs.at(-1)!;
  results.runs = Array.from(
    { length: 150 },
    (_, at): RunRecord => ({
      ...base,
      id: `run-${at}`,
      experiment: names[at % names.length]!,
      label: `Post-LN, arm ${Math.floor(at / 15)}`,
      seed: 1 + (at % 3),
      status: at % 11 ? 'trained' : 'diverged',
      hash: hash(`run-${at}`),
    }),
  );
  results.experiments = names.map((name, at) => ({
    name,
    title: `Experiment ${name}`,
    runs: results.runs.filter((run) => run.experiment === name).map(({ id }) => id),
    seconds: 100 + 977 * at,
  }));
  const rows = ['0', '100', '400', '1600'];
  const columns = ['2.5e-4', '5e-4', '1e-3', '2e-3', '4e-3'];
  const plain = { figure: 'Fig. 2', xScale: 'linear', yScale: 'linear' } as const;
  const x = Array.from({ length: 21 }, (_, at) => 100 * at);
  results.figures = [
    ...results.figures.map((figure) => ({ ...figure, experiment: 'fig3' })),
    {
      ...plain,
      id: 'tuning-map',
      title: 'Validation NLL by warm-up and rate',
      caption: 'One map per placement.',
      experiment: 'tuning',
      kind: 'heatmap',
      xLabel: 'maxLr',
      yLabel: 'warm-up steps',
      series: [],
      heatmap: {
        rowLabel: 'warm-up',
        columnLabel: 'maxLr',
        rows,
        columns,
        valueLabel: 'valid NLL per token',
        panels: placements.map(([placement, label]) => ({
          label,
          values: rows.map((_, r) =>
            columns.map((_, c) => (placement === 'post' && c - r > 2 ? null : 3 + c * 0.2 + random())),
          ),
        })),
      },
    },
    {
      ...plain,
      id: 'accuracy',
      title: 'Accuracy by arm',
      caption: 'Bars with the interval over seeds.',
      experiment: 'multi30k',
      kind: 'bars',
      xLabel: 'arm',
      yLabel: 'accuracy',
      levels: [{ label: 'chance', y: 0.1 }],
      series: [...placements, ['deepnorm', 'DeepNorm']].map(([placement, label], at) => {
        const y = 0.5 + 0.08 * at;
        return {
          label: label!,
          placement: placement!,
          x: [at],
          y: [at === 3 ? null : y],
          low: [y - 0.03],
          high: [y + 0.04],
        };
      }),
    },
    {
      ...plain,
      id: 'eighteen',
      title: 'Eighteen placements',
      caption: 'Every placement, one line each.',
      experiment: 'placements',
      xLabel: 'step',
      yLabel: 'valid NLL',
      series: Array.from({ length: 18 }, (_, at) => ({
        label: placements[at]?.[1] ?? `Placement ${at + 1}`,
        placement: placements[at]?.[0] ?? `place${at + 1}`,
        x,
        y: x.map((step) => (at === 9 && step > 900 ? null : 3 + 0.12 * at + 400 / (step + 150))),
      })),
    },
  ];
  return results;
}
