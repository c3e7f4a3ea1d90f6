/** @file Judges of Fig. 2: what warm-up is good for in Post-LN. */

import type { TranslationArm } from '../kinds/run-spec.js';
import type { RunRecord } from '../results.js';
import { median } from '../statistics.js';
import { bySeed, type Judged, NOT_RUN } from './judged.js';
import { armClaim, armOf, finals, hashesOf, POST, paired, shared, trainings } from './training.js';

/** Each arm at the rate where its median over seeds is best, from the same grid. */
export function bestRate(runs: readonly RunRecord[]): Judged {
  const best = (warmup: boolean): number => {
    const found = [...new Set(trainings(runs, { ...POST, warmup }).map((run) => armOf(run).maxLr))];
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
    `NLL without warm-up at its best rate ${none} minus NLL with it at its best rate ${warm}`,
    '> 0.05',
    (a, b) => a - b,
    (gap) => gap > 0.05,
  );
}

/** The literal schedule maxLr / sqrt(t) beside the warm-up run. */
export function literalTail(runs: readonly RunRecord[], maxLr: number): Judged {
  return armClaim(runs, { ...POST, warmup: false, maxLr, variant: 'literal' }, 'p < 0.25', (p) => p < 0.25);
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

/** Without warm-up p stays below a quarter of the way whatever the initialisation. */
export function initRow(runs: readonly RunRecord[]): Judged {
  const judged = ['init-paper', 'init-torch'].map((variant) => {
    const [none, warm] = [false, true].map((warmup) => trainings(runs, { ...POST, warmup, variant }));
    return { none: none[0], warm: warm[0] };
  });
  if (judged.some(({ none, warm }) => !none || !warm)) return NOT_RUN;
  const p = judged.map(({ none, warm }) => {
    const U = none.unigramNll ?? Number.NaN;
    return (U - (none.finalValidNll ?? U)) / (U - (warm.finalValidNll ?? Number.NaN));
  });
  return {
    seeds: judged.map(({ none }) => none.seed),
    perSeed: p,
    metric: 'progress without warm-up over that with it, under `paper` and `torch` initialisation',
    threshold: '< 0.25',
    ...bySeed(p.map((value) => value < 0.25)),
    runHashes: judged.flatMap(({ none, warm }) => [none.hash, warm.hash]),
  };
}
