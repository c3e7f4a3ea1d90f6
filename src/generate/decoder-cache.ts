/**
 * @file What the layers of a decoder have read, for rows of which each may go on from another: keys and values stay where they
 * are written, and a table says in which sequence of the caches every token of a row lies.
 */
import { type CachePlace, KeyValueCache } from '../autograd/ops/key-value-cache.js';
import type { Variable } from '../autograd/variable.js';
import type { MultiHeadAttention } from '../nn/attention.js';
import type { CausalLM } from '../nn/models.js';
import type { Runtime } from '../runtime/runtime.js';
import type { HostArray } from '../tensor/tensor.js';
import { inputTensor, type RecordedTokens } from './recorded-tokens.js';
import type { Reading } from './scores.js';

export class DecoderCache {
  /** Tokens that every row has read. */
  length = 0;
  rows: number;
  #layers: KeyValueCache[];
  /** (rows, capacity); null as long as every row has read its tokens itself. */
  #pages: Int32Array | null = null;

  constructor(
    readonly runtime: Runtime,
    rows: number,
    layers: readonly { readonly selfAttn: MultiHeadAttention }[],
  ) {
    this.rows = rows;
    this.#layers = layers.map(({ selfAttn }) => new KeyValueCache(runtime, rows, selfAttn.kvWidth));
  }

  get layers(): readonly KeyValueCache[] {
    return this.#layers;
  }

  /** Bytes of keys and values. */
  get bytes(): number {
    return this.#layers.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Whether rows have gone on from one another. */
  get paged(): boolean {
    return this.#pages !== null;
  }

  /** Room for so many tokens. */
  reserve(tokens: number): void {
    const before = this.#capacity;
    for (const layer of this.#layers) layer.reserve(tokens, this.rows);
    const capacity = this.#capacity;
    if (this.#pages && capacity !== before) this.#pages = spread(this.#pages, this.rows, before, capacity);
  }

  get #capacity(): number {
    return this.#layers[0].capacity;
  }

  /**
   * Room for one more token of every row, and where it stands. `inputs` are the arrays behind `place`; `shape` and `key` tell
   * them from others.
   */
  next(): { place: () => CachePlace; inputs: Int32Array[]; shape: string; key: string } {
    this.reserve(this.length + 1);
    const { runtime, rows } = this;
    const capacity = this.#capacity;
    const position = Int32Array.of(this.length);
    const pages = this.#pages;
    return {
      place: () => ({
        position: inputTensor(runtime, position, [1]),
        pages: pages && inputTensor(runtime, pages, [rows, capacity]),
      }),
      inputs: pages ? [position, pages] : [position],
      shape: `${rows}${pages ? ' paged' : ''}`,
      key: this.#layers.map((layer) => layer.address()).join(),
    };
  }

  /** Every row has read its next token. */
  advance(): void {
    this.moveTo(this.length + 1);
  }

  /** So many tokens have been read. */
  moveTo(length: number): void {
    this.length = length;
    for (const layer of this.#layers) layer.length = length;
  }

  /** Row i goes on from the former row order[i]: nothing is copied. */
  follow(order: Int32Array): void {
    const capacity = this.#capacity;
    const before = this.#pages;
    const pages = new Int32Array(order.length * capacity);
    for (let row = 0; row < order.length; row++) {
      const to = row * capacity;
      if (before) pages.set(before.subarray(order[row] * capacity, order[row] * capacity + this.length), to);
      else pages.fill(order[row], to, to + this.length);
      // Where its next token will be.
      pages.fill(row, to + this.length, to + capacity);
    }
    this.#pages = pages;
    this.rows = order.length;
  }

  /** The same before any `follow`, with a copy of what they have read. */
  reorder(order: Int32Array): void {
    this.#layers = this.#layers.map((layer) => layer.reorder(order));
    this.rows = order.length;
  }

  /** Forgets what it has read. */
  restart(): void {
    this.moveTo(0);
    this.#pages = null;
  }

  /** Gives the memory back. */
  release(): void {
    for (const layer of this.#layers) layer.release();
  }
}

/** A table of rows of `from` places as one of `to`; places that are not written yet are the row's own. */
function spread(pages: Int32Array, rows: number, from: number, to: number): Int32Array {
  const out = new Int32Array(rows * to);
  for (let row = 0; row < rows; row++) {
    out.fill(row, row * to, (row + 1) * to);
    out.set(pages.subarray(row * from, (row + 1) * from), row * to);
  }
  return out;
}

/** An embedding, and an output over the vocabulary. */
export type Decoding = Pick<CausalLM, 'embedding' | 'output' | 'evaluating'>;

/**
 * Reads the next token of every row of `cache`, ids (rows), and gives what `reading` makes of the logits behind it. `decode`
 * takes the embedded tokens (rows, 1, C) through the layers, and reads no host values but those of `given`.
 * @throws DataError beyond the model's maxSeqLen
 */
export function readToken(
  model: Decoding,
  cache: DecoderCache,
  tokens: RecordedTokens,
  ids: Int32Array,
  reading: Reading,
  decode: (x: Variable, place: CachePlace) => Variable,
  given: readonly Int32Array[] = [],
): HostArray[] {
  const { runtime, rows, length } = cache;
  model.embedding.positions.check(length, 1);
  const { place, inputs, shape, key } = cache.next();
  const found = tokens.run(`${shape} ${reading.name}`, key, [ids, ...inputs, ...given], () =>
    model.evaluating(() => {
      const at = place();
      const x = model.embedding.forward(inputTensor(runtime, ids, [rows, 1]), length, null, at.position);
      const h = decode(x, at);
      return reading.of?.(model.output.forward(h)) ?? [];
    }),
  );
  cache.advance();
  return found;
}
