/** @file What the paper says of the numbers of a lane, for the placements that it speaks about; by layer of a stack. */
import type { NormPlacement } from '../nn/placement-names.js';
import { periHiddenNorm, postDepthFactor, preHiddenBounds } from '../theory/predictions.js';

/**
 * Gradient of W2 by layer at step 1, scaled to that of the last: in Post-LN the factor of the upper bound with dFF = d,
 * else by the norms of the stream; null where nothing is said.
 * @param hidden ||x||² / d of each layer at step 1, measured
 */
export function gradientTheory(
  placement: NormPlacement,
  hidden: readonly number[],
  last: number,
): number[] | null {
  const layers = hidden.length;
  if (placement === 'post') return hidden.map((_, at) => last * postDepthFactor(layers, at + 1, 1));
  if (placement === 'pre' || placement === 'peri')
    return hidden.map((norm) => last * Math.sqrt(hidden[layers - 1] / norm));
  return null;
}

/** ||x||² / d after each layer at the beginning: lines of theory, with their names. */
export function hiddenTheory(
  placement: NormPlacement,
  layers: number,
  entering: number,
): { label: string; values: number[] }[] {
  const all = (value: (layer: number) => number) => Array.from({ length: layers }, (_, at) => value(at + 1));
  if (placement === 'post') return [{ label: '3/2', values: all(() => 1.5) }];
  if (placement === 'pre') {
    return [
      { label: '1 + l/2', values: all((l) => preHiddenBounds(l)[0]) },
      { label: '1 + 3l/2', values: all((l) => preHiddenBounds(l)[1]) },
    ];
  }
  if (placement === 'peri') return [{ label: '1 + 2l', values: all((l) => periHiddenNorm(l, entering)) }];
  return [];
}
