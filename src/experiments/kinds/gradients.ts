/**
 * @file Gradients at initialisation (paper, section 3.4 and Fig. 3; Kim et al. 2025 for Peri-LN).
 *
 * Claim: the gradient of the last feed-forward W2 does not depend on the depth in Post-LN and falls as
 * 1/sqrt(L) in Pre-LN. Settings: `theory` and `toy` of src/theory/probe.ts, and `translation`: the encoder-decoder
 * on real sentences, `paper` initialisation, the norm of the gradient averaged over several batches.
 */
import { backward, type Variable } from '../../autograd/index.js';
import type { BatchSource, PairBatch } from '../../data/index.js';
import { sha256 } from '../../io/sha256.js';
import { Transformer, type TransformerDecoderLayer, type TransformerEncoderLayer } from '../../nn/index.js';
import { checkTrainingRecipe, type OpenedPairs, trainerOptions } from '../../recipe/index.js';
import { frobenius, probe } from '../../theory/index.js';
import { Trainer } from '../../train/index.js';
import { encodeBytes } from '../../utf8.js';
import type { GradientPoint } from '../results.js';
import type { RunKind, RunOutcome, RunProgress } from './run-kind.js';
import type { GradientsRun } from './run-spec.js';
import { openPairs, pairsHash } from './translation.js';

const TOY = { vocabSize: 1000, batch: 8, length: 32 };
/** Positions the loss of the probe averages over. */
export const TOY_POSITIONS = TOY.batch * TOY.length;

/**
 * Carries out a gradients run: one point per depth and seed. `data` is for the `translation` setting, null
 * elsewhere.
 */
export async function runGradients(
  run: GradientsRun,
  data: OpenedPairs | null,
  onProgress: (progress: RunProgress) => void = () => {},
  signal?: AbortSignal,
): Promise<RunOutcome & { points: GradientPoint[] }> {
  const points: GradientPoint[] = [];
  const total = run.layers.length * run.seeds.length;
  for (const numLayers of run.layers) {
    for (const seed of run.seeds) {
      signal?.throwIfAborted();
      points.push(measure(run, numLayers, seed, data));
      onProgress({ done: points.length, total, text: `${numLayers} layers` });
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  const bytes = encodeBytes(JSON.stringify(points));
  return {
    id: run.id,
    experiment: 'gradients',
    label: run.label,
    placement: run.placement,
    seed: run.seeds[0],
    config: { ...run },
    status: 'measured',
    steps: total,
    hash: sha256(bytes),
    points,
  };
}

export const gradientsKind: RunKind<GradientsRun> = {
  kind: 'gradients',
  version: 2,
  keys: ['setting', 'placement', 'layers', 'seeds', 'dModel', 'batches', 'pairs?', 'trained?'],
  check({ id, trained }) {
    if (trained) checkTrainingRecipe(trained, id);
  },
  dataHash: async ({ pairs }, sources) => (pairs ? pairsHash(pairs, sources) : undefined),
  async execute(spec, { onProgress, signal, sources }) {
    const data = spec.pairs ? await openPairs(spec.pairs, sources) : null;
    return runGradients(spec, data, onProgress, signal);
  },
  cost: ({ setting, batches, seeds, layers, dModel, pairs, trained }) => {
    const width = (dModel / 64) * (dModel / 64);
    // Beside the batches, a wide model costs the drawing of its weights: as much as 24 tokens.
    const tokens = batches * (pairs?.data.maxTokens ?? 700) + (dModel > 64 ? 24 : 0);
    const work = (0.14 * tokens) / 700 + 0.07 * (trained?.steps ?? 0);
    const unit = (setting === 'translation' ? work : 0.025) * width;
    return seeds.length * layers.reduce((sum, n) => sum + n / 6, 0) * unit;
  },
  steps: ({ seeds, layers }) => seeds.length * layers.length,
  seeds: ({ seeds }) => seeds,
};

function measure(
  run: GradientsRun,
  numLayers: number,
  seed: number,
  data: OpenedPairs | null,
): GradientPoint {
  if (run.setting === 'translation') return measureTranslation(run, numLayers, seed, data as OpenedPairs);
  const { layers } = probe({
    setting: run.setting,
    placement: run.placement,
    numLayers,
    dModel: run.dModel,
    seed,
    ...TOY,
  });
  return { numLayers, seed, encoder: layers };
}

/** Fig. 3: gradients of an L-L encoder-decoder, averaged over batches before the norm is taken. */
function measureTranslation(
  run: GradientsRun,
  numLayers: number,
  seed: number,
  data: OpenedPairs,
): GradientPoint {
  const model = new Transformer({
    vocabSize: data.tokenizer.vocabSize,
    dModel: run.dModel,
    numHeads: 4,
    dFF: 2 * run.dModel,
    numLayers,
    normPlacement: run.placement,
    init: 'paper',
    seed,
    maxSeqLen: 512,
  });
  const batches = data.train(seed, model.config.maxSeqLen) as BatchSource<PairBatch>;
  if (run.trained) {
    const trainer = new Trainer(trainerOptions(run.trained, { model, data: batches }));
    while (trainer.step < run.trained.steps) trainer.trainStep();
    trainer.options.optimizer.zeroGrad();
  }
  const hidden = new Map<string, number>();
  const record = (name: string, value: Variable) => {
    if (!name.endsWith('.out')) return;
    const values = value.toArray();
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
    hidden.set(name, sum / values.length);
  };
  for (let b = 0; b < run.batches; b++) backward(model.loss(batches.next(), { trace: record }).loss);
  const statistics = (layers: readonly (TransformerEncoderLayer | TransformerDecoderLayer)[]) =>
    layers.map((layer) => ({
      w1: frobenius(layer.feedForward.linear1.weight, run.batches),
      w2: frobenius(layer.feedForward.linear2.weight, run.batches),
      hidden: hidden.get(`${layer.path}.out`) ?? Number.NaN,
    }));
  return {
    numLayers,
    seed,
    encoder: statistics(model.encoder.layers),
    decoder: statistics(model.decoder.layers),
  };
}
