/**
 * @file The paper's claims, each with its bar and our registered expectation, and how a verdict is reached
 * from the runs. The bars were fixed before the runs they judge; see docs/paper.md.
 */
import { postHiddenNorm, profileRatio } from '../theory/index.js';
import type { ClaimRow, GradientPoint, RunRecord, Verdict } from './results.js';
import { maxOverMin, mean, median, slope } from './statistics.js';

/** A gradients run with its measurements. */
export type GradientsRecord = RunRecord & { points: GradientPoint[] };

type Judged = Pick<ClaimRow, 'seeds' | 'perSeed' | 'metric' | 'threshold' | 'verdict' | 'runHashes'> & { reason?: string };

const NOT_RUN: Judged = { seeds: [], perSeed: [], metric: '', threshold: '', verdict: 'not tested', runHashes: [], reason: 'its runs were not part of this command' };

/** Holds when every seed is on the good side; fails when none is; else undecided. */
function allSeeds(good: readonly boolean[]): Verdict {
  if (good.length === 0) return 'not tested';
  if (good.every(Boolean)) return 'holds';
  return good.some(Boolean) ? 'not decided' : 'does not hold';
}

// Gradients at initialisation -----------------------------------------------------------------------------

function findGradients(runs: readonly RunRecord[], setting: string, placement: string): GradientsRecord | undefined {
  return runs.find((run) => run.experiment === 'gradients' && run.placement === placement && run.config.setting === setting) as
    | GradientsRecord
    | undefined;
}

export interface DepthSeries {
  layers: number[];
  seeds: number[];
  /** value[seed][depth] */
  values: number[][];
}

/** A number per depth and seed from the points of a run. */
export function byDepth(record: GradientsRecord, value: (point: GradientPoint) => number): DepthSeries {
  const layers = [...new Set(record.points.map((p) => p.numLayers))].sort((a, b) => a - b);
  const seeds = [...new Set(record.points.map((p) => p.seed))];
  const values = seeds.map((seed) =>
    layers.map((n) => value(record.points.find((p) => p.seed === seed && p.numLayers === n) as GradientPoint)),
  );
  return { layers, seeds, values };
}

export const lastStack = (point: GradientPoint) => point.decoder ?? point.encoder;
export const lastW2 = (point: GradientPoint): number => lastStack(point)[lastStack(point).length - 1].w2;
export const lastHidden = (point: GradientPoint): number => lastStack(point)[lastStack(point).length - 1].hidden;

export const depthMeans = (series: DepthSeries): number[] => series.layers.map((_, i) => mean(series.values.map((row) => row[i])));

const logs = (values: readonly number[], log: (x: number) => number): number[] => values.map(log);

function postFlat(runs: readonly RunRecord[], log: (x: number) => number): Judged {
  const record = findGradients(runs, 'toy', 'post');
  if (!record) return NOT_RUN;
  const series = byDepth(record, lastW2);
  const perSeed = series.values.map((row) => slope(logs(series.layers, log), logs(row, log)));
  const spread = maxOverMin(depthMeans(series));
  const overall = slope(logs(series.layers, log), logs(depthMeans(series), log));
  return {
    seeds: series.seeds,
    perSeed,
    metric: `slope of log ||dL/dW2|| in log L; largest over smallest seed mean is ${spread.toFixed(3)}`,
    threshold: 'mean slope within ±0.15, and max/min < 1.25',
    verdict: Math.abs(overall) <= 0.15 && spread < 1.25 ? 'holds' : 'does not hold',
    runHashes: [record.hash],
  };
}

function preFalls(runs: readonly RunRecord[], log: (x: number) => number): Judged {
  const record = findGradients(runs, 'toy', 'pre');
  if (!record) return NOT_RUN;
  const series = byDepth(record, lastW2);
  const perSeed = series.values.map((row) => slope(logs(series.layers, log), logs(row, log)));
  const means = depthMeans(series);
  const overall = slope(logs(series.layers, log), logs(means, log));
  const scaled = means.map((v, i) => v * Math.sqrt(series.layers[i]));
  const off = Math.max(...scaled.map((v) => Math.abs(v / mean(scaled) - 1)));
  return {
    seeds: series.seeds,
    perSeed,
    metric: `slope of log ||dL/dW2|| in log L; norm·sqrt(L) is constant within ${(100 * off).toFixed(1)} %`,
    threshold: 'mean slope in [-0.65, -0.38], and norm·sqrt(L) constant within 10 %',
    verdict: overall >= -0.65 && overall <= -0.38 && off <= 0.1 ? 'holds' : 'does not hold',
    runHashes: [record.hash],
  };
}

