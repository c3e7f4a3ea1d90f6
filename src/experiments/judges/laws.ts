/**
 * @file Judges the laws of the theory at initialisation (figures/theory.ts): numbers of records of kind `law` against what
 * the lemmas predict. What a control differs in is an argument.
 */
import { placementName } from '../../nn/placement-names.js';
import {
  layerNormJacobianFrobenius,
  layerNormJacobianNorm,
  layerNormJacobianRank,
  periHiddenNorm,
  postDepthFactor,
  postHiddenNorm,
  preHiddenBounds,
  preToPostRatio,
  reluNorm,
} from '../../theory/index.js';
import type { RunRecord } from '../results.js';
import { mean, slope } from '../statistics.js';
import { bySeed, type Judged, NOT_RUN } from './judged.js';

type Records = readonly RunRecord[];
const recordOf = (records: Records, id: string) => records.find((record) => record.id === `law-${id}`);
const list = (record: RunRecord, name: string) => record.measured?.[name] as number[];
const worst = (values: readonly number[]) => Math.max(...values.map(Math.abs));
const percent = (value: number) => `${Number((100 * value).toPrecision(3))} %`;

/** A judgement of the records with the given ids. */
function judge(
  records: Records,
  ids: string[],
  say: (
    ...found: RunRecord[]
  ) => Pick<Judged, 'metric' | 'threshold' | 'perSeed' | 'compared'> & { good: boolean },
): Judged {
  const found = ids.map((id) => recordOf(records, id));
  if (found.some((record) => !record)) return NOT_RUN;
  const all = found as RunRecord[];
  const { good, ...rest } = say(...all);
  return {
    ...rest,
    seeds: all[0].config.seeds as number[],
    verdict: good ? 'holds' : 'does not hold',
    runHashes: all.map(({ hash }) => hash),
  };
}

/** Lemma 3. */
export function jacobian(records: Records, id = 'jacobian'): Judged {
  return judge(records, [id], (record) => {
    const [variance, spectral, frobenius, rank, ones, tripled] = [
      'variance',
      'spectral',
      'frobenius',
      'rank',
      'onesResidual',
      'tripled',
    ].map((name) => list(record, name));
    const d = (record.config.dModel as number[])[0];
    const perSeed = spectral.map((v, i) => v / layerNormJacobianNorm(variance[i]));
    const off = worst([
      ...perSeed.map((v) => v - 1),
      ...frobenius.map((v, i) => v / layerNormJacobianFrobenius(d, variance[i]) - 1),
      ...tripled.map((v, i) => v / layerNormJacobianNorm(9 * variance[i]) - 1),
      ...ones,
    ]);
    return {
      perSeed,
      compared: [
        { name: 'largest deviation', values: [off] },
        { name: 'rank', values: rank },
      ],
      metric: `spectral norm over 1 / sqrt(var + eps); it, the Frobenius norm, that at 3x and J·1 are ${off.toExponential(1)} off at most; rank ${rank.join(', ')}`,
      threshold: `1e-4, and rank ${layerNormJacobianRank(d)}`,
      good: off < 1e-4 && rank.every((r) => r === layerNormJacobianRank(d)),
    };
  });
}

/** Lemma 1, and the largest entry in the proof of Theorem 1. */
export function relu(records: Records, id = 'relu'): Judged {
  return judge(records, [id], (record) => {
    const d = (record.config.dModel as number[])[0];
    const perSeed = list(record, 'norm').map((v) => v / reluNorm(d));
    const below = list(record, 'belowMaximum');
    return {
      perSeed,
      compared: [
        { name: 'largest deviation of the mean, %', values: [100 * worst(perSeed.map((v) => v - 1))] },
        { name: 'draws below the maximum, at least, %', values: [100 * Math.min(...below)] },
      ],
      metric: `mean ||ReLU(X)||² over d / 2, 2,000 draws; max² <= 2 ln(100 d) in ${percent(Math.min(...below))} of draws at least`,
      threshold: 'within 2 %, and in 99 % of draws',
      good: worst(perSeed.map((v) => v - 1)) <= 0.02 && below.every((v) => v >= 0.99),
    };
  });
}

