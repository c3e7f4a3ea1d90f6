/** @file The models whose whole training step is timed, with their batches. */
import type { BatchSource } from '../data/cursor.js';
import type { PairBatch } from '../data/index.js';
import { makePreset, openPairs, type TranslationRun } from '../experiments/index.js';
import { CausalLM, type LmInput, type Transformer } from '../nn/models.js';
import { buildRun, type Recipe, trainerOptions } from '../recipe/index.js';
import { type Runtime, withRuntime } from '../runtime/runtime.js';
import { Trainer } from '../train/index.js';
import { causalLmFlops, translationFlops } from './flops.js';

export interface LmShape {
  numLayers: number;
  dModel: number;
  numHeads: number;
  dFF: number;
  seqLen: number;
  batchSize: number;
  vocabSize: number;
}

/** Pre-LN causal language models without dropout, trained by Adam. */
export const lmShapes = {
  tiny: { numLayers: 2, dModel: 64, numHeads: 4, dFF: 256, seqLen: 64, batchSize: 8, vocabSize: 512 },
  small: { numLayers: 6, dModel: 128, numHeads: 4, dFF: 512, seqLen: 64, batchSize: 16, vocabSize: 2048 },
  base: { numLayers: 4, dModel: 256, numHeads: 4, dFF: 1024, seqLen: 128, batchSize: 8, vocabSize: 2048 },
} as const satisfies Record<string, LmShape>;

/** Language models by the number of their parameters, which are run on one text. */
export const decoderShapes = {
  '1.3 M': { numLayers: 4, dModel: 128, numHeads: 2, dFF: 512, seqLen: 256, batchSize: 1, vocabSize: 4096 },
  '8.4 M': { numLayers: 8, dModel: 256, numHeads: 4, dFF: 1024, seqLen: 256, batchSize: 1, vocabSize: 8192 },
  '29.4 M': { numLayers: 8, dModel: 512, numHeads: 8, dFF: 2048, seqLen: 256, batchSize: 1, vocabSize: 8192 },
} as const satisfies Record<string, LmShape>;

/** A number that another text of ids would hardly have, to tell whether two engines wrote the same. */
export const textSum = (ids: ArrayLike<number>): number =>
  Array.from(ids).reduce((sum, id, t) => sum + (t + 1) * id, 0);

export type LmName = keyof typeof lmShapes;
export type StepName = LmName | 'mt';
export const stepNames: readonly StepName[] = ['tiny', 'small', 'base', 'mt'];

/** What the optimizer of the language models is set to, here and in every rival. */
export const adamSettings = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8 } as const;

/** A training step that can be repeated. */
export interface Step {
  /** One update; returns the loss before it. */
  run(): number;
  /** FLOPs that the model needs for one `run`, on average. */
  flops: number;
  /** Updates that make up one full turn through the step's batches. */
  cycle: number;
}

/** Tokens that look like nothing in particular and are the same everywhere: (batchSize, seqLen) and the next ones. */
export function lmBatch({ batchSize, seqLen, vocabSize }: LmShape): LmInput & { targets: Int32Array } {
  const ids = new Int32Array(batchSize * seqLen);
  const targets = new Int32Array(ids.length);
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % vocabSize;
  };
  for (let b = 0; b < batchSize; b++) {
    let id = next();
    for (let t = 0; t < seqLen; t++) {
      ids[b * seqLen + t] = id;
      id = next();
      targets[b * seqLen + t] = id;
    }
  }
  return { ids, targets, batchSize, seqLen };
}

export function buildLm(runtime: Runtime, shape: LmShape, seed = 0): CausalLM {
  const { numLayers, dModel, numHeads, dFF, vocabSize, seqLen } = shape;
  const options = { numLayers, dModel, numHeads, dFF, vocabSize, maxSeqLen: seqLen };
  return withRuntime(runtime, () => new CausalLM({ ...options, normPlacement: 'pre', seed }));
}

export function lmStep(runtime: Runtime, shape: LmShape, seed = 0): Step {
  const model = buildLm(runtime, shape, seed);
  const batch = lmBatch(shape);
  const recipe = { optimizer: { kind: 'adam', ...adamSettings }, steps: Number.MAX_SAFE_INTEGER } as const;
  const trainer = withRuntime(
    runtime,
    () => new Trainer(trainerOptions(recipe, { model, data: repeating([batch]) })),
  );
  const flops = causalLmFlops(model.config, shape.numLayers, shape.batchSize, shape.seqLen);
  return { flops, cycle: 1, run: () => updateOf(trainer) };
}

/** Batches of one timed sample: enough to mix short and long sentences. */
const MT_BATCHES = 8;

/** The translation model of `reproduce --preset quick`, with dropout, on its first batches. */
export async function translationStep(runtime: Runtime, seed = 0): Promise<Step> {
  const run = makePreset('quick').runs.find(
    (run) => run.kind === 'translation' && (run as TranslationRun).arm.placement === 'pre',
  ) as TranslationRun;
  const { steps: _, ...recipe } = run.recipe;
  const pairs = await openPairs(recipe);
  return withRuntime(runtime, () => {
    const steps = Number.MAX_SAFE_INTEGER;
    const trained: Recipe = { ...recipe, model: { ...recipe.model, dropout: 0.1 }, steps, seed };
    const { model, options } = buildRun(trained, pairs);
    const batches = Array.from({ length: MT_BATCHES }, () => options.data.next() as PairBatch);
    const { optimizer, labelSmoothing } = options;
    const data = repeating<unknown>(batches);
    const trainer = new Trainer({ model: options.model, data, optimizer, labelSmoothing, steps });
    const flops = (batch: PairBatch) =>
      translationFlops((model as Transformer).config, batch.sourceLengths, batch.targetLengths);
    return {
      flops: batches.reduce((sum, batch) => sum + flops(batch), 0) / batches.length,
      cycle: batches.length,
      run: () => updateOf(trainer),
    };
  });
}

export function buildStep(name: StepName, runtime: Runtime, seed = 0): Promise<Step> {
  if (name === 'mt') return translationStep(runtime, seed);
  return Promise.resolve(lmStep(runtime, lmShapes[name], seed));
}

function updateOf(trainer: { trainStep(): { loss: number }; losses: number[] }): number {
  const { loss } = trainer.trainStep();
  trainer.losses.length = 0; // millions of steps are timed, their losses are of no interest
  return loss;
}

/** The same batches over and over. */
function repeating<B>(batches: readonly B[]): BatchSource<B> {
  let at = 0;
  return {
    next: () => batches[at++ % batches.length],
    state: () => ({ epoch: 0, batch: at % batches.length }),
    restore: ({ batch }) => {
      at = batch;
    },
  };
}
