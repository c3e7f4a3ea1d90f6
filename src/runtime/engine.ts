/**
 * @file A Runtime is one memory, its kernels, its arena, its threads and its random state. Tensors of two runtimes
 * never mix.
 */
import { checkValue, integer, seed as seedRule } from '../checks.js';
import { MemoryError } from '../errors.js';
import { Arena, type Frame } from './arena.js';
import { ARITHMETICS, type ArithmeticName, type Build } from './arithmetic.js';
import type { RecordedProgram, ReplayHost, recordingKernels } from './dispatch.js';
import { type Draw, Draws, type ForwardCounter } from './draws.js';
import { type Heap, type MemoryReport, reserver } from './heap.js';
import type { KernelInstance } from './instantiate.js';
import type { Int12 } from './int12-kernels.js';
import type { Kernels, Ptr } from './kernels.js';
import { PersistentAllocator } from './persistent.js';
import { BlankHeap, noKernels } from './planning.js';
import type { ThreadPool } from './pool.js';
import { type InputArray, Recording } from './recording.js';

/** Two of the four words of the generator's counter. */
const counter = integer(0, 0x7fffffff);

/** Starts worker threads over the memory of an instance, for as long as `owner` is held; `allocate` gives long-lived memory. */
export type StartPool = (
  instance: KernelInstance,
  threads: number,
  worker: string | URL | null,
  allocate: (bytes: number) => Ptr,
  owner: object,
) => Promise<ThreadPool>;

/**
 * A memory with its kernels, threads and random state; made by `init` and `createRuntime`. Tensors of two runtimes
 * do not mix.
 */
export class Runtime {
  /** @internal */
  readonly heap: Heap;
  /** @internal */
  readonly arena: Arena;
  /** @internal */
  readonly persistent: PersistentAllocator;
  /** `f32` in wasm, `f64` under the reference kernels. */
  readonly precision: 'f32' | 'f64';
  /** How it computes: `reference` is the double-precision one. */
  readonly arithmetic: ArithmeticName;
  /** What multiplies in `int12`, and why that; null in every other arithmetic. @internal */
  readonly int12: Int12 | null;
  readonly #draws: Draws;
  /** Scratch for kernels that pack; its content never outlives a kernel call. */
  #workspace: Ptr = 0;
  #workspaceBytes = 0;
  #implicit: Frame | null = null;
  #planning = false;
  #layers = 0;
  #graphVersion = 0;
  /** What ops call now: plain, divided among threads, writing themselves down, or computing nothing. */
  #kernels: Kernels;
  /** The kernels themselves, undivided, unrecorded and unreplaced. */
  #plain: Kernels;
  /** The same, or divided among threads. */
  #divided: Kernels;
  #pool: ThreadPool | null = null;
  #threadsReason = 'one thread was asked for (the default)';
  #recording: Recording | null = null;

  /** @internal */
  constructor(
    kernels: Kernels,
    heap: Heap,
    base: number,
    arithmetic: ArithmeticName,
    int12: Int12 | null = null,
  ) {
    this.#plain = kernels;
    this.#divided = kernels;
    this.heap = heap;
    this.precision = ARITHMETICS[arithmetic].precision;
    this.arithmetic = arithmetic;
    this.int12 = int12;
    this.#kernels = this.#asOpsCall(kernels);
    const reserve = reserver(heap, Math.ceil(base / 64) * 64);
    this.arena = new Arena(reserve);
    this.persistent = new PersistentAllocator(reserve);
    this.#draws = new Draws(heap, this.persistent.allocate(16));
    this.workspace(kernels.gemmWorkspaceBytes());
  }

  /** @internal */
  get kernels(): Kernels {
    return this.#kernels;
  }

  /** The build of the kernels; `reference` where they are not compiled. */
  get simd(): Build | 'reference' {
    return ARITHMETICS[this.arithmetic].build ?? 'reference';
  }

  /** Scratch of at least `bytes`, shared by all kernel calls. @internal */
  workspace(bytes: number): Ptr {
    if (bytes > this.#workspaceBytes) {
      // The smaller block stays allocated: backwards that are recorded already hold its address.
      this.#workspace = this.persistent.allocate(bytes);
      this.#workspaceBytes = bytes;
      this.#shareWorkspace();
    }
    return this.#workspace;
  }

