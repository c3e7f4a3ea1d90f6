/** @file Fig. 3 as data: gradients at initialisation over depth and over layers, the theory beside them. */

import { placementName } from '../../nn/placement-names.js';
import {
  lastLayerGradient,
  periLastLayerGradient,
  postHiddenNorm,
  profileRatio,
} from '../../theory/index.js';
import { byDepth, depthMeans, lastHidden, lastStack, lastW2 } from '../judges/gradients.js';
import type { GradientsRecord } from '../judges/judged.js';
import { TOY_POSITIONS } from '../kinds/gradients.js';
import type { Figure, RunRecord, Series } from '../results.js';
import { mean } from '../statistics.js';
import { bySeedCount } from './captions.js';

const SETTINGS: Record<string, { title: string; text: string; r: number }> = {
  theory: { title: "the theory's model", text: 'one head, uniform attention, dFF = d', r: 1 },
  toy: { title: 'toy encoder', text: 'four heads, dFF = 2d, random tokens', r: 2 },
  translation: {
    title: 'encoder-decoder on real sentences',
    text: 'dFF = 2d, gradient averaged over batches',
    r: 2,
  },
  'translation-512': {
    title: 'encoder-decoder on real sentences, d 512',
    text: 'dFF = 2d, one batch of a few sentences',
    r: 2,
  },
};

/** Every setting that was measured: over depth, and layer by layer at the largest depth. */
export function gradientFigures(runs: readonly RunRecord[]): Figure[] {
  return Object.keys(SETTINGS)
    .flatMap((setting) => {
      const records = runs.filter(
        (run) =>
          run.experiment === 'gradients' &&
          `${run.config.setting}${run.config.dModel === 512 ? '-512' : ''}` === setting &&
          !run.config.trained,
      ) as GradientsRecord[];
      return records.length > 0 ? [depthFigure(setting, records), profileFigure(setting, records)] : [];
    })
    .concat(warmupFigure(runs));
}

/** Post-LN at initialisation and after its warm-up, layer by layer. */
function warmupFigure(runs: readonly RunRecord[]): Figure[] {
  const found = runs.filter(({ experiment }) => experiment === 'gradients') as GradientsRecord[];
  const after = found.find(({ config }) => config.trained);
  if (!after) return [];
  const depth = after.points[0].numLayers;
  const seeds = new Set(after.points.map(({ seed }) => seed));
  const same = ({ config, placement }: GradientsRecord) =>
    placement === after.placement &&
    config.setting === after.config.setting &&
    config.dModel === after.config.dModel;
  const x = Array.from({ length: depth }, (_, i) => i + 1);
  return [
    {
      id: 'profile-after-warmup',
      title: `Gradient of W2 before and after warm-up, ${depth} layers`,
      caption: `Layers of the decoder on real sentences, gradient averaged over batches; ${bySeedCount(
        after.points,
        'line: mean over seeds',
      )}.`,
      figure: 'Fig. 3a, b',
      xLabel: 'layer l',
      yLabel: '||dL/dW2||',
      xScale: 'linear',
      yScale: 'log',
      series: found.filter(same).map((record) => ({
        ...spread(
          `${placementName(record.placement)}, ${record.config.trained ? 'after warm-up' : 'at initialisation'}`,
          record.placement,
          x,
          record.points
            .filter(({ numLayers, seed }) => numLayers === depth && seeds.has(seed))
            .map((p) => lastStack(p).map(({ w2 }) => w2)),
        ),
        dashed: record === after,
      })),
    },
  ];
}

function spread(label: string, placement: string, x: number[], rows: number[][]): Series {
  const column = (i: number) => rows.map((row) => row[i]);
  return {
    label,
    placement,
    x,
    y: x.map((_, i) => mean(column(i))),
    low: x.map((_, i) => Math.min(...column(i))),
    high: x.map((_, i) => Math.max(...column(i))),
  };
}

