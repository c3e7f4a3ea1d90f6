/** @file Judges what one step of Adam does to the logits, by depth and placement. */
import { placementName } from '../../nn/placement-names.js';
import type { RunRecord } from '../results.js';
import { mean, slope } from '../statistics.js';
import { type Judged, NOT_RUN } from './judged.js';

const recordOf = (runs: readonly RunRecord[], placement: string) =>
  runs.find((run) => run.experiment === 'amplification' && run.placement === placement);

/** Change by depth and seed. */
const changes = (run: RunRecord, numLayers: number) => run.measured?.[`change@${numLayers}`] as number[];

/** Slope of the change in the depth, both logarithmic. */
export function changeGrows(
  runs: readonly RunRecord[],
  log: (x: number) => number,
  placement = 'post',
): Judged {
  const record = recordOf(runs, placement);
  if (!record) return NOT_RUN;
  const { layers, seeds } = record.config as { layers: number[]; seeds: number[] };
  const x = layers.map(log);
  const of = (value: (numLayers: number) => number) =>
    slope(
      x,
      layers.map((n) => log(value(n))),
    );
  const overall = of((n) => mean(changes(record, n)));
  const means = layers.map((n) => mean(changes(record, n)).toPrecision(2));
  return {
    seeds,
    perSeed: seeds.map((_, s) => of((n) => changes(record, n)[s])),
    compared: [{ name: 'slope of the seed means', values: [overall] }],
    metric: `slope of the log of the relative change of ${placementName(placement)}'s logits in log L; seed means ${means.join(', ')} at ${layers.join(', ')} layers`,
    threshold: 'slope of the seed means > 1',
    verdict: overall > 1 ? 'holds' : 'does not hold',
    runHashes: [record.hash],
  };
}

/** The change over that of Pre-LN, seed means at each depth. */
export function changeAbove(runs: readonly RunRecord[], depths: number[], placement = 'post'): Judged {
  const [above, below] = [recordOf(runs, placement), recordOf(runs, 'pre')];
  if (!above || !below) return NOT_RUN;
  const seeds = above.config.seeds as number[];
  const ratios = depths.map((n) => mean(changes(above, n)) / mean(changes(below, n)));
  return {
    seeds,
    perSeed: seeds.map((_, s) => Math.min(...depths.map((n) => changes(above, n)[s] / changes(below, n)[s]))),
    compared: depths.map((n, i) => ({ name: `ratio of the seed means, ${n} layers`, values: [ratios[i]] })),
    metric: `relative change of ${placementName(placement)}'s logits over that of Pre-LN's; per seed the smaller of ${depths.join(' and ')} layers`,
    threshold: 'seed means > 2 at each of these depths',
    verdict: ratios.every((ratio) => ratio > 2) ? 'holds' : 'does not hold',
    runHashes: [above.hash, below.hash],
  };
}
