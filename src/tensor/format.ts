/** @file How a tensor prints itself. */
import type { Shape } from './shape.js';

const EDGE = 4;

/** `tensor f32 [2, 3]` and the values, the middle of long axes left out. */
export function formatTensor(dtype: string, shape: Shape, values: ArrayLike<number>): string {
  const head = `tensor ${dtype} [${shape.join(', ')}]`;
  return shape.length === 0
    ? `${head} ${formatNumber(values[0])}`
    : `${head}\n${formatAxis(shape, values, 0, 0, '')}`;
}

function formatAxis(
  shape: Shape,
  values: ArrayLike<number>,
  axis: number,
  start: number,
  indent: string,
): string {
  const n = shape[axis];
  let stride = 1;
  for (let i = axis + 1; i < shape.length; i++) stride *= shape[i];
  const leaf = axis === shape.length - 1;
  const parts: string[] = [];
  for (let i = 0; i < n; i++) {
    if (n > 2 * EDGE && i === EDGE) {
      parts.push('…');
      i = n - EDGE;
    }
    const at = start + i * stride;
    parts.push(leaf ? formatNumber(values[at]) : formatAxis(shape, values, axis + 1, at, `${indent} `));
  }
  return leaf ? `[${parts.join(', ')}]` : `[${parts.join(`,\n${indent} `)}]`;
}

function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(5);
}
