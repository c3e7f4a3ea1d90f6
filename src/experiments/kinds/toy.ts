/**
 * @file Runs of kind `toy`: reverse a sequence of 12 tokens with a bidirectional encoder. Fresh random sequences every
 * step, so there is nothing to memorise and no validation set; chance is ln 16 = 2.77.
 */

import { noGrad } from '../../autograd/index.js';
import type { BatchSource, Cursor } from '../../data/index.js';
import type { NormPlacement } from '../../nn/index.js';
import { RandomStream } from '../../random.js';
import { checkTrainingRecipe, type TrainingRecipe, trainerOptions } from '../../recipe/index.js';
import { currentRuntime } from '../../runtime/runtime.js';
import { Probe, type ProbeBatch } from '../../theory/index.js';
import { Trainer } from '../../train/index.js';
import { mean } from '../statistics.js';
import type { RunKind, RunSpec } from './run-kind.js';
import { trainCurve, trainedRecord } from './training-curve.js';

export interface ToyRun extends RunSpec {
  kind: 'toy';
  placement: NormPlacement;
  /** Names the schedule among those compared. */
  arm: string;
  maxLr: number;
  numLayers: number;
  recipe: TrainingRecipe & { seed: number };
}

const VOCAB = 16;
const LENGTH = 12;
const BATCH = 32;
/** Loss and accuracy are averaged over as many steps at the end. */
const TAIL = 50;

/** Random sequences and their reversals, a batch per step, each keyed by (seed, step). */
class Reversals implements BatchSource<ProbeBatch> {
  #batch = 0;

  constructor(
    readonly seed: number,
    readonly stream = 'toy:train',
  ) {}

  next(): ProbeBatch {
    const random = new RandomStream(this.seed, this.stream, this.#batch++);
    const ids = Int32Array.from({ length: BATCH * LENGTH }, () => random.nextInt(VOCAB));
    const targets = ids.map((_, i) => ids[i - (i % LENGTH) + LENGTH - 1 - (i % LENGTH)]);
    return { ids, targets, batchSize: BATCH, seqLen: LENGTH };
  }

  state(): Cursor {
    return { epoch: 0, batch: this.#batch };
  }

  restore(cursor: Cursor): void {
    this.#batch = cursor.batch;
  }
}

export const toyKind: RunKind<ToyRun> = {
  kind: 'toy',
  version: 2,
  keys: ['placement', 'arm', 'maxLr', 'numLayers', 'recipe'],
  check: ({ id, recipe }) => void checkTrainingRecipe(recipe, id),
  async execute(run, { onProgress, signal }) {
    const { recipe } = run;
    const { seed } = recipe;
    currentRuntime().manualSeed(seed);
    const model = new Probe({
      setting: 'toy',
      placement: run.placement,
      numLayers: run.numLayers,
      dModel: 64,
      vocabSize: VOCAB,
      length: LENGTH,
      seed,
    });
    const options = trainerOptions(recipe, { model, data: new Reversals(seed) });
    const trainer = new Trainer({ ...options, signal });
    const trained = await trainCurve(trainer, recipe.steps, onProgress);
    const record = trainedRecord(run, { placement: run.placement, seed }, trainer, trained);
    if (trained.diverged) return record;
    const measured = { loss: mean(trainer.losses.slice(-TAIL)), accuracy: accuracy(model, seed) };
    return { ...record, measured };
  },
  cost: ({ numLayers, recipe }) => recipe.steps * 0.016 * (numLayers / 6),
  steps: ({ recipe }) => recipe.steps,
  seeds: ({ recipe }) => [recipe.seed],
};

/** Share of tokens right with the final weights, on as many fresh batches as the loss averages steps. */
function accuracy(model: Probe, seed: number): number {
  const data = new Reversals(seed, 'toy:test');
  let right = 0;
  for (let b = 0; b < TAIL; b++) {
    const batch = data.next();
    const logits = noGrad(() => model.forward(batch).toArray());
    for (const [i, target] of batch.targets.entries()) {
      const row = logits.subarray(i * VOCAB, (i + 1) * VOCAB);
      if (row.every((v) => v <= row[target])) right++;
    }
  }
  return right / (TAIL * BATCH * LENGTH);
}
