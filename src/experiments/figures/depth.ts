/**
 * @file Placement times depth, without warm-up (paper, section 3; every placement of docs/placements.md).
 *
 * Claim: at a rate at which Post-LN fails without warm-up, Pre-LN and its kin train at any depth. Setting: the character model
 * of placements.ts with 6, 12 and 24 layers, d 64, 200 steps, maxLr 0.006 · min(1, sqrt(50 / t)), no warm-up, three seeds.
 * A run trains when it ends 0.3 nats below the entropy of the characters. Cost: 5, 10 and 20 s a run on one core.
 * Expected: see the claims; who trains at 24 layers was read off a planning seed.
 */
import { type NormPlacement, normPlacements, placementName } from '../../nn/index.js';
import { bySeedCount } from '../drawing/captions.js';
import { type Experiment, judgedIn, type Scale } from '../experiment.js';
import { acrossSeeds, finalNll } from '../judges/across-seeds.js';
import type { Judged } from '../judges/judged.js';
import type { PlacementRun } from '../kinds/placement.js';
import type { Figure, RunRecord } from '../results.js';
import { median } from '../statistics.js';
import { placementRun } from './placements.js';

const DEPTHS = [6, 12, 24];
const MAX_LR = 6e-3;
/** As in placements.ts. */
const MARGIN = 0.3;
/** What trained at 24 layers on the planning seed, beside Pre-LN and Peri-LN. */
const DEEP: readonly NormPlacement[] = ['pre', 'peri', 'sandwich', 'lns', 'olmo2'];

function depthRun(placement: NormPlacement, numLayers: number, seed: number): PlacementRun {
  const run = placementRun(placement, false, seed, MAX_LR);
  return {
    ...run,
    id: `depth-${placement}-${numLayers}-s${seed}`,
    label: `${placementName(placement)}, ${numLayers} layers, no warm-up, maxLr ${MAX_LR}`,
    recipe: { ...run.recipe, model: { ...run.recipe.model, numLayers } },
  };
}

type Records = readonly RunRecord[];

const depthOf = (run: RunRecord): number =>
  (run.config.recipe as PlacementRun['recipe']).model.numLayers ?? 6;

/** How far a run ends below what character frequencies give. */
const below = (run: RunRecord): number => (run.measured?.unigramNll as number) - finalNll(run);

const cells = (runs: Records, names: readonly NormPlacement[], depths: readonly number[]): RunRecord[][] =>
  names.flatMap((name) =>
    depths.map((depth) => runs.filter((run) => run.placement === name && depthOf(run) === depth)),
  );

const least = (runs: Records, names: readonly NormPlacement[], depths: readonly number[]): Judged =>
  acrossSeeds(
    cells(runs, names, depths),
    {
      metric: 'unigram level less validation NLL, the least of the cells',
      threshold: `>= ${MARGIN}`,
      good: (value) => value >= MARGIN,
    },
    (...own) => Math.min(...own.map(below)),
  );

const most = (runs: Records, names: readonly NormPlacement[]): Judged =>
  acrossSeeds(
    cells(runs, names, DEPTHS),
    {
      metric: 'unigram level less validation NLL, the most of the cells',
      threshold: `< ${MARGIN}`,
      good: (value) => value < MARGIN,
    },
    (...own) => Math.max(...own.map(below)),
  );

function map(runs: Records): Figure {
  const names = normPlacements.filter((name) => runs.some((run) => run.placement === name));
  const value = (name: NormPlacement, depth: number): number | null => {
    const [own] = cells(runs, [name], [depth]);
    const found = own.map(below);
    return found.length > 0 && found.every(Number.isFinite) ? median(found) : null;
  };
  const rows = names
    .map((name) => ({ name, values: DEPTHS.map((depth) => value(name, depth)) }))
    .sort((a, b) => (b.values.at(-1) ?? -1) - (a.values.at(-1) ?? -1));
  return {
    id: 'depth-map',
    kind: 'heatmap',
    title: 'Who trains without warm-up, by depth',
    caption: `Nats below the unigram level after 200 steps of a character model, maxLr ${MAX_LR}, no warm-up; ${bySeedCount(runs, 'medians over seeds')}. From ${MARGIN} on a run counts as trained.`,
    figure: 'beyond the paper',
    xLabel: 'layers',
    yLabel: 'placement',
    xScale: 'linear',
    yScale: 'linear',
    series: [],
    ...(rows.length > 0
      ? {
          heatmap: {
            rowLabel: 'placement',
            columnLabel: 'layers',
            rows: rows.map(({ name }) => placementName(name)),
            columns: DEPTHS.map(String),
            panels: [{ label: 'no warm-up', values: rows.map(({ values }) => values) }],
            valueLabel: 'nats below the unigram level',
          },
        }
      : {}),
  };
}

export const depth: Experiment = {
  name: 'depth',
  title: 'Every placement at 6, 12 and 24 layers, without warm-up',
  runs: ({ preset, seed }: Scale) =>
    preset === 'field'
      ? [831, 832, 833].flatMap((first) =>
          normPlacements.flatMap((placement) =>
            DEPTHS.map((numLayers) => depthRun(placement, numLayers, first + seed)),
          ),
        )
      : [],
  claims: judgedIn(
    ['field'],
    [
      {
        claim: 'depth-post-fails',
        statement: 'Without warm-up Post-LN fails at 6, 12 and 24 layers',
        figure: 'section 3',
        drawnIn: 'depth-map',
        protocol: `200 steps at maxLr ${MAX_LR}; the deepest drop of the three depths below the unigram level, every seed`,
        expected: 'holds',
        judge: (runs) => most(runs, ['post']),
        nature: 'training',
        control: { factor: 'Pre-LN in place of Post-LN', judge: (runs) => most(runs, ['pre']) },
      },
      {
        claim: 'depth-pre-trains',
        statement: 'Pre-LN trains without warm-up at 6, 12 and 24 layers alike',
        figure: 'section 3',
        drawnIn: 'depth-map',
        protocol: 'the same runs with Pre-LN; the least of the three depths, every seed',
        expected: 'holds',
        judge: (runs) => least(runs, ['pre'], DEPTHS),
        nature: 'training',
        control: { factor: 'Post-LN in place of Pre-LN', judge: (runs) => least(runs, ['post'], DEPTHS) },
      },
      {
        claim: 'depth-who-trains',
        statement: `At 24 layers ${DEEP.map(placementName).join(', ')} train without warm-up`,
        figure: 'beyond the paper',
        drawnIn: 'depth-map',
        protocol: 'the same runs at 24 layers; the least of these placements, every seed',
        expected: 'holds',
        judge: (runs) => least(runs, DEEP, [24]),
        nature: 'training',
        control: { factor: 'Post-LN in place of these', judge: (runs) => least(runs, ['post'], [24]) },
      },
    ],
  ),
  figures: (runs) => (runs.length === 0 ? [] : [map(runs)]),
};
