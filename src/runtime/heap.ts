/**
 * @file One address space, two materials. `WasmHeap` is the kernels' linear memory; `ReferenceHeap` is a
 * Float64Array that answers to the same byte addresses (one double per 4-byte slot), so that the whole
 * model can run in double precision under the reference kernels.
 */
import { MemoryError } from '../errors.js';

export type FloatArray = Float32Array | Float64Array;

/** What the runtime's memory is used for, in bytes. */
export interface MemoryReport {
  /** Bytes of step-arena in use now. */
  arenaInUse: number;
  /** Most arena bytes ever in use at once. */
  arenaHighWater: number;
  /** Bytes held by parameters, gradients and optimizer state. */
  persistentInUse: number;
  /** Size of the whole memory. */
  bufferBytes: number;
}

export interface Heap {
  /** Bytes addressable now. */
  readonly byteLength: number;
  /** Most bytes it may grow to; undefined when only the host's memory limits it. */
  readonly maxBytes?: number;
  /** Models whose memory has not come back, for messages. */
  models: number;
  /** Grows so that `end` bytes are addressable; throws MemoryError when the host refuses. */
  ensure(end: number): void;
  /** A view of `count` floats; valid until the next allocation, so take it when you use it. */
  floats(ptr: number, count: number): FloatArray;
  readInts(ptr: number, count: number): Int32Array;
  writeFloats(ptr: number, values: ArrayLike<number>): void;
  writeInts(ptr: number, values: ArrayLike<number>): void;
  zero(ptr: number, count: number): void;
}

const PAGE = 65536;

export class WasmHeap implements Heap {
  models = 0;

  constructor(
    readonly memory: WebAssembly.Memory,
    readonly maxBytes: number,
  ) {}

  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  ensure(end: number): void {
    const have = this.byteLength;
    if (end <= have) return;
    if (end > this.maxBytes) throw outOfMemory(end, this.maxBytes, this);
    // Growing in steps of an eighth keeps the number of (possibly copying) grows small.
    const wanted = Math.min(Math.max(end, have + Math.floor(have / 8)), this.maxBytes);
    for (const bytes of [wanted, end]) {
      try {
        this.memory.grow(Math.ceil((bytes - have) / PAGE));
        return;
      } catch {
        // The host may refuse the generous size and still grant the exact one.
      }
    }
    throw outOfMemory(end, have, this);
  }

  floats(ptr: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, ptr, count);
  }

  readInts(ptr: number, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, ptr, count).slice();
  }

  writeFloats(ptr: number, values: ArrayLike<number>): void {
    new Float32Array(this.memory.buffer, ptr, values.length).set(values);
  }

  writeInts(ptr: number, values: ArrayLike<number>): void {
    new Int32Array(this.memory.buffer, ptr, values.length).set(values);
  }

  zero(ptr: number, count: number): void {
    new Float32Array(this.memory.buffer, ptr, count).fill(0);
  }
}

export class ReferenceHeap implements Heap {
  models = 0;
  slots = new Float64Array(1 << 16);

  get byteLength(): number {
    return this.slots.length * 4;
  }

  ensure(end: number): void {
    const needed = Math.ceil(end / 4);
    if (needed <= this.slots.length) return;
    const grown = new Float64Array(Math.max(needed, this.slots.length * 2));
    grown.set(this.slots);
    this.slots = grown;
  }

  floats(ptr: number, count: number): Float64Array {
    return this.slots.subarray(ptr >> 2, (ptr >> 2) + count);
  }

  readInts(ptr: number, count: number): Int32Array {
    return Int32Array.from(this.floats(ptr, count));
  }

  writeFloats(ptr: number, values: ArrayLike<number>): void {
    this.slots.set(values, ptr >> 2);
  }

  writeInts(ptr: number, values: ArrayLike<number>): void {
    this.slots.set(values, ptr >> 2);
  }

  zero(ptr: number, count: number): void {
    this.floats(ptr, count).fill(0);
  }
}

/**
 * What to do about a full memory: `otherwise`, unless it holds several models. The dropped ones are collected in a turn of
 * the event loop only.
 */
export function memoryHint({ models }: Heap, otherwise: string): string {
  return models < 2
    ? otherwise
    : `${models} models are alive: free() those that are done, or let a turn pass`;
}

function outOfMemory(needed: number, have: number, heap: Heap): MemoryError {
  return new MemoryError(`${needed} bytes needed, ${have} to be had`, {
    op: 'memory',
    expected: needed,
    actual: have,
    hint: memoryHint(
      heap,
      'use a smaller batch, or wrap evaluation in noGrad() so that its activations are freed',
    ),
  });
}

/** Memory from `top` on. It knows no runtime, which its threads would keep alive. */
export function reserver(heap: Heap, top: number): (bytes: number) => number {
  return (bytes) => {
    const start = top;
    heap.ensure(start + bytes);
    top = start + bytes;
    return start;
  };
}