function depthFigure(setting: string, records: GradientsRecord[]): Figure {
  const { title, text, r } = SETTINGS[setting];
  const series: Series[] = [];
  for (const record of records) {
    const { placement } = record;
    const measured = byDepth(record, lastW2);
    series.push(spread(placementName(placement), placement, measured.layers, measured.values));
    const theory = theoryLine(setting, record, r, measured.layers, depthMeans(measured));
    series.push({
      label: `${placementName(placement)}, theory`,
      placement,
      dashed: true,
      x: measured.layers,
      y: theory,
    });
  }
  return {
    id: `depth-${setting}`,
    title: `Gradient of the last feed-forward W2 at initialisation: ${title}`,
    caption: `Frobenius norm over depth (${text}); ${bySeedCount(
      records[0].points,
      `line: mean over ${(records[0].config.seeds as number[]).length} seeds`,
    )}. Dotted: ${
      setting.startsWith('translation')
        ? 'the shape the theory predicts (Post-LN constant, the others 1/sqrt(xbar) with measured xbar), anchored at the first depth'
        : 'the prediction sqrt(E||h||² / (N xbar)), without free parameters'
    }. The theory says that Post-LN stays and that Pre-LN and Peri-LN fall.`,
    figure: 'Fig. 3c, d',
    xLabel: 'layers L',
    yLabel: '||dL/dW2||',
    xScale: 'linear',
    yScale: 'linear',
    series,
  };
}

function theoryLine(
  setting: string,
  record: GradientsRecord,
  r: number,
  layers: number[],
  measured: number[],
): number[] {
  const d = record.config.dModel as number;
  const xbar = depthMeans(byDepth(record, lastHidden));
  if (setting.startsWith('translation')) {
    return layers.map((_, i) =>
      record.placement === 'post' ? measured[0] : measured[0] * Math.sqrt(xbar[0] / xbar[i]),
    );
  }
  return layers.map((_, i) => {
    if (record.placement === 'post') return lastLayerGradient(d, r, TOY_POSITIONS, postHiddenNorm(r));
    if (record.placement === 'peri') return periLastLayerGradient(d, r, TOY_POSITIONS, xbar[i]);
    return lastLayerGradient(d, r, TOY_POSITIONS, xbar[i]);
  });
}

function profileFigure(setting: string, records: GradientsRecord[]): Figure {
  const { title, text } = SETTINGS[setting];
  const depth = Math.max(...records[0].points.map((p) => p.numLayers));
  const x = Array.from({ length: depth }, (_, i) => i + 1);
  const series: Series[] = [];
  for (const record of records) {
    const points = record.points.filter((p) => p.numLayers === depth);
    const { placement } = record;
    series.push(
      spread(
        placementName(placement),
        placement,
        x,
        points.map((p) => lastStack(p).map((layer) => layer.w2)),
      ),
    );
    if (placement === 'post') continue;
    const last = mean(points.map((p) => lastStack(p)[depth - 1].w2));
    const hidden = x.map((_, l) => mean(points.map((p) => lastStack(p)[l].hidden)));
    series.push({
      label: `${placementName(placement)}, theory`,
      placement,
      dashed: true,
      x,
      y: x.map((_, l) => last * profileRatio(hidden[depth - 1], hidden[l])),
    });
  }
  return {
    id: `profile-${setting}`,
    title: `Gradient of W2 layer by layer, ${depth} layers: ${title}`,
    caption: `Frobenius norm by layer (${text}${setting.startsWith('translation') ? '; layers of the decoder' : ''}); ${bySeedCount(
      records[0].points,
      'line: mean over seeds',
    )}. Dotted: sqrt(xbar_{L+1} / xbar_{l+1}) from the last layer backwards. Read literally, Fig. 3b says Pre-LN is flat; the theory says its early layers get larger gradients.`,
    figure: 'Fig. 3a, b',
    xLabel: 'layer l',
    yLabel: '||dL/dW2||',
    xScale: 'linear',
    yScale: 'linear',
    series,
  };
}
