/**
 * @file What generation keeps of the positions gone by, and the ops on it. None has a gradient: they are for `noGrad`.
 */
import { checkValue, integer } from '../../checks.js';
import type { Ptr } from '../../runtime/kernels.js';
import type { Runtime } from '../../runtime/runtime.js';
import { persistentStorage, type Storage } from '../../tensor/tensor.js';
import { result, type Variable } from '../variable.js';

/** Keys and values of the positions generated so far, (B, capacity, 2·width), in persistent memory. */
export class KeyValueCache {
  /** Positions it holds. */
  length = 0;
  /** Positions it has room for. */
  capacity: number;
  #storage: Storage;

  constructor(
    readonly runtime: Runtime,
    readonly batch: number,
    /** Of the keys of a position, and of its values: `kvWidth` of the attention. */
    readonly width: number,
    capacity = 16,
  ) {
    checkValue('KeyValueCache', 'batch', batch, integer(0));
    checkValue('KeyValueCache', 'width', width, integer(1));
    checkValue('KeyValueCache', 'capacity', capacity, integer(1));
    this.capacity = capacity;
    this.#storage = this.#room(capacity);
  }

  /** Rows are rounded up to a power of two, so that a search that loses rows one by one asks for few sizes. */
  #room(capacity: number): Storage {
    let rows = 1;
    while (rows < this.batch) rows *= 2;
    return persistentStorage(this.runtime, 'f32', rows * capacity * 2 * this.width);
  }

  /** Gives the memory back; the cache must not be used any more. */
  release(): void {
    this.#storage.release();
  }

  /** @internal */
  address(): number {
    return this.#storage.address();
  }

  /** Makes room for `length` positions, doubling. */
  reserve(length: number): void {
    if (length <= this.capacity) return;
    const capacity = Math.max(length, this.capacity * 2);
    const row = 2 * this.width;
    const grown = this.#room(capacity);
    for (let b = 0; b < this.batch; b++) {
      this.runtime.kernels.copyForward(
        grown.address() + b * capacity * row * 4,
        this.address() + b * this.capacity * row * 4,
        this.capacity * row,
      );
    }
    this.#storage.release();
    this.#storage = grown;
    this.capacity = capacity;
  }

  /** A cache whose row b is row order[b] of this one, which is released: what a beam search does after each step. */
  reorder(order: ArrayLike<number>): KeyValueCache {
    const row = integer(0, this.batch - 1);
    for (let b = 0; b < order.length; b++) checkValue('KeyValueCache.reorder', `order[${b}]`, order[b], row);
    const next = new KeyValueCache(this.runtime, order.length, this.width, this.capacity);
    copyRows(this.runtime, next.address(), this.address(), order, this.capacity * 2 * this.width);
    next.length = this.length;
    this.release();
    return next;
  }
}

/**
 * Attention of new positions, packed as qkv (B, T, C + 2D), D being the cache's width, over those in the cache and themselves, causal; result
 * (B, T, C). Their keys and values are added to the cache.
 */
export function cachedAttention(qkv: Variable, cache: KeyValueCache, numHeads: number): Variable {
  const { runtime } = qkv;
  const { kernels } = runtime;
  const d = cache.width;
  const [batch, count, packed] = qkv.shape;
  const c = packed - 2 * d;
  const at = cache.length;
  cache.reserve(at + count);
  const base = cache.address();
  // Columns from C on of every row become rows at … at + T - 1 of the cache (B, capacity, 2D).
  for (let row = 0; row < batch * count; row++) {
    const b = (row - (row % count)) / count;
    const to = base + (b * cache.capacity + at + (row % count)) * 2 * d * 4;
    kernels.copyForward(to, qkv.ptr + (row * packed + c) * 4, 2 * d);
  }
  const out = result(runtime, [batch, count, c]);
  const dHead = c / numHeads;
  const work = runtime.workspace(kernels.attentionWorkspaceBytes(dHead));
  const [top, inverse] = [1, 2].map(() => runtime.allocate(batch * numHeads * count));
  kernels.attentionForward(
    out.ptr,
    top,
    inverse,
    qkv.ptr,
    base,
    base + d * 4,
    0,
    batch,
    numHeads,
    d / dHead,
    count,
    at + count,
    dHead,
    packed,
    2 * d,
    2 * d,
    c,
    cache.capacity,
    1,
    at,
    1 / Math.sqrt(dHead),
    ...([0, 0, 0, 0, 0] as const), // no dropout
    work,
  );
  cache.length = at + count;
  return out;
}

/** x (B, …) with row order[i] as row i; rows may be left out or repeated. */
export function takeRows(x: Variable, order: ArrayLike<number>): Variable {
  const out = result(x.runtime, [order.length, ...x.shape.slice(1)]);
  copyRows(
    x.runtime,
    out.ptr,
    x.ptr,
    order,
    x.shape.slice(1).reduce((product, n) => product * n, 1),
  );
  return out;
}

/** Copies row order[i], of `width` elements, to row i. */
function copyRows(runtime: Runtime, to: Ptr, from: Ptr, order: ArrayLike<number>, width: number): void {
  for (let i = 0; i < order.length; i++) {
    runtime.kernels.copyForward(to + i * width * 4, from + order[i] * width * 4, width);
  }
}
