/**
 * @file The memory of a runtime: blocks that live long, the arena of the step, and scratch that outlives no call of a
 * kernel. It knows no runtime, which threads that allocate here would keep alive.
 */
import { Arena, type Frame } from './arena.js';
import { type Heap, type MemoryReport, reserver } from './heap.js';
import type { Ptr } from './kernels.js';
import { PersistentAllocator } from './persistent.js';

export class Memory {
  readonly arena: Arena;
  readonly persistent: PersistentAllocator;
  /** Told how many bytes the scratch has whenever it has grown. */
  onScratch: ((bytes: number) => void) | null = null;
  #scratch: Ptr = 0;
  #scratchBytes = 0;
  #implicit: Frame | null = null;

  /** @param base first byte of `heap` that may be used */
  constructor(
    readonly heap: Heap,
    base: number,
  ) {
    const reserve = reserver(heap, Math.ceil(base / 64) * 64);
    this.arena = new Arena(reserve);
    this.persistent = new PersistentAllocator(reserve);
  }

  get scratchBytes(): number {
    return this.#scratchBytes;
  }

  /** Scratch of at least `bytes`, shared by all kernel calls. */
  scratch(bytes: number): Ptr {
    if (bytes > this.#scratchBytes) {
      // The smaller block stays allocated: backwards that are recorded already hold its address.
      this.#scratch = this.persistent.allocate(bytes);
      this.#scratchBytes = bytes;
      this.onScratch?.(bytes);
    }
    return this.#scratch;
  }

  /** Arena memory for `count` 4-byte elements; opens the step's frame when none is open. */
  allocate(count: number): Ptr {
    if (this.arena.depth === 0) this.#implicit = this.arena.push();
    return this.arena.allocate(count * 4);
  }

  /** The frame new allocations belong to. */
  currentFrame(): Frame {
    if (this.arena.depth === 0) this.#implicit = this.arena.push();
    return this.arena.top as Frame;
  }

  /** Ends the frame that the step's first allocation opened, unless others lie on it. */
  endStep(): void {
    if (this.#implicit?.alive && this.arena.top === this.#implicit) this.arena.pop(this.#implicit);
  }

  report(): MemoryReport {
    return {
      arenaInUse: this.arena.inUse,
      arenaHighWater: this.arena.highWater,
      persistentInUse: this.persistent.inUse,
      bufferBytes: this.heap.byteLength,
    };
  }
}
