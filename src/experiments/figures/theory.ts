/**
 * @file The theory at initialisation, law by law (paper, section 3.4, Lemmas 1 to 3 and Theorem 1; Kim et al. 2025).
 *
 * Claim: each lemma's equation, and the constants its bounds leave open (src/theory/predictions.ts), hold on real norms
 * and models: probe of src/theory/probe.ts, d 64, 256 positions, `paper` initialisation. Cost: about half a minute on one
 * core, two in `standard`. Expected: all hold but where a claim says otherwise.
 */
import type { NormPlacement } from '../../nn/index.js';
import { placementName } from '../../nn/placement-names.js';
import {
  chiSquareDelta,
  layerNormJacobianFrobenius,
  layerNormJacobianNorm,
  layerNormJacobianRank,
  periHiddenNorm,
  postDepthFactor,
  postHiddenNorm,
  preHiddenBounds,
  reluNorm,
} from '../../theory/index.js';
import { hiddenFigure } from '../drawing/theory.js';
import type { Claim, Experiment, Scale } from '../experiment.js';
import { bySeed, type Judged, NOT_RUN } from '../judges/judged.js';
import type { LawName, LawRun } from '../kinds/law.js';
import type { RunRecord } from '../results.js';
import { mean, slope } from '../statistics.js';

const WIDTHS = [32, 64, 128, 256];

function law(name: LawName, seeds: number[], rest: Partial<LawRun> = {}, suffix = ''): LawRun {
  const { placement } = rest;
  const id = ['law', name, placement, suffix].filter(Boolean).join('-');
  return {
    kind: 'law',
    id,
    label: `${name}${placement ? `, ${placementName(placement)}` : ''}${suffix ? `, ${suffix}` : ''}`,
    law: name,
    seeds,
    dModel: [64],
    ...rest,
  };
}

function runs(scale: Scale): LawRun[] {
  const { preset } = scale;
  if (preset !== 'quick' && preset !== 'standard') return [];
  // Ten seeds leave a mean over seeds 3 % uncertain at depth 12: with 501 to 510 one layer of Peri-LN was 6.4 % off where the
  // bar is 5 %. Hidden states are cheap, so they have forty, none of those ten.
  const first = scale.seed + (preset === 'quick' ? 511 : 601);
  const seeds = (count: number) => Array.from({ length: count }, (_, i) => first + i);
  const hidden = (placement: NormPlacement, numLayers: number, r = 1) =>
    law(
      'hidden',
      seeds(40),
      { placement, numLayers, r, setting: r === 1 ? 'theory' : 'toy' },
      `${numLayers}x${r}`,
    );
  return [
    law('jacobian', seeds(5)),
    law('relu', seeds(5), { dModel: [512] }),
    hidden('post', 12),
    hidden('post', 6, 2),
    hidden('post', 6, 4),
    hidden('pre', 12),
    hidden('peri', 12),
    law('width', seeds(preset === 'quick' ? 4 : 10), { placement: 'post', dModel: WIDTHS }),
    ...(['post', 'pre'] as const).flatMap((placement) => [
      law('concentration', seeds(1), { placement, setting: 'toy', dModel: [512], eps: 0.1 }, 'd512'),
      law('concentration', seeds(10), { placement, setting: 'toy', eps: 0.5 }, 'd64'),
    ]),
    ...[6, 12].map((numLayers) =>
      law('zipf-profile', seeds(10), { placement: 'post', setting: 'toy', numLayers }, `${numLayers}`),
    ),
    law('peri-scaling', seeds(3), { placement: 'peri', setting: 'toy' }),
    law('peri-scaling', seeds(3), { placement: 'pre', setting: 'toy' }),
  ];
}

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

