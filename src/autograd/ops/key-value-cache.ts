/**
 * @file What generation keeps of the positions gone by, and the ops on it. None has a gradient: they are for `noGrad`.
 */
import { checkValue, integer } from '../../checks.js';
import { ShapeError } from '../../errors.js';
import type { Ptr } from '../../runtime/kernels.js';
import type { Runtime } from '../../runtime/runtime.js';
import { persistentStorage, type Storage } from '../../tensor/tensor.js';
import { result, Variable } from '../variable.js';

/**
 * Where the one new token of every row stands and what it sees. All of it lies in memory, so that a recorded token holds for
 * every position.
 */
export interface CachePlace {
  /** (1) i32: tokens read before. */
  position: Variable;
  /** (B, capacity) i32: in which sequence of the caches token j of a row lies; null: all in the row's own. */
  pages: Variable | null;
}

/** A memory that rows share, as the rows of a search do that translate one sentence. */
export interface SharedMemory {
  /** (B) i32: which of the memory's sequences a row attends to. */
  rows: Variable;
  /** (B) i32: how many of its keys there are. */
  counts: Variable;
}

/** Keys and values of the positions generated so far, (sequences, capacity, 2·width), in persistent memory. */
export class KeyValueCache {
  /** Positions it holds. */
  length = 0;
  /** Positions it has room for. */
  capacity: number;
  #storage: Storage;
  #sequences: number;

  constructor(
    readonly runtime: Runtime,
    /** Rows that are read in blocks, each in a sequence of its own. */
    readonly batch: number,
    /** Of the keys of a position, and of its values: `kvWidth` of the attention. */
    readonly width: number,
    capacity = 16,
  ) {
    checkValue('KeyValueCache', 'batch', batch, integer(0));
    checkValue('KeyValueCache', 'width', width, integer(1));
    checkValue('KeyValueCache', 'capacity', capacity, integer(1));
    this.capacity = capacity;
    this.#sequences = powerOfTwo(batch);
    this.#storage = this.#room(this.#sequences, capacity);
  }

  /** Sequences it has room for: rounded up to a power of two, so that a search whose rows come and go asks for few sizes. */
  get sequences(): number {
    return this.#sequences;
  }

  /** Bytes it takes. */
  get bytes(): number {
    return this.#storage.bytes;
  }

