/**
 * @file A language model with the keys and values of the positions it has read: the one place that feeds it tokens
 * piece by piece. Dropout is off, whatever mode the model is in, and the mode stays.
 */
import { slice } from '../autograd/ops/index.js';
import { KeyValueCache } from '../autograd/ops/key-value-cache.js';
import { noGrad } from '../autograd/tape.js';
import { tensor, type Variable } from '../autograd/variable.js';
import type { CausalLM } from '../nn/models.js';

/** `rows` texts that stand at the same position. */
export class CachedLM {
  rows: number;
  /** Tokens that every row has read. */
  length = 0;
  readonly #model: CausalLM;
  #caches: KeyValueCache[];

  constructor(model: CausalLM, rows: number) {
    const runtime = model.runtime();
    this.#model = model;
    this.rows = rows;
    this.#caches = model.encoder.layers.map(
      ({ selfAttn }) => new KeyValueCache(runtime, rows, selfAttn.kvWidth),
    );
  }

  /**
   * Reads the next tokens of every row, ids (rows, T), and hands the logits behind the last (rows, 1, vocabSize) to
   * `read`. The bits do not depend on how many come at once.
   */
  feed<T>(ids: Int32Array, read: (logits: Variable) => T, count = ids.length / this.rows): T {
    const model = this.#model;
    return model.evaluating(() =>
      noGrad(() => {
        const x = model.embedding.forward(
          tensor(ids, { shape: [this.rows, count], dtype: 'i32' }),
          this.length,
        );
        const h = model.encoder.forwardCached(x, this.#caches); // (rows, T, C)
        this.length += count;
        return read(model.output.forward(count === 1 ? h : slice(h, 1, count - 1, count)));
      }, model.runtime()),
    );
  }

  /** Row i goes on from the former row order[i]; rows may be dropped or repeated. */
  reorder(order: Int32Array): void {
    this.#caches = this.#caches.map((cache) => cache.reorder(order));
    this.rows = order.length;
  }

  /** Forgets what it has read. */
  restart(): void {
    for (const cache of this.#caches) cache.length = 0;
    this.length = 0;
  }

  /** Gives the caches back. */
  release(): void {
    for (const cache of this.#caches) cache.release();
  }
}
