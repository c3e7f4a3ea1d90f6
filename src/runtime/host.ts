/** @file What differs between hosts: where the kernels come from, how many threads to use. */
import { EnvironmentError } from '../errors.js';
import type { Arithmetic } from './arithmetic.js';
import type { ThreadChoice } from './choose-threads.js';
import { builtFile, nodeBuiltin, nodeModule, onDemand } from './node-builtin.js';
import type { StartPool } from './threads.js';

/** A module with one relaxed instruction (i8x16.relaxed_swizzle): valid exactly where relaxed SIMD is. */
export const RELAXED_PROBE: BufferSource = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2,
  253, 15, 253, 128, 2, 11,
]);

/** The kernels of an arithmetic: inlined; in Node the usual ones are also in a file, which is read faster than unpacked. */
export async function packagedWasm(arithmetic: Arithmetic): Promise<BufferSource> {
  const file = arithmetic === 'relaxed' ? null : fileBeside('prenorm-kernels.wasm');
  if (file) return file;
  if (arithmetic === 'int12') return int12Wasm();
  if (arithmetic === 'relaxed') {
    if (!WebAssembly.validate(RELAXED_PROBE)) {
      throw new EnvironmentError('this host cannot run the relaxed kernels', {
        op: 'init',
        hint: 'use the strict ones, or a host with relaxed SIMD: Node 22 or later, a current Chrome or Firefox',
      });
    }
    const { relaxedWasmBase64 } = await onDemand(import('./generated/wasm-relaxed.js'));
    return inflate(fromBase64(relaxedWasmBase64));
  }
  const { strictWasmBase64 } = await onDemand(import('./generated/wasm.js'));
  return inflate(fromBase64(strictWasmBase64));
}

/** How many threads there can be of those wanted, which are more than one. */
export async function chooseThreads(wanted: number | 'auto'): Promise<ThreadChoice> {
  return (await onDemand(import('./pool.js'))).chooseThreads(wanted, nodeBuiltin);
}

/** The strict kernels with those of int12, which no other inlined build has. */
export async function int12Wasm(): Promise<BufferSource> {
  const { int12WasmBase64 } = await onDemand(import('./generated/wasm-int12.js'));
  return inflate(fromBase64(int12WasmBase64));
}

/** Starts threads. A program of one, which is the usual one, never loads what divides work among several. */
export const startPool: StartPool = async (instance, threads, worker, allocate, owner) => {
  const { ThreadPool } = await onDemand(import('./pool.js'));
  const host = {
    ...instance,
    worker,
    allocate,
    nodeBuiltin,
    builtFile,
    EnvironmentError,
  };
  return ThreadPool.start(host, threads, owner);
};

/** A file in this module's folder; null outside Node, and where a bundler has moved the module elsewhere. */
function fileBeside(name: string): BufferSource | null {
  const fs = nodeBuiltin('node:fs') as typeof import('node:fs') | null;
  // Not written as one expression, which bundlers would take for an asset of theirs. A CommonJS bundle has none.
  const here: string | undefined = import.meta.url;
  if (!fs || !here?.startsWith('file:')) return null;
  try {
    return new Uint8Array(fs.readFileSync(new URL(name, here)));
  } catch {
    return null;
  }
}

/** The host's own decoder where it has one: a loop in JavaScript takes longer than all the rest of `init()`. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64: decode } = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (decode) return decode.call(Uint8Array, text);
  // Asked of the global object: at the bare name some bundlers would put in a package of theirs.
  const { Buffer: node } = globalThis as { Buffer?: { from(text: string, encoding: 'base64'): Uint8Array } };
  if (node) return new Uint8Array(node.from(text, 'base64'));
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Node's own, where there is one: its streams take longer to load than this takes to run. */
export async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<BufferSource> {
  const zlib = (await nodeModule('node:zlib')) as typeof import('node:zlib') | null;
  if (zlib) return new Uint8Array(zlib.inflateRawSync(bytes));
  // Not from a Blob: in a worker of a page from disk WebKit cannot read one.
  const { body } = new Response(bytes);
  const stream = body?.pipeThrough(new DecompressionStream('deflate-raw'));
  return new Response(stream).arrayBuffer();
}

export const MOST_THREADS = 64;
