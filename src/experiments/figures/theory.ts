/**
 * @file The theory at initialisation, law by law (paper, section 3.4, Lemmas 1 to 3 and Theorem 1; Kim et al. 2025).
 *
 * Claim: each lemma's equation, and the constants its bounds leave open (src/theory/predictions.ts), hold on real norms
 * and models: probe of src/theory/probe.ts, d 64, 256 positions, `paper` initialisation. Cost: about half a minute on one
 * core, two in `standard`. Expected: all hold but where a claim says otherwise.
 */
import type { NormPlacement } from '../../nn/index.js';
import { placementName } from '../../nn/placement-names.js';
import { log64 } from '../../runtime/math.js';
import { chiSquareDelta } from '../../theory/index.js';
import { hiddenFigure } from '../drawing/theory.js';
import type { Claim, Experiment, Scale } from '../experiment.js';
import {
  concentration,
  jacobian,
  periHidden,
  postHidden,
  preHidden,
  relu,
  scaling,
  width,
  zipfProfile,
} from '../judges/laws.js';
import type { LawName, LawRun } from '../kinds/law.js';

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
  const first = scale.seed + (preset === 'quick' ? 551 : 641);
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
    law('jacobian', seeds(5), { norm: 'rms' }, 'rms'),
    law('relu', seeds(5), { dModel: [512] }),
    law('relu', seeds(5), { dModel: [512], activation: 'gelu' }, 'gelu'),
    ...(['post', 'pre'] as const).flatMap((placement) => [
      hidden(placement, 12),
      hidden(placement, 6, 2),
      hidden(placement, 6, 4),
    ]),
    hidden('peri', 12),
    law('width', seeds(preset === 'quick' ? 4 : 10), { placement: 'post', dModel: WIDTHS }),
    ...(['post', 'pre'] as const).flatMap((placement) => [
      law('concentration', seeds(1), { placement, setting: 'toy', dModel: [512], eps: 0.1 }, 'd512'),
      law('concentration', seeds(10), { placement, setting: 'toy', eps: 0.5 }, 'd64'),
      // Controls: the same where the width is too small for the bound.
      law('concentration', seeds(10), { placement, setting: 'toy', dModel: [64], eps: 0.1 }, 'd64-narrow'),
      law('concentration', seeds(10), { placement, setting: 'toy', dModel: [4], eps: 0.5 }, 'd4'),
    ]),
    ...[6, 12].map((numLayers) =>
      law('zipf-profile', seeds(10), { placement: 'post', setting: 'toy', numLayers }, `${numLayers}`),
    ),
    law('peri-scaling', seeds(3), { placement: 'peri', setting: 'toy' }),
    law('peri-scaling', seeds(3), { placement: 'pre', setting: 'toy' }),
  ];
}

