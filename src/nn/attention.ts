/** @file Multi-head attention with PyTorch's packed projection. */
import {
  type AttentionOptions,
  addScalar,
  broadcastTo,
  concat,
  crossAttention,
  div,
  gather,
  mul,
  reshape,
  rotary,
  scale,
  selfAttention,
  slice,
  sqrt,
  sum,
} from '../autograd/ops/index.js';
import {
  type CachePlace,
  cachedAttention,
  type KeyValueCache,
  memoryAttention,
  type SharedMemory,
} from '../autograd/ops/key-value-cache.js';
import { Parameter, type Variable } from '../autograd/variable.js';
import {
  anything,
  checkOptions,
  checkValue,
  flag,
  integer,
  multipleOf,
  notNegative,
  oneOf,
  optional,
  type Rules,
  share,
} from '../checks.js';
import { initializeParameter } from './init.js';
import { Linear, type Norm } from './layers.js';
import { Module } from './module.js';
import { makeNorm, type NormKind, normKinds } from './norms.js';
import { Projection } from './projection.js';
import { type RotaryPositions, releaseRotaryTable, rotaryTable } from './rotary-table.js';

/** Which keys a query sees: with `causal` (default false) none behind its own position. */
export interface AttentionMask {
  causal?: boolean;
  /** (B) i32: valid keys per sequence. */
  lengths?: Variable | null;
}

/** What attention may have beyond Vaswani's: all absent by default. */
export interface AttentionParts {
  /** Norm of queries and keys, per head or over the whole width (`l2` is always per head). Default: none. */
  qkNorm?: NormKind | 'l2';
  /** Whether queries and keys are normed per head or over the whole width. Default `head`. */
  qkWidth?: 'head' | 'model';
  /** Norm of the values too (HybridNorm), per head. Default: none. */
  valueNorm?: NormKind;
  /** Norm of the heads' result, before the output projection (Sub-LN). Default: none. */
  innerNorm?: NormKind;
  /** Whether there is a factor per head, before that (NormFormer). Default false. */
  headGain?: boolean;
  /** Added to the variance in these norms. Default 1e-5. */
  eps?: number;
  /** Share of the probabilities that is dropped while training; masks are keyed by the module's path and counted. Default 0. */
  dropout?: number;
  /** Heads of keys and values; they divide `numHeads` (Ainslie et al. 2023). Default: `numHeads`. */
  numKVHeads?: number;
  /** Rotary positions of queries and keys, in self-attention only. Default: none. */
  rotary?: RotaryPositions | null;
  /** Whether the projections have biases: all, none, or those of queries, keys and values alone. Default true. */
  bias?: boolean | 'qkv';
}

const normKind = optional(oneOf(...normKinds));
const partRules: Rules<AttentionParts> = {
  qkNorm: optional(oneOf(...normKinds, 'l2')),
  qkWidth: optional(oneOf('head', 'model')),
  valueNorm: normKind,
  innerNorm: normKind,
  headGain: optional(flag),
  eps: optional(notNegative),
  dropout: optional(share),
  numKVHeads: optional(integer(1)),
  rotary: optional(anything),
  bias: optional(oneOf<string | boolean>(true, false, 'qkv')),
};

/**
 * Queries and keys of length 1 per head, the queries times g · sqrt(dHead) so that logits are g · q̂ k̂ᵀ (Henry et al.
 * 2020, arXiv 2010.04245). g begins at sqrt(dHead); Henry's log2(n² - n) needs the length n of the texts.
 */
export class QueryKeyL2 extends Module {
  static override readonly name: string = 'QueryKeyL2';
  readonly g: Parameter;

  constructor(
    readonly dHead: number,
    readonly eps: number,
  ) {
    super();
    this.g = new Parameter([1], 'other');
    this.afterInit();
  }

  override afterInit(): void {
    this.g.set([Math.sqrt(this.dHead)]);
  }

  /** x (…, dHead) to unit vectors: eps is added to the square of the length. */
  unit(x: Variable): Variable {
    return div(x, sqrt(addScalar(sum(mul(x, x), { axis: -1, keepDim: true }), this.eps)));
  }

  /** x (…, dHead) as queries. */
  query(x: Variable): Variable {
    return mul(this.unit(x), scale(this.g, Math.sqrt(this.dHead)));
  }
}

/** What an attention was asked, for whoever wants its weights. @internal */
export interface AttentionCall {
  /** Queries (B, Tq, C), normed where there is a norm for them. */
  q: Variable;
  /** Keys and, behind them, values (B, Tk, 2D), normed likewise; D is the width of the heads of keys. */
  kv: Variable;
  mask: AttentionMask;
  /** The heads' result (B, Tq, C), as the fused kernel makes it. */
  heads: Variable;
}

