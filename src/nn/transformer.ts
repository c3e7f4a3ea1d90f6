/**
 * @file Where the layer norm stands. Every placement is a formula of two or three lines, and the layers below
 * only apply it: read `placements` and you have read the paper's Figure 1.
 *
 * | Prenorm      | paper     | fairseq                                | PyTorch             | x-transformers            |
 * |--------------|-----------|----------------------------------------|---------------------|---------------------------|
 * | `post`       | Post-LN   | `normalize_before=False`               | `norm_first=False`  | `pre_norm=False`          |
 * | `pre`        | Pre-LN    | `normalize_before=True`                | `norm_first=True`   | `pre_norm=True` (default) |
 * | `peri`       | (Peri-LN) |                                        |                     | `sandwich_norm=True`      |
 * | `finalNorm`  | x_Final   | on when `normalize_before`             | `norm=` of a stack  | `pre_norm` / final norm   |
 */
import { add } from '../autograd/ops/index.js';
import type { Variable } from '../autograd/variable.js';
import { ConfigError } from '../errors.js';
import { type AttentionMask, type KeyValueCache, MultiHeadAttention } from './attention.js';
import { Dropout, FeedForward, LayerNorm, type Norm, RMSNorm } from './layers.js';
import { Module } from './module.js';

export type NormPlacement = 'post' | 'pre' | 'peri';

/** One sub-layer: attention or feed-forward, dropout included. */
type Branch = (x: Variable) => Variable;

interface Norms {
  norm: Norm;
  /** The branch's output norm; only where `outputNorm` is set. */
  normOut: Norm | null;
}

interface Placement {
  apply(x: Variable, f: Branch, norms: Norms): Variable;
  /** Whether the stack ends with a norm when `finalNorm` is 'auto'. */
  finalNorm: boolean;
  /** Whether a sub-layer has a second norm, on its output. */
  outputNorm: boolean;
}

export const placements: Record<NormPlacement, Placement> = {
  // Post-LN: Xiong et al. 2020, Fig. 1 (a) and Table 1, left. LN(x + f(x)); no norm at the end.
  post: {
    apply: (x, f, { norm }) => norm.forwardSum(x, f(x)),
    finalNorm: false,
    outputNorm: false,
  },
  // Pre-LN: Xiong et al. 2020, Fig. 1 (b) and Table 1, right. x + f(LN(x)); x_Final = LN(x) before the predictor.
  pre: {
    apply: (x, f, { norm }) => add(x, f(norm.forward(x))),
    finalNorm: true,
    outputNorm: false,
  },
  // Peri-LN: Kim et al. 2025 (arXiv 2502.02732), section 3. x + LN(f(LN(x))), and a final norm.
  peri: {
    apply: (x, f, { norm, normOut }) => add(x, (normOut as Norm).forward(f(norm.forward(x)))),
    finalNorm: true,
    outputNorm: true,
  },
};

export const normPlacements = Object.keys(placements) as NormPlacement[];

/** Receives named intermediates: `encoder.layers.0.attention`, `….ffn`, `….out`. */
export type Trace = (name: string, value: Variable) => void;

export interface LayerConfig {
  dModel: number;
  numHeads: number;
  dFF: number;
  normPlacement: NormPlacement;
  norm: 'layer' | 'rms';
  eps: number;
  dropout: number;
  activation: 'relu' | 'gelu';
  activationDropout: number;
}

export function makeNorm(config: Pick<LayerConfig, 'norm' | 'dModel' | 'eps'>): Norm {
  return config.norm === 'rms'
    ? new RMSNorm(config.dModel, config.eps)
    : new LayerNorm(config.dModel, config.eps);
}

function placementOf(config: LayerConfig): Placement {
  const placement = placements[config.normPlacement];
  if (!placement) {
    throw new ConfigError(
      `normPlacement must be one of ${normPlacements.join(', ')}, got ${JSON.stringify(config.normPlacement)}`,
      {
        op: 'Transformer',
        expected: normPlacements,
        actual: config.normPlacement,
      },
    );
  }
  return placement;
}

