/**
 * @file Does Post-LN need warm-up when updates are orthogonal? Muon (Jordan et al. 2024) with the schedule warm-up, stable,
 * decay (Hu et al. 2024); and norms without statistics, DyT (Zhu et al. 2025, arXiv 2503.10622), in both slots.
 *
 * Claim: none is published. Setting: the character model of placements.ts, 6 layers, d 64, 400 steps, of which the last 80
 * decay linearly to 0; warm-up 50 or none; Muon for hidden matrices and AdamW for the rest at one rate (0.2 sqrt(max(rows,
 * columns)) an update), beside the twin with AdamW for everything: same schedule, rates and seeds. No weight decay, no
 * clipping. A run trains when it ends 0.3 nats below the unigram level. Cost: 10 s a run with AdamW, 22 s with Muon, on one core.
 * Expected: see the claims, read off a planning seed.
 */
import { type NormPlacement, placementName } from '../../nn/index.js';
import { bySeedCount } from '../drawing/captions.js';
import { type Experiment, judgedIn, type Scale } from '../experiment.js';
import { acrossSeeds, finalNll } from '../judges/across-seeds.js';
import type { Judged } from '../judges/judged.js';
import type { PlacementRun } from '../kinds/placement.js';
import type { Figure, RunRecord, Series } from '../results.js';
import { mean } from '../statistics.js';
import { placementRun } from './placements.js';

const STEPS = 400;
const DECAY = 80;
const WARMUP = 50;
const RATES = [0.002, 0.006, 0.02];
/** Rate at which arms are compared. */
const COMMON = 0.006;
const MARGIN = 0.3;
/** What warm-up may gain where it is not needed, in nats. */
const TOLERANCE = 0.1;

interface Arm {
  optimizer: 'muon' | 'adamw';
  placement: 'post' | 'pre';
  warmup: boolean;
  maxLr: number;
  norm: 'layer' | 'dyt';
}

const names = { muon: 'Muon', adamw: 'AdamW' } as const;
const normNames = { layer: '', dyt: ', DyT' } as const;

function wsdRun(arm: Arm, seed: number): PlacementRun {
  const { optimizer, placement, warmup, maxLr, norm } = arm;
  const { recipe } = placementRun(placement, warmup, seed, maxLr);
  const warming = warmup ? `warm-up ${WARMUP}` : 'no warm-up';
  return {
    kind: 'placement',
    id: `wsd-${optimizer}-${placement}${norm === 'dyt' ? '-dyt' : ''}-${warmup ? 'warmup' : 'none'}-${maxLr}-s${seed}`,
    label: `${placementName(placement)}${normNames[norm]}, ${names[optimizer]}, ${warming}, maxLr ${maxLr}`,
    placement,
    warmup,
    recipe: {
      ...recipe,
      model: { ...recipe.model, norm },
      optimizer: { kind: optimizer, betas: [0.9, 0.98], eps: 1e-9, weightDecay: 0 },
      schedule: {
        kind: 'wsd',
        maxLr,
        warmupSteps: warmup ? WARMUP : 0,
        totalSteps: STEPS + 1,
        decaySteps: DECAY,
      },
      steps: STEPS,
      evalEvery: 100,
    },
  };
}

type Records = readonly RunRecord[];

function armOf({ config }: RunRecord): Arm {
  const { placement, warmup, recipe } = config as unknown as PlacementRun;
  const { kind } = recipe.optimizer;
  const { norm = 'layer' } = recipe.model;
  return {
    optimizer: kind as Arm['optimizer'],
    placement: placement as Arm['placement'],
    warmup,
    maxLr: recipe.schedule?.maxLr ?? Number.NaN,
    norm: norm as Arm['norm'],
  };
}

const select = (runs: Records, arm: Partial<Arm>): RunRecord[] =>
  runs.filter((run) => Object.entries(arm).every(([key, value]) => armOf(run)[key as keyof Arm] === value));

const below = (run: RunRecord): number => (run.measured?.unigramNll as number) - finalNll(run);

type Cell = Pick<Arm, 'optimizer' | 'placement'> & Partial<Arm>;
const complete = (cell: Cell): Omit<Arm, 'warmup'> => ({ maxLr: COMMON, norm: 'layer', ...cell });

const nameOf = ({ optimizer, placement, norm, maxLr }: Omit<Arm, 'warmup'>): string =>
  `${placementName(placement)}${normNames[norm]} under ${names[optimizer]}, maxLr ${maxLr}`;

/** How far runs end below the unigram level. */
function trains(runs: Records, cell: Cell, warmup: boolean): Judged {
  const arm = complete(cell);
  return acrossSeeds(
    [select(runs, { ...arm, warmup })],
    {
      metric: `unigram level less final NLL, ${nameOf(arm)}, ${warmup ? 'with' : 'without'} warm-up`,
      threshold: `>= ${MARGIN}`,
      good: (value) => value >= MARGIN,
    },
    below,
  );
}

const gained = (runs: Records, arm: Omit<Arm, 'warmup'>) =>
  [false, true].map((warmup) => select(runs, { ...arm, warmup }));

