/** @file Lemma 2 as data: hidden states at initialisation over depth, the theory beside them. */
import { placementName } from '../../nn/placement-names.js';
import { periHiddenNorm, postHiddenNorm, preHiddenBounds } from '../../theory/index.js';
import type { Figure, RunRecord } from '../results.js';

/** E||x||² / d over the layers of each placement that was measured, beside what the theory says. */
export function hiddenFigure(records: readonly RunRecord[]): Figure {
  const layers = Array.from({ length: 12 }, (_, l) => l + 1);
  const predicted: Record<string, (l: number) => number> = {
    post: () => postHiddenNorm(1),
    peri: (l) => periHiddenNorm(l),
  };
  return {
    id: 'theory-hidden',
    title: 'Hidden states at initialisation, 12 layers',
    caption:
      "E||x_l||² / d of the theory's model, seed means. Dotted: Lemma 2, and 1 + 2l for Peri-LN; Pre-LN's are bounds.",
    figure: 'Lemma 2',
    xLabel: 'layer l',
    yLabel: 'E||x||² / d',
    xScale: 'linear',
    yScale: 'log',
    series: (['post', 'pre', 'peri'] as const).flatMap((placement) => {
      const record = records.find(({ id }) => id === `law-hidden-${placement}-12x1`);
      if (!record) return [];
      const name = placementName(placement);
      const theory: Record<string, number[]> =
        placement === 'pre'
          ? {
              'lower bound': layers.map((l) => preHiddenBounds(l)[0]),
              'upper bound': layers.map((l) => preHiddenBounds(l)[1]),
            }
          : { theory: layers.map(predicted[placement]) };
      return [
        { label: name, placement, x: layers, y: record.measured?.hidden as number[] },
        ...Object.entries(theory).map(([what, y]) => ({
          label: `${name}, ${what}`,
          placement,
          dashed: true,
          x: layers,
          y,
        })),
      ];
    }),
  };
}