/** Lemma 2, Post-LN. */
export function postHidden(records: Records, placement = 'post'): Judged {
  const ids = ['12x1', '6x2', '6x4'].map((size) => `hidden-${placement}-${size}`);
  return judge(records, ids, (...all) => {
    const off = [1, 2, 4].map((r, i) => mean(list(all[i], 'hidden')) - postHiddenNorm(r));
    const layers = list(all[0], 'hidden');
    const trend = slope(
      layers.map((_, l) => l),
      layers,
    );
    return {
      perSeed: list(all[0], 'perSeed'),
      compared: [
        { name: 'largest deviation of a mean', values: [worst(off)] },
        { name: 'smallest layer', values: [Math.min(...layers)] },
        { name: 'largest layer', values: [Math.max(...layers)] },
        { name: 'slope per layer', values: [trend] },
      ],
      metric: `E||x||²/d of dFF = d; off for dFF = d, 2d, 4d: ${off.map((v) => v.toFixed(3)).join(', ')}; slope ${trend.toFixed(4)} per layer`,
      threshold: '1.5, 1.444, 1.32 within 0.05; every layer in [1.3, 1.7]; slope within ±0.02',
      good: worst(off) <= 0.05 && layers.every((v) => v >= 1.3 && v <= 1.7) && Math.abs(trend) <= 0.02,
    };
  });
}

/** Lemma 2, Pre-LN. */
export function preHidden(records: Records, placement = 'pre'): Judged {
  return judge(records, [`hidden-${placement}-12x1`], (record) => {
    const values = list(record, 'hidden');
    const x = values.map((_, l) => l + 1);
    const k = slope(x, values);
    const center = mean(values);
    const rest = values.map((v, i) => v - center - k * (x[i] - mean(x)));
    const r2 = 1 - mean(rest.map((v) => v * v)) / mean(values.map((v) => (v - center) * (v - center)));
    const inside = values.filter((v, l) => {
      const [low, high] = preHiddenBounds(l + 1);
      return v >= low && v <= high;
    }).length;
    return {
      perSeed: list(record, 'perSeed'),
      compared: [
        { name: `layers inside, of ${values.length}`, values: [inside] },
        { name: 'R² of a line', values: [r2] },
      ],
      metric: `mean over layers of E||x||²/d; inside the bounds in ${inside} of ${values.length} layers; R² of a line ${r2.toFixed(4)}`,
      threshold: 'inside [1 + l/2, 1 + 3l/2] everywhere, R² > 0.99',
      good: inside === values.length && r2 > 0.99,
    };
  });
}

/** Kim et al., section 3. */
export function periHidden(records: Records, placement = 'peri'): Judged {
  return judge(records, [`hidden-${placement}-12x1`], (record) => {
    const off = worst(list(record, 'hidden').map((v, l) => v / periHiddenNorm(l + 1) - 1));
    return {
      perSeed: list(record, 'perSeed'),
      compared: [{ name: 'largest deviation of a layer, %', values: [100 * off] }],
      metric: `mean over layers of E||x||²/d; worst layer ${percent(off)} off 1 + 2l`,
      threshold: 'within 5 %',
      good: off <= 0.05,
    };
  });
}

/**
 * Sharper than Theorem 1, parameter-free: the last layer's gradient of a placement over Post-LN's is sqrt(1.5 / xbar). The
 * law is about E||dL/dx||² of one position. What positions have in common adds to the gradient of W2, which is summed over
 * them: softmax outputs of similar states are alike, N positions of a vocabulary V add a share of about N (e^c - 1) / V, c
 * being the cosine between states, and Post-LN's states are more alike than Pre-LN's. So it holds for few positions only.
 */
export function lastLayerRatio(records: Records, positions: number, placement = 'pre'): Judged {
  const ids = ['post', placement].map((name) => `last-layer-${name}-${positions}`);
  let blocks: number[] = [];
  const judged = judge(records, ids, (post, other) => {
    const layers = other.config.layers as number[];
    const law = layers.map((n) => preToPostRatio(1, other.measured?.[`hidden@${n}`] as number));
    const ratio = (n: number, from?: number, to?: number) =>
      mean(list(other, `w2@${n}`).slice(from, to)) / mean(list(post, `w2@${n}`).slice(from, to));
    const over = (from?: number, to?: number) => layers.map((n, i) => ratio(n, from, to) / law[i]);
    const seeds = other.config.seeds as number[];
    blocks = seeds.filter((_, s) => s % BLOCK === 0);
    const off = worst(over().map((v) => v - 1));
    return {
      perSeed: blocks.map((_, k) => mean(over(k * BLOCK, (k + 1) * BLOCK))),
      compared: over().map((value, i) => ({
        name: `measured over predicted, ${layers[i]} layers`,
        values: [value],
      })),
      metric: `measured over predicted ratio ${placementName(placement)} / Post-LN, ${positions} positions of 1,000 tokens, means of ${BLOCK} seeds from each on; worst depth is ${percent(off)} off`,
      threshold: `sqrt(1.5 / xbar) within 3 % at ${layers.join(', ')} layers, all seeds together`,
      good: off <= 0.03,
    };
  });
  return judged.verdict === 'not tested' ? judged : { ...judged, seeds: blocks };
}

