/**
 * @file The register of the paper's claims, each with its bar and our expectation. The bars were fixed before the
 * runs they judge; see docs/paper.md.
 */
import {
  hiddenLaw,
  periGrowth,
  postFlat,
  preFalls,
  profileFlat,
  profileLaw,
  ratio,
} from './judge-gradients.js';
import { armClaim, lowerRate } from './judge-training.js';
import { type Judged, NOT_RUN } from './judged.js';
import type { ClaimRow, RunRecord, Verdict } from './results.js';

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
    statement:
      'In Post-LN the gradient of the last feed-forward layer at initialisation does not shrink with depth',
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
    statement:
      'Peri-LN (Kim et al. 2025): hidden states grow linearly, E||x_l||² = (1 + 2l)d at initialisation',
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
    judge: (runs, { commonRate }) =>
      armClaim(runs, { placement: 'post', warmup: false, maxLr: commonRate }, 'p < 0.25', (p) => p < 0.25),
  },
  {
    claim: 'warmup-rescues-post',
    statement: 'With warm-up Post-LN trains at that rate',
    figure: 'Fig. 2',
    protocol:
      'the same run with a linear warm-up; the tail is the same. p is 1 by definition at the best rate of this arm, so the NLL must also be clearly below the unigram level',
    expected: 'holds',
    only: 'translation',
    judge: (runs, { commonRate }) =>
      armClaim(
        runs,
        { placement: 'post', warmup: true, maxLr: commonRate },
        'p >= 0.85, and NLL <= U - 0.5',
        (p, { finalValidNll = Number.POSITIVE_INFINITY, unigramNll = Number.NaN }) =>
          p >= 0.85 && finalValidNll <= unigramNll - 0.5,
      ),
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
    judge: (runs, { commonRate }) =>
      armClaim(runs, { placement: 'pre', warmup: false, maxLr: commonRate }, 'p >= 0.85', (p) => p >= 0.85),
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