const claims: Claim[] = [
  {
    claim: 'layer-norm-jacobian',
    statement:
      '||J_LN(x)|| is O(sqrt(d) / ||x||): exactly 1 / sqrt(var + eps), Frobenius sqrt(d - 2) times that, rank d - 2',
    figure: 'Lemma 3',
    protocol: 'full Jacobians of real layer norms by backward, d 64',
    expected: 'holds',
    judge: (records) => jacobian(records),
    nature: 'identity',
    control: {
      factor: 'RMSNorm in place of the layer norm',
      judge: (records) => jacobian(records, 'jacobian-rms'),
    },
  },
  {
    claim: 'relu-norm',
    statement:
      'E||ReLU(X)||² = s² d / 2, and its largest entry squared is below 2 ln(100 d) with probability 0.99',
    figure: 'Lemma 1, Theorem 1 (proof)',
    protocol: '2,000 draws of N(0, I), d 512',
    expected: 'holds',
    judge: (records) => relu(records),
    nature: 'law',
    control: { factor: 'GELU in place of ReLU', judge: (records) => relu(records, 'relu-gelu') },
  },
  {
    claim: 'post-hidden-norm',
    statement: 'In Post-LN E||x||² in front of the last norm of a layer is 3d/2, in every layer',
    figure: 'Lemma 2',
    drawnIn: 'theory-hidden',
    protocol:
      '12 layers, dFF = d; 6 layers, dFF = 2d and 4d, where theory says 1 + 2r / (1 + r)²; seed means',
    expected: 'holds',
    judge: (records) => postHidden(records),
    nature: 'law',
    control: { factor: 'Pre-LN in place of Post-LN', judge: (records) => postHidden(records, 'pre') },
  },
  {
    claim: 'pre-hidden-norm',
    statement: 'In Pre-LN E||x_l||² lies between (1 + l/2)d and (1 + 3l/2)d, and grows linearly',
    figure: 'Lemma 2',
    drawnIn: 'theory-hidden',
    protocol: '12 layers, dFF = d, seed means',
    expected: 'holds',
    judge: (records) => preHidden(records),
    nature: 'law',
    control: { factor: 'Peri-LN in place of Pre-LN', judge: (records) => preHidden(records, 'peri') },
  },
  {
    claim: 'peri-hidden-norm',
    statement: 'In Peri-LN E||x_l||² = (1 + 2l)d in every layer',
    figure: 'Kim et al., section 3',
    drawnIn: 'theory-hidden',
    protocol: '12 layers with a norm on the embeddings, seed means',
    expected: 'holds',
    judge: (records) => periHidden(records),
    nature: 'law',
    control: { factor: 'Pre-LN in place of Peri-LN', judge: (records) => periHidden(records, 'pre') },
  },
  {
    claim: 'peri-scaling',
    statement:
      "In Peri-LN a branch's scale leaves the function as it is and divides its gradient; in Pre-LN not",
    figure: 'Kim et al., Proposition 3.1',
    protocol: 'W2 of the first layer times 0.5, 2 and 4',
    expected: 'holds',
    judge: (records) => scaling(records),
    nature: 'identity',
    control: {
      factor: 'the two placements exchanged',
      judge: (records) => scaling(records, ['pre', 'peri']),
    },
  },
  {
    claim: 'post-gradient-width',
    statement: 'In Post-LN ||dL/dW2|| of the last layer grows as sqrt(d): far below the bound d sqrt(ln d)',
    figure: 'Theorem 1, sharper',
    protocol: "the theory's model, 6 layers, d 32 to 256, seed means",
    expected: 'holds',
    judge: (records) => width(records),
    nature: 'law',
    control: {
      factor: "the theorem's d sqrt(ln d) in place of sqrt(d)",
      judge: (records) => width(records, { name: 'd sqrt(ln d)', of: (d) => d * Math.sqrt(log64(d)) }),
    },
  },
  {
    claim: 'hidden-concentration-512',
    statement: 'Squared norms of hidden states are (0.1, 0.125)-bounded',
    paper: '(0.1, 0.125)-bounded',
    figure: 'Theorem 1 (assumption)',
    protocol: 'last hidden state, toy encoder of 6 layers, d 512, 256 positions',
    expected: 'holds',
    judge: (records) => concentration(records, 'd512', 0.125),
    nature: 'law',
    control: {
      factor: 'd 64 in place of 512',
      judge: (records) => concentration(records, 'd64-narrow', 0.125),
    },
  },
  {
    claim: 'hidden-concentration-64',
    statement: 'Narrow models keep to the chi-square law, delta = exp(-d eps² / 8)',
    figure: 'Theorem 1 (assumption)',
    protocol: 'last hidden state, toy encoder of 6 layers, d 64, eps 0.5',
    expected: 'holds',
    judge: (records) => concentration(records, 'd64', chiSquareDelta(64, 0.5)),
    nature: 'law',
    control: {
      factor: 'd 4 in place of 64',
      judge: (records) => concentration(records, 'd4', chiSquareDelta(64, 0.5)),
    },
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
      nature: 'law',
      control: { none: 'seeds stand on both sides of the bar, so it can be failed' },
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