/** One model's gradient scatters by a fifth: seeds are shown as means of so many. */
const BLOCK = 20;

/** What the gradient of the last W2 should grow as with the width. */
export interface WidthLaw {
  name: string;
  of(d: number): number;
}

/** Sharper than Theorem 1. */
export const ROOT_D: WidthLaw = { name: 'sqrt(d)', of: Math.sqrt };

/** The gradient over its law is the same at every width. */
export function width(records: Records, law = ROOT_D): Judged {
  return judge(records, ['width-post'], (record) => {
    const widths = record.config.dModel as number[];
    const scaled = list(record, 'w2').map((v, i) => v / law.of(widths[i]));
    const off = worst(scaled.map((v) => v / mean(scaled) - 1));
    return {
      perSeed: scaled,
      compared: [{ name: 'largest deviation from the mean, %', values: [100 * off] }],
      metric: `||dL/dW2|| / ${law.name} at d ${widths.join(', ')}; ${percent(off)} off their mean at most`,
      threshold: 'within 15 %',
      good: off <= 0.15,
    };
  });
}

/** The assumption of Theorem 1: few positions have a squared norm above (1 + eps) of the mean. */
export function concentration(records: Records, suffix: string, delta: number): Judged {
  return judge(records, [`concentration-post-${suffix}`, `concentration-pre-${suffix}`], (...all) => {
    const shares = all.map((record) => mean(list(record, 'share')));
    return {
      perSeed: list(all[0], 'share'),
      compared: [
        { name: 'share in Post-LN', values: [shares[0]] },
        { name: 'share in Pre-LN', values: [shares[1]] },
      ],
      metric: `share of positions above (1 + ${all[0].config.eps}) E: Post-LN ${shares[0].toFixed(3)}, Pre-LN ${shares[1].toFixed(3)}`,
      threshold: `<= ${delta.toFixed(3)} in both`,
      good: shares.every((v) => v <= delta),
    };
  });
}

/** Seeds vote one by one: the scatter is part of the finding. */
export function zipfProfile(records: Records, numLayers: number, bar: number): Judged {
  const judged = judge(records, [`zipf-profile-post-${numLayers}`], (record) => {
    const w2 = list(record, 'w2');
    const first = w2[0] / w2[numLayers - 1];
    return {
      perSeed: list(record, 'perSeed'),
      metric: `first over last layer; of the seed means ${first.toFixed(2)}; appendix F's factor alone says ${postDepthFactor(numLayers, 1, 2).toFixed(2)}`,
      threshold: `< ${bar} in every seed`,
      good: true,
    };
  });
  if (judged.verdict === 'not tested') return judged;
  return { ...judged, ...bySeed(judged.perSeed.map((v) => v < bar)) };
}

/** Kim et al., Proposition 3.1: what is said of Peri-LN, and the contrary of Pre-LN. */
export function scaling(records: Records, placements = ['peri', 'pre']): Judged {
  return judge(
    records,
    placements.map((placement) => `peri-scaling-${placement}`),
    (peri, pre) => {
      const changed = Math.max(...list(peri, 'outputChange'));
      const moved = Math.min(...list(pre, 'outputChange'));
      const off = worst(list(peri, 'gradientTimesC').map((v) => v - 1));
      return {
        perSeed: list(peri, 'outputChange'),
        compared: [
          { name: 'largest change in Peri-LN', values: [changed] },
          { name: 'smallest change in Pre-LN', values: [moved] },
          { name: 'deviation of the gradient times c, %', values: [100 * off] },
        ],
        metric: `relative change of logits for c = 0.5, 2, 4 in Peri-LN; Pre-LN's change at least ${moved.toPrecision(2)}; gradient times c ${percent(off)} off`,
        threshold: '< 1e-3 in Peri-LN, > 1e-2 in Pre-LN, gradient within 1 %',
        good: changed < 1e-3 && moved > 1e-2 && off < 0.01,
      };
    },
  );
}
