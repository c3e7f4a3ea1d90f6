/** Tiny models and data for the trainer's tests. */
import * as assert from 'uvu/assert';
import { type PairBatch, PairBatches, TextWindows } from '../../src/data/index.js';
import type { PrenormError } from '../../src/errors.js';
import { CausalLM, type ModelOptions, Transformer } from '../../src/nn/index.js';
import { Adam, inverseSqrt } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { currentRuntime } from '../../src/runtime/runtime.js';
import { type StepMetrics, Trainer, type TrainerOptions } from '../../src/train/index.js';

export const VOCAB = 20;
const [padId, bosId, eosId] = [0, 1, 2];

/** Pairs of different lengths in which the target is the source backwards. */
export function pairs(count: number, longest = 9) {
  const random = new RandomStream(1, 'test:pairs');
  return Array.from({ length: count }, () => {
    const ids = Array.from({ length: 2 + random.nextInt(longest - 1) }, () => 3 + random.nextInt(VOCAB - 3));
    return { source: Int32Array.from([...ids, eosId]), target: Int32Array.from([...ids].reverse()) };
  });
}

export function pairBatches(count = 40, maxTokens = 60): PairBatches {
  return new PairBatches(pairs(count), { maxTokens, seed: 5, padId, bosId, eosId });
}

export function translator(options: Partial<ModelOptions> = {}): Transformer {
  return new Transformer({
    vocabSize: VOCAB,
    dModel: 8,
    numHeads: 2,
    numLayers: 1,
    dFF: 16,
    maxSeqLen: 12,
    dropout: 0.2,
    seed: 3,
    ...options,
  });
}

/** A trainer with everything switched on that a checkpoint has to carry. */
export function translationTrainer(
  options: Partial<TrainerOptions<PairBatch>> = {},
  model = translator(),
): Trainer<PairBatch> {
  currentRuntime().manualSeed(7);
  return new Trainer<PairBatch>({
    model,
    data: pairBatches(),
    optimizer: options.optimizer ?? new Adam(model.parameters(), { lr: 0.01 }),
    schedule: inverseSqrt({ maxLr: 0.01, warmupSteps: 5 }),
    steps: 30,
    labelSmoothing: 0.1,
    accumulate: 2,
    clipNorm: 1,
    ...options,
  });
}

export function languageModel(options: Partial<ModelOptions> = {}): CausalLM {
  return new CausalLM({
    vocabSize: VOCAB,
    dModel: 8,
    numHeads: 2,
    numLayers: 1,
    dFF: 16,
    maxSeqLen: 8,
    seed: 3,
    ...options,
  });
}

export function textWindows(batchSize = 4): TextWindows {
  const random = new RandomStream(2, 'test:text');
  const ids = Int32Array.from({ length: 400 }, () => random.nextInt(VOCAB));
  return new TextWindows(ids, { batchSize, seqLen: 8, seed: 1 });
}

/** Trains until this step is done. */
export async function runTo(trainer: Trainer<PairBatch>, step: number): Promise<StepMetrics[]> {
  const seen: StepMetrics[] = [];
  if (trainer.step === step) return seen;
  for await (const metrics of trainer.run()) {
    seen.push(metrics);
    if (metrics.step === step) break;
  }
  return seen;
}

export async function failure(run: () => unknown): Promise<PrenormError> {
  try {
    await run();
  } catch (error) {
    return error as PrenormError;
  }
  throw new Error('nothing was thrown');
}

export const bytesEqual = (a: Uint8Array, b: Uint8Array) => assert.is(Buffer.compare(a, b), 0);
