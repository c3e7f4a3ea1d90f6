/**
 * @file Turns kernel bytes into callable kernels over a memory. No other file touches WebAssembly.
 */
import { EnvironmentError } from '../errors.js';
import type { Kernels } from './kernels.js';

export interface KernelInstance {
  kernels: Kernels;
  memory: WebAssembly.Memory;
  /** First byte that belongs to us; below lies the compiler's static data. */
  heapBase: number;
}

export type WasmSource = BufferSource | WebAssembly.Module | Response;

/** Compiles (when needed) and instantiates kernels over a fresh memory. */
export async function instantiateKernels(source: WasmSource, maxPages = 65536): Promise<KernelInstance> {
  const module = await toModule(source);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: maxPages });
  const instance = await WebAssembly.instantiate(module, {
    env: {
      memory,
      abort: (_message: number, _file: number, line: number, column: number) => {
        throw new EnvironmentError(`assertion failed at ${line}:${column}`, { op: 'kernel' });
      },
    },
  });
  const kernels = instance.exports as unknown as Kernels;
  return { kernels, memory, heapBase: kernels.heapBase() };
}

async function toModule(source: WasmSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  try {
    if (typeof Response !== 'undefined' && source instanceof Response) {
      return await WebAssembly.compile(await source.arrayBuffer());
    }
    return await WebAssembly.compile(source as BufferSource);
  } catch (cause) {
    throw new EnvironmentError('the kernels could not be compiled', {
      op: 'init',
      hint: 'this host needs WebAssembly with SIMD (Node 20+, or a browser of 2023 or later), and a Content-Security-Policy that allows wasm-unsafe-eval',
      cause,
    });
  }
}
