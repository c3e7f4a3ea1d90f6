/** @file How a tensor of theirs lies beside ours: its shape, which rows of ours it is, and where each value goes. */
import { sizeOf } from '../tensor/shape.js';
import type { AnyConfig, KeyRow } from './family.js';

/** Sizes that say which rows of a packed projection are queries, keys and values. */
type Heads = Pick<AnyConfig, 'dModel' | 'numHeads' | 'numKVHeads'>;

/** Values of our tensor [begin, end) that a row is. */
export function rangeOf({ part }: KeyRow, ours: readonly number[], config: Heads): [number, number] {
  const size = sizeOf(ours);
  if (!part) return [0, size];
  const perRow = size / ours[0];
  const { dModel, numHeads, numKVHeads } = config;
  const width = (dModel / numHeads) * numKVHeads;
  const rows = { q: [0, dModel], k: [dModel, dModel + width], v: [dModel + width, dModel + 2 * width] }[part];
  return [rows[0] * perRow, rows[1] * perRow];
}

/** The shape that their tensor has. */
export function theirShape(row: KeyRow, ours: readonly number[], config: AnyConfig): number[] {
  const [begin, end] = rangeOf(row, ours, config);
  const [rows, ...rest] = ours;
  switch (row.layout) {
    case 'transposed':
      return [...ours].reverse();
    case 'batched':
      return [1, ...ours];
    case 'patches': {
      const { patchSize, channels } = config as { patchSize: number; channels: number };
      return [rows, channels, patchSize, patchSize];
    }
    default:
      return [((end - begin) / sizeOf(ours)) * rows, ...rest];
  }
}

/** From the place of a value in their tensor to its place in ours; null where both are the same. */
export function placesOf({ layout }: KeyRow, theirs: readonly number[]): ((i: number) => number) | null {
  const [rows] = theirs;
  const perRow = sizeOf(theirs) / rows;
  switch (layout) {
    case 'transposed':
      return (i) => (i % perRow) * rows + Math.floor(i / perRow);
    case 'reversed':
      return (i) => (rows - 1 - Math.floor(i / perRow)) * perRow + (i % perRow);
    case 'patches': {
      const [, channels, height, width] = theirs;
      const pixels = height * width;
      return (i) => i - (i % perRow) + (i % pixels) * channels + (Math.floor(i / pixels) % channels);
    }
    default:
      return null;
  }
}

/** Where the first value is that is no finite number; -1 for none. */
export function firstNotFinite(values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) if (values[i] - values[i] !== 0) return i;
  return -1;
}