function ratio(runs: readonly RunRecord[]): Judged {
  const post = findGradients(runs, 'theory', 'post');
  const pre = findGradients(runs, 'theory', 'pre');
  if (!post || !pre) return NOT_RUN;
  const postNorm = depthMeans(byDepth(post, lastW2));
  const preNorm = byDepth(pre, lastW2);
  const xbar = depthMeans(byDepth(pre, lastHidden));
  const off = preNorm.layers.map((_, i) => depthMeans(preNorm)[i] / postNorm[i] / Math.sqrt(postHiddenNorm(1) / xbar[i]) - 1);
  const worst = Math.max(...off.map(Math.abs));
  return {
    seeds: preNorm.seeds,
    perSeed: byDepth(pre, lastW2).values.map((row, s) =>
      mean(row.map((v, i) => v / byDepth(post, lastW2).values[s][i] / Math.sqrt(postHiddenNorm(1) / xbar[i]))),
    ),
    metric: `measured over predicted ratio Pre/Post; worst depth is ${(100 * worst).toFixed(1)} % off`,
    threshold: 'sqrt(1.5 / xbar) within 12 % at every depth',
    verdict: worst <= 0.12 ? 'holds' : 'does not hold',
    runHashes: [post.hash, pre.hash],
  };
}

function hiddenLaw(runs: readonly RunRecord[]): Judged {
  const post = findGradients(runs, 'theory', 'post');
  const pre = findGradients(runs, 'theory', 'pre');
  if (!post || !pre) return NOT_RUN;
  const perSeed = [...new Set(post.points.map((p) => p.seed))].map((seed) =>
    mean(post.points.filter((p) => p.seed === seed).flatMap((p) => p.encoder.map((layer) => layer.hidden))),
  );
  // Pre-LN: E||x_l||² / d lies in [1 + l/2, 1 + 3l/2] for every layer, averaged over seeds.
  const depth = Math.max(...pre.points.map((p) => p.numLayers));
  const deep = pre.points.filter((p) => p.numLayers === depth);
  const inside = Array.from({ length: depth }, (_, l) => {
    const value = mean(deep.map((p) => p.encoder[l].hidden));
    return value >= 1 + (l + 1) / 2 && value <= 1 + (3 * (l + 1)) / 2;
  });
  const postMean = mean(perSeed);
  return {
    seeds: [...new Set(post.points.map((p) => p.seed))],
    perSeed,
    metric: `Post-LN E||x||²/d in front of the norm; Pre-LN inside its bounds in ${inside.filter(Boolean).length} of ${depth} layers`,
    threshold: `Post-LN ${postHiddenNorm(1).toFixed(2)} ± 0.05, Pre-LN inside [1 + l/2, 1 + 3l/2] everywhere`,
    verdict: Math.abs(postMean - postHiddenNorm(1)) <= 0.05 && inside.every(Boolean) ? 'holds' : 'does not hold',
    runHashes: [post.hash, pre.hash],
  };
}

function periGrowth(runs: readonly RunRecord[]): Judged {
  const record = findGradients(runs, 'theory', 'peri');
  if (!record) return NOT_RUN;
  const series = byDepth(record, lastHidden);
  const off = depthMeans(series).map((v, i) => v / (1 + 2 * series.layers[i]) - 1);
  const worst = Math.max(...off.map(Math.abs));
  return {
    seeds: series.seeds,
    perSeed: series.values.map((row) => mean(row.map((v, i) => v / (1 + 2 * series.layers[i])))),
    metric: `E||x_L||²/d over 1 + 2L; worst depth is ${(100 * worst).toFixed(1)} % off`,
    threshold: 'within 5 % at every depth',
    verdict: worst <= 0.05 ? 'holds' : 'does not hold',
    runHashes: [record.hash],
  };
}

/** The paper says the Pre-LN profile over layers is almost flat; the theory behind it says early layers get more. */
function profileFlat(runs: readonly RunRecord[]): Judged {
  const record = findGradients(runs, 'toy', 'pre');
  if (!record) return NOT_RUN;
  const points = record.points.filter((p) => p.numLayers === 6);
  const perSeed = points.map((p) => p.encoder[0].w2 / p.encoder[p.encoder.length - 1].w2);
  return {
    seeds: points.map((p) => p.seed),
    perSeed,
    metric: 'first over last layer of ||dL/dW2||, 6 layers',
    threshold: '0.8 to 1.25',
    verdict: allSeeds(perSeed.map((v) => v >= 0.8 && v <= 1.25)),
    runHashes: [record.hash],
  };
}

