/**
 * @file Matrices quantised once, for products of a few rows in int12: where texts grow token by token, quantising a matrix
 * takes longer than multiplying by it. The bits are those of quantising it every time.
 */
import type { Ptr } from '../../runtime/kernels.js';
import type { Runtime } from '../../runtime/runtime.js';
import { persistentStorage, type Storage } from '../../tensor/tensor.js';
import type { Variable } from '../variable.js';

/** With more rows, quantising takes little of the time of the product. */
const MOST_ROWS = 128;
/** What the kernel's workspace has room for. */
const MOST_DEPTH = 8192;
const PANEL = 16;

let current: PackedWeights | null = null;

/** The quantised matrices of a model that generates; those of one that learns are quantised where they are used. */
export class PackedWeights {
  readonly #runtime: Runtime;
  readonly #packed = new Map<Variable, Storage>();
  #version: number;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#version = runtime.valuesVersion;
  }

  /** Bytes of all of them. */
  get bytes(): number {
    let bytes = 0;
    for (const storage of this.#packed.values()) bytes += storage.bytes;
    return bytes;
  }

  /** Runs `fn` with products of a few rows that use them, and quantises what they need. */
  during<T>(fn: () => T): T {
    const before = current;
    current = this.#runtime.int12 ? this : null;
    try {
      return fn();
    } finally {
      current = before;
    }
  }

  /** Quantises again, in place, what has been written since. */
  refresh(): void {
    const { valuesVersion } = this.#runtime;
    if (valuesVersion === this.#version) return;
    this.#version = valuesVersion;
    for (const [weight, storage] of this.#packed) this.#pack(weight, storage);
  }

  /** Where columns [from, …) of weightᵀ lie, weight (n, k). */
  columns(weight: Variable, from: number): Ptr {
    const [n, k] = weight.shape;
    let storage = this.#packed.get(weight);
    if (!storage) {
      const { plain } = this.#runtime.tables;
      storage = persistentStorage(this.#runtime, 'f32', plain.int12PackedBytes(n, k) / 4);
      this.#packed.set(weight, storage);
      this.#pack(weight, storage);
    }
    return storage.address() + (from / PANEL) * this.#runtime.tables.plain.int12PackedBytes(PANEL, k);
  }

  #pack(weight: Variable, storage: Storage): void {
    const runtime = this.#runtime;
    // A matrix that is quantised while a token is recorded is no part of the token.
    const kernels = runtime.recording ? runtime.tables.plain : runtime.kernels;
    const work = runtime.workspace(runtime.tables.plain.gemmWorkspaceBytes());
    const [n, k] = weight.shape;
    kernels.int12Pack(storage.address(), weight.ptr, n, k, k, work);
  }

  /** Gives the memory back. */
  release(): void {
    for (const storage of this.#packed.values()) storage.release();
    this.#packed.clear();
  }
}

/** Where the product of `rows` rows with rows [from, …) of `weight` finds them quantised; 0 where it does not. */
export function packedRows(weight: Variable, rows: number, from: number): Ptr {
  if (!current || rows > MOST_ROWS || from % PANEL !== 0) return 0;
  if (weight.dtype !== 'f32' || weight.shape[1] > MOST_DEPTH || weight.storage.block === null) return 0;
  return current.columns(weight, from);
}
