/**
 * @file The headline claims asked of one's own data (paper, sections 3 and 4): `prenorm reproduce --data DIR`.
 *
 * Claim: Post-LN needs warm-up, Pre-LN trains without, and depends less on rate and warm-up. Setting: of pairs the
 * encoder-decoder of fig2.ts (6+6 layers, d 64, 900 steps, warm-up 400 or none), of a text the character model of
 * placements.ts (6 layers, d 64, 600 steps, warm-up 100 or none); four rates, three seeds, common tail. The lowest validation
 * NLL counts, as one's own data may be learnt by heart; a difference is one above 0.1 nats. Cost: 65 s a run of pairs, 15 s of
 * text, on one core. Expected: what the paper says; which bars hold on the data is what is asked.
 */
import type { NormPlacement } from '../../nn/index.js';
import { placementName } from '../../nn/placement-names.js';
import { bySeedCount } from '../drawing/captions.js';
import { type Experiment, judgedIn, type Scale } from '../experiment.js';
import { acrossSeeds, bestNll, byRate } from '../judges/across-seeds.js';
import { bySeed, type Judged, NOT_RUN } from '../judges/judged.js';
import { type Arm, adviceOn, armOf } from '../judges/own-advice.js';
import { OWN_MARGIN, type OwnData, ownTokenizer } from '../kinds/own-data.js';
import type { PlacementRun } from '../kinds/placement.js';
import type { RunSpec } from '../kinds/run-kind.js';
import type { Figure, RunRecord, Series } from '../results.js';
import { mean } from '../statistics.js';
import { placementRun } from './placements.js';
import { gridRun, type TranslationGrid, translationGrid } from './translation-grid.js';

const SEEDS = [871, 872, 873];
const TEXT = { steps: 600, warmup: 100, rates: [0.012, 0.006, 0.003, 0.0015] };
const PAIR_RATES = [0.004, 0.002, 0.001, 0.0005];

const ARMS = (['post', 'pre'] as const).flatMap((placement) =>
  [false, true].map((warmup) => ({ placement, warmup })),
);

function textRun(source: string, { placement, warmup, maxLr }: Arm, seed: number): PlacementRun {
  const { recipe } = placementRun(placement as NormPlacement, warmup, seed, maxLr);
  return {
    kind: 'placement',
    id: `own-text-${placement}-${warmup ? 'warmup' : 'none'}-${maxLr}-s${seed}`,
    label: `${placementName(placement)}, ${warmup ? `warm-up ${TEXT.warmup}` : 'no warm-up'}, maxLr ${maxLr}`,
    placement: placement as NormPlacement,
    warmup,
    recipe: {
      ...recipe,
      data: { ...recipe.data, source },
      schedule: {
        kind: 'inverseSqrt',
        maxLr,
        warmupSteps: warmup ? TEXT.warmup : 0,
        tailStart: TEXT.warmup,
      },
      steps: TEXT.steps,
    },
  };
}

function runsOn(own: OwnData, scale: Scale): RunSpec[] {
  const seeds = SEEDS.map((seed) => seed + scale.seed);
  const all = (rates: readonly number[], make: (arm: Arm, seed: number) => RunSpec) =>
    ARMS.flatMap((arm) => rates.flatMap((maxLr) => seeds.map((seed) => make({ ...arm, maxLr }, seed))));
  if (own.kind === 'text') return all(TEXT.rates, (arm, seed) => textRun(own.source, arm, seed));
  const base = translationGrid({ ...scale, data: own.source });
  const grid: TranslationGrid = {
    ...base,
    rates: PAIR_RATES,
    decode: null,
    recipe: {
      ...base.recipe,
      data: { kind: 'pairs', source: own.source, maxTokens: own.maxTokens },
      tokenizer: ownTokenizer.pairs,
      evalEvery: 50,
    },
  };
  return all(PAIR_RATES, (arm, seed) => gridRun(grid, arm, seed));
}

type Records = readonly RunRecord[];

const rateOf = (run: RunRecord): number => armOf(run).maxLr;
const arm = (runs: Records, placement: string, warmup: boolean): RunRecord[] =>
  runs.filter((run) => armOf(run).placement === placement && armOf(run).warmup === warmup);

/** The second largest rate, at which arms are compared. */
const commonRate = (runs: Records): number =>
  [...new Set(runs.map(rateOf))].sort((a, b) => b - a)[1] ?? Number.NaN;
const atCommon = (runs: Records, placement: string, warmup: boolean): RunRecord[] =>
  arm(runs, placement, warmup).filter((run) => rateOf(run) === commonRate(runs));

const needsWarmup = (runs: Records, placement: 'post' | 'pre'): Judged =>
  acrossSeeds(
    [atCommon(runs, placement, false), atCommon(runs, placement, true)],
    {
      metric: `lowest NLL of ${placementName(placement)} without warm-up less that with it, maxLr ${commonRate(runs)}`,
      threshold: `> ${OWN_MARGIN}`,
      good: (value) => value > OWN_MARGIN,
    },
    (without, with_) => bestNll(without) - bestNll(with_),
  );

