/**
 * @file An encoder-decoder that translates: keys and values of the sentences, computed once, and of the positions that each
 * translation has reached. Dropout is off, whatever mode the model is in, and the mode stays.
 */
import { keptInMemory } from '../autograd/ops/key-value-cache.js';
import { noGrad } from '../autograd/tape.js';
import type { Variable } from '../autograd/variable.js';
import type { Transformer } from '../nn/models.js';
import type { HostArray } from '../tensor/tensor.js';
import { DecoderCache, readToken } from './decoder-cache.js';
import { inputTensor, RecordedTokens } from './recorded-tokens.js';
import type { Reading } from './scores.js';

/** Rows that stand at the same position; each translates one of the sentences. */
export class CachedTranslation {
  readonly #model: Transformer;
  readonly #cache: DecoderCache;
  readonly #tokens: RecordedTokens;
  readonly #lengths: Int32Array;
  /** Of each layer, (sentences, S, 2D): they stay where they are, and rows name the sentence they translate. */
  readonly #memory: Variable[] = [];
  #sentences: Int32Array;

  /** @param source (sentences, S), padded, with their lengths */
  constructor(model: Transformer, source: Int32Array, lengths: Int32Array) {
    const runtime = model.runtime();
    const count = lengths.length;
    this.#model = model;
    this.#cache = new DecoderCache(runtime, count, model.decoder.layers);
    this.#tokens = new RecordedTokens(runtime);
    this.#lengths = Int32Array.from(lengths);
    this.#sentences = Int32Array.from(lengths, (_, row) => row);
    // Once, so that quantising the matrices of the encoder for it would not pay.
    noGrad(() => {
      model.evaluating(() => {
        const ids = inputTensor(runtime, Int32Array.from(source), [count, source.length / count]);
        const memory = model.encode(ids, inputTensor(runtime, this.#lengths, [count]));
        for (const { multiheadAttn } of model.decoder.layers)
          this.#memory.push(keptInMemory(multiheadAttn.projectMemory(memory)));
      });
    }, runtime);
  }

  get rows(): number {
    return this.#cache.rows;
  }

  /** Bytes of keys and values, those of the sentences included. */
  get cacheBytes(): number {
    return this.#memory.reduce((sum, { storage }) => sum + storage.bytes, this.#cache.bytes);
  }

  /** Bytes of matrices quantised for decoding. */
  get packedBytes(): number {
    return this.#tokens.packedBytes;
  }

  /** Room for translations of so many tokens. */
  reserve(tokens: number): void {
    this.#cache.reserve(tokens);
  }

  /** Reads the next token of every row, ids (rows), and gives what `reading` makes of the logits behind it. */
  feed(ids: Int32Array, reading: Reading): HostArray[] {
    const cache = this.#cache;
    const { runtime, rows } = cache;
    const sentences = this.#sentences;
    const counts = Int32Array.from(sentences, (sentence) => this.#lengths[sentence]);
    const { decoder } = this.#model;
    return readToken(
      this.#model,
      cache,
      this.#tokens,
      ids,
      reading,
      (x, at) => {
        const memory = {
          rows: inputTensor(runtime, sentences, [rows]),
          counts: inputTensor(runtime, counts, [rows]),
        };
        return decoder.forwardCached(x, cache.layers, this.#memory, memory, at);
      },
      [sentences, counts],
    );
  }

  /** Row i goes on from the former row order[i]; rows may be dropped or repeated. */
  follow(order: Int32Array): void {
    this.#cache.follow(order);
    this.#sentences = Int32Array.from(order, (row) => this.#sentences[row]);
  }

  /** Gives its memory back. */
  release(): void {
    this.#tokens.release();
    this.#cache.release();
    for (const { storage } of this.#memory) storage.release();
  }
}
