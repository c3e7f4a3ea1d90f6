/** @file The figures of a run's page, from what its steps measured. */
import type { Figure, Heatmap, Series } from '../experiments/results.js';
import type { RunEvaluation, RunHistory } from './run-history.js';
import type { CurvePoints } from './thinned-curve.js';
import { ThinnedCurve } from './thinned-curve.js';
import { formatNumber } from './wording.js';

/** What a model that knows nothing has as its loss, where that is known. */
export interface FigureContext {
  /** What a loss is the mean over, e.g. `nats per token`. */
  unit: string;
  /** All steps of a run that is still going. */
  steps?: number;
  uninformed?: number;
  /** Name of the recipe's metric. */
  metric: string;
}

/** The figures that have something to show; the first is the one to look at first. */
export function runFigures(history: RunHistory, context: FigureContext): Figure[] {
  const { loss, lr, gradNorm, tokensPerSecond, evaluations } = history;
  const figures: (Figure | undefined)[] = [
    lossFigure(history, context),
    metricFigure(evaluations, context.metric),
    curveFigure(gradNorm, 'gradient-norm', 'Gradient norm', 'joint 2-norm before clipping', {
      yScale: 'log',
      caption: 'The 2-norm of all gradients together, before clipping.',
      smooth: true,
    }),
    layerFigure(history),
    curveFigure(lr, 'rate', 'Learning rate', 'rate of the update', { caption: 'The rate of each update.' }),
    curveFigure(tokensPerSecond, 'speed', 'Speed', 'tokens per second', {
      caption: 'Targets per second of each step without an evaluation, on the machine that trained.',
      smooth: true,
    }),
  ];
  const { steps } = context;
  return loss.isEmpty && evaluations.length === 0
    ? []
    : figures
        .filter((figure): figure is Figure => figure !== undefined)
        .map((figure) => ({
          ...figure,
          caption: `${figure.caption}${smoothing(figure)}`,
          ...(steps !== undefined && !figure.heatmap && { xRange: [0, steps] }),
        }));
}

/** Held-out losses as a curve. */
export function heldOut(
  evaluations: readonly RunEvaluation[],
  key: 'validNll' | 'bitsPerByte' | 'metric' = 'validNll',
): ThinnedCurve {
  const curve = new ThinnedCurve();
  for (const evaluation of evaluations) {
    if (evaluation[key] !== undefined) curve.add(evaluation.step, evaluation[key]);
  }
  return curve;
}

function lossFigure({ loss, evaluations }: RunHistory, { unit, uninformed }: FigureContext): Figure {
  const valid = heldOut(evaluations);
  const points = loss.points();
  const levels =
    uninformed !== undefined && Number.isFinite(uninformed)
      ? [{ label: 'knows nothing', y: uninformed }]
      : undefined;
  return {
    ...base('loss', 'Loss', unit),
    caption: `Loss of each update in training${
      valid.isEmpty ? '' : '; markers are the loss on what is held out, without label smoothing'
    }.${thinning(points)}`,
    series: [
      series('training', points),
      ...(valid.isEmpty ? [] : [{ ...series('held out', valid.points()), smooth: false as const }]),
    ],
    smooth: true,
    ...(levels && { levels }),
  };
}

function metricFigure(evaluations: readonly RunEvaluation[], name: string): Figure | undefined {
  const curve = heldOut(evaluations, 'metric');
  if (curve.isEmpty) return undefined;
  return {
    ...base('metric', `Held out: ${name}`, name),
    caption: `${name} on what is held out, at each evaluation.`,
    series: [series(name, curve.points(), 'held out')],
  };
}

function curveFigure(
  curve: ThinnedCurve,
  id: string,
  title: string,
  yLabel: string,
  { caption, smooth, yScale = 'linear' }: { caption: string; smooth?: true; yScale?: 'linear' | 'log' },
): Figure | undefined {
  if (curve.isEmpty) return undefined;
  const points = curve.points();
  return {
    ...base(id, title, yLabel),
    // A logarithm has no place for a norm of 0.
    yScale: points.y.some((y) => y !== null && y <= 0) ? 'linear' : yScale,
    caption: `${caption}${thinning(points)}`,
    series: [series(title.toLowerCase(), points, 'training')],
    ...(smooth && { smooth }),
  };
}

function layerFigure({ layers }: RunHistory): Figure | undefined {
  const entries = [...layers].map(([name, curve]) => ({ name, points: curve.points() }));
  const longest = entries.reduce<CurvePoints | undefined>(
    (most, { points }) => (most && most.x.length >= points.x.length ? most : points),
    undefined,
  );
  if (!longest || longest.x.length === 0) return undefined;
  const columns = longest.x;
  const heatmap: Heatmap = {
    rowLabel: 'layer',
    columnLabel: 'step',
    // The last layer on top, as layers are drawn.
    rows: entries.map(({ name }) => name).reverse(),
    columns: columns.map(String),
    panels: [
      {
        label: 'Gradient norm',
        values: entries
          .map(({ points }) => {
            const at = new Map(points.x.map((x, i) => [x, points.y[i] ?? null]));
            return columns.map((x) => at.get(x) ?? null);
          })
          .reverse(),
      },
    ],
    valueLabel: '2-norm of the layer’s gradients',
    valueScale: 'log',
  };
  return {
    ...base('layers', 'Gradient norm of each layer', 'layer'),
    kind: 'heatmap',
    caption: `2-norm of the gradients of each layer’s parameters before clipping, over the steps; colours are logarithmic, the output is on top.${thinning(longest)}`,
    heatmap,
    series: [],
  };
}

export function base(id: string, title: string, yLabel: string): Omit<Figure, 'caption' | 'series'> {
  return { id, title, figure: '', xLabel: 'step', yLabel, xScale: 'linear', yScale: 'linear' };
}

/** A curve as a series; equal `kind`s have equal colours on a page. */
export function series(label: string, { x, y, low, high }: CurvePoints, kind = label): Series {
  return { label, placement: kind, x, y, ...(low && high && { low, high }) };
}

/** Says what a line in front of values is, which web/figures/smooth.ts makes of them. */
export function smoothing({ smooth }: Pick<Figure, 'smooth'>): string {
  return smooth
    ? ' The line in front is the mean of each value with its neighbours, of fewer towards both ends.'
    : '';
}

/** Says so where a point is no single step. */
export function thinning({ width, low }: CurvePoints): string {
  return low
    ? ` Each point is the mean of ${formatNumber(width)} steps, the band reaches from the lowest to the highest of them.`
    : '';
}
