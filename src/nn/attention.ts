/** @file Multi-head attention with PyTorch's packed projection, and its key/value cache for generation. */
import { crossAttention, linear, selfAttention } from '../autograd/ops/index.js';
import { Parameter, result, type Variable } from '../autograd/variable.js';
import { ConfigError } from '../errors.js';
import { persistentStorage, type Storage } from '../tensor/tensor.js';
import { initializeParameter } from './init.js';
import { Linear } from './layers.js';
import { Module, requirePositive } from './module.js';

export interface AttentionMask {
  causal?: boolean;
  /** (B) i32: valid keys per sequence. */
  lengths?: Variable | null;
}

/**
 * Multi-head attention (Vaswani et al. 2017; paper, section 3.1), keys and queries of width dModel / numHeads.
 * Parameters: in_proj_weight (3·dModel, dModel), in_proj_bias, out_proj.weight, out_proj.bias.
 */
export class MultiHeadAttention extends Module {
  readonly inProjWeight: Parameter;
  readonly inProjBias: Parameter;
  readonly outProj: Linear;

  constructor(
    readonly dModel: number,
    readonly numHeads: number,
  ) {
    super();
    requirePositive('MultiHeadAttention', 'dModel', dModel);
    requirePositive('MultiHeadAttention', 'numHeads', numHeads);
    if (dModel % numHeads !== 0) {
      throw new ConfigError(`dModel ${dModel} is not divisible by numHeads ${numHeads}`, {
        op: 'MultiHeadAttention',
        expected: 'a multiple',
        actual: dModel,
      });
    }
    this.inProjWeight = initializeParameter(new Parameter([3 * dModel, dModel], 'inProj'));
    this.inProjBias = new Parameter([3 * dModel], 'attentionBias');
    this.outProj = new Linear(dModel, dModel, { biasRole: 'attentionBias' });
  }

  /** Self-attention: x (B, T, C) to (B, T, C). */
  forward(x: Variable, mask: AttentionMask = {}): Variable {
    const qkv = linear(x, this.inProjWeight, this.inProjBias); // (B, T, 3C)
    return this.outProj.forward(selfAttention(qkv, { numHeads: this.numHeads, ...mask }));
  }

  /** Queries from x (B, Tq, C), keys and values from memory (B, Tk, C). */
  forwardCross(x: Variable, memory: Variable, mask: AttentionMask = {}): Variable {
    return this.attendMemory(x, this.projectMemory(memory), mask);
  }

  /** Packed keys and values of a memory (B, Tk, 2C), to be computed once per sentence. */
  projectMemory(memory: Variable): Variable {
    return linear(memory, this.inProjWeight, this.inProjBias, { rows: [this.dModel, 3 * this.dModel] });
  }

  attendMemory(x: Variable, kv: Variable, mask: AttentionMask = {}): Variable {
    const q = linear(x, this.inProjWeight, this.inProjBias, { rows: [0, this.dModel] }); // (B, Tq, C)
    return this.outProj.forward(crossAttention(q, kv, { numHeads: this.numHeads, ...mask }));
  }

  /** One more position per sequence: x (B, 1, C); reads and extends the cache. Only inside `noGrad`. */
  forwardCached(x: Variable, cache: KeyValueCache): Variable {
    const { kernels } = x.runtime;
    const c = this.dModel;
    const batch = x.shape[0];
    const qkv = linear(x, this.inProjWeight, this.inProjBias); // (B, 1, 3C)
    const at = cache.length;
    cache.reserve(at + 1);
    const base = cache.address();
    // Columns C..3C of every row become row `at` of the cache (B, capacity, 2C).
    for (let b = 0; b < batch; b++) {
      kernels.copyForward(base + (b * cache.capacity + at) * 2 * c * 4, qkv.ptr + (b * 3 * c + c) * 4, 2 * c);
    }
    const out = result(x.runtime, [batch, 1, c]);
    const dHead = c / this.numHeads;
    const work = x.runtime.workspace(kernels.attentionWorkspaceBytes(dHead));
    const lse = x.runtime.allocate(batch * this.numHeads);
    kernels.attentionForward(
      out.ptr,
      lse,
      qkv.ptr,
      base,
      base + c * 4,
      0,
      batch,
      this.numHeads,
      1,
      at + 1,
      dHead,
      3 * c,
      2 * c,
      2 * c,
      c,
      cache.capacity,
      1,
      at,
      1 / Math.sqrt(dHead),
      work,
    );
    cache.length = at + 1;
    return this.outProj.forward(out);
  }
}

/** Keys and values of the positions generated so far, (B, capacity, 2C), in persistent memory. */
export class KeyValueCache {
  length = 0;
  capacity: number;
  #storage: Storage;

  constructor(
    readonly runtime: Variable['runtime'],
    readonly batch: number,
    readonly dModel: number,
    capacity = 16,
  ) {
    this.capacity = capacity;
    this.#storage = persistentStorage(runtime, 'f32', batch * capacity * 2 * dModel);
  }

  address(): number {
    return this.#storage.address();
  }

  /** Makes room for `length` positions, doubling. */
  reserve(length: number): void {
    if (length <= this.capacity) return;
    const capacity = Math.max(length, this.capacity * 2);
    const row = 2 * this.dModel;
    const grown = persistentStorage(this.runtime, 'f32', this.batch * capacity * row);
    for (let b = 0; b < this.batch; b++) {
      this.runtime.kernels.copyForward(
        grown.address() + b * capacity * row * 4,
        this.address() + b * this.capacity * row * 4,
        this.capacity * row,
      );
    }
    this.#storage = grown;
    this.capacity = capacity;
  }

  /** Replaces row b by the former row order[b]: what a beam search does after each step. */
  reorder(order: ArrayLike<number>): KeyValueCache {
    const next = new KeyValueCache(this.runtime, order.length, this.dModel, this.capacity);
    const size = this.capacity * 2 * this.dModel;
    for (let b = 0; b < order.length; b++) {
      this.runtime.kernels.copyForward(
        next.address() + b * size * 4,
        this.address() + order[b] * size * 4,
        size,
      );
    }
    next.length = this.length;
    return next;
  }
}