/** Warm-up gains next to nothing. */
function needsNoWarmup(runs: Records, cell: Cell): Judged {
  const arm = complete(cell);
  return acrossSeeds(
    gained(runs, arm),
    {
      metric: `final NLL without warm-up less that with it, ${nameOf(arm)}`,
      threshold: `<= ${TOLERANCE}`,
      good: (value) => value <= TOLERANCE,
    },
    (without, with_) => finalNll(without) - finalNll(with_),
  );
}

function overRates(runs: Records, optimizer: Arm['optimizer']): Figure {
  const arms = (['post', 'pre'] as const).flatMap((placement) =>
    [false, true].map((warmup) => ({ placement, warmup })),
  );
  return {
    id: `wsd-${optimizer}`,
    title: `${names[optimizer]} with warm-up, stable, decay`,
    caption: `Final validation NLL of a character model of 6 layers after ${STEPS} steps; ${bySeedCount(runs, 'means and ranges over seeds')}. Dashed: no warm-up.`,
    figure: 'beyond the paper',
    xLabel: 'maximal rate',
    yLabel: 'valid NLL',
    xScale: 'log',
    yScale: 'linear',
    levels: runs[0] ? [{ label: 'unigram', y: runs[0].measured?.unigramNll as number }] : [],
    series: arms.flatMap(({ placement, warmup }): Series[] => {
      const columns = RATES.map((maxLr) =>
        select(runs, { optimizer, placement, warmup, maxLr, norm: 'layer' })
          .map(finalNll)
          .filter(Number.isFinite),
      );
      if (columns.every(({ length }) => length === 0)) return [];
      const shown = (reduce: (values: number[]) => number) =>
        columns.map((values) => (values.length > 0 ? reduce(values) : null));
      return [
        {
          label: `${placementName(placement as NormPlacement)}, ${warmup ? 'warm-up' : 'no warm-up'}`,
          placement,
          dashed: !warmup,
          x: RATES,
          y: shown(mean),
          low: shown((values) => Math.min(...values)),
          high: shown((values) => Math.max(...values)),
        },
      ];
    }),
  };
}

const MUON_POST = { optimizer: 'muon', placement: 'post' } as const;
const setting = `${STEPS} steps of warm-up (${WARMUP} or none), stable, decay (${DECAY}), maxLr ${COMMON}, every seed`;

export const muon: Experiment = {
  name: 'muon',
  title: 'Orthogonal updates, and norms without statistics',
  runs: ({ preset, seed }: Scale) =>
    preset === 'field'
      ? [851, 852, 853].flatMap((first) =>
          (['post', 'pre'] as const).flatMap((placement) =>
            [false, true].flatMap((warmup) => [
              ...(['muon', 'adamw'] as const).flatMap((optimizer) =>
                RATES.map((maxLr) =>
                  wsdRun({ optimizer, placement, warmup, maxLr, norm: 'layer' }, first + seed),
                ),
              ),
              wsdRun({ optimizer: 'adamw', placement, warmup, maxLr: COMMON, norm: 'dyt' }, first + seed),
            ]),
          ),
        )
      : [],
  claims: judgedIn(
    ['field'],
    [
      {
        claim: 'muon-post-needs-no-warmup',
        statement: 'Under orthogonal updates Post-LN ends as low without warm-up as with it',
        figure: 'beyond the paper',
        drawnIn: 'wsd-muon',
        protocol: `Muon, ${setting}; at most ${TOLERANCE} nats higher`,
        expected: 'holds',
        judge: (runs) => needsNoWarmup(runs, MUON_POST),
        nature: 'training',
        control: {
          factor: 'AdamW in place of Muon',
          judge: (runs) => needsNoWarmup(runs, { ...MUON_POST, optimizer: 'adamw' }),
        },
      },
      {
        claim: 'muon-post-trains-without',
        statement: 'Under orthogonal updates Post-LN trains without warm-up where it does not under AdamW',
        figure: 'beyond the paper',
        drawnIn: 'wsd-muon',
        protocol: `Muon, no warm-up, ${setting}; ${MARGIN} nats below the unigram level`,
        expected: 'holds',
        judge: (runs) => trains(runs, MUON_POST, false),
        nature: 'training',
        control: {
          factor: 'AdamW in place of Muon',
          judge: (runs) => trains(runs, { ...MUON_POST, optimizer: 'adamw' }, false),
        },
      },
      {
        claim: 'dyt-pre-trains-without',
        statement: 'With DyT in place of LayerNorm the Pre slots train without warm-up',
        figure: 'Zhu et al. 2025',
        protocol: `AdamW, no warm-up, ${setting}; ${MARGIN} nats below the unigram level`,
        expected: 'holds',
        judge: (runs) => trains(runs, { optimizer: 'adamw', placement: 'pre', norm: 'dyt' }, false),
        nature: 'training',
        control: {
          factor: 'the Post slots in place of the Pre slots',
          judge: (runs) => trains(runs, { optimizer: 'adamw', placement: 'post', norm: 'dyt' }, false),
        },
      },
    ],
  ),
  figures: (runs) => (runs.length === 0 ? [] : [overRates(runs, 'muon'), overRates(runs, 'adamw')]),
};
