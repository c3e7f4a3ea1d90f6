/** @file Bytes and SHA-256 of what an item computed. Equal values give equal bytes, whatever a NaN carries. */
import { decodeCheckpoint, encodeCheckpoint, type Json } from '../io/checkpoint-file.js';
import { Sha256, sha256 } from '../io/sha256.js';
import { encodeBytes } from '../utf8.js';

type Numbers = Float32Array | Float64Array | Int32Array;

/** SHA-256 over arrays of numbers, each preceded by its length. NaNs are all hashed as the same NaN. */
export class NumberHash {
  readonly #hash = new Sha256();

  add(values: Numbers): this {
    this.#hash.update(new Uint8Array(Float64Array.of(values.length).buffer));
    // A copy in memory that is not shared, and whose NaNs may be overwritten.
    const copy = values.slice();
    if (copy instanceof Float32Array) {
      const bits = new Int32Array(copy.buffer);
      for (let i = 0; i < copy.length; i++) if (Number.isNaN(copy[i])) bits[i] = 0x7fc00000;
    } else if (copy instanceof Float64Array) {
      const bits = new BigInt64Array(copy.buffer);
      for (let i = 0; i < copy.length; i++) if (Number.isNaN(copy[i])) bits[i] = 0x7ff8000000000000n;
    }
    this.#hash.update(new Uint8Array(copy.buffer));
    return this;
  }

  addAll(list: Iterable<Numbers>): this {
    for (const values of list) this.add(values);
    return this;
  }

  hex(): string {
    return this.#hash.hex();
  }
}

export function hashNumbers(...list: Numbers[]): string {
  return new NumberHash().addAll(list).hex();
}

export function hashText(text: string): string {
  return sha256(encodeBytes(text));
}

/**
 * SHA-256 of a checkpoint without the name of the kernels that made it, and without what it says of its model: a build
 * whose kernels have other bytes but compute the same numbers conforms, and the hashes were pinned before checkpoints said
 * their model. The file is decoded and encoded again, so both directions count.
 */
export function hashCheckpoint(bytes: Uint8Array): string {
  const content = decodeCheckpoint(bytes, 'conformance');
  const { model: _m, tokenizer: _t, labels: _l, ...kept } = (content.extra ?? {}) as Record<string, Json>;
  const extra = content.extra === null ? null : kept;
  return sha256(encodeCheckpoint({ ...content, extra, kernelHash: '' }));
}
