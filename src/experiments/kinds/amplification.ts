/**
 * @file Kind `amplification` (Liu et al. 2020, arXiv 2004.08249, section 4): by how much one step of Adam changes the logits
 * of an untrained model, against depth. The first update of Adam is the rate times the sign of the gradient, whatever its
 * size, so this asks what the paper's argument leaves out: how a placement carries a small change of all weights.
 */
import { backward, noGrad } from '../../autograd/index.js';
import { sha256 } from '../../io/sha256.js';
import type { NormPlacement } from '../../nn/index.js';
import { RandomStream } from '../../random.js';
import { buildOptimizer } from '../../recipe/index.js';
import { currentRuntime } from '../../runtime/runtime.js';
import { Probe, type ProbeBatch } from '../../theory/index.js';
import { encodeBytes } from '../../utf8.js';
import type { RunKind, RunSpec } from './run-kind.js';

export interface AmplificationRun extends RunSpec {
  kind: 'amplification';
  placement: NormPlacement;
  /** Depths that are gone through. */
  layers: number[];
  seeds: number[];
  dModel: number;
  lr: number;
}

/** Rows and positions of the batch, and its vocabulary. */
const SHAPE = { batch: 8, length: 32, vocabSize: 1000 };

/** The batch of a seed: uniform tokens and targets. */
export function amplificationBatch(seed: number): ProbeBatch {
  const random = new RandomStream(seed, 'amplification:data');
  const draw = () =>
    Int32Array.from({ length: SHAPE.batch * SHAPE.length }, () => random.nextInt(SHAPE.vocabSize));
  return { ids: draw(), targets: draw(), batchSize: SHAPE.batch, seqLen: SHAPE.length };
}

/** The untrained model of a depth and seed. */
export function amplificationModel(run: AmplificationRun, numLayers: number, seed: number): Probe {
  const { placement, dModel } = run;
  const { vocabSize, length } = SHAPE;
  return new Probe({ setting: 'toy', placement, numLayers, dModel, vocabSize, length, seed });
}

export interface OneStep {
  /** Logits (256, 1000) before and after the step. */
  before: Float32Array;
  after: Float32Array;
  /** ||after - before|| / ||before||. */
  change: number;
}

/** One step of Adam on one batch, and what it does to the logits of that batch. */
export function oneStep(run: AmplificationRun, numLayers: number, seed: number): OneStep {
  const model = amplificationModel(run, numLayers, seed);
  const optimizer = buildOptimizer(
    { optimizer: { kind: 'adam', lr: run.lr, betas: [0.9, 0.98], eps: 1e-9 }, steps: 1 },
    model,
  );
  const batch = amplificationBatch(seed);
  const logits = () => {
    const values = Float32Array.from(noGrad(() => model.forward(batch).toArray()));
    currentRuntime().endStep();
    return values;
  };
  const before = logits();
  backward(model.loss(batch).loss);
  optimizer.step();
  currentRuntime().endStep();
  const after = logits();
  optimizer.free();
  let moved = 0;
  let size = 0;
  for (let i = 0; i < before.length; i++) {
    moved += (after[i] - before[i]) * (after[i] - before[i]);
    size += before[i] * before[i];
  }
  return { before, after, change: Math.sqrt(moved / size) };
}

export const amplificationKind: RunKind<AmplificationRun> = {
  kind: 'amplification',
  version: 1,
  keys: ['placement', 'layers', 'seeds', 'dModel', 'lr'],
  async execute(run, { onProgress, signal }) {
    const measured: Record<string, number[]> = {};
    let done = 0;
    const total = run.layers.length * run.seeds.length;
    for (const numLayers of run.layers) {
      const values: number[] = [];
      for (const seed of run.seeds) {
        signal?.throwIfAborted();
        values.push(oneStep(run, numLayers, seed).change);
        onProgress({ done: ++done, total, text: `${numLayers} layers` });
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      measured[`change@${numLayers}`] = values;
    }
    return {
      id: run.id,
      experiment: 'amplification',
      label: run.label,
      placement: run.placement,
      seed: run.seeds[0],
      config: { ...run },
      status: 'measured',
      steps: total,
      hash: sha256(encodeBytes(JSON.stringify(measured))),
      measured,
    };
  },
  cost: ({ layers, seeds, dModel }) =>
    seeds.length * layers.reduce((sum, n) => sum + n / 6, 0) * 0.05 * (dModel / 64) * (dModel / 64),
  steps: ({ layers, seeds }) => layers.length * seeds.length,
  seeds: ({ seeds }) => seeds,
};
