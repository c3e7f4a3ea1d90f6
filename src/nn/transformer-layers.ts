/**
 * @file Encoder and decoder layers. Where the layer norm stands is the table in placements.ts, which
 * the layers here only apply: read it and you have read the paper's Figure 1.
 *
 * | Prenorm      | paper     | fairseq                                | PyTorch             | x-transformers            |
 * |--------------|-----------|----------------------------------------|---------------------|---------------------------|
 * | `post`       | Post-LN   | `normalize_before=False`               | `norm_first=False`  | `pre_norm=False`          |
 * | `pre`        | Pre-LN    | `normalize_before=True`                | `norm_first=True`   | `pre_norm=True` (default) |
 * | `peri`       | (Peri-LN) |                                        |                     | `sandwich_norm=True`      |
 * | `finalNorm`  | x_Final   | on when `normalize_before`             | `norm=` of a stack  | `pre_norm` / final norm   |
 */
import { multiply } from '../autograd/ops/in-place.js';
import type { CachePlace, KeyValueCache, SharedMemory } from '../autograd/ops/key-value-cache.js';
import { type Activation, activations } from '../autograd/ops/linear.js';
import { Parameter, type Variable } from '../autograd/variable.js';
import {
  anything,
  checkOptions,
  flag,
  fraction,
  integer,
  oneOf,
  optional,
  positive,
  type Rules,
  share,
} from '../checks.js';
import { type AttentionMask, type AttentionParts, MultiHeadAttention } from './attention.js';
import { initializeParameter } from './init.js';
import { Dropout, FeedForward, type LayerBias, layerBiases, type Norm } from './layers.js';
import { Module } from './module.js';
import { makeNorm, type NormKind, normKinds } from './norms.js';
import { type NormPlacement, normPlacements } from './placement-names.js';
import {
  type Branch,
  type Place,
  type Placement,
  placementAt,
  type Streams,
  type Sublayer,
} from './placements.js';
import type { RotaryPositions } from './rotary-table.js';

/**
 * Receives named intermediates: `encoder.layers.0.attention`, `….ffn`, `….mid`, `….hidden`, `….out`, and x before each
 * sub-layer, `….attention.in`.
 */
export type Trace = (name: string, value: Variable) => void;

/** 'auto' leaves it to the placement; the others are norms of queries and keys. */
export type QkNorm = 'auto' | 'none' | 'layer' | 'rms' | 'l2';
export const qkNorms: readonly QkNorm[] = ['auto', 'none', 'layer', 'rms', 'l2'];

/** One layer; the keys mean what they mean in `ModelConfig`. */
export interface LayerConfig {
  /** Width of the hidden vectors; a multiple of `numHeads`. */
  dModel: number;
  /** Attention heads. */
  numHeads: number;
  /** Width of the feed-forward hidden layer. */
  dFF: number;
  /** Where the norms stand (docs/placements.md). */
  normPlacement: NormPlacement;
  /** Which norm stands there. */
  norm: NormKind;
  /** Added to the variance in every norm. */
  eps: number;
  /** Dropout of every branch's output. */
  dropout: number;
  /** Inside the feed-forward; `gelu` is the exact form with erf, `geluTanh` GPT-2's. */
  activation: Exclude<Activation, 'none'>;
  /** Dropout inside the feed-forward, after the activation. */
  activationDropout: number;
  /** Dropout of the attention probabilities. Default 0. */
  attentionDropout?: number;
  /** Norm of queries and keys; 'auto' leaves it to the placement. Default `auto`. */
  qkNorm?: QkNorm;
  /** 'gpt2': a stack's output projections begin smaller by 1/sqrt(branches) (Radford et al. 2019). Default `none`. */
  residualInit?: 'none' | 'gpt2';
  /** Mix-LN's share of Post-LN layers. Default 0.25. */
  mixFraction?: number;
  /** HybridNorm*: its first layer is Pre-LN. Default false. */
  preFirst?: boolean;
  /** Heads of keys and values; they divide `numHeads`. Default: `numHeads`. */
  numKVHeads?: number;
  /** Rotary positions of self-attention. Default: none. */
  rotary?: RotaryPositions | null;
  /** Whether a third matrix gates the feed-forward: SwiGLU with `silu`, GeGLU with `gelu`. Default false. */
  gatedFFN?: boolean;
  /** Which projections, and norms, have biases: all, none, or those of a part alone. Default true. */
  bias?: LayerBias;
}

