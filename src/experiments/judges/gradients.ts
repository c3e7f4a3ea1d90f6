/** @file Judges the claims about gradients at initialisation (paper, section 3.4; Kim et al. 2025). */
import { placementName } from '../../nn/placement-names.js';
import {
  periHiddenNorm,
  postDepthFactor,
  postHiddenNorm,
  preHiddenBounds,
  profileRatio,
} from '../../theory/index.js';
import type { GradientPoint, RunRecord } from '../results.js';
import { maxOverMin, mean, slope } from '../statistics.js';
import { bySeed, type GradientsRecord, type Judged, NOT_RUN } from './judged.js';

function findGradients(
  runs: readonly RunRecord[],
  setting: string,
  placement: string,
  { dModel = 64, trained = false } = {},
): GradientsRecord | undefined {
  return runs.find(
    (run) =>
      run.experiment === 'gradients' &&
      run.placement === placement &&
      run.config.setting === setting &&
      run.config.dModel === dModel &&
      (run.config.trained !== undefined) === trained,
  ) as GradientsRecord | undefined;
}

export interface DepthSeries {
  layers: number[];
  seeds: number[];
  /** value[seed][depth] */
  values: number[][];
}

/** A number per depth and seed from the points of a run. */
export function byDepth(record: GradientsRecord, value: (point: GradientPoint) => number): DepthSeries {
  const layers = [...new Set(record.points.map((p) => p.numLayers))].sort((a, b) => a - b);
  const seeds = [...new Set(record.points.map((p) => p.seed))];
  const values = seeds.map((seed) =>
    layers.map((n) =>
      value(record.points.find((p) => p.seed === seed && p.numLayers === n) as GradientPoint),
    ),
  );
  return { layers, seeds, values };
}

export const lastStack = (point: GradientPoint) => point.decoder ?? point.encoder;
export const lastW2 = (point: GradientPoint): number => lastStack(point)[lastStack(point).length - 1].w2;
export const lastHidden = (point: GradientPoint): number =>
  lastStack(point)[lastStack(point).length - 1].hidden;

export const depthMeans = (series: DepthSeries): number[] =>
  series.layers.map((_, i) => mean(series.values.map((row) => row[i])));

const logs = (values: readonly number[], log: (x: number) => number): number[] => values.map(log);

const TOY = { setting: 'toy', dModel: 64 };

export function postFlat(
  runs: readonly RunRecord[],
  log: (x: number) => number,
  { setting, dModel } = TOY,
  placement = 'post',
): Judged {
  const record = findGradients(runs, setting, placement, { dModel });
  if (!record) return NOT_RUN;
  const series = byDepth(record, lastW2);
  const perSeed = series.values.map((row) => slope(logs(series.layers, log), logs(row, log)));
  const spread = maxOverMin(depthMeans(series));
  const overall = slope(logs(series.layers, log), logs(depthMeans(series), log));
  return {
    seeds: series.seeds,
    perSeed,
    compared: [
      { name: 'slope of the seed means', values: [overall] },
      { name: 'largest over smallest seed mean', values: [spread] },
    ],
    metric: `slope of log ||dL/dW2|| in log L; largest over smallest seed mean is ${spread.toFixed(3)}`,
    threshold: 'mean slope within ±0.15, and max/min < 1.25',
    verdict: Math.abs(overall) <= 0.15 && spread < 1.25 ? 'holds' : 'does not hold',
    runHashes: [record.hash],
  };
}