function profileLaw(runs: readonly RunRecord[]): Judged {
  const record = findGradients(runs, 'toy', 'pre');
  if (!record) return NOT_RUN;
  const points = record.points.filter((p) => p.numLayers === 12);
  if (points.length === 0) return NOT_RUN;
  const depth = points[0].encoder.length;
  const off = Array.from({ length: depth }, (_, l) => {
    const measured = mean(points.map((p) => p.encoder[l].w2)) / mean(points.map((p) => p.encoder[depth - 1].w2));
    const predicted = profileRatio(mean(points.map((p) => p.encoder[depth - 1].hidden)), mean(points.map((p) => p.encoder[l].hidden)));
    return Math.abs(measured / predicted - 1);
  });
  return {
    seeds: points.map((p) => p.seed),
    perSeed: points.map((p) => p.encoder[0].w2 / p.encoder[depth - 1].w2),
    metric: `first over last layer of ||dL/dW2||, 12 layers; worst layer is ${(100 * Math.max(...off)).toFixed(1)} % off the prediction`,
    threshold: 'sqrt(xbar_{L+1} / xbar_{l+1}) within 20 % at every layer',
    verdict: Math.max(...off) <= 0.2 ? 'holds' : 'does not hold',
    runHashes: [record.hash],
  };
}

// Training ------------------------------------------------------------------------------------------------

interface TrainingArm {
  placement: string;
  warmup: boolean;
  maxLr: number;
}

export const armOf = (run: RunRecord): TrainingArm => run.config.arm as unknown as TrainingArm;

