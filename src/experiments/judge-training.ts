/** @file Judges training runs: progress between the unigram level and Post-LN with warm-up at its best rate. */
import { allSeeds, type Judged, NOT_RUN } from './judged.js';
import type { RunRecord } from './results.js';
import type { TranslationArm } from './run-spec.js';
import { median } from './statistics.js';

export const armOf = (run: RunRecord): TranslationArm => run.config.arm as unknown as TranslationArm;

/** Runs of an arm; without a variant, those of the common grid. */
function trainings(runs: readonly RunRecord[], arm: Partial<TranslationArm>): RunRecord[] {
  return runs.filter(
    (run) =>
      run.experiment === 'translation' &&
      armOf(run).variant === arm.variant &&
      Object.entries(arm).every(([key, value]) => armOf(run)[key as keyof TranslationArm] === value),
  );
}

/**
 * Sets progress and status of every training run: p = (U - NLL) / (U - R), R the best Post-LN with warm-up.
 * Where that one did not get below U itself there is no scale, and runs stay `measured`.
 */
export function classifyRuns(runs: RunRecord[], unigramNll: number): void {
  for (const run of runs) {
    if (run.experiment !== 'translation') continue;
    const nll = run.finalValidNll;
    if (run.status === 'diverged' || nll === undefined || !Number.isFinite(nll) || nll > unigramNll + 1) {
      run.status = 'diverged';
      continue;
    }
    const reference = trainings(runs, { placement: 'post', warmup: true })
      .filter((other) => other.seed === run.seed)
      .map((other) => other.finalValidNll ?? Number.NaN)
      .filter((value) => value < unigramNll);
    if (reference.length === 0) continue;
    run.progress = (unigramNll - nll) / (unigramNll - Math.min(...reference));
    run.status = run.progress >= 0.85 ? 'trained' : run.progress < 0.25 ? 'failed' : 'behind';
  }
}

export function armClaim(
  runs: readonly RunRecord[],
  arm: TranslationArm,
  threshold: string,
  good: (p: number, run: RunRecord) => boolean,
): Judged {
  const found = trainings(runs, arm);
  if (found.length === 0) return NOT_RUN;
  if (found.some((run) => run.status === 'measured')) {
    return {
      ...NOT_RUN,
      reason: 'no Post-LN run with warm-up learnt anything, so there is nothing to measure progress by',
    };
  }
  return {
    seeds: found.map((run) => run.seed),
    perSeed: found.map((run) => run.progress ?? Number.NEGATIVE_INFINITY),
    metric: `progress p of ${found[0].label}; statuses ${found.map((run) => run.status).join(', ')}`,
    threshold,
    verdict: allSeeds(found.map((run) => good(run.progress ?? Number.NEGATIVE_INFINITY, run))),
    runHashes: found.map((run) => run.hash),
  };
}

export function lowerRate(runs: readonly RunRecord[], rate: number): Judged {
  const lower = [
    ...new Set(trainings(runs, { placement: 'post', warmup: false }).map((run) => armOf(run).maxLr)),
  ].filter((r) => r < rate);
  if (lower.length === 0) return NOT_RUN;
  const judged = lower.map((maxLr) =>
    armClaim(runs, { placement: 'post', warmup: false, maxLr }, 'p >= 0.25', (p) => p >= 0.25),
  );
  return judged.reduce((best, next) => (median(next.perSeed) > median(best.perSeed) ? next : best));
}

/** Final NLL per seed; a run that diverged has no number and counts as infinitely bad. */
function finals(runs: readonly RunRecord[], arm: Partial<TranslationArm>): Map<number, number> {
  return new Map(
    trainings(runs, arm).map((run) => [
      run.seed,
      run.status === 'diverged' ? Number.POSITIVE_INFINITY : (run.finalValidNll ?? Number.POSITIVE_INFINITY),
    ]),
  );
}

const hashesOf = (runs: readonly RunRecord[], arms: readonly Partial<TranslationArm>[]): string[] =>
  arms.flatMap((arm) => trainings(runs, arm).map((run) => run.hash));