/** Self-attention and feed-forward; the layer of encoders and (with a causal mask) of decoder-only models. */
export class TransformerEncoderLayer extends Module {
  readonly selfAttn: MultiHeadAttention;
  readonly feedForward: FeedForward;
  readonly norm1: Norm;
  readonly norm1Out: Norm | null;
  readonly norm2: Norm;
  readonly norm2Out: Norm | null;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly #placement: Placement;

  constructor(config: LayerConfig) {
    super();
    this.#placement = placementOf(config);
    const { outputNorm } = this.#placement;
    this.selfAttn = new MultiHeadAttention(config.dModel, config.numHeads);
    this.feedForward = new FeedForward(
      config.dModel,
      config.dFF,
      config.activation,
      config.activationDropout,
    );
    this.norm1 = makeNorm(config);
    this.norm1Out = outputNorm ? makeNorm(config) : null;
    this.norm2 = makeNorm(config);
    this.norm2Out = outputNorm ? makeNorm(config) : null;
    this.dropout1 = new Dropout(config.dropout);
    this.dropout2 = new Dropout(config.dropout);
  }

  /** x (B, T, C) to (B, T, C). */
  forward(x: Variable, mask: AttentionMask = {}, trace?: Trace): Variable {
    return this.#run(x, (h) => this.selfAttn.forward(h, mask), trace);
  }

  /** One position (B, 1, C) with earlier ones in the cache. */
  forwardCached(x: Variable, cache: KeyValueCache): Variable {
    return this.#run(x, (h) => this.selfAttn.forwardCached(h, cache));
  }

  #run(x: Variable, attend: Branch, trace?: Trace): Variable {
    const attention = traced(trace, `${this.path}.attention`, (h) => this.dropout1.forward(attend(h)));
    const ffn = traced(trace, `${this.path}.ffn`, (h) => this.dropout2.forward(this.feedForward.forward(h)));
    const { apply } = this.#placement;
    const h = apply(x, attention, { norm: this.norm1, normOut: this.norm1Out });
    const out = apply(h, ffn, { norm: this.norm2, normOut: this.norm2Out });
    trace?.(`${this.path}.mid`, h);
    trace?.(`${this.path}.out`, out);
    return out;
  }
}

/** Causal self-attention, attention over the encoder's memory, feed-forward. */
export class TransformerDecoderLayer extends Module {
  readonly selfAttn: MultiHeadAttention;
  readonly multiheadAttn: MultiHeadAttention;
  readonly feedForward: FeedForward;
  readonly norm1: Norm;
  readonly norm1Out: Norm | null;
  readonly norm2: Norm;
  readonly norm2Out: Norm | null;
  readonly norm3: Norm;
  readonly norm3Out: Norm | null;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;
  readonly #placement: Placement;

  constructor(config: LayerConfig) {
    super();
    this.#placement = placementOf(config);
    const { outputNorm } = this.#placement;
    this.selfAttn = new MultiHeadAttention(config.dModel, config.numHeads);
    this.multiheadAttn = new MultiHeadAttention(config.dModel, config.numHeads);
    this.feedForward = new FeedForward(
      config.dModel,
      config.dFF,
      config.activation,
      config.activationDropout,
    );
    this.norm1 = makeNorm(config);
    this.norm1Out = outputNorm ? makeNorm(config) : null;
    this.norm2 = makeNorm(config);
    this.norm2Out = outputNorm ? makeNorm(config) : null;
    this.norm3 = makeNorm(config);
    this.norm3Out = outputNorm ? makeNorm(config) : null;
    this.dropout1 = new Dropout(config.dropout);
    this.dropout2 = new Dropout(config.dropout);
    this.dropout3 = new Dropout(config.dropout);
  }

