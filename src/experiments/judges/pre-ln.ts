/** @file Judges of Fig. 4: how Pre-LN without warm-up compares. */

import type { TranslationArm } from '../kinds/run-spec.js';
import type { RunRecord } from '../results.js';
import { equivalence } from './equivalence.js';
import { bySeed, type Judged, NOT_RUN } from './judged.js';
import { hashesOf, paired, trainings } from './training.js';

const LONG = [
  { placement: 'post', warmup: true, variant: 'long' },
  { placement: 'pre', warmup: false, variant: 'long' },
] as const;

export interface Descent {
  best: number;
  step: number;
  /** Relative improvement of the best NLL over the last fifth of the steps. */
  late: number;
  /** How far the last evaluation is above the best. */
  risen: number;
  points: { step: number; nll: number }[];
  /** Seconds of an update, evaluations included. */
  perStep: number;
}

/** The evaluations of a run, or of its first part. */
export function descent(run: RunRecord, part = 1): Descent {
  const points = (run.curve ?? []).flatMap(({ step, validNll }) =>
    validNll === undefined || step > part * run.steps ? [] : [{ step, nll: validNll }],
  );
  const best = points.reduce((a, b) => (b.nll < a.nll ? b : a), points[0]);
  const before = Math.min(...points.filter((p) => p.step <= 0.8 * part * run.steps).map((p) => p.nll));
  const risen = points[points.length - 1].nll - best.nll;
  const perStep = run.seconds / run.steps;
  return { best: best.nll, step: best.step, late: (before - best.nll) / before, risen, points, perStep };
}

function longPairs(runs: readonly RunRecord[]): { seed: number; post: Descent; pre: Descent }[] {
  const [post, pre] = LONG.map((arm) => trainings(runs, arm));
  return post.flatMap((run) => {
    const other = pre.find(({ seed }) => seed === run.seed);
    return other ? [{ seed: run.seed, post: descent(run), pre: descent(other) }] : [];
  });
}

/** What decides nothing about where a run ends: it is still falling, or has overfitted. */
export function undecided(runs: readonly Descent[]): string | undefined {
  if (runs.some(({ risen }) => risen > RISEN))
    return `validation NLL has risen by up to ${Math.max(...runs.map(({ risen }) => risen)).toFixed(2)} since its best: overfitted`;
  if (runs.some(({ late }) => late >= 0.005)) return 'NLL was still falling at the end';
}

/** A run whose validation NLL has risen by more since its best has overfitted. */
const RISEN = 0.02;

/** Best validation NLL of both headline arms, once they have stopped improving and before they have got worse. */
export function parity(runs: readonly RunRecord[]): Judged {
  const pairs = longPairs(runs);
  if (pairs.length === 0) return NOT_RUN;
  const judged = {
    ...equivalence(
      pairs.map(({ pre, post }) => pre.best - post.best),
      0.05,
    ),
    seeds: pairs.map(({ seed }) => seed),
    metric: 'best NLL of Pre-LN without minus that of Post-LN with warm-up',
    runHashes: hashesOf(runs, LONG),
  };
  const reason = undecided(pairs.flatMap(({ post, pre }) => [post, pre]));
  return reason ? { ...judged, verdict: 'not tested', reason } : judged;
}

/** Bar 21: the share of Post-LN's updates, or seconds, that Pre-LN needs to get to the same validation NLL. */
export function speedUp(runs: readonly RunRecord[], { exchanged = false, inSeconds = false } = {}): Judged {
  const pairs = longPairs(runs);
  if (pairs.length === 0) return NOT_RUN;
  const perSeed = pairs.map((pair) => {
    const [pre, post] = exchanged ? [pair.post, pair.pre] : [pair.pre, pair.post];
    const reached = pre.points.find(({ nll }) => nll <= post.best);
    if (!reached) return Number.POSITIVE_INFINITY;
    return (reached.step / post.step) * (inSeconds ? pre.perStep / post.perStep : 1);
  });
  const names = ['Pre-LN without warm-up', 'Post-LN with it'];
  const [fast, slow] = exchanged ? [...names].reverse() : names;
  return {
    seeds: pairs.map(({ seed }) => seed),
    perSeed,
    metric: `${inSeconds ? 'seconds' : 'updates'} of ${fast} to the best NLL of ${slow}, over those of the latter`,
    threshold: '<= 0.75',
    ...bySeed(perSeed.map((share) => share <= 0.75)),
    runHashes: hashesOf(runs, LONG),
  };
}

/** Bar 23: the first arm's NLL over the second's, around 1 by a share. */
export function closeTo(
  runs: readonly RunRecord[],
  arm: TranslationArm,
  reference: TranslationArm,
  share: number,
): Judged {
  const label = (a: TranslationArm) => trainings(runs, a)[0]?.label ?? '';
  return paired(
    runs,
    [arm, reference],
    `NLL of ${label(arm)} over that of ${label(reference)}`,
    `1 ± ${share}`,
    (a, b) => a / b,
    (ratio) => Math.abs(ratio - 1) < share,
  );
}