function jacobian(records: Records): Judged {
  return judge(records, ['jacobian'], (record) => {
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

function relu(records: Records): Judged {
  return judge(records, ['relu'], (record) => {
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

function postHidden(records: Records): Judged {
  return judge(records, ['hidden-post-12x1', 'hidden-post-6x2', 'hidden-post-6x4'], (...all) => {
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

function preHidden(records: Records): Judged {
  return judge(records, ['hidden-pre-12x1'], (record) => {
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

function periHidden(records: Records): Judged {
  return judge(records, ['hidden-peri-12x1'], (record) => {
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

function width(records: Records): Judged {
  return judge(records, ['width-post'], (record) => {
    const widths = record.config.dModel as number[];
    const scaled = list(record, 'w2').map((v, i) => v / Math.sqrt(widths[i]));
    const off = worst(scaled.map((v) => v / mean(scaled) - 1));
    return {
      perSeed: scaled,
      compared: [{ name: 'largest deviation from the mean, %', values: [100 * off] }],
      metric: `||dL/dW2|| / sqrt(d) at d ${widths.join(', ')}; ${percent(off)} off their mean at most`,
      threshold: 'within 15 %',
      good: off <= 0.15,
    };
  });
}

function concentration(records: Records, d: number, delta: number): Judged {
  return judge(records, [`concentration-post-d${d}`, `concentration-pre-d${d}`], (...all) => {
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
function zipfProfile(records: Records, numLayers: number, bar: number): Judged {
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

function scaling(records: Records): Judged {
  return judge(records, ['peri-scaling-peri', 'peri-scaling-pre'], (peri, pre) => {
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
  });
}

const claims: Claim[] = [
  {
    claim: 'layer-norm-jacobian',
    statement:
      '||J_LN(x)|| is O(sqrt(d) / ||x||): exactly 1 / sqrt(var + eps), Frobenius sqrt(d - 2) times that, rank d - 2',
    figure: 'Lemma 3',
    protocol: 'full Jacobians of real layer norms by backward, d 64',
    expected: 'holds',
    judge: jacobian,
  },
  {
    claim: 'relu-norm',
    statement:
      'E||ReLU(X)||² = s² d / 2, and its largest entry squared is below 2 ln(100 d) with probability 0.99',
    figure: 'Lemma 1, Theorem 1 (proof)',
    protocol: '2,000 draws of N(0, I), d 512',
    expected: 'holds',
    judge: relu,
  },
  {
    claim: 'post-hidden-norm',
    statement: 'In Post-LN E||x||² in front of the last norm of a layer is 3d/2, in every layer',
    figure: 'Lemma 2',
    drawnIn: 'theory-hidden',
    protocol:
      '12 layers, dFF = d; 6 layers, dFF = 2d and 4d, where theory says 1 + 2r / (1 + r)²; seed means',
    expected: 'holds',
    judge: postHidden,
  },
  {
    claim: 'pre-hidden-norm',
    statement: 'In Pre-LN E||x_l||² lies between (1 + l/2)d and (1 + 3l/2)d, and grows linearly',
    figure: 'Lemma 2',
    drawnIn: 'theory-hidden',
    protocol: '12 layers, dFF = d, seed means',
    expected: 'holds',
    judge: preHidden,
  },
  {
    claim: 'peri-hidden-norm',
    statement: 'In Peri-LN E||x_l||² = (1 + 2l)d in every layer',
    figure: 'Kim et al., section 3',
    drawnIn: 'theory-hidden',
    protocol: '12 layers with a norm on the embeddings, seed means',
    expected: 'holds',
    judge: periHidden,
  },
  {
    claim: 'peri-scaling',
    statement:
      "In Peri-LN a branch's scale leaves the function as it is and divides its gradient; in Pre-LN not",
    figure: 'Kim et al., Proposition 3.1',
    protocol: 'W2 of the first layer times 0.5, 2 and 4',
    expected: 'holds',
    judge: scaling,
  },
  {
    claim: 'post-gradient-width',
    statement: 'In Post-LN ||dL/dW2|| of the last layer grows as sqrt(d): far below the bound d sqrt(ln d)',
    figure: 'Theorem 1, sharper',
    protocol: "the theory's model, 6 layers, d 32 to 256, seed means",
    expected: 'holds',
    judge: width,
  },
  {
    claim: 'hidden-concentration-512',
    statement: 'Squared norms of hidden states are (0.1, 0.125)-bounded',
    paper: '(0.1, 0.125)-bounded',
    figure: 'Theorem 1 (assumption)',
    protocol: 'last hidden state, toy encoder of 6 layers, d 512, 256 positions',
    expected: 'holds',
    judge: (records) => concentration(records, 512, 0.125),
  },
  {
    claim: 'hidden-concentration-64',
    statement: 'Narrow models keep to the chi-square law, delta = exp(-d eps² / 8)',
    figure: 'Theorem 1 (assumption)',
    protocol: 'last hidden state, toy encoder of 6 layers, d 64, eps 0.5',
    expected: 'holds',
    judge: (records) => concentration(records, 64, chiSquareDelta(64, 0.5)),
  },
  ...(
    [
      [6, 0.85],
      [12, 0.6],
    ] as const
  ).map(
    ([numLayers, bar]): Claim => ({
      claim: `post-profile-zipf-${numLayers}`,
      statement: 'In Post-LN the gradient grows towards the last layer',
      figure: 'Fig. 3a',
      protocol: `toy encoder of ${numLayers} layers, Zipf tokens, the next one as target, gradient averaged over 6 batches`,
      expected: 'not decided',
      reason:
        'independent Zipf tokens in an encoder: first over last scatters from 0.2 to 2 over seeds; on real sentences in an encoder-decoder the profile grows in every seed (post-profile-grows)',
      judge: (records) => zipfProfile(records, numLayers, bar),
    }),
  ),
];

export const theory: Experiment = {
  name: 'theory',
  title: 'The theory, law by law',
  runs,
  claims,
  figures: (records) => [hiddenFigure(records)],
};
