/**
 * @file Turns kernel bytes into callable kernels over a memory. Only this file, the pool and its workers touch
 * WebAssembly.
 *
 * One binary serves shared and unshared memory: it imports a shared one, and where memory is not to be shared, one
 * byte of the import is changed before compilation (threads need shared memory, a page without isolation cannot
 * have it).
 */
import { bytesOf, hostObject, isResponse } from '../checks.js';
import { ConfigError, EnvironmentError, MemoryError } from '../errors.js';
import type { Kernels, ThreadSync } from './kernels.js';
import { onDemand } from './node-builtin.js';

export interface KernelInstance {
  kernels: Kernels;
  sync: ThreadSync;
  memory: WebAssembly.Memory;
  /** What it may grow to, in pages of 64 KiB. */
  maxPages: number;
  module: WebAssembly.Module;
  /** First byte that belongs to us; below lies the compiler's static data. */
  heapBase: number;
}

/** The kernels' file (`prenorm/kernels.wasm`) as bytes, as a compiled module, or as what `fetch` gave. */
export type WasmSource = ArrayBufferView | ArrayBufferLike | WebAssembly.Module | Response;

/** Compiles (when needed) and instantiates kernels over a fresh memory. */
export async function instantiateKernels(
  source: WasmSource,
  wantedPages = 65536,
  shared = false,
): Promise<KernelInstance> {
  const module = await toModule(source, shared);
  const attempt = async (isShared: boolean): Promise<KernelInstance> => {
    const { memory, maxPages } = await reserve(wantedPages, isShared);
    const instance = await WebAssembly.instantiate(module, {
      env: {
        memory,
        abort: (_message: number, _file: number, line: number, column: number) => {
          throw new EnvironmentError(`assertion failed at ${line}:${column}`, { op: 'kernel' });
        },
      },
    });
    const kernels = instance.exports as unknown as Kernels & ThreadSync;
    return { kernels, sync: kernels, memory, maxPages, module, heapBase: kernels.heapBase() };
  };
  if (!isModule(source)) return attempt(shared);
  // A module that was compiled elsewhere has its kind of memory already.
  return attempt(shared).catch((error) => {
    if (error instanceof WebAssembly.LinkError) return attempt(!shared);
    throw error;
  });
}

/** Why there are no kernels, and what helps; a RangeError is the host's when it has no memory for them. */
async function obstacle(cause?: unknown): Promise<EnvironmentError | MemoryError> {
  const { whyNoKernels, whyNoMemory } = await onDemand(import('./obstacle.js'));
  const lacksMemory = cause instanceof RangeError;
  const { message, hint } = lacksMemory ? whyNoMemory() : whyNoKernels(cause);
  return new (lacksMemory ? MemoryError : EnvironmentError)(message, { op: 'init', hint, cause });
}

/** Less is not asked for, 16 MiB: a small model takes more. */
const LEAST_PAGES = 256;

/**
 * A memory that may grow to `maximum` pages, or to a half, a quarter and so on of them where the host has not as many
 * addresses.
 */
async function reserve(maximum: number, shared: boolean) {
  for (let maxPages = maximum; ; maxPages >>= 1) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 1, maximum: maxPages, shared }), maxPages };
    } catch (cause) {
      if (!(cause instanceof RangeError) || maxPages < 2 * LEAST_PAGES) throw await obstacle(cause);
    }
  }
}

/** Told by its name: every type of a source is one of a module, which has no members. */
const isModule = (source: unknown): boolean => hostObject(source, 'WebAssembly.Module');

async function toModule(source: WasmSource, shared: boolean): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === 'undefined') throw await obstacle();
  if (isModule(source)) return source as WebAssembly.Module;
  try {
    const given = isResponse(source) ? await source.arrayBuffer() : source;
    // A copy, because shared memory is refused.
    const bytes = bytesOf('init', 'wasm', given).slice();
    return await WebAssembly.compile(shared ? bytes : withUnsharedMemory(bytes));
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw await obstacle(cause);
  }
}

const IMPORT_SECTION = 2;
const MEMORY = 2;
const HAS_MAXIMUM = 1;
const SHARED_WITH_MAXIMUM = 3;

/** A copy of the module whose imported memory is not shared; the bytes as they are when it is not anyway. */
export function withUnsharedMemory(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35 && at < bytes.length; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const size = number();
    if (section !== IMPORT_SECTION) {
      at += size;
      continue;
    }
    number();
    // The memory is the only import besides functions, which are named, marked and numbered.
    for (const end = at + size; at < end; ) {
      for (let name = 0; name < 2; name++) {
        const length = number();
        at += length;
      }
      const kind = bytes[at++];
      if (kind === MEMORY) {
        if (bytes[at] !== SHARED_WITH_MAXIMUM) return bytes;
        const copy = bytes.slice();
        copy[at] = HAS_MAXIMUM;
        return copy;
      }
      number();
    }
    break;
  }
  return bytes;
}
