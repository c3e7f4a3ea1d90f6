/**
 * @file Every placement over the same 200 steps, with and without warm-up.
 *
 * Claim: with warm-up every placement of the table trains, DeepNorm later than the others. Setting: a causal language
 * model of 6 layers, d 64, on the characters of the embedded text, 512 a step; `fairseq` initialisation and each placement's own on top, Adam (0.9,
 * 0.98), no clipping; warm-up 50 steps or none, common tail maxLr · min(1, sqrt(50 / t)). Cost: 5 s a run on one core,
 * 190 s together. Expected: see the claims. Sandwich-LN is Peri-LN's block, so its runs equal those of Peri-LN.
 */
import { type NormPlacement, normPlacements, placementName } from '../../nn/index.js';
import type { Experiment, Scale } from '../experiment.js';
import { bySeed, type Judged, NOT_RUN } from '../judges/judged.js';
import type { PlacementRun } from '../kinds/placement.js';
import type { Figure, RunRecord } from '../results.js';

const WARMUP = 50;
const STEPS = 200;
const MAX_LR = 2e-3;
/** A rate at which Post-LN does not train without warm-up, which it does at the common one. */
const FAST_LR = 6e-3;
/** Whose papers say that they need no warm-up; and Post-LN, their control. */
const WITHOUT = ['pre', 'rezero', 'tfixup'] as const;
/** A placement trains when its validation NLL is this many nats below the unigram level. */
const MARGIN = 0.3;
/** What a missing warm-up may cost those that need none, in nats. */
const TOLERANCE = 0.1;

export function placementRun(
  placement: NormPlacement,
  warmup: boolean,
  seed: number,
  maxLr = MAX_LR,
): PlacementRun {
  const fast = maxLr === MAX_LR ? '' : `-${maxLr}`;
  return {
    kind: 'placement',
    id: `placement-${placement}-${warmup ? 'warmup' : 'none'}${fast}-s${seed}`,
    label: `${placementName(placement)}, ${warmup ? `warm-up ${WARMUP}` : 'no warm-up'}${fast && `, maxLr ${maxLr}`}`,
    placement,
    warmup,
    recipe: {
      model: {
        kind: 'causalLM',
        dModel: 64,
        numHeads: 4,
        dFF: 128,
        numLayers: 6,
        normPlacement: placement,
      },
      data: { kind: 'text', source: 'kjv', batchSize: 8, seqLen: 64 },
      tokenizer: { kind: 'chars' },
      optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 },
      schedule: { kind: 'inverseSqrt', maxLr, warmupSteps: warmup ? WARMUP : 0, tailStart: WARMUP },
      steps: STEPS,
      seed,
      evalEvery: 50,
    },
  };
}

/** Records of 0.1 have no recipe: all of them are of the common rate. */
const rateOf = (run: RunRecord) =>
  (run.config.recipe as PlacementRun['recipe'] | undefined)?.schedule?.maxLr ?? MAX_LR;
const nllOf = (run: RunRecord): number => run.finalValidNll ?? Number.POSITIVE_INFINITY;

/** Runs with warm-up, by how far they end below the unigram level. */
function train(
  runs: readonly RunRecord[],
  names: readonly NormPlacement[],
  threshold: string,
  good: (margin: number) => boolean,
): Judged {
  const found = runs.filter(
    (run) =>
      run.config.warmup === true && rateOf(run) === MAX_LR && names.some((name) => name === run.placement),
  );
  if (found.length < names.length) return NOT_RUN;
  const margins = found.map((run) => (run.measured?.unigramNll as number) - nllOf(run));
  const least = margins.indexOf(Math.min(...margins));
  return {
    seeds: [found[0].seed],
    perSeed: [margins[least]],
    metric: `unigram level less validation NLL, the least of ${found.length}: ${placementName(found[least].placement)}`,
    threshold,
    ...bySeed([good(margins[least])]),
    runHashes: found.map((run) => run.hash),
  };
}

const trains = (runs: readonly RunRecord[], names: readonly NormPlacement[]): Judged =>
  train(runs, names, `>= ${MARGIN}`, (margin) => margin >= MARGIN);

const stays = (runs: readonly RunRecord[], name: NormPlacement): Judged =>
  train(runs, [name], `< ${MARGIN}`, (margin) => margin < MARGIN);