/** Against Post-LN with warm-up at its own best rate. */
function trainsWithout(runs: Records, placement: 'post' | 'pre'): Judged {
  const [reference] = byRate(arm(runs, 'post', true), rateOf);
  if (!reference) return NOT_RUN;
  return acrossSeeds(
    [atCommon(runs, placement, false), reference.runs],
    {
      metric: `lowest NLL of ${placementName(placement)} without warm-up at ${commonRate(runs)} less that of Post-LN with it at ${reference.rate}`,
      threshold: `< ${OWN_MARGIN}`,
      good: (value) => value < OWN_MARGIN,
    },
    (without, with_) => bestNll(without) - bestNll(with_),
  );
}

function lessTuning(runs: Records, [less, more]: readonly ['pre' | 'post', 'pre' | 'post']): Judged {
  const seeds = [...new Set(runs.map(({ seed }) => seed))];
  const spread = (placement: string, seed: number): number => {
    const found = runs.filter((run) => run.seed === seed && armOf(run).placement === placement).map(bestNll);
    return found.length > 1 ? Math.max(...found) - Math.min(...found) : Number.NaN;
  };
  const perSeed = seeds.map((seed) => spread(less, seed) - spread(more, seed));
  if (perSeed.length === 0 || perSeed.some(Number.isNaN)) return NOT_RUN;
  return {
    seeds,
    perSeed,
    metric: `spread of ${placementName(less)} over rates and warm-ups less that of ${placementName(more)}`,
    threshold: `< -${OWN_MARGIN}`,
    ...bySeed(perSeed.map((value) => value < -OWN_MARGIN)),
    runHashes: runs.map(({ hash }) => hash),
  };
}

function overRates(runs: Records): Figure {
  return {
    id: 'own-nll',
    title: 'Placement, warm-up and rate on your data',
    caption: `Lowest validation NLL; ${bySeedCount(runs, 'mean, lowest and highest over seeds')}. Dashed: no warm-up.`,
    figure: 'your data',
    xLabel: 'maximal rate',
    yLabel: 'lowest valid NLL',
    xScale: 'log',
    yScale: 'linear',
    series: ARMS.flatMap(({ placement, warmup }): Series[] => {
      const groups = byRate(arm(runs, placement, warmup), rateOf)
        .map(({ rate, runs: own }) => ({ rate, values: own.map(bestNll).filter(Number.isFinite) }))
        .filter(({ values }) => values.length > 0)
        .sort((a, b) => a.rate - b.rate);
      if (groups.length === 0) return [];
      return [
        {
          label: `${placementName(placement)}, ${warmup ? 'warm-up' : 'no warm-up'}`,
          placement,
          dashed: !warmup,
          x: groups.map(({ rate }) => rate),
          y: groups.map(({ values }) => mean(values)),
          low: groups.map(({ values }) => Math.min(...values)),
          high: groups.map(({ values }) => Math.max(...values)),
        },
      ];
    }),
  };
}

export const ownData: Experiment = {
  name: 'own',
  title: 'The headline claims on your data',
  runs: (scale: Scale) => (scale.preset === 'own' && scale.own ? runsOn(scale.own, scale) : []),
  claims: judgedIn(
    ['own'],
    [
      {
        claim: 'own-post-needs-warmup',
        statement: 'On this data Post-LN needs warm-up',
        figure: 'Fig. 2',
        drawnIn: 'own-nll',
        protocol: `the second largest of four rates, common tail; more than ${OWN_MARGIN} nats in every seed`,
        expected: 'holds',
        judge: (runs) => needsWarmup(runs, 'post'),
        nature: 'training',
        control: { factor: 'Pre-LN in place of Post-LN', judge: (runs) => needsWarmup(runs, 'pre') },
      },
      {
        claim: 'own-pre-trains-without',
        statement: 'On this data Pre-LN without warm-up ends no worse than Post-LN with it',
        figure: 'Fig. 4',
        drawnIn: 'own-nll',
        protocol: `the second largest of four rates against the best rate of Post-LN with warm-up; less than ${OWN_MARGIN} nats above it in every seed`,
        expected: 'holds',
        judge: (runs) => trainsWithout(runs, 'pre'),
        nature: 'training',
        control: { factor: 'Post-LN in place of Pre-LN', judge: (runs) => trainsWithout(runs, 'post') },
      },
      {
        claim: 'own-pre-needs-less-tuning',
        statement: 'On this data Pre-LN depends less on the rate and on the warm-up than Post-LN',
        figure: 'sections 3.2 and 5',
        drawnIn: 'own-nll',
        protocol: `largest minus smallest of the lowest NLLs over four rates with and without warm-up; smaller by more than ${OWN_MARGIN} nats in every seed`,
        expected: 'holds',
        judge: (runs) => lessTuning(runs, ['pre', 'post']),
        nature: 'training',
        control: {
          factor: 'the two placements exchanged',
          judge: (runs) => lessTuning(runs, ['post', 'pre']),
        },
      },
    ],
  ),
  figures: (runs) => (runs.length === 0 ? [] : [overRates(runs)]),
  advice: (runs) => adviceOn(runs, OWN_MARGIN),
};
