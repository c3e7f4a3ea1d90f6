/**
 * @file Runs a kernel twice, in wasm over a linear memory and in the double-precision reference over a
 * Float64Array heap, with every buffer at the same address in both, and compares them.
 *
 * - Every buffer has 64 guard bytes on each side. In wasm the guards are NaNs, so that a kernel that reads
 *   beyond its operands poisons its result, and one that writes there is caught after the call.
 * - After a call *all* buffers are compared, so an operand that a kernel must leave alone is checked too.
 * - A mismatch names kernel, buffer, index, expected, actual, difference, allowed and the call's arguments.
 *
 * `PRENORM_KERNELS=path/to.wasm` runs the tests over another build.
 */
import { readFile } from 'node:fs/promises';
import { createReferenceKernels } from '../../src/reference/index.js';
import { instantiateKernels, type KernelInstance } from '../../src/runtime/instantiate.js';
import type { Kernels } from '../../src/runtime/kernels.js';

export type Build = 'release' | 'debug';
export type KernelName = keyof Kernels;
/** The arguments of one call, where a list is put together from parts. */
export type Call<K extends KernelName> = Parameters<Kernels[K]>;

export interface Tolerance {
  atol?: number;
  rtol?: number;
  /** Other bounds for single buffers, by name. */
  buffers?: Record<string, { atol?: number; rtol?: number }>;
}

interface Buffer {
  name: string;
  kind: 'f32' | 'i32' | 'workspace';
  ptr: number;
  count: number;
}

const GUARD_SLOTS = 16;
const GUARD_BITS = 0x7fc0beef;
const GUARD_DOUBLE = -123456.789;
/** What an output holds before the call, so that an element nobody wrote shows. */
const STALE = 777.25;

/** Loads the kernels of one build, or of `PRENORM_KERNELS`, with an empty heap. */
export async function loadKernels(build: Build = 'release'): Promise<KernelHarness> {
  const file = build === 'debug' ? 'kernels.debug.wasm' : 'kernels.wasm';
  const path = process.env.PRENORM_KERNELS ?? new URL(`../../build/${file}`, import.meta.url);
  return new KernelHarness(await instantiateKernels(await readFile(path)));
}

/** Both builds; a test usually loops over them. */
export async function loadBuilds(): Promise<[Build, KernelHarness][]> {
  if (process.env.PRENORM_KERNELS) return [['release', await loadKernels()]];
  return [
    ['release', await loadKernels('release')],
    ['debug', await loadKernels('debug')],
  ];
}

export class KernelHarness {
  readonly kernels: Kernels;
  readonly reference: Kernels;
  readonly memory: WebAssembly.Memory;
  slots = new Float64Array(1 << 14);
  readonly #start: number;
  #end: number;
  #buffers: Buffer[] = [];

  constructor(instance: KernelInstance) {
    this.kernels = instance.kernels;
    this.memory = instance.memory;
    this.reference = createReferenceKernels(() => this.slots);
    // One address for all builds, so that even buffers that hold addresses can be compared between them.
    this.#start = Math.max(align(instance.heapBase), 1 << 14);
    this.#end = this.#start;
  }

  /** Forgets all buffers; call it before each case. */
  reset(): this {
    this.#end = this.#start;
    this.#buffers = [];
    return this;
  }

  /** A float buffer holding `values`, rounded to f32 in both heaps. */
  input(name: string, values: ArrayLike<number>): number {
    return this.#allocate(name, 'f32', Float32Array.from(values as number[]));
  }

  /** An int32 buffer holding `values`. */
  ints(name: string, values: ArrayLike<number>): number {
    return this.#allocate(name, 'i32', Int32Array.from(values as number[]));
  }

  /** A float buffer with stale content that the kernel has to overwrite. */
  output(name: string, count: number): number {
    return this.#allocate(name, 'f32', new Float32Array(count).fill(STALE));
  }

  /** An int32 buffer with stale content. */
  intOutput(name: string, count: number): number {
    return this.#allocate(name, 'i32', new Int32Array(count).fill(777));
  }

  /** Scratch memory: guarded, but its content is not compared. */
  workspace(bytes: number): number {
    return this.#allocate('workspace', 'workspace', new Float32Array(Math.ceil(bytes / 4)).fill(STALE));
  }

