/**
 * @file The runtimes of a program: `init()` makes the default one, `createRuntime()` others, and one of them is the
 * current one, to which new tensors and modules belong.
 */
import { ConfigError, checkKeys, EnvironmentError } from '../errors.js';
import { Runtime } from './engine.js';
import { WasmHeap } from './heap.js';
import { chooseThreads, packagedWasm } from './host.js';
import { instantiateKernels, type WasmSource } from './instantiate.js';

export { type InputArray, type MemoryReport, type RecordedProgram, Runtime } from './engine.js';

export interface InitOptions {
  /**
   * Threads that compute one step, the calling one included; their number changes no bit of any result. Default 1.
   * 'auto': one per processor. Where a host cannot have more than one, one is used and `capabilities()` says why.
   */
  threads?: number | 'auto';
  /** `strict` (default) gives the same bits everywhere; `relaxed` uses fused multiply-add and does not. */
  simd?: 'strict' | 'relaxed';
  /** Address of kernel-worker.js, which threads run, where a bundler or a Blob has moved it. */
  worker?: string | URL;
  /** Kernel bytes, module or response to use instead of the inlined ones. */
  wasm?: WasmSource;
  /** Most bytes the memory may grow to. Default: 4 GiB in Node, 1 GiB elsewhere. */
  maxMemory?: number;
}

const PAGE = 65536;
const MAX_PAGES = 65536;

let starting: Promise<Runtime> | null = null;
let defaultRuntime: Runtime | null = null;
let current: Runtime | null = null;

/** Makes a runtime of its own, independent of the default one. */
export async function createRuntime(options: InitOptions = {}): Promise<Runtime> {
  checkKeys('init', options, ['threads', 'simd', 'worker', 'wasm', 'maxMemory']);
  const simd = options.simd ?? 'strict';
  if (simd !== 'strict' && simd !== 'relaxed') {
    throw new ConfigError(`simd must be "strict" or "relaxed", got ${JSON.stringify(simd)}`, { op: 'init' });
  }
  const maxMemory = options.maxMemory ?? defaultMaxMemory();
  if (!(maxMemory >= PAGE && maxMemory <= MAX_PAGES * PAGE)) {
    throw new ConfigError(
      `maxMemory must lie between ${PAGE} and ${MAX_PAGES * PAGE} bytes, got ${maxMemory}`,
      {
        op: 'init',
        expected: [PAGE, MAX_PAGES * PAGE],
        actual: maxMemory,
      },
    );
  }
  const { threads, reason } = chooseThreads(options.threads ?? 1);
  const source = options.wasm ?? (await packagedWasm(simd));
  const instance = await instantiateKernels(source, Math.floor(maxMemory / PAGE), threads > 1);
  const { kernels, memory, heapBase } = instance;
  const runtime = new Runtime(kernels, new WasmHeap(memory, maxMemory), heapBase, simd);
  await runtime.startThreads(instance, threads, reason, options.worker);
  return runtime;
}

/** Makes the default runtime ready. Call it once before anything else; further calls return at once. */
export async function init(options: InitOptions = {}): Promise<Runtime> {
  // Two calls that overlap share one runtime.
  if (!starting || Object.keys(options).length > 0) starting = createRuntime(options);
  const attempt = starting;
  try {
    const runtime = await attempt;
    if (runtime !== defaultRuntime) {
      defaultRuntime = runtime;
      current = runtime;
    }
    return runtime;
  } catch (error) {
    if (starting === attempt) starting = defaultRuntime && Promise.resolve(defaultRuntime);
    throw error;
  }
}

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

/** Runs `fn` with `runtime` as the current one. */
export function withRuntime<T>(runtime: Runtime, fn: () => T): T {
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

function defaultMaxMemory(): number {
  const node = typeof process !== 'undefined' && !!process.versions?.node;
  return (node ? MAX_PAGES : MAX_PAGES / 4) * PAGE;
}