/**
 * Multi-head attention (Vaswani et al. 2017; paper, section 3.1), keys and queries of width dModel / numHeads.
 * Parameters: in_proj_weight (dModel + 2D, dModel), in_proj_bias, out_proj.weight, out_proj.bias; D is dModel, or the width
 * of `numKVHeads` heads.
 */
export class MultiHeadAttention extends Module {
  static override readonly name: string = 'MultiHeadAttention';
  /** (dModel + 2·kvWidth, dModel): queries, keys, values. */
  readonly inProjWeight: Parameter;
  /** (dModel + 2·kvWidth) */
  readonly inProjBias: Parameter | null;
  /** Both. @internal */
  readonly inProj: Projection;
  readonly outProj: Linear;
  readonly qNorm: Norm | null;
  readonly kNorm: Norm | null;
  readonly vNorm: Norm | null;
  readonly qkL2: QueryKeyL2 | null;
  readonly innerNorm: Norm | null;
  /** (numHeads) */
  readonly headGain: Parameter | null;
  /** Share of the probabilities that is dropped while training. */
  readonly dropout: number;
  /** Heads of keys and values. */
  readonly numKVHeads: number;
  /** Width of the keys and of the values of a position. */
  readonly kvWidth: number;
  /** Whether queries and keys are normed per head. @internal */
  readonly perHead: boolean;
  /** Table of angles by position; null without rotary positions. @internal */
  readonly angles: Variable | null;
  /** Until it is given back. */
  #held: Variable | null;
  #watcher: ((call: AttentionCall) => void) | null = null;

  constructor(
    readonly dModel: number,
    readonly numHeads: number,
    parts: AttentionParts = {},
  ) {
    super();
    checkOptions('MultiHeadAttention', parts, partRules);
    checkValue('MultiHeadAttention', 'dModel', dModel, integer(1));
    checkValue('MultiHeadAttention', 'numHeads', numHeads, integer(1));
    checkValue('MultiHeadAttention', 'dModel', dModel, multipleOf('numHeads', numHeads));
    const { qkNorm, qkWidth = 'head', valueNorm, innerNorm, headGain, eps = 1e-5, dropout = 0 } = parts;
    const { numKVHeads = numHeads, rotary, bias = true } = parts;
    checkValue('MultiHeadAttention', 'numHeads', numHeads, multipleOf('numKVHeads', numKVHeads));
    const dHead = dModel / numHeads;
    this.numKVHeads = numKVHeads;
    this.kvWidth = numKVHeads * dHead;
    const packed = dModel + 2 * this.kvWidth;
    this.inProjWeight = initializeParameter(new Parameter([packed, dModel], 'inProj'));
    this.inProjBias = bias ? new Parameter([packed], 'attentionBias') : null;
    this.inProj = new Projection(this.inProjWeight, this.inProjBias);
    this.outProj = new Linear(dModel, dModel, { bias: bias === true, biasRole: 'attentionBias' });
    this.angles = rotary ? rotaryTable(dHead, rotary) : null;
    this.#held = this.angles;
    this.perHead = qkWidth === 'head';
    const make = (norm: NormKind | undefined, width: number): Norm | null =>
      norm ? makeNorm({ norm, dModel: width, eps }) : null;
    const kind = qkNorm === 'l2' ? undefined : qkNorm;
    this.qNorm = make(kind, this.perHead ? dHead : dModel);
    this.kNorm = make(kind, this.perHead ? dHead : this.kvWidth);
    this.vNorm = make(valueNorm, dHead);
    this.qkL2 = qkNorm === 'l2' ? new QueryKeyL2(dHead, eps) : null;
    this.innerNorm = make(innerNorm, dModel);
    this.dropout = dropout;
    this.headGain = headGain ? initializeParameter(new Parameter([numHeads], 'normWeight')) : null;
  }

  protected override freeTables(): void {
    if (this.#held) releaseRotaryTable(this.#held);
    this.#held = null;
  }

  /** Calls `watcher` in every forward pass that `fn` makes. @internal */
  watched<T>(watcher: (call: AttentionCall) => void, fn: () => T): T {
    this.#watcher = watcher;
    try {
      return fn();
    } finally {
      this.#watcher = null;
    }
  }

  /** Self-attention: x (B, T, C) to (B, T, C). */
  forward(x: Variable, mask: AttentionMask = {}): Variable {
    const c = this.dModel;
    const qkv = this.#project(x);
    const heads = selfAttention(qkv, this.#options(mask));
    this.#watcher?.({ q: slice(qkv, 2, 0, c), kv: slice(qkv, 2, c, qkv.shape[2]), mask, heads });
    return this.#finish(heads);
  }

  #options(mask: AttentionMask): AttentionOptions {
    const { numHeads, numKVHeads, training, dropout, path } = this;
    return { numHeads, numKVHeads, ...mask, ...(training && dropout > 0 ? { dropout, stream: path } : {}) };
  }

  /**
   * Packed queries, keys and values (B, T, C + 2D), normed where there are norms for them, then turned to their positions
   * from `start` on, or to the one that lies in memory.
   */
  #project(x: Variable, start = 0, place: CachePlace | null = null): Variable {
    const qkv = this.#norms(this.inProj.forward(x));
    if (!this.angles) return qkv;
    const numHeads = this.numHeads + this.numKVHeads;
    if (place) return rotary(qkv, gather(this.angles, place.position), { numHeads });
    return rotary(qkv, this.angles, { numHeads, start });
  }