export const layerRules: Rules<LayerConfig> = {
  dModel: integer(1),
  numHeads: integer(1),
  dFF: integer(1),
  normPlacement: oneOf(...normPlacements),
  norm: oneOf(...normKinds),
  eps: positive,
  dropout: share,
  activation: oneOf(...activations),
  activationDropout: share,
  attentionDropout: optional(share),
  qkNorm: optional(oneOf(...qkNorms)),
  residualInit: optional(oneOf('none', 'gpt2')),
  mixFraction: optional(fraction),
  preFirst: optional(flag),
  numKVHeads: optional(integer(1)),
  rotary: optional(anything),
  gatedFFN: optional(flag),
  bias: optional(oneOf<LayerBias>(...layerBiases)),
};

/** Where a layer stands in its stack; a layer on its own is the first of one. */
export type LayerPosition = Pick<Place, 'layer' | 'numLayers' | 'otherLayers'>;
const ALONE: LayerPosition = { layer: 1, numLayers: 1, otherLayers: 0 };

export function placeOf(config: LayerConfig, decoder: boolean, position: LayerPosition): Place {
  const { mixFraction = 0.25, preFirst = false } = config;
  return { ...position, decoder, mixFraction, preFirst };
}

/** What both kinds of layers are: sub-layers in a row, with what their placement puts around them. */
abstract class Layer extends Module {
  readonly normPlacement: NormPlacement;
  /** @internal */
  readonly placement: Placement;
  readonly #config: LayerConfig;
  readonly #place: Place;
  #sharedGain: Parameter | null = null;
  /** In the order they run. @internal */
  readonly sublayers: Sublayer[] = [];