/** What warm-up gains, for the placements whose papers say it is not needed. */
function withoutWarmup(runs: readonly RunRecord[], names: readonly NormPlacement[]): Judged {
  const of = (placement: string, warmup: boolean) =>
    runs.find(
      (run) => run.placement === placement && run.config.warmup === warmup && rateOf(run) === FAST_LR,
    );
  const pairs = names.flatMap((name) => {
    const [without, with_] = [of(name, false), of(name, true)];
    return without && with_ ? [{ name, without, with_ }] : [];
  });
  if (pairs.length < names.length) return NOT_RUN;
  const losses = pairs.map(({ without, with_ }) => nllOf(without) - nllOf(with_));
  const most = losses.indexOf(Math.max(...losses));
  return {
    seeds: [pairs[0].without.seed],
    perSeed: [losses[most]],
    metric: `validation NLL without warm-up less that with it, the largest: ${placementName(pairs[most].name)}`,
    threshold: `<= ${TOLERANCE}`,
    ...bySeed([losses[most] <= TOLERANCE]),
    runHashes: pairs.flatMap(({ without, with_ }) => [without.hash, with_.hash]),
  };
}

function curves(runs: readonly RunRecord[], warmup: boolean): Figure {
  const own = runs.filter((run) => run.config.warmup === warmup && rateOf(run) === MAX_LR);
  const unigram = own[0]?.measured?.unigramNll;
  return {
    id: `placements-${warmup ? 'warmup' : 'none'}`,
    title: `Every placement, ${warmup ? `warm-up ${WARMUP} steps` : 'no warm-up'}`,
    caption: `Validation NLL per character of a language model of 6 layers, d 64, maxLr ${MAX_LR}, one seed; the unigram level is what character frequencies give.`,
    figure: 'beyond the paper',
    xLabel: 'step',
    yLabel: 'valid NLL',
    xScale: 'linear',
    yScale: 'linear',
    levels: typeof unigram === 'number' ? [{ label: 'unigram', y: unigram }] : [],
    series: own.map((run) => {
      const points = (run.curve ?? []).filter((p) => p.validNll !== undefined);
      return {
        label: placementName(run.placement),
        placement: run.placement,
        dashed: !warmup,
        x: points.map((p) => p.step),
        y: points.map((p) => p.validNll as number),
      };
    }),
  };
}

export const placementCurves: Experiment = {
  name: 'placements',
  title: 'Every placement over 200 steps',
  runs({ preset, seed }: Scale) {
    if (preset !== 'standard') return [];
    const both = (placement: NormPlacement, maxLr: number) =>
      [true, false].map((warmup) => placementRun(placement, warmup, seed + 702, maxLr));
    return [
      ...normPlacements.flatMap((placement) => both(placement, MAX_LR)),
      ...(['post', ...WITHOUT] as const).flatMap((placement) => both(placement, FAST_LR)),
    ];
  },
  claims: [
    {
      claim: 'every-placement-trains',
      statement: 'With warm-up every placement but DeepNorm trains at depth 6 within 200 steps',
      figure: 'beyond the paper',
      drawnIn: 'placements-warmup',
      protocol: `${STEPS} steps on characters, warm-up ${WARMUP}; validation NLL against the entropy of the characters`,
      expected: 'holds',
      judge: (runs) =>
        trains(
          runs,
          normPlacements.filter((name) => name !== 'deepnorm'),
        ),
      nature: 'training',
      control: { factor: 'DeepNorm in place of the others', judge: (runs) => trains(runs, ['deepnorm']) },
    },
    {
      claim: 'deepnorm-begins-slowly',
      statement:
        'DeepNorm, made for great depth with small first updates, stays at the unigram level in that time',
      figure: 'beyond the paper',
      drawnIn: 'placements-warmup',
      protocol: 'the same run; a statement about the first 200 steps, not about where it ends',
      expected: 'holds',
      judge: (runs) => stays(runs, 'deepnorm'),
      nature: 'training',
      control: { factor: 'Post-LN in place of DeepNorm', judge: (runs) => stays(runs, 'post') },
    },
    {
      claim: 'no-warmup-placements',
      statement: 'Pre-LN, ReZero and T-Fixup train without warm-up as with it',
      figure: 'section 4; Bachlechner et al. and Huang et al. 2020',
      protocol: `the same run with and without at maxLr ${FAST_LR}, common tail`,
      expected: 'holds',
      judge: (runs) => withoutWarmup(runs, WITHOUT),
      nature: 'training',
      control: { factor: 'Post-LN in place of these', judge: (runs) => withoutWarmup(runs, ['post']) },
    },
  ],
  figures: (runs) => [curves(runs, true), curves(runs, false)],
};
