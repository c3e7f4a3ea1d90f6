/**
 * @file Where a runtime stands in its random stream. What a call of dropout draws depends on the seed, the step, the
 * microbatch (a forward with its backward), the stream (the site's name) and the call: how many masks the stream
 * gave since the microbatch began. No other site and nothing before the microbatch shifts it.
 */
import { seedKey } from '../random.js';
import type { Heap } from './heap.js';
import type { Ptr } from './kernels.js';

/** What one call reads: a copy of the words [seedLow, seedHigh, step, microbatch], and its number in its stream. */
export interface Draw {
  rng: Ptr;
  call: number;
}

/** The counter of a forward at one of its ops: what a backward needs to compute the forward from there again. */
export interface ForwardCounter {
  rng: Ptr;
  calls: ReadonlyMap<number, number>;
}

export class Draws {
  seed = 0;
  step = 0;
  microbatch = 0;
  /** Address of the words that the next call copies: the generator's own, or those of a forward computed again. */
  words: Ptr;
  #calls = new Map<number, number>();

  constructor(
    private readonly heap: Heap,
    readonly rng: Ptr,
  ) {
    this.words = rng;
    this.moveTo(0, 0);
  }

  /** Begins a microbatch: every stream counts from 0. */
  moveTo(step: number, microbatch: number): void {
    this.step = step;
    this.microbatch = microbatch;
    this.#calls.clear();
    this.heap.writeInts(this.rng, [...seedKey(this.seed).slice(0, 2), step, microbatch]);
  }

  /** Number of the next call of `stream`. */
  count(stream: number): number {
    const call = this.#calls.get(stream) ?? 0;
    this.#calls.set(stream, call + 1);
    return call;
  }

  /** The counts so far, as they stay. */
  counts(): ReadonlyMap<number, number> {
    return new Map(this.#calls);
  }

  /** Whether a forward is computed again, which moves nothing. */
  get again(): boolean {
    return this.words !== this.rng;
  }

  /** Runs `fn` at the place of an earlier forward, and comes back. */
  at<T>({ rng, calls }: ForwardCounter, fn: () => T): T {
    const before = { words: this.words, calls: this.#calls };
    this.words = rng;
    this.#calls = new Map(calls);
    try {
      return fn();
    } finally {
      this.words = before.words;
      this.#calls = before.calls;
    }
  }
}
