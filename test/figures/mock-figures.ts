/** @file Figures of every kind, made up but plausible: the same values each time. */
import type { Figure, LayerStack } from '../../src/experiments/results.js';
import { largeResults } from '../report/large-results.js';

const steps = Array.from({ length: 400 }, (_, at) => at + 1);
const wave = (at: number) => Math.sin(at * 12.9898) * 0.5 + Math.sin(at * 78.233) * 0.5;

/** Lines as a run leaves them: each step's loss, smoothed, with held-out values and a gap where it was interrupted. */
export function lossFigure(): Figure {
  const loss = steps.map((step) => 3 + 2.6 * Math.exp(-step / 60) + 0.25 * wave(step));
  const held = steps.filter((step) => step % 40 === 0);
  return {
    id: 'loss',
    title: 'Loss over steps',
    caption: 'Each step, and the mean of its neighbours in front of it.',
    figure: '',
    xLabel: 'step',
    yLabel: 'loss, nats per token',
    xScale: 'linear',
    yScale: 'linear',
    smooth: true,
    xRange: [0, 500],
    series: [
      {
        label: 'training',
        placement: 'post',
        x: [...steps],
        y: loss.map((value, at) => (at > 200 && at < 210 ? null : value)),
      },
      {
        label: 'held-out',
        placement: 'held-out',
        x: held,
        y: held.map((step) => 3.1 + 2.6 * Math.exp(-step / 60)),
      },
    ],
    levels: [{ label: 'letter frequencies', y: 4.6 }],
  };
}

/** A map of many narrow fields on a logarithmic scale. */
export function gradientMap(): Figure {
  const columns = Array.from({ length: 120 }, (_, at) => String(at + 1));
  const rows = ['6', '5', '4', '3', '2', '1'];
  return {
    ...lossFigure(),
    id: 'gradient-map',
    title: 'Gradient norm per layer over steps',
    caption: 'One row per layer.',
    kind: 'heatmap',
    series: [],
    levels: [],
    heatmap: {
      rowLabel: 'layer',
      columnLabel: 'step',
      rows,
      columns,
      valueLabel: 'gradient norm of W2',
      valueScale: 'log',
      panels: [
        {
          label: 'Post-LN, no warm-up',
          values: rows.map((_, r) =>
            columns.map((__, c) =>
              r === 2 && c === 60 ? null : 2 * 10 ** (-(r * c) / 140) * (1 + 0.2 * wave(c)),
            ),
          ),
        },
      ],
    },
  };
}

export function stackFigure(): Figure {
  const panel = (
    label: string,
    placement: string,
    fade: number,
    grow: number,
  ): LayerStack['panels'][number] => ({
    label,
    placement,
    layers: Array.from({ length: 6 }, (_, layer) => ({
      blocks: [
        {
          label: 'attention',
          value: layer === 0 && placement === 'peri' ? null : 0.04 * fade ** (5 - layer),
        },
        { label: 'feed-forward', value: 0.14 * fade ** (5 - layer) },
      ],
      stream: 1 + grow * layer,
    })),
  });
  return {
    ...lossFigure(),
    id: 'stack',
    title: 'Six layers at step 120',
    caption: 'Post-LN loses the gradient of its first layers.',
    kind: 'stack',
    series: [],
    levels: [],
    stack: {
      valueLabel: 'gradient norm of W_O and W2',
      streamLabel: '|x|²/d',
      panels: [
        panel('Post-LN, no warm-up', 'post', 0.22, 0.02),
        panel('Pre-LN, no warm-up', 'pre', 1.1, 16),
        panel('Peri-LN', 'peri', 0.9, 2),
      ],
    },
  };
}

/** Every kind; the first seven are those of a large reproduction. */
export function figures(): Figure[] {
  return [...largeResults().figures, lossFigure(), gradientMap(), stackFigure()];
}
