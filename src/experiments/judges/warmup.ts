/** @file Judges of Fig. 2: what warm-up is good for in Post-LN. */

import { placementName } from '../../nn/placement-names.js';
import type { TranslationArm } from '../kinds/run-spec.js';
import type { RunRecord } from '../results.js';
import { median } from '../statistics.js';
import { bySeed, type Judged, NOT_RUN } from './judged.js';
import { armOf, finals, hashesOf, POST, paired, shared, trainings } from './training.js';

/** Each arm at the rate where its median over seeds is best, from the same grid. */
export function bestRate(runs: readonly RunRecord[], at: 'best' | 'lowest' = 'best'): Judged {
  const best = (warmup: boolean): number => {
    const found = [...new Set(trainings(runs, { ...POST, warmup }).map((run) => armOf(run).maxLr))];
    if (at === 'lowest') return Math.min(...found);
    const score = (maxLr: number) => median([...finals(runs, { ...POST, warmup, maxLr }).values()]);
    return found.reduce((a, b) => (score(b) < score(a) ? b : a), found[0]);
  };
  const [none, warm] = [best(false), best(true)];
  return paired(
    runs,
    [
      { ...POST, warmup: false, maxLr: none },
      { ...POST, warmup: true, maxLr: warm },
    ],
    `NLL without warm-up at its ${at} rate ${none} minus NLL with it at its ${at} rate ${warm}`,
    '> 0.05',
    (a, b) => a - b,
    (gap) => gap > 0.05,
  );
}

/** Bar 20: the longer the warm-up the better, and the gap larger at the larger rate. */
export function warmupOrder(runs: readonly RunRecord[], rate: number): Judged {
  const at = (maxLr: number): Partial<TranslationArm>[] => [
    { ...POST, warmup: true, maxLr },
    { ...POST, warmup: false, maxLr, variant: 'short' },
    { ...POST, warmup: false, maxLr },
  ];
  const [large, half] = [rate, rate / 2].map((maxLr) => at(maxLr).map((arm) => finals(runs, arm)));
  const seeds = shared(...large, ...half);
  if (seeds.length === 0) return NOT_RUN;
  const nll = (maps: Map<number, number>[], seed: number) => maps.map((map) => map.get(seed) as number);
  const names = ['full warm-up', 'short warm-up', 'no warm-up'];
  const ordered = ([full, short, none]: number[]) => full <= short && short <= none;
  const gap = ([full, , none]: number[]) => none - full;
  const perSeed = seeds.map((seed) => gap(nll(large, seed)) - gap(nll(half, seed)));
  return {
    seeds,
    perSeed,
    compared: [
      { name: 'difference of the gaps', values: perSeed },
      ...[large, half].flatMap((maps, at) =>
        names.map((name, arm) => ({
          name: `NLL at ${at === 0 ? rate : rate / 2}, ${name}`,
          values: seeds.map((seed) => maps[arm].get(seed) as number),
        })),
      ),
    ],
    metric: `NLL without minus NLL with full warm-up, at ${rate} minus the same at ${rate / 2}`,
    threshold: '> 0, and at both rates full <= short <= none',
    ...bySeed(
      seeds.map((seed) => {
        const [a, b] = [nll(large, seed), nll(half, seed)];
        return ordered(a) && ordered(b) && gap(a) > gap(b);
      }),
    ),
    runHashes: hashesOf(runs, [...at(rate), ...at(rate / 2)]),
  };
}

/** Bar 22, at the largest SGD rate where warm-up passes p = 0.25; where none does, SGD says nothing. */
export function sgdControl(runs: readonly RunRecord[]): Judged {
  const rates = [...new Set(trainings(runs, { variant: 'sgd' }).map((run) => armOf(run).maxLr))].sort(
    (a, b) => b - a,
  );
  const rate = rates.find((maxLr) =>
    trainings(runs, { ...POST, warmup: true, maxLr, variant: 'sgd' }).every(
      (run) => (run.progress ?? 0) >= 0.25,
    ),
  );
  if (rates.length > 0 && rate === undefined) {
    return { ...NOT_RUN, reason: 'with warm-up SGD stays below p = 0.25 at every rate' };
  }
  return paired(
    runs,
    [false, true].map((warmup) => ({ ...POST, warmup, maxLr: rate, variant: 'sgd' })),
    `NLL without warm-up minus NLL with it, plain SGD at ${rate}`,
    '> 0.05',
    (none, warm) => none - warm,
    (gap) => gap > 0.05,
  );
}

/** Initialisation by placement, warm-up and rate: Post-LN fails without warm-up and trains with it, under each. */
export function initTable(runs: readonly RunRecord[], rate: number): Judged {
  const cells = [
    { placement: 'post', warmup: false, maxLr: rate },
    { placement: 'post', warmup: false, maxLr: rate / 2 },
    { placement: 'post', warmup: true, maxLr: rate },
    { placement: 'post', warmup: true, maxLr: rate / 2 },
    { placement: 'pre', warmup: false, maxLr: rate },
    { placement: 'pre', warmup: true, maxLr: rate },
  ] as const;
  const found = ['init-paper', 'init-torch'].map((variant) =>
    cells.map((cell) => trainings(runs, { ...cell, variant })[0]),
  );
  if (found.flat().some((run) => !run)) return NOT_RUN;
  const p = found.map((row) => row.map((run) => run.progress ?? Number.NEGATIVE_INFINITY));
  const trained = p.map(([, , common, half]) => Math.max(common, half));
  return {
    seeds: found.map(([run]) => run.seed),
    perSeed: trained,
    compared: cells.map(({ placement, warmup, maxLr }, i) => ({
      name: `p of ${placementName(placement)}, ${warmup ? 'warm-up' : 'no warm-up'}, ${maxLr}`,
      values: p.map((row) => row[i]),
    })),
    metric: 'progress p of Post-LN with warm-up at the better of two rates, under `paper` and `torch`',
    threshold: 'without warm-up p < 0.25 at the common rate, and with it p >= 0.85 at the better of two',
    ...bySeed(p.map(([none], i) => none < 0.25 && trained[i] >= 0.85)),
    runHashes: found.flat().map(({ hash }) => hash),
  };
}