  constructor(config: LayerConfig, decoder: boolean, position: LayerPosition) {
    super();
    const op = decoder ? 'TransformerDecoderLayer' : 'TransformerEncoderLayer';
    checkOptions(op, config, layerRules);
    checkOptions(op, position, { layer: integer(1), numLayers: integer(1), otherLayers: integer(0) });
    this.#config = config;
    this.normPlacement = config.normPlacement;
    this.#place = placeOf(config, decoder, position);
    this.placement = placementAt(config.normPlacement, this.#place);
  }

  /** @internal */
  protected makeAttention(kind: 'attention' | 'cross'): MultiHeadAttention {
    const { dModel, numHeads, norm, eps, qkNorm: wanted = 'auto', attentionDropout } = this.#config;
    const { numKVHeads, rotary, bias = true } = this.#config;
    const { innerNorm, headGain, qkNorm } = this.placement;
    const qk = wanted === 'auto' ? (qkNorm ? norm : undefined) : wanted === 'none' ? undefined : wanted;
    const parts: AttentionParts = {
      qkNorm: qk,
      qkWidth: qkNorm?.width,
      valueNorm: qkNorm?.value ? norm : undefined,
      innerNorm: innerNorm?.includes(kind) ? norm : undefined,
      headGain: headGain && kind === 'attention',
      eps,
      dropout: attentionDropout,
      numKVHeads,
      rotary: kind === 'attention' ? rotary : null,
      bias: bias === 'qkv' ? bias : bias === true || bias === 'attention',
    };
    return new MultiHeadAttention(dModel, numHeads, parts);
  }

  /** @internal */
  protected makeFeedForward(): FeedForward {
    const { dModel, dFF, activation, activationDropout, gatedFFN: gated, bias = true } = this.#config;
    const ffnNorm = this.placement.innerNorm?.includes('ffn')
      ? makeNorm({ ...this.#config, dModel: dFF })
      : null;
    return new FeedForward(dModel, dFF, activation, activationDropout, ffnNorm, {
      gated,
      bias: bias === true || bias === 'ffn',
    });
  }

  /** @internal */
  protected makeSublayer(kind: Sublayer['kind'], last: boolean): Sublayer {
    const { norms, outputNorms, gain, factor } = this.placement;
    const sublayer: Sublayer = {
      kind,
      last,
      norm: norms?.includes(kind) === false ? null : makeNorm(this.#config),
      normOut: outputNorms?.includes(kind) ? makeNorm(this.#config) : null,
      gain: gain ? this.#makeGain(gain) : null,
      factor: factor?.(this.#place) ?? 1,
    };
    this.sublayers.push(sublayer);
    return sublayer;
  }

  #makeGain(kind: 'scalar' | 'vector'): Parameter {
    // The roles say where they begin: 0 and 1.
    if (kind === 'vector') return initializeParameter(new Parameter([this.#config.dModel], 'normWeight'));
    this.#sharedGain ??= new Parameter([1], 'normBias');
    return this.#sharedGain;
  }

  /** One branch after the other, each under the placement's formula. @internal */
  protected run(
    x: Variable,
    branches: readonly [branch: (x: Variable) => Variable, dropout: Dropout][],
    trace?: Trace,
    streams: Streams = { layerInput: x, dual: null },
  ): Variable {
    const { apply, hidden } = this.placement;
    streams.layerInput = x;
    branches.forEach(([branch, dropout], i) => {
      const sublayer = this.sublayers[i];
      const before = x;
      const name = `${this.path}.${sublayer.kind}`;
      const f: Branch = (h, norm) => {
        const y = norm ? branch(h) : dropout.forward(branch(h));
        trace?.(name, y);
        if (trace && sublayer.last && hidden)
          trace(`${this.path}.hidden`, hidden(before, y, sublayer, streams));
        return norm ? dropout.forward(norm.forward(y)) : y;
      };
      trace?.(`${name}.in`, x);
      if (sublayer.last) trace?.(`${this.path}.mid`, x);
      x = apply(x, f, sublayer, streams);
    });
    if (!hidden) trace?.(`${this.path}.hidden`, x);
    trace?.(`${this.path}.out`, x);
    return x;
  }

  /**
   * The placement's gain on V, O and the feed-forward, and GPT-2's on what is added to the residual stream.
   * @internal
   */
  protected rescale(attention: readonly MultiHeadAttention[], ffn: FeedForward, valueGain: number): void {
    const { initGain, gainAt, gainOfAll } = this.placement;
    if (initGain) {
      const gain = initGain(this.#place);
      attention.forEach(({ inProjWeight, outProj, dModel, kvWidth }, i) => {
        if (gainAt?.includes(this.sublayers[i].kind) === false) return;
        if (gainOfAll) multiply(inProjWeight, gain);
        else multiply(inProjWeight, gain * valueGain, (dModel + kvWidth) * dModel);
        multiply(outProj.weight, gain);
      });
      for (const matrix of [ffn.linear1, ffn.linear2, ffn.linear3]) if (matrix) multiply(matrix.weight, gain);
    }
    if (this.#config.residualInit === 'gpt2') {
      const share = 1 / Math.sqrt(this.sublayers.length * this.#place.numLayers);
      for (const { outProj } of attention) multiply(outProj.weight, share);
      multiply(ffn.linear2.weight, share);
    }
  }
}

/** Self-attention and feed-forward; the layer of encoders and (with a causal mask) of decoder-only models. */
export class TransformerEncoderLayer extends Layer {
  static override readonly name: string = 'TransformerEncoderLayer';
  readonly selfAttn: MultiHeadAttention;
  readonly feedForward: FeedForward;
  readonly norm1: Norm | null;
  readonly norm1Out: Norm | null;
  readonly norm2: Norm | null;
  readonly norm2Out: Norm | null;
  readonly gain1: Parameter | null;
  readonly gain2: Parameter | null;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;

  constructor(config: LayerConfig, position = ALONE) {
    super(config, false, position);
    this.selfAttn = this.makeAttention('attention');
    this.feedForward = this.makeFeedForward();
    ({ norm: this.norm1, normOut: this.norm1Out, gain: this.gain1 } = this.makeSublayer('attention', false));
    ({ norm: this.norm2, normOut: this.norm2Out, gain: this.gain2 } = this.makeSublayer('ffn', true));
    this.dropout1 = new Dropout(config.dropout);
    this.dropout2 = new Dropout(config.dropout);
  }

  override afterInit(valueGain: number): void {
    this.rescale([this.selfAttn], this.feedForward, valueGain);
  }

  /** x (B, T, C) to (B, T, C). */
  forward(x: Variable, mask: AttentionMask = {}, trace?: Trace, streams?: Streams): Variable {
    return this.#run(x, (h) => this.selfAttn.forward(h, mask), trace, streams);
  }

  /** The next positions (B, T, C) with earlier ones in the cache. */
  forwardCached(
    x: Variable,
    cache: KeyValueCache,
    streams?: Streams,
    place: CachePlace | null = null,
  ): Variable {
    return this.#run(x, (h) => this.selfAttn.forwardCached(h, cache, place), undefined, streams);
  }

  #run(x: Variable, attend: Branch, trace?: Trace, streams?: Streams): Variable {
    return this.run(
      x,
      [
        [attend, this.dropout1],
        [(h) => this.feedForward.forward(h), this.dropout2],
      ],
      trace,
      streams,
    );
  }
}

/** Causal self-attention, attention over the encoder's memory, feed-forward. */
export class TransformerDecoderLayer extends Layer {
  static override readonly name: string = 'TransformerDecoderLayer';
  readonly selfAttn: MultiHeadAttention;
  readonly multiheadAttn: MultiHeadAttention;
  readonly feedForward: FeedForward;
  readonly norm1: Norm | null;
  readonly norm1Out: Norm | null;
  readonly norm2: Norm | null;
  readonly norm2Out: Norm | null;
  readonly norm3: Norm | null;
  readonly norm3Out: Norm | null;
  readonly gain1: Parameter | null;
  readonly gain2: Parameter | null;
  readonly gain3: Parameter | null;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;

  constructor(config: LayerConfig, position = ALONE) {
    super(config, true, position);
    this.selfAttn = this.makeAttention('attention');
    this.multiheadAttn = this.makeAttention('cross');
    this.feedForward = this.makeFeedForward();
    ({ norm: this.norm1, normOut: this.norm1Out, gain: this.gain1 } = this.makeSublayer('attention', false));
    ({ norm: this.norm2, normOut: this.norm2Out, gain: this.gain2 } = this.makeSublayer('cross', false));
    ({ norm: this.norm3, normOut: this.norm3Out, gain: this.gain3 } = this.makeSublayer('ffn', true));
    this.dropout1 = new Dropout(config.dropout);
    this.dropout2 = new Dropout(config.dropout);
    this.dropout3 = new Dropout(config.dropout);
  }

  override afterInit(valueGain: number): void {
    this.rescale([this.selfAttn, this.multiheadAttn], this.feedForward, valueGain);
  }

  /** x (B, T, C), memory (B, S, C) to (B, T, C). */
  forward(
    x: Variable,
    memory: Variable,
    mask: AttentionMask,
    memoryMask: AttentionMask,
    trace?: Trace,
    streams?: Streams,
  ): Variable {
    return this.#run(
      x,
      (h) => this.selfAttn.forward(h, { ...mask, causal: true }),
      (h) => this.multiheadAttn.forwardCross(h, memory, memoryMask),
      trace,
      streams,
    );
  }

  /** One position (B, 1, C); `memoryKV` comes from `multiheadAttn.projectMemory`. */
  forwardCached(
    x: Variable,
    cache: KeyValueCache,
    memoryKV: Variable,
    memory: SharedMemory,
    place: CachePlace,
    streams?: Streams,
  ): Variable {
    return this.#run(
      x,
      (h) => this.selfAttn.forwardCached(h, cache, place),
      (h) => this.multiheadAttn.attendShared(h, memoryKV, memory),
      undefined,
      streams,
    );
  }

  #run(x: Variable, attendSelf: Branch, attendMemory: Branch, trace?: Trace, streams?: Streams): Variable {
    return this.run(
      x,
      [
        [attendSelf, this.dropout1],
        [attendMemory, this.dropout2],
        [(h) => this.feedForward.forward(h), this.dropout3],
      ],
      trace,
      streams,
    );
  }
}