const shared = (...maps: ReadonlyMap<number, unknown>[]): number[] =>
  [...maps[0].keys()].filter((seed) => maps.every((map) => map.has(seed)));

/** A number for every seed that all arms have; every seed must be good. */
function paired(
  runs: readonly RunRecord[],
  arms: readonly Partial<TranslationArm>[],
  metric: string,
  threshold: string,
  value: (...nll: number[]) => number,
  good: (value: number) => boolean,
): Judged {
  const maps = arms.map((arm) => finals(runs, arm));
  const seeds = shared(...maps);
  if (seeds.length === 0) return NOT_RUN;
  const perSeed = seeds.map((seed) => value(...maps.map((map) => map.get(seed) as number)));
  return {
    seeds,
    perSeed,
    metric,
    threshold,
    verdict: allSeeds(perSeed.map(good)),
    runHashes: hashesOf(runs, arms),
  };
}

const POST = { placement: 'post' } as const;

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
  const ordered = ([full, short, none]: number[]) => full <= short && short <= none;
  const gap = ([full, , none]: number[]) => none - full;
  return {
    seeds,
    perSeed: seeds.map((seed) => gap(nll(large, seed)) - gap(nll(half, seed))),
    metric: `NLL without minus NLL with full warm-up, at ${rate} minus the same at ${rate / 2}`,
    threshold: '> 0, and at both rates full <= short <= none',
    verdict: allSeeds(
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
    verdict: allSeeds(p.map((value) => value < 0.25)),
    runHashes: judged.flatMap(({ none, warm }) => [none.hash, warm.hash]),
  };
}

const LONG = [
  { placement: 'post', warmup: true, variant: 'long' },
  { placement: 'pre', warmup: false, variant: 'long' },
] as const;

interface Descent {
  best: number;
  step: number;
  /** Relative improvement of the best NLL over the last fifth of the steps. */
  late: number;
  points: { step: number; nll: number }[];
}

function descent(run: RunRecord): Descent {
  const points = (run.curve ?? []).flatMap((p) =>
    p.validNll === undefined ? [] : [{ step: p.step, nll: p.validNll }],
  );
  const best = points.reduce((a, b) => (b.nll < a.nll ? b : a), points[0]);
  const before = Math.min(...points.filter((p) => p.step <= 0.8 * run.steps).map((p) => p.nll));
  return { best: best.nll, step: best.step, late: (before - best.nll) / before, points };
}

function longPairs(runs: readonly RunRecord[]): { seed: number; post: Descent; pre: Descent }[] {
  const [post, pre] = LONG.map((arm) => trainings(runs, arm));
  return post.flatMap((run) => {
    const other = pre.find(({ seed }) => seed === run.seed);
    return other ? [{ seed: run.seed, post: descent(run), pre: descent(other) }] : [];
  });
}

/** Best validation NLL of both headline arms, once they have stopped improving. */
export function parity(runs: readonly RunRecord[]): Judged {
  const pairs = longPairs(runs);
  if (pairs.length === 0) return NOT_RUN;
  const late = Math.max(...pairs.flatMap(({ post, pre }) => [post.late, pre.late]));
  const perSeed = pairs.map(({ post, pre }) => pre.best - post.best);
  const judged = {
    seeds: pairs.map(({ seed }) => seed),
    perSeed,
    metric: `best NLL of Pre-LN without minus that of Post-LN with warm-up; over the last fifth the best improved by at most ${(100 * late).toFixed(2)} %`,
    threshold: '<= 0.05, at a plateau (0.5 %)',
    runHashes: hashesOf(runs, LONG),
  };
  if (late >= 0.005) return { ...judged, verdict: 'not tested', reason: 'NLL was still falling at the end' };
  return { ...judged, verdict: allSeeds(perSeed.map((gap) => gap <= 0.05)) };
}