  #norms(qkv: Variable): Variable {
    if (!this.qNorm && !this.qkL2 && !this.vNorm) return qkv;
    const { dModel: c, kvWidth: d } = this;
    const keys = this.#key(slice(qkv, 2, c, c + d));
    return concat([this.#query(slice(qkv, 2, 0, c)), keys, this.#value(slice(qkv, 2, c + d, c + 2 * d))], 2);
  }

  /** Applies `norm` to every head, or to the whole last axis. */
  #each(x: Variable, perHead: boolean, norm: (h: Variable) => Variable): Variable {
    const dHead = this.dModel / this.numHeads;
    const [width] = x.shape.slice(-1);
    if (!perHead || width === dHead) return norm(x);
    return reshape(norm(reshape(x, [...x.shape.slice(0, -1), width / dHead, dHead])), x.shape);
  }

  #query(q: Variable): Variable {
    const { qNorm, qkL2 } = this;
    if (qkL2) return this.#each(q, true, (h) => qkL2.query(h));
    return qNorm ? this.#each(q, this.perHead, (h) => qNorm.forward(h)) : q;
  }

  #key(k: Variable): Variable {
    const { kNorm, qkL2 } = this;
    if (qkL2) return this.#each(k, true, (h) => qkL2.unit(h));
    return kNorm ? this.#each(k, this.perHead, (h) => kNorm.forward(h)) : k;
  }

  #value(v: Variable): Variable {
    const { vNorm } = this;
    return vNorm ? this.#each(v, true, (h) => vNorm.forward(h)) : v;
  }

  /** From the heads' result (B, T, C) to the output. */
  #finish(heads: Variable): Variable {
    const { headGain, numHeads, innerNorm } = this;
    let h = heads;
    if (headGain) {
      const gain = broadcastTo(reshape(headGain, [numHeads, 1]), [numHeads, this.dModel / numHeads]);
      h = mul(h, reshape(gain, [this.dModel]));
    }
    return this.outProj.forward(innerNorm ? innerNorm.forward(h) : h);
  }

  /** Queries from x (B, Tq, C), keys and values from memory (B, Tk, C). */
  forwardCross(x: Variable, memory: Variable, mask: AttentionMask = {}): Variable {
    return this.attendMemory(x, this.projectMemory(memory), mask);
  }

  /** Packed keys and values of a memory (B, Tk, 2D), to be computed once per sentence. */
  projectMemory(memory: Variable): Variable {
    const { dModel: c, kvWidth: d } = this;
    const kv = this.inProj.forward(memory, { rows: [c, c + 2 * d] });
    if (!this.kNorm && !this.qkL2 && !this.vNorm) return kv;
    return concat([this.#key(slice(kv, 2, 0, d)), this.#value(slice(kv, 2, d, 2 * d))], 2);
  }

  /** Queries from x (B, Tq, C), keys and values as `projectMemory` packed them. */
  attendMemory(x: Variable, kv: Variable, mask: AttentionMask = {}): Variable {
    const q = this.inProj.forward(x, { rows: [0, this.dModel] }); // (B, Tq, C)
    const query = this.#query(q);
    const heads = crossAttention(query, kv, this.#options(mask));
    this.#watcher?.({ q: query, kv, mask, heads });
    return this.#finish(heads);
  }

  /**
   * The next positions of every sequence: x (B, T, C), causal; reads and extends the cache. With a `place` one position per
   * row, wherever that says. Only inside `noGrad`.
   */
  forwardCached(x: Variable, cache: KeyValueCache, place: CachePlace | null = null): Variable {
    return this.#finish(cachedAttention(this.#project(x, cache.length, place), cache, this.numHeads, place));
  }

  /** Queries from one position per row, x (B, 1, C), over a memory of `projectMemory` that rows share. Only inside `noGrad`. */
  attendShared(x: Variable, kv: Variable, memory: SharedMemory): Variable {
    const q = this.#query(this.inProj.forward(x, { rows: [0, this.dModel] }));
    return this.#finish(memoryAttention(q, kv, this.numHeads, memory));
  }
}
