/** @file Judges of Fig. 4: how Pre-LN without warm-up compares. */

import type { TranslationArm } from '../kinds/run-spec.js';
import type { RunRecord } from '../results.js';
import { bySeed, type Judged, NOT_RUN } from './judged.js';
import { hashesOf, paired, trainings } from './training.js';

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
  return { ...judged, ...bySeed(perSeed.map((gap) => gap <= 0.05)) };
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
    ...bySeed(perSeed.map((share) => share <= 0.75)),
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