/** Bar 21: the share of Post-LN's updates that Pre-LN needs to get to the same validation NLL. */
export function speedUp(runs: readonly RunRecord[]): Judged {
  const pairs = longPairs(runs);
  if (pairs.length === 0) return NOT_RUN;
  const perSeed = pairs.map(({ post, pre }) => {
    const reached = pre.points.find(({ nll }) => nll <= post.best);
    return reached ? reached.step / post.step : Number.POSITIVE_INFINITY;
  });
  return {
    seeds: pairs.map(({ seed }) => seed),
    perSeed,
    metric: 'updates of Pre-LN without warm-up to the best NLL of Post-LN with it, over those of Post-LN',
    threshold: '<= 0.75',
    verdict: allSeeds(perSeed.map((share) => share <= 0.75)),
    runHashes: hashesOf(runs, LONG),
  };
}

/** Bar 23: the first arm's NLL over the second's, at most (`oneSided`) or around 1 by a share. */
export function closeTo(
  runs: readonly RunRecord[],
  arm: TranslationArm,
  reference: TranslationArm,
  share: number,
  oneSided: boolean,
): Judged {
  const label = (a: TranslationArm) => trainings(runs, a)[0]?.label ?? '';
  return paired(
    runs,
    [arm, reference],
    `NLL of ${label(arm)} over that of ${label(reference)}`,
    oneSided ? `<= ${1 + share}` : `1 ± ${share}`,
    (a, b) => a / b,
    (ratio) => (oneSided ? ratio <= 1 + share : Math.abs(ratio - 1) < share),
  );
}

/** Fig. 6: the small fixed rate lies between the large one without and with warm-up. */
export function smallRate(runs: readonly RunRecord[], maxLr: number): Judged {
  return paired(
    runs,
    [
      { ...POST, warmup: false, maxLr },
      { ...POST, warmup: false, maxLr: maxLr / 10, variant: 'small' },
      { ...POST, warmup: true, maxLr },
    ],
    'where the small rate lies between the large one without (0) and with warm-up (1)',
    'above 0, below 1',
    (none, small, warm) => (none - small) / (none - warm),
    (place) => place > 0 && place < 1,
  );
}

/** Bar 20: spread of the final NLL over those cells of the grid that both placements have in every seed. */
export function leastTuning(runs: readonly RunRecord[], inGrid: (arm: TranslationArm) => boolean): Judged {
  const cells = (placement: string) => {
    const found = new Map<string, RunRecord>();
    for (const run of runs) {
      if (run.experiment !== 'translation' || run.placement !== placement) continue;
      const { warmup, maxLr, variant = '' } = armOf(run);
      if (!inGrid(armOf(run)) || !['', 'short'].includes(variant)) continue;
      found.set(`${warmup},${maxLr},${variant},${run.seed}`, run);
    }
    return found;
  };
  const [post, pre] = [cells('post'), cells('pre')];
  const keys = [...post.keys()].filter((key) => pre.has(key));
  const everySeed = (cell: string) => seeds.every((seed) => keys.includes(`${cell},${seed}`));
  const cellOf = (key: string) => key.slice(0, key.lastIndexOf(','));
  const seeds = [...new Set(keys.map((key) => Number(key.slice(key.lastIndexOf(',') + 1))))].filter(
    (seed) => keys.filter((key) => key.endsWith(`,${seed}`)).length > 2,
  );
  const common = [...new Set(keys.map(cellOf))].filter(everySeed);
  if (common.length < 2 || seeds.length === 0) return NOT_RUN;
  const spread = (of: Map<string, RunRecord>, seed: number) => {
    const nll = common.map((cell) => of.get(`${cell},${seed}`)?.finalValidNll ?? Number.POSITIVE_INFINITY);
    return Math.max(...nll) - Math.min(...nll);
  };
  const perSeed = seeds.map((seed) => spread(pre, seed) / spread(post, seed));
  return {
    seeds,
    perSeed,
    metric: `spread of Pre-LN over spread of Post-LN, ${common.length} cells`,
    threshold: '< 1/3',
    verdict: allSeeds(perSeed.map((ratio) => ratio < 1 / 3)),
    runHashes: common.flatMap((cell) =>
      seeds.flatMap((seed) => [post, pre].map((of) => of.get(`${cell},${seed}`)?.hash ?? '')),
    ),
  };
}