function trainings(runs: readonly RunRecord[], arm: Partial<TrainingArm>): RunRecord[] {
  return runs.filter(
    (run) =>
      run.experiment === 'translation' && Object.entries(arm).every(([key, value]) => armOf(run)[key as keyof TrainingArm] === value),
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

function armClaim(runs: readonly RunRecord[], arm: TrainingArm, threshold: string, good: (p: number, run: RunRecord) => boolean): Judged {
  const found = trainings(runs, arm);
  if (found.length === 0) return NOT_RUN;
  if (found.some((run) => run.status === 'measured')) {
    return { ...NOT_RUN, reason: 'no Post-LN run with warm-up learnt anything, so there is nothing to measure progress by' };
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

function lowerRate(runs: readonly RunRecord[], rate: number): Judged {
  const lower = [...new Set(trainings(runs, { placement: 'post', warmup: false }).map((run) => armOf(run).maxLr))].filter((r) => r < rate);
  if (lower.length === 0) return NOT_RUN;
  const judged = lower.map((maxLr) => armClaim(runs, { placement: 'post', warmup: false, maxLr }, 'p >= 0.25', (p) => p >= 0.25));
  return judged.reduce((best, next) => (median(next.perSeed) > median(best.perSeed) ? next : best));
}

// The register --------------------------------------------------------------------------------------------

interface Claim {
  claim: string;
  statement: string;
  figure: string;
  protocol: string;
  expected: Verdict;
  reason?: string;
  only: string;
  judge: (runs: readonly RunRecord[], context: { commonRate: number; log: (x: number) => number }) => Judged;
}

const NEEDS_SIZE = 'this size and number of seeds cannot decide it';

export const register: readonly Claim[] = [
  {
    claim: 'post-gradient-flat',
    statement: 'In Post-LN the gradient of the last feed-forward layer at initialisation does not shrink with depth',
    figure: 'Theorem 1, Fig. 3c',
    protocol: 'toy encoder, d 64, dFF 128, 4 heads, 256 positions, 6 to 14 layers, seed means',
    expected: 'holds',
    only: 'gradients',
    judge: (runs, { log }) => postFlat(runs, log),
  },
  {
    claim: 'pre-gradient-falls',
    statement: 'In Pre-LN it falls as 1 / sqrt(L)',
    figure: 'Theorem 1, Fig. 3d',
    protocol: 'the same encoder and seeds with Pre-LN',
    expected: 'holds',
    only: 'gradients',
    judge: (runs, { log }) => preFalls(runs, log),
  },
  {
    claim: 'pre-post-ratio',
    statement: 'The two differ by the Jacobian of the last norm (Lemma 3): their ratio is sqrt(1.5 / xbar)',
    figure: 'Theorem 1, sharper',
    protocol: "the theory's own model: one head, uniform attention, dFF = d",
    expected: 'holds',
    only: 'gradients',
    judge: ratio,
  },
  {
    claim: 'hidden-norms',
    statement: 'Hidden states: E||x||² is 3d/2 in Post-LN, between (1 + l/2)d and (1 + 3l/2)d in Pre-LN',
    figure: 'Lemma 2',
    protocol: "the theory's own model, averaged over seeds",
    expected: 'holds',
    only: 'gradients',
    judge: hiddenLaw,
  },
  {
    claim: 'peri-hidden-linear',
    statement: 'Peri-LN (Kim et al. 2025): hidden states grow linearly, E||x_l||² = (1 + 2l)d at initialisation',
    figure: 'Kim et al., section 3',
    protocol: "the theory's own model with a norm on the embeddings",
    expected: 'holds',
    only: 'gradients',
    judge: periGrowth,
  },
  {
    claim: 'pre-profile-flat',
    statement: 'In Pre-LN the gradient is almost the same in all layers',
    figure: 'Fig. 3b',
    protocol: 'toy encoder of 6 layers, first over last layer, read literally',
    expected: 'does not hold',
    reason: 'early layers get larger gradients, by sqrt(xbar_{L+1} / xbar_{l+1}): what Lemmas 2 and 3 imply',
    only: 'gradients',
    judge: profileFlat,
  },
  {
    claim: 'pre-profile-law',
    statement: 'In Pre-LN the gradient of layer l is sqrt(xbar_{L+1} / xbar_{l+1}) times that of the last',
    figure: 'Fig. 3b, sharper',
    protocol: 'toy encoder of 12 layers, seed means',
    expected: 'holds',
    only: 'gradients',
    judge: profileLaw,
  },
  {
    claim: 'post-needs-warmup',
    statement: 'Post-LN does not train without warm-up at the common maximal rate',
    figure: 'Fig. 2',
    protocol: 'common tail, un-smoothed validation NLL, all seeds',
    expected: 'holds',
    only: 'translation',
    judge: (runs, { commonRate }) => armClaim(runs, { placement: 'post', warmup: false, maxLr: commonRate }, 'p < 0.25', (p) => p < 0.25),
  },
  {
    claim: 'warmup-rescues-post',
    statement: 'With warm-up Post-LN trains at that rate',
    figure: 'Fig. 2',
    protocol: 'the same run with a linear warm-up; the tail is the same',
    expected: 'holds',
    only: 'translation',
    judge: (runs, { commonRate }) => armClaim(runs, { placement: 'post', warmup: true, maxLr: commonRate }, 'p >= 0.85', (p) => p >= 0.85),
  },
  {
    claim: 'lower-rate-rescues-post',
    statement: 'A lower rate without warm-up also lets Post-LN learn: it is a statement about rates',
    figure: 'Fig. 6',
    protocol: 'the same run at the best of the lower rates of the grid',
    expected: 'holds',
    only: 'translation',
    judge: (runs, { commonRate }) => lowerRate(runs, commonRate),
  },
  {
    claim: 'pre-trains-without-warmup',
    statement: 'Pre-LN trains without warm-up at the common maximal rate',
    figure: 'Fig. 4',
    protocol: 'common tail, un-smoothed validation NLL, all seeds',
    expected: 'holds',
    only: 'translation',
    judge: (runs, { commonRate }) => armClaim(runs, { placement: 'pre', warmup: false, maxLr: commonRate }, 'p >= 0.85', (p) => p >= 0.85),
  },
  {
    claim: 'final-quality',
    statement: 'Pre-LN without warm-up ends as good as Post-LN with it (BLEU about 34)',
    figure: 'Fig. 4',
    protocol: 'needs a plateau and 1,000 test sentences; BLEU here is for information',
    expected: 'not tested',
    reason: NEEDS_SIZE,
    only: 'translation',
    judge: () => ({ ...NOT_RUN, reason: NEEDS_SIZE }),
  },
];

/** Judges every registered claim; claims without runs are `not tested`. */
export function judgeClaims(
  runs: readonly RunRecord[],
  context: { commonRate: number; log: (x: number) => number; command: string; only?: readonly string[] },
): ClaimRow[] {
  return register
    .filter((claim) => !context.only || context.only.includes(claim.only))
    .map((claim) => {
      const judged = claim.judge(runs, context);
      return {
        claim: claim.claim,
        statement: claim.statement,
        figure: claim.figure,
        protocol: claim.protocol,
        expected: claim.expected,
        command: `${context.command} --only ${claim.only}`,
        ...judged,
        reason: judged.reason ?? claim.reason,
      };
    });
}