export function preFalls(
  runs: readonly RunRecord[],
  log: (x: number) => number,
  { setting, dModel } = TOY,
  placement = 'pre',
): Judged {
  const record = findGradients(runs, setting, placement, { dModel });
  if (!record) return NOT_RUN;
  const series = byDepth(record, lastW2);
  const perSeed = series.values.map((row) => slope(logs(series.layers, log), logs(row, log)));
  const means = depthMeans(series);
  const overall = slope(logs(series.layers, log), logs(means, log));
  const scaled = means.map((v, i) => v * Math.sqrt(series.layers[i]));
  const off = Math.max(...scaled.map((v) => Math.abs(v / mean(scaled) - 1)));
  return {
    seeds: series.seeds,
    perSeed,
    compared: [
      { name: 'slope of the seed means', values: [overall] },
      { name: 'largest deviation of norm·sqrt(L) from its mean, %', values: [100 * off] },
    ],
    metric: `slope of log ||dL/dW2|| in log L; norm·sqrt(L) is constant within ${(100 * off).toFixed(1)} %`,
    threshold: 'mean slope in [-0.65, -0.38], and norm·sqrt(L) constant within 10 %',
    verdict: overall >= -0.65 && overall <= -0.38 && off <= 0.1 ? 'holds' : 'does not hold',
    runHashes: [record.hash],
  };
}

export function hiddenLaw(runs: readonly RunRecord[], placement = 'pre'): Judged {
  const post = findGradients(runs, 'theory', 'post');
  const pre = findGradients(runs, 'theory', placement);
  if (!post || !pre) return NOT_RUN;
  const perSeed = [...new Set(post.points.map((p) => p.seed))].map((seed) =>
    mean(post.points.filter((p) => p.seed === seed).flatMap((p) => p.encoder.map((layer) => layer.hidden))),
  );
  // Pre-LN: E||x_l||² / d lies in [1 + l/2, 1 + 3l/2] for every layer, averaged over seeds.
  const depth = Math.max(...pre.points.map((p) => p.numLayers));
  const deep = pre.points.filter((p) => p.numLayers === depth);
  const inside = Array.from({ length: depth }, (_, l) => {
    const value = mean(deep.map((p) => p.encoder[l].hidden));
    const [low, high] = preHiddenBounds(l + 1);
    return value >= low && value <= high;
  });
  const postMean = mean(perSeed);
  return {
    seeds: [...new Set(post.points.map((p) => p.seed))],
    perSeed,
    compared: [
      { name: 'mean of Post-LN', values: [postMean] },
      {
        name: `layers of ${placementName(placement)} inside, of ${depth}`,
        values: [inside.filter(Boolean).length],
      },
    ],
    metric: `Post-LN E||x||²/d in front of the norm; ${placementName(placement)} inside its bounds in ${inside.filter(Boolean).length} of ${depth} layers`,
    threshold: `Post-LN ${postHiddenNorm(1).toFixed(2)} ± 0.05, Pre-LN inside [1 + l/2, 1 + 3l/2] everywhere`,
    verdict:
      Math.abs(postMean - postHiddenNorm(1)) <= 0.05 && inside.every(Boolean) ? 'holds' : 'does not hold',
    runHashes: [post.hash, pre.hash],
  };
}

export function periGrowth(runs: readonly RunRecord[], placement = 'peri'): Judged {
  const record = findGradients(runs, 'theory', placement);
  if (!record) return NOT_RUN;
  const series = byDepth(record, lastHidden);
  const predicted = series.layers.map((l) => periHiddenNorm(l));
  const off = depthMeans(series).map((v, i) => v / predicted[i] - 1);
  const worst = Math.max(...off.map(Math.abs));
  return {
    seeds: series.seeds,
    perSeed: series.values.map((row) => mean(row.map((v, i) => v / predicted[i]))),
    compared: [{ name: 'largest deviation over depths, %', values: [100 * worst] }],
    metric: `E||x_L||²/d over 1 + 2L; worst depth is ${(100 * worst).toFixed(1)} % off`,
    threshold: 'within 5 % at every depth',
    verdict: worst <= 0.05 ? 'holds' : 'does not hold',
    runHashes: [record.hash],
  };
}

/** The paper says the Pre-LN profile over layers is almost flat; the theory behind it says early layers get more. */
export function profileFlat(runs: readonly RunRecord[]): Judged {
  const record = findGradients(runs, 'toy', 'pre');
  if (!record) return NOT_RUN;
  const points = record.points.filter((p) => p.numLayers === 6);
  const perSeed = points.map((p) => p.encoder[0].w2 / p.encoder[p.encoder.length - 1].w2);
  return {
    seeds: points.map((p) => p.seed),
    perSeed,
    metric: 'first over last layer of ||dL/dW2||, 6 layers',
    threshold: '0.8 to 1.25',
    ...bySeed(perSeed.map((v) => v >= 0.8 && v <= 1.25)),
    runHashes: [record.hash],
  };
}

