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

/** Curves of one figure: more than a handful of lines nobody tells apart. */
interface Part {
  /** Goes behind the figure's id. */
  id: string;
  title: string;
  variants: readonly string[];
  /** Whether Post-LN with warm-up stands beside them, which they are to reach. */
  withReference?: boolean;
}

const PARTS: readonly Part[] = [
  {
    id: '-schedules',
    title: "Pre-LN under the paper's own schedules",
    variants: ['step', 'late-tail'],
    withReference: true,
  },
  {
    id: '-radam',
    title: 'RAdam and Adam with linear decay',
    variants: ['radam', 'radam-default', 'adam-linear'],
    withReference: true,
  },
  { id: '-long', title: 'Until the loss has stopped falling', variants: ['long'] },
  { id: '-sgd', title: 'Plain SGD', variants: ['sgd'] },
  { id: '-init', title: 'Other initialisations', variants: ['init-paper', 'init-torch'] },
];
const ELSEWHERE = new Set(PARTS.flatMap(({ variants }) => variants));

/**
 * Validation NLL over the steps at the common rate: mean over seeds, with the smallest and the largest. One figure of the
 * grid's arms, and one for each kind of variant that was run.
 */
export function curves(runs: readonly RunRecord[], context: JudgeContext, experiment: string): Figure[] {
  const { commonRate } = context;
  const shown = bySeeds(runs).filter(([, group]) => {
    const { maxLr, variant } = armOf(group[0]);
    return maxLr === commonRate || variant === 'small' || variant === 'sgd';
  });
  const variantOf = ([, group]: [string, RunRecord[]]) => armOf(group[0]).variant ?? '';
  const reference = shown.filter(([, group]) => {
    const { placement, warmup, variant } = armOf(group[0]);
    return placement === 'post' && warmup && variant === undefined;
  });
  const id = `valid-nll-${experiment}`;
  const main = shown.filter((arm) => !ELSEWHERE.has(variantOf(arm)));
  return [
    curveFigure(main, context, id, 'Validation NLL over training'),
    ...PARTS.flatMap((part) => {
      const own = shown.filter((arm) => part.variants.includes(variantOf(arm)));
      if (own.length === 0) return [];
      const arms = part.withReference ? [...reference, ...own] : own;
      return [curveFigure(arms, context, `${id}${part.id}`, `Validation NLL: ${part.title}`)];
    }),
  ];
}

function curveFigure(
  shown: readonly [string, RunRecord[]][],
  context: JudgeContext,
  id: string,
  title: string,
): Figure {
  return {
    id,
    title,
    caption: `Un-smoothed negative log-likelihood of the translation per target token, ${bySeedCount(
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
  const ratesOf = (group: readonly RunRecord[]) =>
    [...new Set(group.map((run) => armOf(run).maxLr))].sort((a, b) => a - b);
  const all = ratesOf([...arms.values()].flat());
  const fewer = [...arms].flatMap(([label, group]) => {
    const own = ratesOf(group);
    return own.length < all.length ? [`${label}, which ran at ${own.join(' and ')} only`] : [];
  });
  return {
    id: `nll-over-rate-${experiment}`,
    title: 'Final validation NLL over the maximal learning rate',
    caption: `One line per arm, all over the same rates${
      fewer.length > 0 ? ` but ${fewer.join('; ')}` : ''
    }. The flatter the line, the less tuning it needs.`,
    figure: 'Fig. 2 as a grid',
    xLabel: 'maxLr',
    yLabel: 'final valid NLL',
    xScale: 'log',
    yScale: 'linear',
    levels: unigram(context),
    series: [...arms].map(([label, group]) => {
      const x = ratesOf(group);
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
      placement: `rate ${armOf(run).maxLr}`,
      dashed: !warmup,
      x: points.map((p) => p.step),
      y: points.map((p) => p.lr),
    });
  }
  return {
    id: `schedules-${experiment}`,
    title: 'Learning rate over training',
    caption:
      'maxLr · min(1, sqrt(T0 / t)) after the warm-up: arms differ in their warm-up only, their tail is common. The literal reading, maxLr / sqrt(t), stands beside it. One colour for each maximal rate; dashed without the full warm-up.',
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
