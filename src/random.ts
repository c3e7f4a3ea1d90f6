/**
 * @file The host side of the one random generator: Threefry-4x32-20 (Salmon et al., SC 2011), which uses
 * only add, rotate and xor and so gives the same bits everywhere. It is counter-based: a value depends on
 * (seed, stream, step, index) and on nothing that was drawn before it, which is what makes resume,
 * threads and replays exact. Kernels hold the same generator (assembly/random.ts) for dropout and fills.
 */

const ROTATIONS = [
  [10, 26],
  [11, 21],
  [13, 27],
  [23, 5],
  [6, 20],
  [17, 11],
  [25, 10],
  [18, 20],
] as const;
const PARITY = 0x1bd11bda;

export type Counter = readonly [number, number, number, number];

/** One Threefry-4x32-20 block: four unsigned 32-bit words from a counter and a key. */
export function threefry(counter: Counter, key: Counter): [number, number, number, number] {
  const ks = [key[0] | 0, key[1] | 0, key[2] | 0, key[3] | 0, 0];
  ks[4] = PARITY ^ ks[0] ^ ks[1] ^ ks[2] ^ ks[3];
  let x0 = (counter[0] + ks[0]) | 0;
  let x1 = (counter[1] + ks[1]) | 0;
  let x2 = (counter[2] + ks[2]) | 0;
  let x3 = (counter[3] + ks[3]) | 0;
  for (let round = 0; round < 20; round++) {
    const [r0, r1] = ROTATIONS[round & 7];
    if ((round & 1) === 0) {
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << r0) | (x1 >>> (32 - r0))) ^ x0;
      x2 = (x2 + x3) | 0;
      x3 = ((x3 << r1) | (x3 >>> (32 - r1))) ^ x2;
    } else {
      x0 = (x0 + x3) | 0;
      x3 = ((x3 << r0) | (x3 >>> (32 - r0))) ^ x0;
      x2 = (x2 + x1) | 0;
      x1 = ((x1 << r1) | (x1 >>> (32 - r1))) ^ x2;
    }
    if ((round & 3) === 3) {
      const s = (round + 1) >> 2;
      x0 = (x0 + ks[s % 5]) | 0;
      x1 = (x1 + ks[(s + 1) % 5]) | 0;
      x2 = (x2 + ks[(s + 2) % 5]) | 0;
      x3 = (x3 + ks[(s + 3) % 5] + s) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0, x2 >>> 0, x3 >>> 0];
}

/** 32-bit FNV-1a of the UTF-16 code units: turns a stream's name into its number. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * A named stream of random numbers: key = seed, counter = (block, 0, step, stream). Two streams with
 * different names never overlap; the state is the block number alone and can be saved and restored.
 */
export class RandomStream {
  readonly #key: Counter;
  readonly #stream: number;
  readonly #step: number;
  #block = 0;
  #words: number[] = [];

  constructor(seed: number, name: string, step = 0) {
    this.#key = seedKey(seed);
    this.#stream = fnv1a(name);
    this.#step = step | 0;
  }

  /** The next unsigned 32-bit integer. */
  nextUint32(): number {
    if (this.#words.length === 0) {
      this.#words = threefry([this.#block++, 0, this.#step, this.#stream], this.#key);
    }
    return this.#words.shift() as number;
  }

  /** Uniform in [0, 1) with 32 bits. */
  nextFloat(): number {
    return this.nextUint32() / 4294967296;
  }

  /** Uniform integer in [0, bound), without modulo bias. */
  nextInt(bound: number): number {
    const limit = 4294967296 - (4294967296 % bound);
    let word = this.nextUint32();
    while (word >= limit) word = this.nextUint32();
    return word % bound;
  }

  /** Fisher-Yates in place; returns the same array. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.nextInt(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}

/** The generator's key for a seed: low and high word of a safe non-negative integer. */
export function seedKey(seed: number): Counter {
  return [(seed % 4294967296) | 0, Math.floor(seed / 4294967296) | 0, 0, 0];
}
