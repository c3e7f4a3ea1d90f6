/** @file What differs between hosts: where the kernels come from, how many threads to use. */
import { EnvironmentError } from '../errors.js';
import type { StartPool } from './engine.js';
import { availableCores, builtFile, nodeBuiltin, nodeModule, threadsUnavailable } from './node-builtin.js';

/** The kernels of one build: inlined; in Node the usual one is also in a file, which is read faster than unpacked. */
export async function packagedWasm(simd: 'strict' | 'relaxed'): Promise<BufferSource> {
  const file = simd === 'strict' ? fileBeside('prenorm-kernels.wasm') : null;
  if (file) return file;
  if (simd === 'relaxed') {
    const { relaxedWasmBase64 } = await import('./generated/wasm-relaxed.js');
    return inflate(fromBase64(relaxedWasmBase64));
  }
  const { strictWasmBase64 } = await import('./generated/wasm.js');
  return inflate(fromBase64(strictWasmBase64));
}

/** Starts threads. A program of one, which is the usual one, never loads what divides work among several. */
export const startPool: StartPool = async (instance, threads, worker, allocate) => {
  const { ThreadPool } = await import('./pool.js');
  const host = {
    ...instance,
    worker,
    allocate,
    nodeBuiltin,
    builtFile,
    cores: availableCores(),
    EnvironmentError,
  };
  return ThreadPool.start(host, threads);
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
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Response(stream).arrayBuffer();
}

export const MOST_THREADS = 64;
/** More rarely pay at the sizes this is for. */
const MOST_AUTOMATIC = 8;

export interface ThreadChoice {
  threads: number;
  reason: string;
}

/** How many threads to start, and why not more. */
export function chooseThreads(wanted: number | 'auto'): ThreadChoice {
  if (wanted === 1) return { threads: 1, reason: 'one thread was asked for (the default)' };
  const obstacle = threadsUnavailable();
  if (obstacle !== null) return { threads: 1, reason: obstacle };
  const threads = wanted === 'auto' ? Math.min(availableCores(), MOST_AUTOMATIC) : wanted;
  return {
    threads,
    reason: wanted === 'auto' ? `${availableCores()} processors are available` : 'as asked for',
  };
}