  #room(sequences: number, capacity: number): Storage {
    return persistentStorage(this.runtime, 'f32', sequences * capacity * 2 * this.width);
  }

  /** Gives the memory back; the cache must not be used any more. */
  release(): void {
    this.#storage.release();
  }

  /** @internal */
  address(): number {
    return this.#storage.address();
  }

  /** Makes room for `length` positions, doubling, and for as many sequences. */
  reserve(length: number, sequences = this.#sequences): void {
    if (length <= this.capacity && sequences <= this.#sequences) return;
    let { capacity } = this;
    while (capacity < length) capacity *= 2;
    const more = Math.max(this.#sequences, powerOfTwo(sequences));
    const grown = this.#room(more, capacity);
    this.#copy(
      grown.address(),
      capacity,
      Array.from({ length: this.#sequences }, (_, b) => b),
    );
    this.#storage.release();
    this.#storage = grown;
    this.#sequences = more;
    this.capacity = capacity;
  }

  /** A cache whose row b is row order[b] of this one, which is released. */
  reorder(order: ArrayLike<number>): KeyValueCache {
    const row = integer(0, this.batch - 1);
    for (let b = 0; b < order.length; b++) checkValue('KeyValueCache.reorder', `order[${b}]`, order[b], row);
    const next = new KeyValueCache(this.runtime, order.length, this.width, this.capacity);
    this.#copy(next.address(), this.capacity, order);
    next.length = this.length;
    this.release();
    return next;
  }

  /** What it holds of the sequences `order`, one behind the other at `to`. */
  #copy(to: Ptr, capacity: number, order: ArrayLike<number>): void {
    const row = 2 * this.width * 4;
    for (let b = 0; b < order.length; b++) {
      this.runtime.kernels.copyForward(
        to + b * capacity * row,
        this.address() + order[b] * this.capacity * row,
        this.length * 2 * this.width,
      );
    }
  }
}

function powerOfTwo(atLeast: number): number {
  let n = 1;
  while (n < atLeast) n *= 2;
  return n;
}

/**
 * Attention of new positions, packed as qkv (B, T, C + 2D), D being the cache's width, over those in the cache and themselves, causal; result
 * (B, T, C). Their keys and values are added to the cache. With a `place`, of one position per row, which may see what other rows have read.
 */
export function cachedAttention(
  qkv: Variable,
  cache: KeyValueCache,
  numHeads: number,
  place: CachePlace | null = null,
): Variable {
  const { kernels } = qkv.runtime;
  const d = cache.width;
  const [batch, count, packed] = qkv.shape;
  const c = packed - 2 * d;
  const at = cache.length;
  cache.reserve(at + count, batch);
  const base = cache.address();
  cache.length = at + count;
  if (place) {
    requireOne('cachedAttention', count);
    const { position, pages } = place;
    kernels.appendTokens(base, qkv.ptr, position.ptr, batch, packed, c, 2 * d, cache.capacity);
    // Its own key is one more than were read before.
    return attendRows(qkv, c, base, d, numHeads, cache.capacity, {
      ...{ counts: position.ptr, stepCount: 0, more: 1 },
      ...(pages
        ? { pages: pages.ptr, stepRow: cache.capacity, stepKey: 1 }
        : { pages: 0, stepRow: 0, stepKey: 0 }),
    });
  }
  // Columns from C on of every row become rows at … at + T - 1 of the cache (B, capacity, 2D).
  for (let row = 0; row < batch * count; row++) {
    const b = (row - (row % count)) / count;
    const to = base + (b * cache.capacity + at + (row % count)) * 2 * d * 4;
    kernels.copyForward(to, qkv.ptr + (row * packed + c) * 4, 2 * d);
  }
  return attendBlock(qkv, c, cache, numHeads, at);
}

function requireOne(op: string, count: number): void {
  if (count === 1) return;
  throw new ShapeError(`one position per row is needed, got ${count}`, { op, expected: 1, actual: count });
}

/** Queries of several positions from `at` on over all that the cache holds. */
function attendBlock(qkv: Variable, c: number, cache: KeyValueCache, numHeads: number, at: number): Variable {
  const { runtime } = qkv;
  const { kernels } = runtime;
  const d = cache.width;
  const [batch, count, packed] = qkv.shape;
  const base = cache.address();
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
  return out;
}

/** What the rows of a call see, as `attentionRows` is told. */
interface Seen {
  counts: Ptr;
  stepCount: number;
  more: number;
  pages: Ptr;
  stepRow: number;
  stepKey: number;
}

/** The first C columns of q (B, 1, …) as queries over kv (…, capacity, 2D): (B, 1, C). */
function attendRows(
  q: Variable,
  c: number,
  kv: Ptr,
  d: number,
  numHeads: number,
  capacity: number,
  { counts, stepCount, more, pages, stepRow, stepKey }: Seen,
): Variable {
  const { runtime } = q;
  const { kernels } = runtime;
  const [batch, , strideQ] = q.shape;
  const dHead = c / numHeads;
  const out = result(runtime, [batch, 1, c]);
  const work = runtime.workspace(kernels.attentionWorkspaceBytes(dHead));
  kernels.attentionRows(
    ...([out.ptr, q.ptr, kv, counts, pages, 0, batch, numHeads, d / dHead, dHead] as const),
    ...([strideQ, c, capacity, stepCount, more, stepRow, stepKey, 1 / Math.sqrt(dHead), work] as const),
  );
  return out;
}

/** Attention of one position per row, queries (B, 1, C), over kv (S, T, 2D), of which each row sees one sequence; (B, 1, C). */
export function memoryAttention(
  q: Variable,
  kv: Variable,
  numHeads: number,
  { rows, counts }: SharedMemory,
): Variable {
  const [, count, c] = q.shape;
  requireOne('memoryAttention', count);
  const [, length, packed] = kv.shape;
  return attendRows(q, c, kv.ptr, packed / 2, numHeads, length, {
    ...{ counts: counts.ptr, stepCount: 1, more: 0 },
    ...{ pages: rows.ptr, stepRow: 1, stepKey: 0 },
  });
}

/** A copy of x that outlives the step, in the runtime's memory, until its storage is released. */
export function keptInMemory(x: Variable): Variable {
  const storage = persistentStorage(x.runtime, 'f32', x.size);
  x.runtime.kernels.copyForward(storage.address(), x.ptr, x.size);
  return new Variable(storage, x.shape);
}
