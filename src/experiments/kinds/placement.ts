/**
 * @file One short training of a character language model on the embedded text, whatever the placement. Admin is
 * profiled on the first batch. `measured.unigramNll` is the entropy of the training text's characters, what a model
 * knows without looking.
 */
import { evaluationTextWindows, TextWindows } from '../../data/index.js';
import { CausalLM, type ModelOptions, type NormPlacement, profileAdmin } from '../../nn/index.js';
import { Adam, makeSchedule, type ScheduleConfig } from '../../optim/index.js';
import { log64 } from '../../runtime/math.js';
import { currentRuntime } from '../../runtime/runtime.js';
import { Trainer } from '../../train/index.js';
import type { RunKind, RunSpec } from './run-kind.js';
import { trainCurve } from './training-curve.js';

export interface PlacementRun extends RunSpec {
  kind: 'placement';
  placement: NormPlacement;
  warmup: boolean;
  seed: number;
  /** Name of the text; its last tenth is for validation. */
  text: string;
  model: Pick<ModelOptions, 'dModel' | 'numHeads' | 'dFF' | 'numLayers'>;
  batchSize: number;
  seqLen: number;
  schedule: ScheduleConfig;
  steps: number;
  evalEvery: number;
}

/** Characters as numbers in the order of their first appearance, and the entropy of `train`. */
function prepare(text: string): { train: Int32Array; valid: Int32Array; vocabSize: number; entropy: number } {
  const numbers = new Map<string, number>();
  const all = Int32Array.from(text, (character) => {
    if (!numbers.has(character)) numbers.set(character, numbers.size);
    return numbers.get(character) as number;
  });
  const cut = Math.floor(all.length * 0.9);
  const train = all.subarray(0, cut);
  const counts = new Float64Array(numbers.size);
  for (const id of train) counts[id]++;
  let entropy = 0;
  for (const count of counts) if (count > 0) entropy -= (count / cut) * log64(count / cut);
  return { train, valid: all.subarray(cut), vocabSize: numbers.size, entropy };
}

export const placementKind: RunKind<PlacementRun> = {
  kind: 'placement',
  version: 1,
  inputs: ({ text }) => ({ texts: [text] }),
  async execute(spec, { onProgress, signal, loadText }) {
    const { train, valid, vocabSize, entropy } = prepare(await loadText(spec.text));
    const { placement, batchSize, seqLen, seed, steps } = spec;
    currentRuntime().manualSeed(seed);
    const model = new CausalLM({
      ...spec.model,
      vocabSize,
      maxSeqLen: seqLen,
      normPlacement: placement,
      seed,
    });
    const windows = { batchSize, seqLen, seed };
    if (placement === 'admin') profileAdmin(model, new TextWindows(train, windows).next());
    const trainer = new Trainer({
      model,
      data: new TextWindows(train, windows),
      optimizer: new Adam(model.parameters(), { lr: 0, betas: [0.9, 0.98], eps: 1e-9 }),
      schedule: makeSchedule(spec.schedule),
      steps,
      validation: [...evaluationTextWindows(valid, { batchSize: 32, seqLen })],
      evalEvery: spec.evalEvery,
      signal,
    });
    const { curve, diverged, finalValidNll } = await trainCurve(trainer, steps, onProgress);
    return {
      id: spec.id,
      experiment: 'placement',
      label: spec.label,
      placement,
      seed,
      config: { ...spec },
      status: diverged ? 'diverged' : 'measured',
      finalValidNll,
      steps: trainer.step,
      hash: trainer.hash(),
      measured: { unigramNll: entropy },
      curve,
    };
  },
  cost: ({ model, batchSize, seqLen, steps }) => {
    const width = (model.dModel / 64) * (model.dModel / 64);
    return steps * 0.025 * width * ((model.numLayers ?? 6) / 6) * ((batchSize * seqLen) / 512);
  },
  steps: ({ steps }) => steps,
  seeds: ({ seed }) => [seed],
};
