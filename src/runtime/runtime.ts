/**
 * @file A Runtime is one memory, its kernels, its threads and its random state; tensors of two runtimes never mix. One
 * runtime is the current one, to which new tensors and modules belong.
 */
import { callback, checkValue } from '../checks.js';
import { EnvironmentError } from '../errors.js';
import type { Arena, Frame } from './arena.js';
import { ARITHMETICS, type ArithmeticName, type Build } from './arithmetic.js';
import { type Draw, Draws } from './draws.js';
import type { Heap, MemoryReport } from './heap.js';
import type { Int12 } from './int12-kernels.js';
import { KernelTables } from './kernel-tables.js';
import type { Kernels, Ptr } from './kernels.js';
import { Memory } from './memory.js';
import type { PersistentAllocator } from './persistent.js';
import type { Recording } from './recording.js';
import { type ThreadOrder, Threads } from './threads.js';

export type { MemoryReport } from './heap.js';
export type { InputArray } from './recording.js';

/** Memory that the host writes, and what says how long it is there. */
export interface HostPlace {
  ptr: Ptr;
  frame: Pick<Frame, 'alive'>;
}

/**
 * A memory with its kernels, threads and random state; made by `init` and `createRuntime`. Tensors of two runtimes
 * do not mix.
 */
export class Runtime {
  /** `f32` in wasm, `f64` under the reference kernels. */
  readonly precision: 'f32' | 'f64';
  /** How it computes: `reference` is the double-precision one. */
  readonly arithmetic: ArithmeticName;
  /** What multiplies in `int12`, and why that; null in every other arithmetic. @internal */
  readonly int12: Int12 | null;
  /** @internal */
  readonly tables: KernelTables;
  /** @internal */
  readonly draws: Draws;
  readonly #threads = new Threads();
  /** What is in use: its own, or one that only counts. */
  #memory: Memory;
  #planning = false;
  #graphVersion = 0;
  #valuesVersion = 0;

  /** @internal */
  constructor(
    kernels: Kernels,
    heap: Heap,
    base: number,
    arithmetic: ArithmeticName,
    int12: Int12 | null = null,
  ) {
    this.precision = ARITHMETICS[arithmetic].precision;
    this.arithmetic = arithmetic;
    this.int12 = int12;
    this.tables = new KernelTables(kernels, int12);
    this.#memory = new Memory(heap, base);
    this.draws = new Draws(heap, this.persistent.allocate(16));
    this.workspace(kernels.gemmWorkspaceBytes());
  }

  /** What ops call. @internal */
  get kernels(): Kernels {
    return this.tables.current;
  }

  /** The recording under way, for ops that have to do something before a replay. @internal */
  get recording(): Recording | null {
    return this.tables.recording;
  }

  /** The build of the kernels; `reference` where they are not compiled. */
  get simd(): Build | 'reference' {
    return ARITHMETICS[this.arithmetic].build ?? 'reference';
  }

  /**
   * Starts worker threads over this runtime's (shared) memory. When they do not start, one thread is used and
   * `threadsReason` says why.
   * @internal
   */
  async startThreads(order: ThreadOrder): Promise<void> {
    await this.#threads.start(order, this.#memory, this);
    if (this.pool) this.tables.divide(this.pool);
  }

  /** The threads, as long as there are several. @internal */
  get pool(): Threads['pool'] {
    return this.#threads.pool;
  }

  /** Threads that compute a step. */
  get threads(): number {
    return this.#threads.count;
  }

  /** Why there are as many threads as there are. */
  get threadsReason(): string {
    return this.#threads.reason;
  }

  /** Ends the worker threads. The runtime can be used further, with one thread. */
  close(): void {
    this.#threads.end();
  }

  /** @internal */
  get heap(): Heap {
    return this.#memory.heap;
  }

  /** @internal */
  get arena(): Arena {
    return this.#memory.arena;
  }

  /** @internal */
  get persistent(): PersistentAllocator {
    return this.#memory.persistent;
  }

  /** Scratch of at least `bytes` for kernels that pack; its content never outlives a kernel call. @internal */
  workspace(bytes: number): Ptr {
    return this.#memory.scratch(bytes);
  }

  /** Arena memory for `count` 4-byte elements; opens the step's frame when none is open. @internal */
  allocate(count: number): Ptr {
    return this.#memory.allocate(count);
  }

