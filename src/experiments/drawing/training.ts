/** @file Figures of the translation grid as data: curves, final loss over rates, schedules, and the tuning map. */

import { placementName } from '../../nn/placement-names.js';
import type { JudgeContext } from '../experiment.js';
import { armOf } from '../judges/training.js';
import type { Figure, RunRecord, Series } from '../results.js';
import { mean, median } from '../statistics.js';
import { bySeedCount } from './captions.js';

const trained = (runs: readonly RunRecord[]) => runs.filter((run) => run.experiment === 'translation');

const unigram = ({ unigramNll }: JudgeContext): Figure['levels'] =>
  unigramNll === null ? [] : [{ label: 'unigram', y: unigramNll }];

/** Runs that differ in their seed only, under their common label. */
function bySeeds(runs: readonly RunRecord[]): [string, RunRecord[]][] {
  const groups = new Map<string, RunRecord[]>();
  for (const run of trained(runs)) groups.set(run.label, [...(groups.get(run.label) ?? []), run]);
  return [...groups];
}

const byStep = (run: RunRecord) =>
  new Map(
    (run.curve ?? []).flatMap((p) => (p.validNll === undefined ? [] : [[p.step, p.validNll] as const])),
  );

/** Validation NLL over the steps at the common rate: mean over seeds, with the smallest and the largest. */
export function curves(runs: readonly RunRecord[], context: JudgeContext, experiment: string): Figure {
  const { commonRate } = context;
  const shown = bySeeds(runs).filter(([, group]) => {
    const { maxLr, variant } = armOf(group[0]);
    return maxLr === commonRate || variant === 'small' || variant === 'sgd';
  });
  return {
    id: `valid-nll-${experiment}`,
    title: 'Validation NLL over training, De-En translation',
    caption: `Un-smoothed negative log-likelihood per target token, ${bySeedCount(
      shown.flatMap(([, group]) => group),
      'mean over seeds',
    )}; solid with the full warm-up, dashed without. A run that stays at the unigram level has learnt word frequencies only.`,
    figure: 'Figs. 2, 4 and 6',
    xLabel: 'step',
    yLabel: 'valid NLL',
    xScale: 'linear',
    yScale: 'linear',
    levels: unigram(context),
    series: shown.map(([label, group]) => {
      const points = group.map(byStep);
      const x = [...new Set(points.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
      const at = (step: number) => points.flatMap((map) => map.get(step) ?? []);
      const complete = x.filter((step) => at(step).length === group.length);
      return {
        label,
        placement: group[0].placement,
        dashed: !armOf(group[0]).warmup,
        x: complete,
        y: complete.map((step) => mean(at(step))),
        ...(group.length > 1
          ? {
              low: complete.map((step) => Math.min(...at(step))),
              high: complete.map((step) => Math.max(...at(step))),
            }
          : {}),
      };
    }),
  };
}

/** Final NLL over the maximal rate, one line per arm of the common grid. */
export function rates(runs: readonly RunRecord[], context: JudgeContext, experiment: string): Figure {
  const arms = new Map<string, RunRecord[]>();
  for (const run of trained(runs)) {
    if (armOf(run).variant) continue;
    const key = `${placementName(run.placement)}, ${armOf(run).warmup ? 'warm-up' : 'no warm-up'}`;
    arms.set(key, [...(arms.get(key) ?? []), run]);
  }
  return {
    id: `nll-over-rate-${experiment}`,
    title: 'Final validation NLL over the maximal learning rate',
    caption:
      'One line per arm; every arm runs over the same rates. The flatter the line, the less tuning it needs.',
    figure: 'Fig. 2 as a grid',
    xLabel: 'maxLr',
    yLabel: 'final valid NLL',
    xScale: 'log',
    yScale: 'linear',
    levels: unigram(context),
    series: [...arms].map(([label, group]) => {
      const x = [...new Set(group.map((run) => armOf(run).maxLr))].sort((a, b) => a - b);
      const at = (rate: number) =>
        group
          .filter((run) => armOf(run).maxLr === rate)
          .flatMap((run) => (run.finalValidNll === undefined ? [] : [run.finalValidNll]));
      const over = (f: (values: number[]) => number) =>
        x.map((rate) => (at(rate).length > 0 ? f(at(rate)) : null));
      return {
        label,
        placement: group[0].placement,
        dashed: !armOf(group[0]).warmup,
        x,
        y: over(mean),
        low: over((values) => Math.min(...values)),
        high: over((values) => Math.max(...values)),
      };
    }),
  };
}

/** lr(t) of every schedule that was run at the common rate, once each; its sum stands in the label. */
export function schedules(runs: readonly RunRecord[], experiment: string): Figure {
  const series: Series[] = [];
  const seen = new Set<string>();
  for (const run of trained(runs)) {
    const { variant = '', warmup } = armOf(run);
    if (variant === 'sgd' || variant.startsWith('init-')) continue;
    const label = run.label.replace(/^[^,]*, /, '');
    if (seen.has(label)) continue;
    seen.add(label);
    const points = run.curve ?? [];
    // Losses are thinned to every tenth step, so the sum is that of a step function.
    const sum = points.reduce((total, p, i) => total + p.lr * (p.step - (points[i - 1]?.step ?? 0)), 0);
    series.push({
      label: `${label}, sum ${sum.toPrecision(3)}`,
      placement: 'schedule',
      dashed: !warmup,
      x: points.map((p) => p.step),
      y: points.map((p) => p.lr),
    });
  }
  return {
    id: `schedules-${experiment}`,
    title: 'Learning rate over training',
    caption:
      'maxLr · min(1, sqrt(T0 / t)) after the warm-up: arms differ in their warm-up only, their tail is common. The literal reading, maxLr / sqrt(t), stands beside it.',
    figure: 'section 3.2',
    xLabel: 'step',
    yLabel: 'lr',
    xScale: 'linear',
    yScale: 'linear',
    series,
  };
}

/** Final NLL (median over seeds) of every cell rate x warm-up, both placements on one colour scale. */
export function tuningMap(runs: readonly RunRecord[]): Figure[] {
  const grid = trained(runs).filter((run) => ['short', undefined].includes(armOf(run).variant));
  if (grid.length === 0) return [];
  const warmupOf = (run: RunRecord) => run.label.split(', ')[1];
  const numbers = (text: string) => Number(text.replace(/\D/g, ''));
  const rows = [...new Set(grid.map(warmupOf))].sort((a, b) => numbers(a) - numbers(b));
  const rates = [...new Set(grid.map((run) => armOf(run).maxLr))].sort((a, b) => a - b);
  const placements = [...new Set(grid.map((run) => run.placement))];
  const cell = (placement: string, row: string, rate: number) => {
    const found = grid.filter(
      (run) => run.placement === placement && warmupOf(run) === row && armOf(run).maxLr === rate,
    );
    const nll = found.map((run) => run.finalValidNll ?? Number.POSITIVE_INFINITY);
    return nll.length > 0 && Number.isFinite(median(nll)) ? median(nll) : null;
  };
  return [
    {
      id: 'tuning',
      kind: 'heatmap',
      title: 'Final validation NLL over rate and warm-up',
      caption: `${bySeedCount(grid, 'Median over seeds', 'One seed')}; both placements on one colour scale. The more even a map, the less tuning its placement needs. Empty cells were not run or diverged.`,
      figure: 'Fig. 2 as a grid',
      xLabel: 'maxLr',
      yLabel: 'warm-up',
      xScale: 'log',
      yScale: 'linear',
      series: [],
      heatmap: {
        rowLabel: 'warm-up',
        columnLabel: 'maxLr',
        rows,
        columns: rates.map(String),
        valueLabel: 'final valid NLL',
        panels: placements.map((placement) => ({
          label: placementName(placement),
          values: rows.map((row) => rates.map((rate) => cell(placement, row, rate))),
        })),
      },
    },
  ];
}
