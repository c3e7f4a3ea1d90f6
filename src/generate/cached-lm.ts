/**
 * @file A language model with the keys and values of the positions it has read: the one place that feeds it tokens
 * piece by piece. Dropout is off, whatever mode the model is in, and the mode stays.
 */
import { slice } from '../autograd/ops/index.js';
import type { CausalLM } from '../nn/models.js';
import type { HostArray } from '../tensor/tensor.js';
import { DecoderCache, readToken } from './decoder-cache.js';
import { inputTensor, RecordedTokens } from './recorded-tokens.js';
import { NOTHING, type Reading } from './scores.js';

/** Tokens of a prompt that are read at once, so that the host may breathe in between and memory stays small. */
export const READ_AT_ONCE = 128;

/** `rows` texts that stand at the same position. */
export class CachedLM {
  readonly #model: CausalLM;
  readonly #cache: DecoderCache;
  readonly #tokens: RecordedTokens;

  constructor(model: CausalLM, rows: number) {
    const runtime = model.runtime();
    this.#model = model;
    this.#cache = new DecoderCache(runtime, rows, model.encoder.layers);
    this.#tokens = new RecordedTokens(runtime);
  }

  get rows(): number {
    return this.#cache.rows;
  }

  /** Tokens that every row has read. */
  get length(): number {
    return this.#cache.length;
  }

  /** Bytes of keys and values. */
  get cacheBytes(): number {
    return this.#cache.bytes;
  }

  /** Bytes of matrices quantised for decoding. */
  get packedBytes(): number {
    return this.#tokens.packedBytes;
  }

  /** Room for texts of so many tokens. */
  reserve(tokens: number): void {
    this.#cache.reserve(tokens);
  }

  /**
   * Reads the next tokens of every row, ids (rows, T), and gives what `reading` makes of the logits behind the last. The bits
   * do not depend on how many come at once.
   * @throws DataError beyond the model's maxSeqLen
   */
  feed(ids: Int32Array, reading: Reading, count = ids.length / this.rows): HostArray[] {
    this.#model.embedding.positions.check(this.length, count);
    // Rows that follow one another are read one token at a time.
    if (count > 1 && this.#cache.paged) return this.#oneByOne(ids, reading, count);
    return count === 1 ? this.#one(ids, reading) : this.#block(ids, reading, count);
  }

  #oneByOne(ids: Int32Array, reading: Reading, count: number): HostArray[] {
    let found: HostArray[] = [];
    for (let t = 0; t < count; t++) {
      const next = Int32Array.from({ length: this.rows }, (_, row) => ids[row * count + t]);
      found = this.#one(next, t + 1 < count ? NOTHING : reading);
    }
    return found;
  }

  #one(ids: Int32Array, reading: Reading): HostArray[] {
    const cache = this.#cache;
    const { encoder } = this.#model;
    return readToken(this.#model, cache, this.#tokens, ids, reading, (x, at) =>
      encoder.forwardCached(x, cache.layers, at),
    );
  }

  #block(ids: Int32Array, reading: Reading, count: number): HostArray[] {
    const model = this.#model;
    const cache = this.#cache;
    const { runtime, rows, length } = cache;
    const found = this.#tokens.once(() =>
      model.evaluating(() => {
        const x = model.embedding.forward(inputTensor(runtime, ids, [rows, count]), length);
        const h = model.encoder.forwardCached(x, cache.layers); // (rows, T, C)
        return reading.of?.(model.output.forward(slice(h, 1, count - 1, count))) ?? [];
      }),
    );
    cache.moveTo(length + count);
    return found;
  }

  /** Row i goes on from the former row order[i]; rows may be dropped or repeated. */
  follow(order: Int32Array): void {
    this.#cache.follow(order);
  }

  /** The same before `follow`, with a copy of what they have read, so that what is dropped gives its memory back. */
  reorder(order: Int32Array): void {
    this.#cache.reorder(order);
  }

  /** Forgets what it has read. */
  restart(): void {
    this.#cache.restart();
  }

  /** Gives the caches back. */
  release(): void {
    this.#tokens.release();
    this.#cache.release();
  }
}
