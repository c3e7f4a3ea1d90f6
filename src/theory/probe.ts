/**
 * @file The models on which gradients at initialisation are measured (paper, section 3.4, Lemmas 2 and 3 and
 * Theorem 1). One code path; the theory's simplifications are settings:
 * - `theory`: one head, W_Q = W_K = 0 (uniform attention), no W_O, dFF = d, inputs N(0, I);
 * - `toy`: four heads, dFF = 2d, Xavier Q and K, token · sqrt(d) + sinusoid, uniform random tokens.
 * Both: encoder of L layers, tied output table N(0, 1/d), mean loss, `paper` initialisation. Tokens are uniform with
 * random targets, or Zipf-distributed with the next token as target; gradients are averaged over `batches`.
 */
import {
  backward,
  type CrossEntropyOptions,
  type CrossEntropyResult,
  crossEntropy,
  linear,
  noGrad,
  type Variable,
} from '../autograd/index.js';
import { checkOptions, integer, oneOf, optional, type Rules, seed } from '../checks.js';
import { batchTensor, type StepInputs } from '../nn/batch-tensor.js';
import { resolveConfig, stackConfig } from '../nn/config.js';
import {
  initializeModel,
  type NormPlacement,
  normPlacements,
  placements,
  profileAdmin,
  randomNormal,
  TokenEmbedding,
  TransformerEncoder,
} from '../nn/index.js';
import { checkForward, type ForwardOptions, splitLossOptions } from '../nn/models.js';
import { Module } from '../nn/module.js';
import type { Trace } from '../nn/transformer-layers.js';
import { RandomStream } from '../random.js';

/** Model and data of a probe; `batch` rows of `length` tokens. */
export interface ProbeConfig {
  /** The theory's simplifications, or a usual Transformer; see the paper, section 3.4. */
  setting: 'theory' | 'toy';
  /** Where the norms stand (docs/placements.md). */
  placement: NormPlacement;
  /** Layers of the encoder. */
  numLayers: number;
  /** Width of the hidden vectors; in `toy` a multiple of 4. */
  dModel: number;
  /** Number of token ids. */
  vocabSize: number;
  /** Rows of a batch. */
  batch: number;
  /** Tokens of a row. */
  length: number;
  /** Seed of weights and data. */
  seed: number;
  /** `uniform`: random tokens and targets; `zipf`: token k with weight 1 / (k + 1), the target being the next token. Default `uniform`. */
  tokens?: 'uniform' | 'zipf';
  /** Batches whose gradients are averaged before the norm is taken (the paper's expected gradient). Default 1. */
  batches?: number;
  /** Width of the feed-forward's hidden layer. Default: dModel in `theory`, 2 dModel in `toy`. */
  dFF?: number;
}

export const probeRules: Rules<ProbeConfig> = {
  setting: oneOf('theory', 'toy'),
  placement: oneOf(...normPlacements),
  numLayers: integer(1),
  dModel: integer(1),
  vocabSize: integer(1),
  batch: integer(1),
  length: integer(1),
  seed,
  tokens: optional(oneOf('uniform', 'zipf')),
  batches: optional(integer(1)),
  dFF: optional(integer(1)),
};

/** Statistics of one layer at initialisation. */
export interface LayerStatistics {
  /** Frobenius norm of the gradient of this layer's W1 and W2. */
  w1: number;
  w2: number;
  /** E||x||² / d of the hidden state that leaves the layer (Post-LN: in front of its last norm). */
  hidden: number;
}

/** What a probe measured; layers from the first on. */
export interface ProbeResult {
  layers: LayerStatistics[];
  /** Mean over the batches. */
  loss: number;
}

/** A batch of `Probe`, in the shape of the trainer's. */
export interface ProbeBatch {
  /** (B, T) each. */
  ids: Int32Array;
  targets: Int32Array;
  /** (B, T, d) in place of the tokens' embeddings. */
  embedded?: Variable;
  batchSize: number;
  seqLen: number;
}

/** The probe's model: an encoder that predicts one token per position with its own token table. */
export class Probe extends Module {
  static override readonly name: string = 'Probe';
  readonly embedding: TokenEmbedding;
  readonly encoder: TransformerEncoder;
  readonly uniform: boolean;