  /** The frame new allocations belong to. @internal */
  currentFrame(): Frame {
    return this.#memory.currentFrame();
  }

  /**
   * Where the host writes `count` elements that ops read: in the frame. A replay has them written before all calls, so in a
   * recording it is a place of its own once that memory may serve others before: in frames within the step, and after
   * them. @internal
   */
  hostPlace(count: number): HostPlace {
    const own = this.recording?.place(this.arena, this.persistent, count);
    return own ?? { ptr: this.allocate(count), frame: this.currentFrame() };
  }

  /** Ends the implicit frame that the step's first allocation opened (a no-op inside `scope`). */
  endStep(): void {
    this.#memory.endStep();
  }

  /** What is in use now. */
  memory(): MemoryReport {
    return this.#memory.report();
  }

  /** True inside `plan()`: nothing is computed, so nothing may be kept. @internal */
  get planning(): boolean {
    return this.#planning;
  }

  /** Runs `fn` with kernels that compute nothing over a memory that only counts. @internal */
  planOn(memory: Memory, kernels: Kernels, fn: () => void): void {
    const own = this.#memory;
    this.#memory = memory;
    this.#planning = true;
    try {
      this.tables.during(kernels, fn);
    } finally {
      this.#memory = own;
      this.#planning = false;
    }
  }

  /** Seed of dropout and of default initial values. */
  get seed(): number {
    return this.draws.seed;
  }

  /**
   * Sets the seed of dropout and of layers made from here on.
   * @throws ConfigError unless it is a non-negative integer.
   */
  manualSeed(seed: number): void {
    this.draws.reseed(seed);
    this.#moved();
  }

  /**
   * Position of the counter-based generator. A dropout mask depends on the seed, on this position, on the name of its
   * site, and on how many masks that site has drawn at this position.
   */
  get randomPosition(): { step: number; microbatch: number } {
    const { step, microbatch } = this.draws;
    return { step, microbatch };
  }

  /**
   * Moves the generator, as a resumed run does, and has every site count its masks from 0 again; `backward` and
   * optimizers move it on.
   */
  setRandomPosition(step: number, microbatch: number): void {
    this.draws.moveTo(step, microbatch);
    this.#moved();
  }

  #moved(): void {
    if (this.recording) this.recording.moved = true;
  }

  /** A forward and its backward are done: the next draws other masks. @internal */
  nextMicrobatch(): void {
    const { step, microbatch, again } = this.draws;
    if (!this.#planning && !again) this.setRandomPosition(step, microbatch + 1);
  }

  /** Address of [seedLow, seedHigh, step, microbatch], read by the random kernels. @internal */
  get rng(): Ptr {
    return this.draws.rng;
  }

  /** The next mask of a stream. @internal */
  draw(stream: number): Draw {
    return this.draws.next(stream, this);
  }

  /** Grows whenever the host writes values, as every optimizer does: what was made of earlier values may not hold any more. @internal */
  get valuesVersion(): number {
    return this.#valuesVersion;
  }

  /** @internal */
  valuesChanged(): void {
    this.#valuesVersion++;
  }

  /** Grows whenever parameters appear or their gradients move: earlier recordings may not hold any more. @internal */
  get graphVersion(): number {
    return this.#graphVersion;
  }

  /** @internal */
  graphChanged(): void {
    this.#graphVersion++;
  }
}

let current: Runtime | null = null;

/** The runtime that new tensors and modules belong to. */
export function currentRuntime(): Runtime {
  if (!current) {
    throw new EnvironmentError('no runtime yet', {
      op: 'init',
      hint: 'call `await init()` once before making tensors or modules',
    });
  }
  return current;
}

/** Has new tensors and modules belong to `runtime` from here on. */
export function makeCurrent(runtime: Runtime): void {
  current = runtime;
}

/** Runs `fn` with `runtime` as the current one. */
export function withRuntime<T>(runtime: Runtime, fn: () => T): T {
  checkValue('withRuntime', 'the second argument', fn, callback);
  const previous = current;
  current = runtime;
  try {
    return fn();
  } finally {
    current = previous;
  }
}

/** Sets the seed of the current runtime: dropout, default initial values. */
export function manualSeed(seed: number): void {
  currentRuntime().manualSeed(seed);
}
