/**
 * @file Where a runtime stands in its random stream. What a call of dropout draws depends on the seed, the step, the
 * microbatch (a forward with its backward), the stream (the site's name) and the call: how many masks the stream
 * gave since the microbatch began. No other site and nothing before the microbatch shifts it.
 */
import { checkValue, integer, seed as seedRule } from '../checks.js';
import { seedKey } from '../random.js';
import type { Heap } from './heap.js';
import type { Kernels, Ptr } from './kernels.js';
import type { Recording } from './recording.js';

/** Two of the four words of the generator's counter. */
const counter = integer(0, 0x7fffffff);

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

/** The runtime, as far as a draw needs it. */
interface Drawer {
  readonly kernels: Kernels;
  readonly recording: Recording | null;
  readonly planning: boolean;
  allocate(count: number): Ptr;
}

export class Draws {
  seed = 0;
  step = 0;
  microbatch = 0;
  /** Address of the words that the next call copies: the generator's own, or those of a forward computed again. */
  #words: Ptr;
  #calls = new Map<number, number>();
  #layers = 0;

  /** @param rng address of [seedLow, seedHigh, step, microbatch], which random kernels read */
  constructor(
    private readonly heap: Heap,
    readonly rng: Ptr,
  ) {
    this.#words = rng;
    this.#begin();
  }

  /** Begins a microbatch: every stream counts from 0. */
  #begin(): void {
    this.#calls.clear();
    this.heap.writeInts(this.rng, [...seedKey(this.seed).slice(0, 2), this.step, this.microbatch]);
  }

  /** @throws ConfigError unless it is a non-negative integer. */
  reseed(seed: number): void {
    checkValue('manualSeed', 'seed', seed, seedRule);
    this.seed = seed;
    this.#layers = 0;
    this.moveTo(0, 0);
  }

  /** @throws ConfigError unless both are words of the counter. */
  moveTo(step: number, microbatch: number): void {
    checkValue('setRandomPosition', 'step', step, counter);
    checkValue('setRandomPosition', 'microbatch', microbatch, counter);
    this.step = step;
    this.microbatch = microbatch;
    this.#begin();
  }

  /** The next mask of a stream. The generator may move on before its backward, so the words are copied. */
  next(stream: number, runtime: Drawer): Draw {
    if (runtime.recording?.moved) runtime.recording.refuse('dropout follows a move of the random position');
    const rng = this.#copy(runtime);
    if (runtime.planning) return { rng, call: 0 };
    const call = this.#calls.get(stream) ?? 0;
    this.#calls.set(stream, call + 1);
    return { rng, call };
  }

  #copy(runtime: Drawer): Ptr {
    const rng = runtime.allocate(4);
    runtime.kernels.copyForward(rng, this.#words, 4);
    return rng;
  }

  /** The counter of the forward under way, for a backward that computes what follows again. */
  counter(runtime: Drawer): ForwardCounter {
    return { rng: this.#copy(runtime), calls: new Map(this.#calls) };
  }

  /** Whether a forward is computed again, which moves nothing. */
  get again(): boolean {
    return this.#words !== this.rng;
  }

  /** Runs `fn`, a part of a forward, with the counter it had there the first time: its masks are the same. */
  at<T>({ rng, calls }: ForwardCounter, fn: () => T): T {
    const before = { words: this.#words, calls: this.#calls };
    this.#words = rng;
    this.#calls = new Map(calls);
    try {
      return fn();
    } finally {
      this.#words = before.words;
      this.#calls = before.calls;
    }
  }

  /** A number of its own for each layer made outside a model: names the stream of its initial values. */
  nextLayer(): number {
    return this.#layers++;
  }
}
