/**
 * @file The paper's advice, taken at its word: leave the warm-up out and use Pre-LN (abstract and section 5).
 *
 * Claim: for Pre-LN warm-up is not needed. Setting: translation of the grid (fig2.ts): 6+6 layers, d 64, `fairseq`
 * initialisation, Adam (0.9, 0.98), common tail, warm-up 400 or none, rates up to 0.008, each arm at its own best; the lowest
 * validation NLL, since on this little data Pre-LN overfits. BLEU (450 sentences, greedy) stands beside it and decides nothing.
 * Cost: 65 s a run on one core. Expected, from planning seeds: without warm-up it trains, and with it it ends better at the
 * best rates.
 */
import { bySeedCount } from '../drawing/captions.js';
import { type Experiment, judgedIn, type Scale } from '../experiment.js';
import { acrossSeeds, bestNll, byRate, isEdge } from '../judges/across-seeds.js';
import { equivalence } from '../judges/equivalence.js';
import { type Judged, NOT_RUN } from '../judges/judged.js';
import { armOf, trainings } from '../judges/training.js';
import type { Figure, RunRecord, Series } from '../results.js';
import { mean } from '../statistics.js';
import { gridRun, translationGrid } from './translation-grid.js';

const VARIANT = 'advice';
/** What counts as a gain, or a loss, in nats; that of parity everywhere. */
const MARGIN = 0.05;

type Records = readonly RunRecord[];

const rateOf = (run: RunRecord): number => armOf(run).maxLr;
const arm = (runs: Records, warmup: boolean): RunRecord[] =>
  trainings(runs, { placement: 'pre', warmup, variant: VARIANT });

/** The two arms at the rates that `choose` takes for each, the one without warm-up first. */
function chosen(runs: Records, choose: (own: Records) => number): RunRecord[][] {
  return [false, true].map((warmup) => {
    const own = arm(runs, warmup);
    const rate = own.length > 0 ? choose(own) : Number.NaN;
    return own.filter((run) => rateOf(run) === rate);
  });
}

const best = (own: Records): number => byRate(own, rateOf)[0].rate;
const lowest = (own: Records): number => Math.min(...own.map(rateOf));

function gain(runs: Records, choose: (own: Records) => number, what: string): Judged {
  const [without, with_] = chosen(runs, choose);
  const rates = [without, with_].map((own) => (own[0] ? rateOf(own[0]) : '?')).join(' and ');
  const judged = acrossSeeds(
    [without, with_],
    {
      metric: `lowest NLL without warm-up less that with it, ${what} (${rates})`,
      threshold: `> ${MARGIN}`,
      good: (value) => value > MARGIN,
    },
    (a, b) => bestNll(a) - bestNll(b),
  );
  const edge = [without, with_].some(
    (own, i) => own[0] && choose === best && isEdge(rateOf(own[0]), arm(runs, i === 1), rateOf),
  );
  if (!edge || judged.verdict === 'not tested') return judged;
  return {
    ...judged,
    verdict: 'not decided',
    reason: 'a best rate lies on the edge of the grid, so it is no optimum',
  };
}

function removable(runs: Records): Judged {
  const [without, with_] = chosen(runs, best);
  const seeds = without.map(({ seed }) => seed).filter((seed) => with_.some((run) => run.seed === seed));
  if (seeds.length === 0) return NOT_RUN;
  const of = (own: Records, seed: number) => own.find((run) => run.seed === seed) as RunRecord;
  const differences = seeds.map((seed) => bestNll(of(without, seed)) - bestNll(of(with_, seed)));
  return {
    seeds,
    metric: 'lowest NLL without warm-up less that with it, each at its own best rate',
    ...equivalence(differences, MARGIN),
    runHashes: [...without, ...with_].map(({ hash }) => hash),
  };
}

function overRates(runs: Records, id: string, name: string, of: (run: RunRecord) => number): Figure {
  return {
    id,
    title: `Pre-LN with and without warm-up: ${name} over the rate`,
    caption: `Translation, 6+6 layers, 900 steps, warm-up 400 or none, common tail; ${bySeedCount(runs, 'mean, lowest and highest over seeds')}.`,
    figure: 'beyond the paper',
    xLabel: 'maximal rate',
    yLabel: name,
    xScale: 'log',
    yScale: 'linear',
    series: [false, true].flatMap((warmup): Series[] => {
      const groups = byRate(arm(runs, warmup), rateOf)
        .map(({ rate, runs: own }) => ({ rate, values: own.map(of).filter(Number.isFinite) }))
        .filter(({ values }) => values.length > 0)
        .sort((a, b) => a.rate - b.rate);
      if (groups.length === 0) return [];
      return [
        {
          label: `Pre-LN, ${warmup ? 'warm-up' : 'no warm-up'}`,
          placement: 'pre',
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

export const advice: Experiment = {
  name: 'advice',
  title: "The paper's advice: Pre-LN without warm-up",
  runs(scale: Scale) {
    if (scale.preset !== 'field') return [];
    const grid = translationGrid(scale);
    return grid.rates.flatMap((maxLr) =>
      [false, true].flatMap((warmup) =>
        grid.seeds.map((seed) =>
          gridRun(grid, { placement: 'pre', warmup, maxLr, variant: VARIANT }, seed, { decode: grid.decode }),
        ),
      ),
    );
  },
  claims: judgedIn(
    ['field'],
    [
      {
        claim: 'warmup-helps-pre',
        statement: 'Warm-up makes Pre-LN better too, each arm at its own best rate',
        figure: 'beyond the paper',
        drawnIn: 'advice-nll',
        protocol: `rates 0.001 to 0.008, five seeds; lowest validation NLL, above ${MARGIN} nats in every seed; not decided where a best rate is on the edge of the grid`,
        expected: 'holds',
        judge: (runs) => gain(runs, best, 'each at its own best rate'),
        nature: 'training',
        control: {
          factor: 'the lowest rate in place of the best',
          judge: (runs) => gain(runs, lowest, 'both at the lowest rate'),
        },
      },
      {
        claim: 'pre-warmup-removable',
        statement: 'For Pre-LN the warm-up can be removed without loss',
        paper: 'the learning rate warm-up stage can be removed',
        figure: 'abstract, section 5',
        drawnIn: 'advice-nll',
        protocol: `the same runs, equivalence within ${MARGIN} nats both ways, each arm at its own best rate`,
        expected: 'does not hold',
        reason: 'on planning seeds warm-up allows a higher rate, at which Pre-LN ends better',
        judge: (runs) => removable(runs),
        nature: 'training',
        control: { none: 'the claim fails its bar itself' },
      },
    ],
  ),
  figures: (runs) => [
    overRates(runs, 'advice-nll', 'lowest validation NLL', bestNll),
    overRates(runs, 'advice-bleu', 'BLEU of 450 sentences, greedy', (run) => run.bleu?.score ?? Number.NaN),
  ],
};