  /** The wasm side of a buffer, copied. */
  floats(ptr: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, ptr, count).slice();
  }

  /** The int32 view of the wasm side (also the bits of floats), copied. */
  bits(ptr: number, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, ptr, count).slice();
  }

  /** The bits of all buffers but workspaces, as text. */
  snapshot(): string {
    const compared = this.#buffers.filter(({ kind }) => kind !== 'workspace');
    return compared.map(({ name, ptr, count }) => `${name}:${this.bits(ptr, count).join()}`).join(';');
  }

  /** The reference side of a buffer, copied. */
  doubles(ptr: number, count: number): Float64Array {
    return this.slots.slice(ptr >> 2, (ptr >> 2) + count);
  }

  /** Runs both implementations, checks the guards and compares every buffer. */
  run<N extends KernelName>(name: N, args: Parameters<Kernels[N]>, tolerance: Tolerance = {}): void {
    this.runWasm(name, args);
    (this.reference[name] as (...a: number[]) => unknown)(...(args as number[]));
    const call = this.#describe(name, args);
    for (const buffer of this.#buffers) {
      if (buffer.kind !== 'workspace') this.#compare(call, buffer, tolerance);
    }
  }

  /** Runs the wasm kernel alone and checks the guards. */
  runWasm<N extends KernelName>(name: N, args: Parameters<Kernels[N]>): void {
    (this.kernels[name] as (...a: number[]) => unknown)(...(args as number[]));
    this.#checkGuards(this.#describe(name, args));
  }

  #allocate(name: string, kind: Buffer['kind'], values: Float32Array | Int32Array): number {
    const count = values.length;
    const ptr = align(this.#end + GUARD_SLOTS * 4);
    const end = ptr + count * 4 + GUARD_SLOTS * 4;
    this.#ensure(end);
    const first = (ptr >> 2) - GUARD_SLOTS;
    const ints = new Int32Array(this.memory.buffer);
    ints.fill(GUARD_BITS, first, end >> 2);
    ints.set(new Int32Array(values.buffer, values.byteOffset, count), ptr >> 2);
    this.slots.fill(GUARD_DOUBLE, first, end >> 2);
    this.slots.set(values, ptr >> 2);
    this.#end = end;
    this.#buffers.push({ name, kind, ptr, count });
    return ptr;
  }

  #ensure(end: number): void {
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65536));
    if (end >> 2 >= this.slots.length) {
      const grown = new Float64Array((end >> 2) * 2);
      grown.set(this.slots);
      this.slots = grown;
    }
  }

  #checkGuards(call: string): void {
    const ints = new Int32Array(this.memory.buffer);
    for (const { name, ptr, count } of this.#buffers) {
      const first = ptr >> 2;
      for (let i = 1; i <= GUARD_SLOTS; i++) {
        if (ints[first - i] !== GUARD_BITS)
          throw new Error(`${call}: wrote ${i} before the start of ${name}`);
        if (ints[first + count + i - 1] !== GUARD_BITS) {
          throw new Error(`${call}: wrote ${i - 1} beyond the end of ${name} (${count} elements)`);
        }
      }
    }
  }

  #compare(call: string, { name, kind, ptr, count }: Buffer, tolerance: Tolerance): void {
    const { atol = 0, rtol = 0 } = tolerance.buffers?.[name] ?? tolerance;
    const actual = kind === 'i32' ? this.bits(ptr, count) : this.floats(ptr, count);
    const expected = this.slots.subarray(ptr >> 2, (ptr >> 2) + count);
    for (let i = 0; i < count; i++) {
      const allowed = kind === 'i32' ? 0 : atol + rtol * Math.abs(expected[i]);
      if (!isClose(actual[i], expected[i], allowed)) {
        const difference = Math.abs(actual[i] - expected[i]);
        throw new Error(
          `${call}: ${name}[${i}] of ${count}: expected ${expected[i]}, got ${actual[i]}, ` +
            `difference ${difference}, allowed ${allowed}`,
        );
      }
    }
  }

  /** `addForward(out, a, b, 5)`: pointers by the name of their buffer. */
  #describe(name: string, args: readonly number[]): string {
    const shown = args.map((arg) => this.#buffers.find((b) => b.ptr === arg && arg >= 64)?.name ?? arg);
    return `${name}(${shown.join(', ')})`;
  }
}

/** Whether two numbers agree; NaN agrees with NaN, and f32 overflow with a double that does not fit. */
export function isClose(actual: number, expected: number, allowed: number): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  if (actual === expected || actual === Math.fround(expected)) return true;
  return Math.abs(actual - expected) <= allowed;
}

/** Deterministic numbers in [low, high), the same on every run; `seed` tells operands apart. */
export function numbers(count: number, seed = 1, low = -2, high = 2): Float32Array {
  let state = (seed * 0x9e3779b1) | 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    return low + (((mixed ^ (mixed >>> 13)) >>> 0) / 4294967296) * (high - low);
  });
}

/** Deterministic integers in [low, high). */
export function integers(count: number, seed: number, low: number, high: number): Int32Array {
  return Int32Array.from(numbers(count, seed, 0, 1), (u) =>
    Math.min(high - 1, Math.floor(low + u * (high - low))),
  );
}

function align(address: number): number {
  return (address + 63) & ~63;
}
