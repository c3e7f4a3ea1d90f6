/**
 * @file The curse of depth: what each layer is worth once the model is trained (Sun et al. 2025, arXiv 2502.05795; Li et al.
 * 2024, arXiv 2412.13795).
 *
 * Claim: the deep layers of Pre-LN can be left out at little cost, those of LayerNorm Scaling and Mix-LN cannot. Setting:
 * the character model of placements.ts with 12 layers, 800 steps, warm-up 100, maxLr 0.002, common tail; then the validation
 * loss without each layer in turn. What is compared is the mean cost of the last four layers over that of all but the first,
 * whose loss nothing survives in any placement. Cost: 45 s a run on one core. Expected: see the claims.
 */
import { type NormPlacement, placementName } from '../../nn/index.js';
import { bySeedCount } from '../drawing/captions.js';
import { type Experiment, judgedIn, type Scale } from '../experiment.js';
import { acrossSeeds } from '../judges/across-seeds.js';
import type { Judged } from '../judges/judged.js';
import type { LayerDropRun } from '../kinds/layer-drop.js';
import type { Figure, RunRecord, Series } from '../results.js';
import { mean } from '../statistics.js';
import { placementRun } from './placements.js';

const PLACEMENTS: readonly NormPlacement[] = ['post', 'pre', 'lns', 'mix'];
const LAYERS = 12;
const LATE = 4;
const STEPS = 800;
const WARMUP = 100;
const MAX_LR = 2e-3;

function dropRun(placement: NormPlacement, seed: number): LayerDropRun {
  const { recipe } = placementRun(placement, true, seed, MAX_LR);
  return {
    kind: 'layer-drop',
    id: `layer-drop-${placement}-s${seed}`,
    label: `${placementName(placement)}, ${LAYERS} layers, each left out in turn`,
    placement,
    recipe: {
      ...recipe,
      model: { ...recipe.model, numLayers: LAYERS },
      schedule: { kind: 'inverseSqrt', maxLr: MAX_LR, warmupSteps: WARMUP, tailStart: WARMUP },
      steps: STEPS,
      evalEvery: 200,
    },
  };
}

type Records = readonly RunRecord[];

const of = (runs: Records, placement: NormPlacement): RunRecord[] =>
  runs.filter((run) => run.placement === placement);

const dropped = (run: RunRecord): number[] => (run.measured?.dropped as number[] | undefined) ?? [];

/** Mean cost of the last layers over that of all but the first; of the control, of the first behind it. */
function share(run: RunRecord, which: 'late' | 'early' = 'late'): number {
  const rest = dropped(run).slice(1);
  const part = which === 'late' ? rest.slice(-LATE) : rest.slice(0, LATE);
  return mean(part) / mean(rest);
}

/** Late layers are worth less than the average one. */
const lateIsCheap = (runs: Records, placement: NormPlacement): Judged =>
  acrossSeeds(
    [of(runs, placement)],
    {
      metric: `cost of a late layer over that of the average one, ${placementName(placement)}`,
      threshold: '< 1',
      good: (value) => value < 1,
    },
    (run) => share(run),
  );

/** In what part of the model the placement's layers are worth more than Pre-LN's. */
const above = (runs: Records, placement: NormPlacement, which: 'late' | 'early' = 'late'): Judged =>
  acrossSeeds(
    [of(runs, placement), of(runs, 'pre')],
    {
      metric: `share of ${which} layers, ${placementName(placement)} less Pre-LN`,
      threshold: '> 0',
      good: (value) => value > 0,
    },
    (run, pre) => share(run, which) - share(pre, which),
  );

function profile(runs: Records): Figure {
  const layers = Array.from({ length: LAYERS }, (_, i) => i + 1);
  return {
    id: 'layer-drop',
    title: 'What a layer is worth',
    caption: `Rise of the validation NLL when one layer of ${LAYERS} is left out of the trained model; ${bySeedCount(runs, 'means and ranges over seeds')}.`,
    figure: 'Sun et al. 2025',
    xLabel: 'layer left out',
    yLabel: 'rise of the NLL',
    xScale: 'linear',
    yScale: 'log',
    series: PLACEMENTS.flatMap((placement): Series[] => {
      const own = of(runs, placement)
        .map(dropped)
        .filter(({ length }) => length === LAYERS);
      if (own.length === 0) return [];
      // A layer whose absence helps has no place on a logarithmic axis.
      const at = (i: number) => own.map((values) => values[i]).filter((value) => value > 0);
      const shown = (i: number, reduce: (values: number[]) => number) =>
        at(i).length === own.length ? reduce(at(i)) : null;
      return [
        {
          label: placementName(placement),
          placement,
          x: layers,
          y: layers.map((_, i) => shown(i, mean)),
          low: layers.map((_, i) => shown(i, (values) => Math.min(...values))),
          high: layers.map((_, i) => shown(i, (values) => Math.max(...values))),
        },
      ];
    }),
  };
}

const protocol = `${STEPS} steps, ${LAYERS} layers; mean rise of the validation NLL over the last ${LATE} layers, over that of all but the first`;
const exchanged = { factor: 'the early layers in place of the late' };

export const curseOfDepth: Experiment = {
  name: 'curse-of-depth',
  title: 'What each layer is worth',
  runs: ({ preset, seed }: Scale) =>
    preset === 'field'
      ? [841, 842, 843].flatMap((first) => PLACEMENTS.map((placement) => dropRun(placement, first + seed)))
      : [],
  claims: judgedIn(
    ['field'],
    [
      {
        claim: 'pre-late-layers-cheap',
        statement: 'In Pre-LN a late layer can be left out at less cost than the average one',
        paper: 'deep layers of Pre-LN contribute little',
        figure: 'Sun et al. 2025, section 2',
        drawnIn: 'layer-drop',
        protocol,
        expected: 'holds',
        judge: (runs) => lateIsCheap(runs, 'pre'),
        nature: 'training',
        control: { factor: 'Post-LN in place of Pre-LN', judge: (runs) => lateIsCheap(runs, 'post') },
      },
      {
        claim: 'lns-late-layers-count',
        statement: 'With LayerNorm Scaling the late layers are worth more than those of Pre-LN',
        figure: 'Sun et al. 2025, section 4',
        drawnIn: 'layer-drop',
        protocol: `the same share, less that of Pre-LN, paired by seed`,
        expected: 'holds',
        judge: (runs) => above(runs, 'lns'),
        nature: 'training',
        control: { ...exchanged, judge: (runs) => above(runs, 'lns', 'early') },
      },
      {
        claim: 'mix-late-layers-count',
        statement: 'So are those of Mix-LN',
        figure: 'Li et al. 2024',
        drawnIn: 'layer-drop',
        protocol: `the same share, less that of Pre-LN, paired by seed`,
        expected: 'holds',
        judge: (runs) => above(runs, 'mix'),
        nature: 'training',
        control: { ...exchanged, judge: (runs) => above(runs, 'mix', 'early') },
      },
    ],
  ),
  figures: (runs) => (runs.length === 0 ? [] : [profile(runs)]),
};