  /** Every worker needs scratch of its own. */
  #shareWorkspace(): void {
    if (!this.#pool || this.#planning) return;
    const stride = Math.ceil(this.#workspaceBytes / 64) * 64;
    this.#pool.setWorkspace(this.persistent.allocate(stride * (this.#pool.threads - 1)), stride);
  }

  /**
   * Starts worker threads over this runtime's (shared) memory. When they do not start, one thread is used and
   * `threadsReason` says why.
   * @internal
   */
  async startThreads(
    instance: KernelInstance,
    threads: number,
    reason: string,
    start: StartPool | undefined,
    worker: string | URL | null = null,
  ): Promise<void> {
    this.#threadsReason = reason;
    if (threads === 1 || !start) return;
    try {
      this.#pool = await start(instance, threads, worker, allocatorOf(this.persistent), this);
    } catch (error) {
      this.#threadsReason = (error as Error).message;
      return;
    }
    this.#shareWorkspace();
    this.#useKernels();
  }

  /** Outermost, so that what is recorded and divided are the kernels that this arithmetic really calls. */
  #asOpsCall(kernels: Kernels): Kernels {
    return this.int12?.replace(kernels) ?? kernels;
  }

  #useKernels(): void {
    this.#divided = this.#pool ? this.#pool.table(this.#plain) : this.#plain;
    this.#kernels = this.#asOpsCall(this.#divided);
  }

  /** The pool, as long as it runs. */
  get #running(): ThreadPool | null {
    return this.#pool?.ended === null ? this.#pool : null;
  }

  /** Threads that compute a step. */
  get threads(): number {
    return this.#running?.threads ?? 1;
  }

  /** Why there are as many threads as there are. */
  get threadsReason(): string {
    return this.#pool?.ended ?? this.#threadsReason;
  }

  /** Ends the worker threads. The runtime can be used further, with one thread. */
  close(): void {
    this.#pool?.end('the runtime was closed');
  }

  /**
   * Puts something around every kernel, eager and replayed, for measurements. Only before the first step.
   * @internal
   */
  instrument(around: (name: keyof Kernels, kernel: (...args: number[]) => unknown) => unknown): void {
    const entries = Object.entries(this.#plain) as [keyof Kernels, (...args: number[]) => unknown][];
    this.#plain = Object.fromEntries(entries.map(([name, kernel]) => [name, around(name, kernel)])) as never;
    this.#useKernels();
  }

  /** The recording under way, for ops that have to do something before a replay. @internal */
  get recording(): Recording | null {
    return this.#recording;
  }

  /**
   * Runs `fn` and writes down its kernel calls. `inputs` are the arrays whose values may differ in a replay.
   * Nothing of it may depend on anything else that changes: see `Recording`. `tableOf` makes the kernels that write
   * themselves down; who never records does not load it.
   * @internal
   */
  record<T>(
    inputs: readonly InputArray[],
    tableOf: typeof recordingKernels,
    fn: () => T,
  ): { value: T; recording: Recording } {
    const recording = new Recording(inputs);
    const before = this.#kernels;
    if (this.arena.depth > 0 || this.#recording || this.#planning) {
      recording.refuse('the step began inside another computation');
      return { value: fn(), recording };
    }
    this.#recording = recording;
    const table = tableOf(this.#divided, recording, () => this.#recording === recording);
    this.#kernels = this.#asOpsCall(table);
    try {
      return { value: fn(), recording };
    } finally {
      this.#kernels = before;
      this.#recording = null;
    }
  }

  /**
   * Whether `replay` can run now. A program lies at fixed addresses of the empty arena, so nothing may be alive
   * there.
   * @internal
   */
  get canReplay(): boolean {
    return this.arena.depth === 0 && !this.#recording && !this.#planning;
  }

  /** Gives a program's memory back. @internal */
  forget({ divided }: RecordedProgram): void {
    if (divided) this.persistent.release(divided.ptr, divided.bytes);
  }

  /** What programs are made for and run on. @internal */
  replayHost(): ReplayHost {
    return {
      kernels: this.#plain,
      pool: this.#running,
      writeInts: (ptr, values) => this.heap.writeInts(ptr, values),
      writeFloats: (ptr, values) => this.heap.writeFloats(ptr, values),
    };
  }

  /** Arena memory for `count` 4-byte elements; opens the step's frame when none is open. @internal */
  allocate(count: number): Ptr {
    if (this.arena.depth === 0) this.#implicit = this.arena.push();
    return this.arena.allocate(count * 4);
  }

  /** The frame new allocations belong to. @internal */
  currentFrame(): Frame {
    if (this.arena.depth === 0) this.#implicit = this.arena.push();
    return this.arena.top as Frame;
  }

  /** Ends the implicit frame that the step's first allocation opened (a no-op inside `scope`). */
  endStep(): void {
    if (this.#implicit?.alive && this.arena.top === this.#implicit) this.arena.pop(this.#implicit);
  }

  /** Seed of dropout and of default initial values. */
  get seed(): number {
    return this.#draws.seed;
  }

  /**
   * Sets the seed of dropout and of layers made from here on.
   * @throws ConfigError unless it is a non-negative integer.
   */
  manualSeed(seed: number): void {
    checkValue('manualSeed', 'seed', seed, seedRule);
    this.#draws.seed = seed;
    this.#layers = 0;
    this.setRandomPosition(0, 0);
  }

  /**
   * Position of the counter-based generator. A dropout mask depends on the seed, on this position, on the name of its
   * site, and on how many masks that site has drawn at this position.
   */
  get randomPosition(): { step: number; microbatch: number } {
    const { step, microbatch } = this.#draws;
    return { step, microbatch };
  }

  /**
   * Moves the generator, as a resumed run does, and has every site count its masks from 0 again; `backward` and
   * optimizers move it on.
   */
  setRandomPosition(step: number, microbatch: number): void {
    checkValue('setRandomPosition', 'step', step, counter);
    checkValue('setRandomPosition', 'microbatch', microbatch, counter);
    this.#draws.moveTo(step, microbatch);
    if (this.#recording) this.#recording.moved = true;
  }

  /** A forward and its backward are done: the next draws other masks. @internal */
  nextMicrobatch(): void {
    const { step, microbatch, again } = this.#draws;
    if (!this.#planning && !again) this.setRandomPosition(step, microbatch + 1);
  }

  /** Address of [seedLo, seedHi, step, microbatch], read by the random kernels. @internal */
  get rng(): Ptr {
    return this.#draws.rng;
  }

  /** The next mask of a stream. The generator may move on before its backward, so the words are copied. @internal */
  draw(stream: number): Draw {
    if (this.#recording?.moved) this.#recording.refuse('dropout follows a move of the random position');
    return { rng: this.#copyOfWords(), call: this.#planning ? 0 : this.#draws.count(stream) };
  }

  /** The counter of the forward under way, for a backward that computes what follows again. @internal */
  forwardCounter(): ForwardCounter {
    return { rng: this.#copyOfWords(), calls: this.#draws.counts() };
  }

  /** Runs `fn`, a part of a forward, with the counter it had there the first time: its masks are the same. @internal */
  recompute<T>(counter: ForwardCounter, fn: () => T): T {
    return this.#draws.at(counter, fn);
  }

  #copyOfWords(): Ptr {
    const rng = this.allocate(4);
    this.kernels.copyForward(rng, this.#draws.words, 4);
    return rng;
  }

  /** What is in use now. */
  memory(): MemoryReport {
    return {
      arenaInUse: this.arena.inUse,
      arenaHighWater: this.arena.highWater,
      persistentInUse: this.persistent.inUse,
      bufferBytes: this.heap.byteLength,
    };
  }

  /**
   * Runs `fn` with kernels that compute nothing and an arena that only counts, and tells the most bytes it
   * would have had in use: the peak of a step, before step 1. Values read inside are meaningless.
   * @internal
   */
  measure(fn: () => void): { peakBytes: number } {
    if (this.#planning) throw new MemoryError('plan() cannot be nested', { op: 'plan' });
    const self = this as { -readonly [K in 'heap' | 'arena' | 'persistent']: Runtime[K] };
    const real = { heap: self.heap, arena: self.arena, persistent: self.persistent };
    const kernels = this.#kernels;
    const implicit = this.#implicit;
    let top = 1 << 20;
    const reserve = (bytes: number) => {
      top += bytes;
      return top - bytes;
    };
    const counting = new Arena(reserve);
    const workspace = [this.#workspace, this.#workspaceBytes] as const;
    this.#planning = true;
    this.#kernels = noKernels;
    self.heap = new BlankHeap();
    self.arena = counting;
    self.persistent = new PersistentAllocator(reserve);
    this.#implicit = null;
    try {
      fn();
      return { peakBytes: counting.highWater };
    } finally {
      Object.assign(self, real);
      this.#kernels = kernels;
      counting.clear();
      this.#implicit = implicit;
      [this.#workspace, this.#workspaceBytes] = workspace;
      this.#planning = false;
    }
  }

  /** Grows whenever parameters appear or their gradients move: earlier recordings may not hold any more. @internal */
  get graphVersion(): number {
    return this.#graphVersion;
  }

  /** @internal */
  graphChanged(): void {
    this.#graphVersion++;
  }

  /** A number of its own for each layer made outside a model: names the stream of its initial values. @internal */
  nextLayer(): number {
    return this.#layers++;
  }

  /** True inside `plan()`: nothing is computed, so nothing may be kept. @internal */
  get planning(): boolean {
    return this.#planning;
  }
}

/** For threads, which must know no runtime: they would keep it alive. */
const allocatorOf = (persistent: PersistentAllocator) => (bytes: number) => persistent.allocate(bytes);
