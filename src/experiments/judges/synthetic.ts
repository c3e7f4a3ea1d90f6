/** @file Judges where both placements end on the source whose entropy rate is known (kinds/markov.ts). */
import type { RunRecord } from '../results.js';
import { mean } from '../statistics.js';
import { equivalence } from './equivalence.js';
import { type Judged, NOT_RUN } from './judged.js';
import { descent, undecided } from './pre-ln.js';

/** Nats per symbol within which two ends are one. */
const MARGIN = 0.02;

/**
 * Pre-LN without against Post-LN with warm-up at their best evaluations.
 * @param part of Post-LN's steps that count: the control stops it early
 */
export function syntheticParity(runs: readonly RunRecord[], part = 1): Judged {
  const pairs = runs
    .filter((run) => run.experiment === 'markov' && run.placement === 'pre')
    .flatMap((pre) => {
      const post = runs.find(({ placement, seed }) => placement === 'post' && seed === pre.seed);
      return post && pre.curve && post.curve ? [{ pre, post }] : [];
    });
  if (pairs.length === 0) return NOT_RUN;
  const ends = pairs.map(({ pre, post }) => ({ pre: descent(pre), post: descent(post, part) }));
  const rate = pairs[0].pre.measured?.entropyRate as number;
  const above = (of: 'pre' | 'post') => mean(ends.map((pair) => pair[of].best - rate)).toFixed(4);
  const judged = {
    ...equivalence(
      ends.map(({ pre, post }) => pre.best - post.best),
      MARGIN,
    ),
    seeds: pairs.map(({ pre }) => pre.seed),
    metric: `best NLL of Pre-LN without minus Post-LN with warm-up; above the entropy rate of ${rate.toFixed(4)} they are by ${above('pre')} and ${above('post')}`,
    runHashes: pairs.flatMap(({ pre, post }) => [pre.hash, post.hash]),
  };
  // A run that is stopped early is still falling: that is what the control is about.
  const reason = part === 1 ? undecided(ends.flatMap(({ pre, post }) => [pre, post])) : undefined;
  return reason ? { ...judged, verdict: 'not tested', reason } : judged;
}
