/**
 * @file Reads the goldens that scripts/make-goldens.py made with PyTorch, and builds our side of each case.
 */
import { readFileSync } from 'node:fs';
import { mul, scale, sum } from '../../src/autograd/ops/index.js';
import { type Parameter, tensor, type Variable } from '../../src/autograd/variable.js';
import { loadTorchState } from '../../src/interop/torch.js';
import { decodeSafetensors } from '../../src/io/safetensors.js';
import { CausalLM, Transformer, TransformerDecoder, TransformerEncoder } from '../../src/nn/index.js';
import type { Module, StateDict } from '../../src/nn/module.js';

export interface GoldenCase {
  name: string;
  kind: 'encoder' | 'decoder' | 'causal-lm' | 'transformer';
  normPlacement: 'post' | 'pre';
  activation: 'relu' | 'gelu';
  finalNorm: boolean;
  dModel: number;
  numHeads: number;
  dFF: number;
  numLayers?: number;
  numEncoderLayers?: number;
  numDecoderLayers?: number;
  vocabSize?: number;
  smoothing?: number;
  loss: number;
  /** 2-norm of each gradient. */
  norms: Record<string, number>;
  /** Losses of 10 steps by optimizer. */
  optimizers: Record<string, number[]>;
}

export interface Golden {
  info: GoldenCase;
  /** Values by name; see scripts/make-goldens.py. */
  get(name: string): Float64Array;
  has(name: string): boolean;
}

export const goldenNames = [
  'encoder-post',
  'encoder-pre',
  'decoder-post',
  'decoder-pre',
  'causal-lm-pre',
  'transformer-post',
  'transformer-pre',
];

function read(name: string): ReturnType<typeof decodeSafetensors> {
  const path = new URL(`../fixtures/torch/${name}.safetensors`, import.meta.url);
  return decodeSafetensors(readFileSync(path), name);
}

export function readGolden(name: string): Golden {
  const { tensors, metadata } = read(name);
  return {
    info: JSON.parse(metadata.case),
    has: (key) => tensors.has(key),
    get: (key) => {
      const entry = tensors.get(key);
      if (!entry) throw new Error(`${name} has no ${key}`);
      return Float64Array.from(entry.data as Float64Array);
    },
  };
}

/** The shared torch.nn.Transformer state (3 encoder layers, 2 decoder layers, both final norms) and table. */
export function readState(): StateDict {
  const { tensors } = read('state');
  return new Map([...tensors].map(([key, { shape, data }]) => [key, { shape, data: data as Float32Array }]));
}

/** The part of the shared state that a case uses, under the names PyTorch has for it. */
export function stateOf(info: GoldenCase): StateDict {
  const depth = {
    encoder: info.numEncoderLayers ?? info.numLayers ?? 0,
    decoder: info.numDecoderLayers ?? info.numLayers ?? 0,
  };
  const stacks =
    info.kind === 'transformer' ? ['encoder', 'decoder'] : [info.kind === 'decoder' ? 'decoder' : 'encoder'];
  const state: StateDict = new Map();
  for (const [key, value] of readState()) {
    const parts = key.match(/^(encoder|decoder)\.(?:layers\.(\d+)\.|norm\.)/);
    if (!parts) {
      if (info.vocabSize) state.set(key, value);
      continue;
    }
    const stack = parts[1] as 'encoder' | 'decoder';
    if (!stacks.includes(stack)) continue;
    if (parts[2] === undefined ? !info.finalNorm : Number(parts[2]) >= depth[stack]) continue;
    state.set(info.kind === 'transformer' ? key : key.slice(stack.length + 1), value);
  }
  return state;
}

export interface BuiltCase {
  model: Module;
  /** Parameters by PyTorch's names. */
  parameters: Map<string, Parameter>;
  /** Inputs that get a gradient. */
  inputs: Map<string, Variable>;
  output(): Variable;
  loss(): Variable;
}