/** `law`: what the first layers should have over the last; the control's is flat. */
export function profileLaw(runs: readonly RunRecord[], law: typeof profileRatio = profileRatio): Judged {
  const record = findGradients(runs, 'toy', 'pre');
  if (!record) return NOT_RUN;
  const points = record.points.filter((p) => p.numLayers === 12);
  if (points.length === 0) return NOT_RUN;
  const depth = points[0].encoder.length;
  const off = Array.from({ length: depth }, (_, l) => {
    const measured =
      mean(points.map((p) => p.encoder[l].w2)) / mean(points.map((p) => p.encoder[depth - 1].w2));
    const predicted = law(
      mean(points.map((p) => p.encoder[depth - 1].hidden)),
      mean(points.map((p) => p.encoder[l].hidden)),
    );
    return Math.abs(measured / predicted - 1);
  });
  return {
    seeds: points.map((p) => p.seed),
    perSeed: points.map((p) => p.encoder[0].w2 / p.encoder[depth - 1].w2),
    compared: [
      { name: 'largest deviation from the prediction over layers, %', values: [100 * Math.max(...off)] },
    ],
    metric: `first over last layer of ||dL/dW2||, 12 layers; worst layer is ${(100 * Math.max(...off)).toFixed(1)} % off the prediction`,
    threshold: 'sqrt(xbar_{L+1} / xbar_{l+1}) within 20 % at every layer',
    verdict: Math.max(...off) <= 0.2 ? 'holds' : 'does not hold',
    runHashes: [record.hash],
  };
}

/** Post-LN on real text: first over last decoder layer, every seed; the last layer is the largest within 10 %. */
export function postProfileGrows(
  runs: readonly RunRecord[],
  numLayers: number,
  bar: number,
  placement = 'post',
): Judged {
  const record = findGradients(runs, 'translation', placement);
  const points = record?.points.filter((p) => p.numLayers === numLayers) ?? [];
  if (!record || points.length === 0) return NOT_RUN;
  const perSeed = points.map((p) => lastStack(p)[0].w2 / lastW2(p));
  const lastOverLargest = points.map((p) => lastW2(p) / Math.max(...lastStack(p).map(({ w2 }) => w2)));
  const grows = points.map((_, i) => perSeed[i] < bar && lastOverLargest[i] >= 0.9);
  return {
    seeds: points.map((p) => p.seed),
    perSeed,
    compared: [
      { name: 'first over last layer', values: perSeed },
      { name: 'last over largest layer', values: lastOverLargest },
    ],
    metric: `first over last decoder layer of ||dL/dW2||, ${numLayers} layers; the factor of appendix F alone says ${postDepthFactor(numLayers, 1, 2).toFixed(2)}`,
    threshold: `< ${bar}, and the last layer the largest within 10 %`,
    ...bySeed(grows),
    runHashes: [record.hash],
  };
}

/** Post-LN after its warm-up against itself at initialisation, seed by seed. */
export function afterWarmup(runs: readonly RunRecord[], placement = 'post'): Judged {
  const before = findGradients(runs, 'translation', placement);
  const after = findGradients(runs, 'translation', placement, { trained: true });
  if (!before || !after) return NOT_RUN;
  const perSeed = after.points.map((p) => {
    const same = before.points.find((q) => q.seed === p.seed && q.numLayers === p.numLayers);
    const size = (point: GradientPoint) => mean(lastStack(point).map(({ w2 }) => w2));
    return same ? size(p) / size(same) : Number.NaN;
  });
  return {
    seeds: after.points.map((p) => p.seed),
    perSeed,
    metric: 'mean over decoder layers of ||dL/dW2|| after warm-up over that at initialisation',
    threshold: '< 0.5',
    ...bySeed(perSeed.map((v) => v < 0.5)),
    runHashes: [before.hash, after.hash],
  };
}