  constructor(config: Omit<ProbeConfig, 'batch'>) {
    super();
    checkOptions('Probe', { batch: 1, ...config }, probeRules);
    this.uniform = config.setting === 'theory';
    const resolved = resolveConfig('gradients', {
      vocabSize: config.vocabSize,
      dModel: config.dModel,
      numHeads: this.uniform ? 1 : 4,
      dFF: config.dFF ?? (this.uniform ? config.dModel : 2 * config.dModel),
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

  /** Logits (B, T, vocabSize). */
  forward(batch: ProbeBatch, options: ForwardOptions = {}): Variable {
    checkForward('Probe', batch, options);
    const x =
      batch.embedded ?? this.embedding.forward(batchTensor(batch.ids, [batch.batchSize, batch.seqLen]));
    return linear(this.encoder.forward(x, {}, options.trace), this.embedding.tokens.weight, null);
  }

  /** Mean cross-entropy per token. */
  loss(batch: ProbeBatch, options: CrossEntropyOptions & ForwardOptions = {}): CrossEntropyResult {
    const targets = batchTensor(batch.targets, [batch.batchSize, batch.seqLen]);
    const [forward, rest] = splitLossOptions('Probe.loss', options);
    return crossEntropy(this.forward(batch, forward), targets, rest);
  }

  /** The arrays `loss` reads. */
  inputs({ ids, targets, batchSize, seqLen }: ProbeBatch): StepInputs {
    return { arrays: [ids, targets], shape: `${batchSize},${seqLen}` };
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

/** Measures one model on random batches. */
export function probe(config: ProbeConfig): ProbeResult {
  checkOptions('probe', config, probeRules);
  const model = new Probe(config);
  const { batches = 1 } = config;
  const random = new RandomStream(config.seed, 'probe:data');
  let loss = 0;
  let norms: number[] = [];
  for (let b = 0; b < batches; b++) {
    const hidden = new Map<string, Variable>();
    const trace: Trace = (name, value) => hidden.set(name, value);
    const batch = { ...drawBatch(config, random), embedded: theoryInputs(config, b) };
    if (b === 0 && placements[config.placement].profiled) profileAdmin(model, batch);
    const result = model.loss(batch, { trace });
    if (b === 0) {
      norms = model.encoder.layers.map(({ path }) => meanSquare(hiddenOf(path, config.placement, hidden)));
    }
    backward(result.loss);
    loss += result.loss.item() / batches;
  }
  return {
    loss,
    layers: model.encoder.layers.map((layer, i) => ({
      w1: frobenius(layer.feedForward.linear1.weight, batches),
      w2: frobenius(layer.feedForward.linear2.weight, batches),
      hidden: norms[i],
    })),
  };
}

/** ||x||² / d of every position's hidden state that leaves the last layer, one random batch. */
export function probeHiddenNorms(config: ProbeConfig): Float64Array {
  checkOptions('probeHiddenNorms', config, probeRules);
  return noGrad(() => {
    const model = new Probe(config);
    const hidden = new Map<string, Variable>();
    const drawn = drawBatch(config, new RandomStream(config.seed, 'probe:data'));
    const batch = { ...drawn, embedded: theoryInputs(config, 0) };
    if (placements[config.placement].profiled) profileAdmin(model, batch);
    model.forward(batch, { trace: (name, value) => hidden.set(name, value) });
    const { path } = model.encoder.layers[config.numLayers - 1];
    return squaredNorms(hiddenOf(path, config.placement, hidden));
  });
}

/** The theory's inputs are N(0, I) and no tokens at all. */
function theoryInputs(
  { setting, batch, length, dModel, seed }: ProbeConfig,
  b: number,
): Variable | undefined {
  if (setting !== 'theory') return undefined;
  return randomNormal([batch, length, dModel], seed, `probe:inputs${b === 0 ? '' : `:${b}`}`);
}

function drawBatch(config: ProbeConfig, random: RandomStream): ProbeBatch {
  const { batch, length, vocabSize } = config;
  const shape = { batchSize: batch, seqLen: length };
  const size = batch * length;
  if (config.tokens !== 'zipf') {
    const draw = () => Int32Array.from({ length: size }, () => random.nextInt(vocabSize));
    return { ids: draw(), targets: draw(), ...shape };
  }
  const cumulative = new Float64Array(vocabSize);
  let total = 0;
  for (let k = 0; k < vocabSize; k++) cumulative[k] = total += 1 / (k + 1);
  const draw = () => {
    const at = random.nextFloat() * total;
    const found = cumulative.findIndex((c) => at < c);
    return found < 0 ? vocabSize - 1 : found;
  };
  const ids = new Int32Array(size);
  const targets = new Int32Array(size);
  for (let row = 0; row < batch; row++) {
    let next = draw();
    for (let i = 0; i < length; i++) {
      ids[row * length + i] = next;
      next = draw();
      targets[row * length + i] = next;
    }
  }
  return { ids, targets, ...shape };
}

/**
 * Post-LN hides x^{post,5} behind its last norm: it is the sum of the layer's middle and its branch. Other placements
 * say themselves what their last norm hides.
 */
function hiddenOf(path: string, placement: NormPlacement, hidden: Map<string, Variable>): Variable[] {
  const get = (name: string) => hidden.get(`${path}.${name}`) as Variable;
  return placement === 'post' ? [get('mid'), get('ffn')] : [get('hidden')];
}

/** ||x||² / d per position, x being the sum of the tensors. */
function squaredNorms(parts: Variable[]): Float64Array {
  const arrays = parts.map((part) => part.toArray());
  const d = parts[0].shape[parts[0].shape.length - 1];
  const out = new Float64Array(arrays[0].length / d);
  for (let i = 0; i < arrays[0].length; i++) {
    const value = arrays.length === 2 ? arrays[0][i] + arrays[1][i] : arrays[0][i];
    out[Math.floor(i / d)] += (value * value) / d;
  }
  return out;
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
