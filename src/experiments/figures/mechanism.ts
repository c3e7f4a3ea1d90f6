/**
 * @file Why Post-LN needs its warm-up (paper, section 3.3, against Liu et al. 2020, arXiv 2004.08249).
 *
 * The paper: gradients near the output are large, so a large rate destroys the model. Adam's first updates hardly depend on
 * the size of gradients, so the chain itself is tested. `amplification`: the relative change of the logits after one step of
 * Adam at rate 1e-5, where nothing saturates, against depth; toy encoder of src/theory/probe.ts, d 64, 256 positions, `paper`
 * initialisation. Cost: 4 s a placement on one core. Planning (seeds 9001 to 9004), 3, 6, 12 and 24 layers: Post-LN 0.0040,
 * 0.0144, 0.0307, 0.0612; Pre-LN 0.0023, 0.0054, 0.0086, 0.0150; Peri-LN 0.0037, 0.0070, 0.0094, 0.0152.
 */
import { placementName } from '../../nn/placement-names.js';
import { bySeedCount } from '../drawing/captions.js';
import type { Claim, Experiment, Scale } from '../experiment.js';
import { changeAbove, changeGrows } from '../judges/amplification.js';
import type { AmplificationRun } from '../kinds/amplification.js';
import type { Figure, RunRecord, Series } from '../results.js';
import { mean } from '../statistics.js';

const LAYERS = [3, 6, 12, 24];
const PLACEMENTS = ['post', 'pre', 'peri'] as const;
const RATE = 1e-5;

function amplificationRuns(first: number): AmplificationRun[] {
  return PLACEMENTS.map((placement) => ({
    kind: 'amplification',
    id: `amplification-${placement}`,
    label: `${placementName(placement)}, one step of Adam at rate ${RATE}`,
    placement,
    layers: LAYERS,
    seeds: Array.from({ length: 10 }, (_, i) => first + i),
    dModel: 64,
    lr: RATE,
  }));
}

const claims: Claim[] = [
  {
    claim: 'amplification-post-grows',
    statement: 'In Post-LN a step of Adam changes the logits by more than in proportion to the depth',
    figure: 'Liu et al. 2020, section 4',
    drawnIn: 'amplification',
    protocol: `relative change of the logits after one step at rate ${RATE}, ${LAYERS.join(', ')} layers, d 64; slope in log L of the seed means`,
    expected: 'holds',
    judge: (runs, { log }) => changeGrows(runs, log),
    nature: 'law',
    control: {
      factor: 'Pre-LN in place of Post-LN',
      judge: (runs, { log }) => changeGrows(runs, log, 'pre'),
    },
  },
  {
    claim: 'amplification-post-above-pre',
    statement:
      'The same step changes the logits of a deep Post-LN more than twice as much as those of Pre-LN',
    figure: 'Liu et al. 2020, section 4',
    drawnIn: 'amplification',
    protocol: 'the same models at 12 and 24 layers, paired by seed',
    expected: 'holds',
    judge: (runs) => changeAbove(runs, [12, 24]),
    nature: 'law',
    control: {
      factor: 'Peri-LN in place of Post-LN',
      judge: (runs) => changeAbove(runs, [12, 24], 'peri'),
    },
  },
];

function amplificationFigure(runs: readonly RunRecord[]): Figure {
  const found = runs.filter(({ experiment }) => experiment === 'amplification');
  const series = found.map(({ placement, measured = {} }): Series => {
    const values = LAYERS.map((n) => measured[`change@${n}`] as number[]);
    return {
      label: placementName(placement),
      placement,
      x: LAYERS,
      y: values.map(mean),
      low: values.map((v) => Math.min(...v)),
      high: values.map((v) => Math.max(...v)),
    };
  });
  return {
    id: 'amplification',
    title: 'What one step of Adam does to the logits',
    caption: `Relative change of an untrained encoder's logits after one step at rate ${RATE}, d 64; ${bySeedCount(found, 'means and ranges over seeds')}.`,
    figure: 'Liu et al. 2020',
    xLabel: 'layers',
    yLabel: 'relative change of the logits',
    xScale: 'log',
    yScale: 'log',
    series,
  };
}

export const mechanism: Experiment = {
  name: 'mechanism',
  title: 'Why Post-LN needs its warm-up',
  runs({ preset, seed }: Scale) {
    if (preset !== 'quick' && preset !== 'standard') return [];
    return amplificationRuns(seed + (preset === 'quick' ? 251 : 261));
  },
  claims,
  figures: (runs) => [amplificationFigure(runs)],
};