/** Our model of a case on the current runtime, with PyTorch's parameters and inputs. */
export function buildCase(golden: Golden): BuiltCase {
  const { info } = golden;
  const { kind, dModel, numHeads, dFF, normPlacement, activation, finalNorm, vocabSize, smoothing } = info;
  const state = stateOf(info);
  const inputs = new Map<string, Variable>();
  const ids = (name: string): Int32Array => Int32Array.from(golden.get(name));
  const vectors = (name: string, requiresGrad: boolean): Variable => {
    const values = golden.get(name);
    const batch = golden.has('source_lengths') ? golden.get('source_lengths').length : 1;
    const made = tensor(values, { shape: [batch, values.length / batch / dModel, dModel], requiresGrad });
    if (requiresGrad) inputs.set(name, made);
    return made;
  };
  const finish = (model: Module, output: () => Variable, loss: () => Variable): BuiltCase => {
    loadTorchState(model, state, vocabSize ? { embedding: 'embedding.weight' } : {});
    const parameters = new Map<string, Parameter>();
    for (const [path, parameter] of model.namedParameters()) {
      const name = kind === 'causal-lm' ? path.replace(/^encoder\./, '') : path;
      parameters.set(name === 'embedding.tokens.weight' ? 'embedding.weight' : name, parameter);
    }
    return { model, parameters, inputs, output, loss };
  };

  if (kind === 'encoder' || kind === 'decoder') {
    const stack = {
      dModel,
      numHeads,
      dFF,
      normPlacement,
      activation,
      finalNorm,
      numLayers: info.numLayers as number,
      norm: 'layer',
      eps: 1e-5,
      dropout: 0,
      activationDropout: 0,
    } as const;
    const x = vectors('x', true);
    const weights = vectors('weights', false);
    const lengths = tensor(ids('source_lengths'));
    const weigh = (output: Variable): Variable =>
      scale(sum(mul(output, weights)), 1 / (x.shape[0] * x.shape[1]));
    if (kind === 'encoder') {
      const model = new TransformerEncoder(stack);
      const output = (): Variable => model.forward(x, { lengths });
      return finish(model, output, () => weigh(output()));
    }
    const memory = vectors('memory', true);
    const model = new TransformerDecoder(stack);
    const output = (): Variable => model.forward(x, memory, {}, { lengths });
    return finish(model, output, () => weigh(output()));
  }
  const options = {
    dModel,
    numHeads,
    dFF,
    normPlacement,
    activation,
    finalNorm,
    vocabSize: vocabSize as number,
    maxSeqLen: 16,
  };
  if (kind === 'causal-lm') {
    const model = new CausalLM({ ...options, numLayers: info.numLayers });
    const batch = {
      ids: ids('ids'),
      targets: ids('targets'),
      batchSize: 3,
      seqLen: golden.get('ids').length / 3,
    };
    return finish(
      model,
      () => model.forward(batch),
      () => model.loss(batch, { smoothing }).loss,
    );
  }
  const { numEncoderLayers, numDecoderLayers } = info;
  const model = new Transformer({ ...options, numEncoderLayers, numDecoderLayers });
  const batch = {
    source: ids('source'),
    sourceLengths: ids('source_lengths'),
    targetInput: ids('target_input'),
    targetLengths: ids('target_lengths'),
    targetOutput: ids('targets'),
    batchSize: 3,
    sourceLen: golden.get('source').length / 3,
    targetLen: golden.get('target_input').length / 3,
  };
  return finish(
    model,
    () => model.forward(batch),
    () => model.loss(batch, { smoothing }).loss,
  );
}

/** The signs of scripts/make-goldens.py. */
export function signs(count: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state < 2 ** 31 ? 1 : -1;
  });
}

/** signs @ g and g @ signs, joined, for a row-major matrix. */
export function sketch(
  g: ArrayLike<number>,
  rows: number,
  cols: number,
): { left: Float64Array; right: Float64Array } {
  const left = new Float64Array(cols);
  const right = new Float64Array(rows);
  const s = signs(rows, 1);
  const t = signs(cols, 2);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      left[j] += s[i] * g[i * cols + j];
      right[i] += g[i * cols + j] * t[j];
    }
  }
  return { left, right };
}

export function norm(a: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < a.length; i++) squares += a[i] * a[i];
  return Math.sqrt(squares);
}

/** 2-norm of a - b over [from, to). */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>, from = 0, to = a.length): number {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length}`);
  let squares = 0;
  for (let i = from; i < to; i++) squares += (a[i] - b[i]) ** 2;
  return Math.sqrt(squares);
}

export function maxAbs(a: ArrayLike<number>): number {
  let max = 0;
  for (let i = 0; i < a.length; i++) max = Math.max(max, Math.abs(a[i]));
  return max;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
