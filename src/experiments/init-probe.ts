/**
 * @file The models on which gradients at initialisation are measured (paper, section 3.4, Lemmas 2 and 3 and
 * Theorem 1). One code path; the theory's simplifications are settings:
 * - `theory`: one head, W_Q = W_K = 0 (uniform attention), no W_O, dFF = d, inputs N(0, I);
 * - `toy`: four heads, dFF = 2d, Xavier Q and K, token · sqrt(d) + sinusoid, uniform random tokens.
 * Both: encoder of L layers, tied output table N(0, 1/d), random targets, mean loss, `paper` initialisation.
 */
import { backward, crossEntropy, linear, reshape, tensor, type Variable } from '../autograd/index.js';
import { resolveConfig, stackConfig } from '../nn/config.js';
import {
  initializeModel,
  type NormPlacement,
  placements,
  profileAdmin,
  randomNormal,
  TokenEmbedding,
  type Trace,
  TransformerEncoder,
} from '../nn/index.js';
import { Module } from '../nn/module.js';
import { RandomStream } from '../random.js';
import type { LayerStatistics } from './results.js';

export interface ProbeConfig {
  setting: 'theory' | 'toy';
  placement: NormPlacement;
  numLayers: number;
  dModel: number;
  vocabSize: number;
  batch: number;
  length: number;
  seed: number;
}

export interface ProbeResult {
  layers: LayerStatistics[];
  loss: number;
}

class Probe extends Module {
  readonly embedding: TokenEmbedding;
  readonly encoder: TransformerEncoder;
  readonly uniform: boolean;

  constructor(config: ProbeConfig) {
    super();
    this.uniform = config.setting === 'theory';
    const resolved = resolveConfig('gradients', {
      vocabSize: config.vocabSize,
      dModel: config.dModel,
      numHeads: this.uniform ? 1 : 4,
      dFF: this.uniform ? config.dModel : 2 * config.dModel,
      numLayers: config.numLayers,
      normPlacement: config.placement,
      maxSeqLen: config.length,
      embeddingNorm: placements[config.placement] === placements.peri,
    });
    this.embedding = new TokenEmbedding(resolved);
    this.encoder = new TransformerEncoder(stackConfig(resolved, config.numLayers));
    this.assignPaths();
    initializeModel(this, 'paper', config.seed);
    if (!this.uniform) return;
    this.encoder.layers.forEach((layer, i) => {
      const place = { layer: i + 1, numLayers: config.numLayers, otherLayers: 0, decoder: false };
      const gain = placements[config.placement].initGain?.({ ...place, mixFraction: 0.25, preFirst: false });
      simplifyAttention(layer.selfAttn, config.dModel, gain ?? 1);
    });
  }

  forward(x: Variable, { trace }: { trace: Trace }): Variable {
    return this.encoder.forward(x, {}, trace);
  }
}

/** W_Q = W_K = 0 and W_O = I times the placement's gain: attention is the mean of x_j W_V, W_V of variance 1/d. */
function simplifyAttention(
  attention: TransformerEncoder['layers'][number]['selfAttn'],
  d: number,
  gain: number,
): void {
  const packed = attention.inProjWeight.toArray();
  packed.fill(0, 0, 2 * d * d);
  attention.inProjWeight.set(packed);
  const identity = new Float64Array(d * d);
  for (let i = 0; i < d; i++) identity[i * d + i] = gain;
  attention.outProj.weight.set(identity);
}

/** Measures one model on one random batch. */
export function probe(config: ProbeConfig): ProbeResult {
  const model = new Probe(config);
  const { batch, length, dModel, vocabSize } = config;
  const random = new RandomStream(config.seed, 'probe:data');
  const draw = () => Int32Array.from({ length: batch * length }, () => random.nextInt(vocabSize));
  const ids = tensor(draw(), { shape: [batch, length], dtype: 'i32' });
  const targets = tensor(draw(), { shape: [batch, length], dtype: 'i32' });
  const hidden = new Map<string, Variable>();
  const x0 = model.uniform
    ? randomNormal([batch, length, dModel], config.seed, 'probe:inputs')
    : model.embedding.forward(ids);
  if (config.placement === 'admin') profileAdmin(model, x0);
  const x = model.forward(x0, { trace: (name, value) => hidden.set(name, value) });
  const logits = linear(x, model.embedding.tokens.weight, null);
  const { loss } = crossEntropy(reshape(logits, [batch * length, vocabSize]), targets);
  const norms = model.encoder.layers.map((layer) =>
    meanSquare(hiddenOf(layer.path, config.placement, hidden)),
  );
  backward(loss);
  return {
    loss: loss.item(),
    layers: model.encoder.layers.map((layer, i) => ({
      w1: frobenius(layer.feedForward.linear1.weight),
      w2: frobenius(layer.feedForward.linear2.weight),
      hidden: norms[i],
    })),
  };
}

/**
 * Post-LN hides x^{post,5} behind its last norm: it is the sum of the layer's middle and its branch. Other placements
 * say themselves what their last norm hides.
 */
function hiddenOf(path: string, placement: NormPlacement, hidden: Map<string, Variable>): Variable[] {
  const get = (name: string) => hidden.get(`${path}.${name}`) as Variable;
  return placement === 'post' ? [get('mid'), get('ffn')] : [get('hidden')];
}

/** Mean square of the sum of tensors: E||x||² / d. */
function meanSquare(parts: Variable[]): number {
  const arrays = parts.map((part) => part.toArray());
  let total = 0;
  for (let i = 0; i < arrays[0].length; i++) {
    const value = arrays.length === 2 ? arrays[0][i] + arrays[1][i] : arrays[0][i];
    total += value * value;
  }
  return total / arrays[0].length;
}

/** Frobenius norm of a parameter's gradient divided by `count` accumulated batches. */
export function frobenius(parameter: { grad: { toArray(): ArrayLike<number> } | null }, count = 1): number {
  const values = parameter.grad?.toArray() ?? [];
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] * values[i];
  return Math.sqrt(total) / count;
}
