/**
 * @file WMT14 English to German, the paper's second translation task (section 4.1, Fig. 4 c and d), for those who have
 * the machines: it takes part only when `--only wmt14` names it.
 *
 * Claim: Pre-LN without warm-up is as good as Post-LN with it, at both of the paper's rates.
 * Setting: Transformer base (6+6, d 512, dFF 2048, 8 heads), joint BPE of 37k, 16 batches of 8,192 source and as many
 * target tokens per update, dropout and label smoothing 0.1, Adam (0.9, 0.98), maxLr 7e-4 and 1.5e-3. Post-LN warms up
 * for 4,000 steps; Pre-LN has none and decays from epoch 6 of 15 on (our reading, see fig4.ts). Not printed, and taken
 * from the usual recipe: dFF, dropout, beam 4, length penalty 0.6, the number of updates (15 epochs of about 1,000).
 * Initialisation: `fairseq`. Cost: months on one core. Expected: parity; the paper prints no number.
 */
import type { NormPlacement } from '../../nn/index.js';
import { placementName } from '../../nn/index.js';
import { curves } from '../drawing/training.js';
import type { Claim, Experiment, Scale } from '../experiment.js';
import { armClaim } from '../judges/training.js';
import type { TranslationRun } from '../kinds/run-spec.js';
import { PAPER_ARM, pairsOf } from './translation-grid.js';

const STEPS = 15000;
const WARMUP_STEPS = 4000;
/** The paper's rates, the larger first. */
const RATES = [0.0015, 0.0007];

function runOf(scale: Scale, placement: NormPlacement, warmup: boolean, maxLr: number): TranslationRun {
  const seed = scale.seed + 51;
  return {
    kind: 'translation',
    id: `wmt14-${placement}-${warmup ? 'warmup' : 'none'}-${maxLr}-s${seed}`,
    label: `${placementName(placement)}, ${warmup ? `warm-up ${WARMUP_STEPS}` : 'no warm-up'}, maxLr ${maxLr}`,
    arm: { placement, warmup, maxLr },
    recipe: {
      model: {
        kind: 'transformer',
        dModel: 512,
        numHeads: 8,
        dFF: 2048,
        numLayers: 6,
        maxSeqLen: 512,
        dropout: 0.1,
        normPlacement: placement,
        init: 'fairseq',
      },
      ...pairsOf(scale.data ?? 'wmt14', 37000, 16384),
      ...PAPER_ARM,
      schedule: warmup
        ? { kind: 'inverseSqrt', maxLr, warmupSteps: WARMUP_STEPS }
        : { kind: 'inverseSqrt', maxLr, warmupSteps: 0, tailStart: Math.floor((STEPS * 6) / 15) },
      accumulate: 16,
      steps: STEPS,
      seed,
      evalEvery: 1000,
    },
    decode: { beamSize: 4, lengthPenalty: 0.6, sentences: 3003 },
  };
}

export const wmt14: Experiment = {
  name: 'wmt14',
  title: 'WMT14 En-De: Pre-LN without warm-up',
  onRequest: true,
  runs: (scale) =>
    scale.preset === 'paper'
      ? RATES.flatMap((maxLr) => [runOf(scale, 'pre', false, maxLr), runOf(scale, 'post', true, maxLr)])
      : [],
  claims: RATES.map(
    (maxLr): Claim => ({
      claim: `wmt14-pre-trains-${maxLr}`,
      statement: `On WMT14 En-De Pre-LN trains without warm-up at maxLr ${maxLr}`,
      paper: 'similar to IWSLT14 (no number printed)',
      figure: 'Fig. 4 c, d',
      drawnIn: 'valid-nll-wmt14',
      protocol: 'un-smoothed validation NLL against Post-LN with warm-up at its best rate',
      expected: 'holds',
      judge: (runs) =>
        armClaim(runs, { placement: 'pre', warmup: false, maxLr }, 'p >= 0.85', (p) => p >= 0.85),
      nature: 'training',
      control: { none: 'an arm more would cost weeks' },
    }),
  ),
  figures: (runs, context) => curves(runs, { ...context, commonRate: RATES[1] }, 'wmt14'),
};