  /** x (B, T, C), memory (B, S, C) to (B, T, C). */
  forward(
    x: Variable,
    memory: Variable,
    mask: AttentionMask,
    memoryMask: AttentionMask,
    trace?: Trace,
  ): Variable {
    return this.#run(
      x,
      (h) => this.selfAttn.forward(h, { ...mask, causal: true }),
      (h) => this.multiheadAttn.forwardCross(h, memory, memoryMask),
      trace,
    );
  }

  /** One position (B, 1, C); `memoryKV` comes from `multiheadAttn.projectMemory`. */
  forwardCached(x: Variable, cache: KeyValueCache, memoryKV: Variable, memoryMask: AttentionMask): Variable {
    return this.#run(
      x,
      (h) => this.selfAttn.forwardCached(h, cache),
      (h) => this.multiheadAttn.attendMemory(h, memoryKV, memoryMask),
    );
  }

  #run(x: Variable, attendSelf: Branch, attendMemory: Branch, trace?: Trace): Variable {
    const self = traced(trace, `${this.path}.attention`, (h) => this.dropout1.forward(attendSelf(h)));
    const cross = traced(trace, `${this.path}.cross`, (h) => this.dropout2.forward(attendMemory(h)));
    const ffn = traced(trace, `${this.path}.ffn`, (h) => this.dropout3.forward(this.feedForward.forward(h)));
    const { apply } = this.#placement;
    const h1 = apply(x, self, { norm: this.norm1, normOut: this.norm1Out });
    const h2 = apply(h1, cross, { norm: this.norm2, normOut: this.norm2Out });
    const out = apply(h2, ffn, { norm: this.norm3, normOut: this.norm3Out });
    trace?.(`${this.path}.mid`, h2);
    trace?.(`${this.path}.out`, out);
    return out;
  }
}

function traced(trace: Trace | undefined, name: string, f: Branch): Branch {
  if (!trace) return f;
  return (x) => {
    const y = f(x);
    trace(name, y);
    return y;
  };
}

export interface StackConfig extends LayerConfig {
  numLayers: number;
  finalNorm: 'auto' | boolean;
}

function finalNormOf(config: StackConfig): Norm | null {
  const wanted = config.finalNorm === 'auto' ? placementOf(config).finalNorm : config.finalNorm;
  return wanted ? makeNorm(config) : null;
}

/** A stack of encoder layers, and the final norm where the placement needs one. */
export class TransformerEncoder extends Module {
  readonly layers: TransformerEncoderLayer[];
  readonly norm: Norm | null;

  constructor(config: StackConfig) {
    super();
    this.layers = Array.from({ length: config.numLayers }, () => new TransformerEncoderLayer(config));
    this.norm = finalNormOf(config);
  }

  forward(x: Variable, mask: AttentionMask = {}, trace?: Trace): Variable {
    for (const layer of this.layers) x = layer.forward(x, mask, trace);
    return this.norm ? this.norm.forward(x) : x;
  }

  forwardCached(x: Variable, caches: readonly KeyValueCache[]): Variable {
    this.layers.forEach((layer, i) => {
      x = layer.forwardCached(x, caches[i]);
    });
    return this.norm ? this.norm.forward(x) : x;
  }
}

/** A stack of decoder layers, and the final norm where the placement needs one. */
export class TransformerDecoder extends Module {
  readonly layers: TransformerDecoderLayer[];
  readonly norm: Norm | null;

  constructor(config: StackConfig) {
    super();
    this.layers = Array.from({ length: config.numLayers }, () => new TransformerDecoderLayer(config));
    this.norm = finalNormOf(config);
  }

  forward(
    x: Variable,
    memory: Variable,
    mask: AttentionMask,
    memoryMask: AttentionMask,
    trace?: Trace,
  ): Variable {
    for (const layer of this.layers) x = layer.forward(x, memory, mask, memoryMask, trace);
    return this.norm ? this.norm.forward(x) : x;
  }

  forwardCached(
    x: Variable,
    caches: readonly KeyValueCache[],
    memoryKVs: readonly Variable[],
    memoryMask: AttentionMask,
  ): Variable {
    this.layers.forEach((layer, i) => {
      x = layer.forwardCached(x, caches[i], memoryKVs[i], memoryMask);
    });
    return this.norm ? this.norm.forward(x) : x;
  }
}
