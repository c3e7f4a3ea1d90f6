/**
 * @file Kind `growth`: hidden states and gradients per layer while a causal language model trains on the embedded text
 * (Kim et al. 2025, arXiv 2502.02732, section 3), and the law of the gradient under scaling on the untrained model.
 */
import { backward, noGrad, type Variable } from '../../autograd/index.js';
import type { LmBatch } from '../../data/index.js';
import { sha256 } from '../../io/sha256.js';
import type { CausalLM, NormPlacement } from '../../nn/index.js';
import { checkRecipe, prepareRun, readData } from '../../recipe/index.js';
import { currentRuntime } from '../../runtime/runtime.js';
import { frobenius } from '../../theory/index.js';
import { Trainer } from '../../train/index.js';
import { encodeBytes } from '../../utf8.js';
import { mean } from '../statistics.js';
import type { RunKind, RunOutcome, RunSpec } from './run-kind.js';
import type { TextRecipe } from './run-spec.js';
import { trainCurve, trainedRecord } from './training-curve.js';

/** Factors on W2 in the scaling law. */
export const factors = [0.5, 2, 4];

export interface GrowthRun extends RunSpec {
  kind: 'growth';
  placement: NormPlacement;
  lr: number;
  recipe: TextRecipe;
  /** Measure every so many steps, beside step 0. */
  measureEvery: number;
}

interface HiddenStates {
  /** Per layer: variance over the features, mean over positions. */
  variance: number[];
  /** The same in front of the layer's last norm, where that is what leaves the layer (Post-LN). */
  before: number[];
  /** Largest |x|. */
  largest: number[];
}

/** Variance over `d` features, mean over rows, and the largest |x|. */
function spreadOf(values: ArrayLike<number>, d: number): { variance: number; largest: number } {
  let total = 0;
  let largest = 0;
  for (let row = 0; row < values.length; row += d) {
    let sum = 0;
    let squares = 0;
    for (let i = row; i < row + d; i++) {
      sum += values[i];
      squares += values[i] * values[i];
      largest = Math.max(largest, Math.abs(values[i]));
    }
    total += squares / d - (sum / d) * (sum / d);
  }
  return { variance: total / (values.length / d), largest };
}

function hiddenStates(model: CausalLM, batch: LmBatch): HiddenStates {
  const states: HiddenStates = { variance: [], before: [], largest: [] };
  const d = model.config.dModel;
  let mid: ArrayLike<number> = [];
  const trace = (name: string, value: Variable) => {
    if (name.endsWith('.mid')) mid = Float64Array.from(value.toArray());
    else if (name.endsWith('.ffn')) {
      // What the last norm of a Post-LN layer takes in: the sum of the layer's middle and its branch.
      states.before.push(
        spreadOf(
          Float64Array.from(value.toArray(), (v, i) => v + mid[i]),
          d,
        ).variance,
      );
    } else if (name.endsWith('.out')) {
      const { variance, largest } = spreadOf(value.toArray(), d);
      states.variance.push(variance);
      states.largest.push(largest);
    }
  };
  model.eval();
  noGrad(() => model.loss(batch, { trace }));
  currentRuntime().endStep();
  return states;
}

/** Norm of every W2's gradient on one batch. */
function gradients(model: CausalLM, batch: LmBatch): number[] {
  model.zeroGrad();
  backward(model.loss(batch).loss);
  const norms = model.encoder.layers.map((layer) => frobenius(layer.feedForward.linear2.weight));
  model.zeroGrad();
  currentRuntime().endStep();
  return norms;
}

/**
 * Scales W2 of the middle layer (b2 = 0) by c. `outputs`: largest |change| of a logit over the largest |logit|;
 * `gradient`: |c · ||dW2(c)|| / ||dW2(1)|| - 1|. One entry per factor; the weights are put back.
 */
function scalingLaw(model: CausalLM, batch: LmBatch): { outputs: number[]; gradient: number[] } {
  const middle = model.config.numLayers >> 1;
  const { weight } = model.encoder.layers[middle].feedForward.linear2;
  const original = Float32Array.from(weight.toArray());
  const run = () => {
    const logits = Array.from(noGrad(() => model.forward(batch).toArray()));
    currentRuntime().endStep();
    return { logits, gradient: gradients(model, batch)[middle] };
  };
  model.eval();
  const base = run();
  const size = base.logits.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const outputs: number[] = [];
  const gradient: number[] = [];
  for (const c of factors) {
    weight.set(original.map((value) => value * c));
    const scaled = run();
    const change = scaled.logits.reduce((most, v, i) => Math.max(most, Math.abs(v - base.logits[i])), 0);
    outputs.push(change / size);
    gradient.push(Math.abs((c * scaled.gradient) / base.gradient - 1));
  }
  weight.set(original);
  return { outputs, gradient };
}

/** Steps whose value exceeds `factor` times the mean of the ten before. */
function spikes(values: readonly number[], factor: number): number {
  return values.filter((value, i) => i >= 10 && value > factor * mean(values.slice(i - 10, i))).length;
}

export const growthKind: RunKind<GrowthRun> = {
  kind: 'growth',
  version: 3,
  keys: ['placement', 'lr', 'recipe', 'measureEvery'],
  check: ({ id, recipe }) => void checkRecipe(recipe, id),
  dataHash: async ({ recipe }, sources) => (await readData(recipe.data, sources)).sha256,
  async execute(run, { onProgress, signal, sources }): Promise<RunOutcome> {
    const { recipe } = run;
    const { seed } = recipe;
    const prepared = await prepareRun(recipe, { sources });
    const model = prepared.model as CausalLM;
    const probe = prepared.data.train(seed + 1, model.config.maxSeqLen).next() as LmBatch;
    const measured: Record<string, number | number[]> = {};
    const measure = (step: number) => {
      const { variance, before, largest } = hiddenStates(model, probe);
      measured[`variance@${step}`] = variance;
      measured[`before@${step}`] = before;
      measured[`largest@${step}`] = largest;
    };
    const law = scalingLaw(model, probe);
    measured.scaledOutputs = law.outputs;
    measured.scaledGradient = law.gradient;
    measured.gradientsBefore = gradients(model, probe);
    measure(0);
    const trainer = new Trainer({ ...prepared.options, signal });
    const gradNorms: number[] = [];
    const trained = await trainCurve(trainer, recipe.steps, onProgress, ({ step, gradNorm }) => {
      gradNorms.push(gradNorm);
      if (step % run.measureEvery === 0) measure(step);
    });
    if (!trained.diverged) measured.gradientsAfter = gradients(model, probe);
    measured.lossSpikes = spikes(trainer.losses, 1.25);
    measured.gradSpikes = spikes(gradNorms, 3);
    measured.finalLoss = mean(trainer.losses.slice(-10));
    const record = trainedRecord(run, { placement: run.placement, seed }, trainer, trained);
    const hash = sha256(encodeBytes(record.hash + JSON.stringify(measured)));
    return { ...record, hash, measured };
  },
  cost: ({ recipe: { steps, model, data } }) => {
    const { dModel, numLayers = 6 } = model;
    const { batchSize = 16, seqLen = 64 } = data;
    return (steps * numLayers * batchSize * seqLen * (dModel / 64) * (dModel / 64)) / 100000;
  },
  steps: ({ recipe }) => recipe.steps,
  seeds: ({ recipe }) => [recipe.seed],
};
