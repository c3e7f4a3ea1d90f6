/**
 * @file How lanes are told apart, in two ways at once: hue is the placement and lightness the warm-up, as far as the
 * colours go; the dashes are the lane's own.
 */
import type { LaneConfiguration } from '../../src/lab/configuration.js';

export interface LaneLook {
  /** Name of a token of tokens.css. */
  token: string;
  dash: readonly number[];
}

const HUES: Readonly<Record<string, readonly [string, string]>> = {
  post: ['lane-1', 'lane-2'],
  pre: ['lane-3', 'lane-4'],
  peri: ['lane-5', 'lane-6'],
};
const FREE = [
  'more-1',
  'more-2',
  'more-3',
  'more-4',
  'lane-1',
  'lane-3',
  'lane-5',
  'lane-2',
  'lane-4',
  'lane-6',
];
const DASHES = [[], [9, 3], [8, 3, 2, 3], [2.5, 2.5], [14, 4], [6, 2, 2, 2, 2, 2]];

export function laneLooks(lanes: readonly LaneConfiguration[]): LaneLook[] {
  const taken = new Set<string>();
  return lanes.map(({ placement, warmup }, at) => {
    const own = HUES[placement] ?? [];
    const wanted = warmup > 0 ? [own[1], own[0]] : own;
    const free = FREE.filter((token) => !Object.values(HUES).flat().includes(token));
    const token = [...wanted, ...free, ...FREE].find((one) => one && !taken.has(one)) ?? 'other';
    taken.add(token);
    return { token, dash: DASHES[at] };
  });
}
